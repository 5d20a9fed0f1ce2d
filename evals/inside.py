"""A whole deployment inside this process, for measurements of single steps and of replayed conversations."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.flows import access, demo
from agent.services import Services
from core.clock import Clock, SystemClock
from core.crypto import Keyring
from core.settings import Environment
from knowledge import gate
from knowledge.base import KnowledgeBase
from knowledge.batcher import MicroBatcher
from knowledge.embeddings import EmbeddedEncoder
from knowledge.index import VectorIndex
from store import migrate
from store.session import Database


@contextmanager
def empty_services(data_dir: Path, clock: Clock, *, remember: int = 0) -> Iterator[Services]:
    """An empty deployment on SQLite in an empty folder, with its first owner and without a worker. `remember` is how
    many vectors the encoder keeps: none by default, so that a text measured twice costs the same twice."""
    env = Environment(env="test", data_dir=data_dir, worker_threads=0)
    database = Database(env.sqlalchemy_url, clock, Keyring(env.secret), anchors=data_dir / "audit.anchor")
    migrate.upgrade(database)
    encoder = EmbeddedEncoder()
    index = VectorIndex(data_dir / "index", None, encoder.dimensions, encoder.name)
    knowledge = KnowledgeBase(database, index, MicroBatcher(encoder, remember=remember), gate.shipped())
    services = Services(env, database.clock, database.keyring, database, knowledge)
    try:
        access.bootstrap(services)
        yield services
    finally:
        knowledge.close()
        database.close()


@contextmanager
def demo_services(data_dir: Path, *, clock: Clock | None = None, remember: int = 0) -> Iterator[Services]:
    """The demo community in a deployment of its own; the rest as in `empty_services`."""
    with empty_services(data_dir, clock or SystemClock(), remember=remember) as services:
        demo.install(services, access.caller_of_login(services, None), lambda _step: None)
        services.knowledge.refresh()
        yield services
