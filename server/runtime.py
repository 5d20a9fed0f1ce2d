"""Puts the house together for one process: database, knowledge, clock, keys. Everything heavy is imported here, late,
so that `qunzhu --help` stays quick."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from agent.flows import access, risk_rules
from agent.services import Services
from agent.steps.warm import warm
from core import log
from core.clock import Clock, SystemClock
from core.crypto import Keyring
from core.settings import Environment
from knowledge import gate
from knowledge.base import KnowledgeBase
from knowledge.batcher import MicroBatcher
from knowledge.embeddings import EmbeddedEncoder, Embedder, RemoteEncoder
from knowledge.index import VectorIndex
from knowledge.second_lane import open_lane
from store import anchors, migrate
from store.session import Database

if TYPE_CHECKING:
    from agent.model import Model

_log = log.get(__name__)


def open_database(env: Environment, clock: Clock | None = None) -> Database:
    """The database, migrated to this code's schema. Raises `Unavailable`."""
    noted = env.data_dir / anchors.FILE
    database = Database(env.sqlalchemy_url, clock or SystemClock(), Keyring(env.secret), anchors=noted)
    try:
        if migrate.upgrade(database):
            _log.info("database_migrated", revision=migrate.head())
    except BaseException:
        database.close()
        raise
    return database


def open_services(
    env: Environment,
    clock: Clock | None = None,
    progress: Callable[[int, int], None] | None = None,
    *,
    wait: bool = True,
    eager: bool = True,
) -> Services:
    """Everything, ready to work: the schema current, roles and first owner there, the index reconciled. Without `wait`
    an index that holds half of what it should is filled beside the work. Without `eager` the encoder's weights and the
    lexicons are read when they are first used (3 s), which many a command never does.

    Raises `Unavailable` (`database_unavailable`, `index_locked` where another process owns the data folder).
    """
    clock = clock or SystemClock()
    database = open_database(env, clock)
    encoder = _encoder(env)
    try:
        path = None if env.chroma_url else env.data_dir / "index"
        index = VectorIndex(path, env.chroma_url, encoder.dimensions, encoder.name)
    except BaseException:
        database.close()
        raise
    try:
        second = open_lane(path, env.chroma_url, wanted=env.second_encoder != "off" and env.embeddings_url is None)
    except BaseException:
        index.close()
        database.close()
        raise
    knowledge = KnowledgeBase(database, index, MicroBatcher(encoder), gate.shipped(), second)
    model, own = _model(env, database, clock), risk_rules.own_classifier(env.data_dir)
    services = Services(env, clock, database.keyring, database, knowledge, model, own)
    try:
        access.bootstrap(services)
        database.note_audit()
        if eager:
            _warm(encoder)
        if wait:
            knowledge.refresh(progress)
        else:
            knowledge.begin(progress)
    except BaseException:
        close_services(services)
        raise
    return services


def _encoder(env: Environment) -> Embedder:
    """The embedded encoder, or the configured endpoint."""
    if env.embeddings_url is None:
        return EmbeddedEncoder()
    return RemoteEncoder(
        env.embeddings_url,
        env.embeddings_model,
        env.embeddings_dimensions,
        api_key=env.embeddings_key.get_secret_value(),
    )


def _warm(encoder: Embedder) -> None:
    if isinstance(encoder, EmbeddedEncoder):
        encoder.warm()
    warm()


def _model(env: Environment, database: Database, clock: Clock) -> "Model | None":
    """The door to the language model; None in the embedded engine, which never imports LangChain's OpenAI part."""
    if not env.uses_model:
        return None
    from agent.model import Model

    return Model(env, database, clock)


def close_services(services: Services) -> None:
    services.knowledge.close()
    # A scripted model has nothing to close.
    if callable(close := getattr(services.model, "close", None)):
        close()
    services.database.close()
