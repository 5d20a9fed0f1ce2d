"""What all tests share: both databases, a clock that stands still, the real encoder, and no network beyond loopback."""

import os
import shutil
import socket
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import hypothesis
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from agent.flows import access, communities, demo
from agent.services import Services
from core.caller import Caller
from core.clock import ManualClock
from core.crypto import Keyring
from core.settings import Environment
from core.vocabulary import CommunityType
from evals.fleet import ChromaServer
from evals.service import NotReady
from knowledge import gate
from knowledge.base import KnowledgeBase
from knowledge.embeddings import EmbeddedEncoder, Embedder, Vectors
from knowledge.index import VectorIndex
from server.app import create_app
from store import anchors, audit, migrate
from store.session import Database
from store.tables import METADATA

hypothesis.settings.register_profile("qunzhu", deadline=None, max_examples=50)
hypothesis.settings.load_profile("qunzhu")

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)  # Saturday 10:00 in Shanghai
SECRET = b"0123456789abcdef0123456789abcdef"
CLI_TOKEN = "token-of-the-tests"
# The second encoder takes 0.1 s an entry; what tests it says so.
os.environ.setdefault("QUNZHU_SECOND_ENCODER", "off")
_POSTGRES = os.environ.get("QUNZHU_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/test")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anything that would leave this machine fails the test that tried."""
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in _LOOPBACK:
            pytest.fail(f"a test tried to reach {address[0]}")
        real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)


@pytest.fixture(autouse=True)
def _ids_alone_are_audited(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deed that holds a text fails the test that did it (the service would keep a hash in the text's stead)."""
    if "words_in_deeds" in request.fixturenames:
        return

    def refuse(_key: bytes, text: str) -> str:
        pytest.fail(f"a deed holds {text!r}: audit ids, states, counts or hashes, and keep words in their own row")

    monkeypatch.setattr(audit, "text_hash", refuse)


@pytest.fixture
def words_in_deeds() -> None:
    """For tests of what becomes of them."""


def absent(service: str, why: str) -> None:
    """Skip for want of a service; where `QUNZHU_REQUIRE_SERVICES` names it, fail instead."""
    if service in os.environ.get("QUNZHU_REQUIRE_SERVICES", "").split(","):
        pytest.fail(f"{service} is required here, but: {why}")
    pytest.skip(f"{service}: {why}")


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A database of this run's own on the PostgreSQL of this machine; skips where there is none."""
    admin = sa.create_engine(_POSTGRES, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3})
    try:
        connection = admin.connect()
    except sa.exc.OperationalError as error:
        admin.dispose()
        absent("postgresql", f"no server answers ({type(error.orig).__name__})")
    name = f"qunzhu_test_{uuid4().hex[:12]}"
    connection.execute(sa.text(f'CREATE DATABASE "{name}"'))
    url = sa.make_url(_POSTGRES).set(database=name)
    yield url.render_as_string(hide_password=False)
    connection.execute(sa.text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    connection.close()
    admin.dispose()


@pytest.fixture(scope="session")
def chroma_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Chroma server of this run's own; skips where its command is not installed."""
    server = ChromaServer(tmp_path_factory.mktemp("chroma"))
    try:
        server.start()
    except NotReady as error:
        absent("chroma", str(error))
    yield server.url
    server.kill()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def keyring() -> Keyring:
    return Keyring(SECRET)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Every test that touches rows runs on both databases."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'qunzhu.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite file with the newest schema, to be copied: migrating takes 0.2 s, a copy nothing."""
    path = tmp_path_factory.mktemp("migrated") / "qunzhu.db"
    made = Database(f"sqlite:///{path}", ManualClock(NOW), Keyring(SECRET))
    migrate.upgrade(made)
    with made.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    made.close()
    return path


@pytest.fixture
def database(
    database_url: str, clock: ManualClock, keyring: Keyring, tmp_path: Path, migrated: Path
) -> Iterator[Database]:
    """An empty database with the newest schema."""
    if database_url.startswith("sqlite"):
        shutil.copyfile(migrated, tmp_path / "qunzhu.db")
    opened = Database(database_url, clock, keyring, anchors=tmp_path / anchors.FILE)
    migrate.upgrade(opened)
    yield opened
    if not opened.is_sqlite:
        with opened.engine.begin() as connection:  # a TRUNCATE of empty tables takes a second, this milliseconds
            connection.execute(sa.text("SET LOCAL session_replication_role = replica"))  # no triggers of the audit
            for table in reversed(METADATA.sorted_tables):
                connection.execute(sa.delete(table))
    opened.close()


class Remembering:
    """The real encoder; a text that a test of this run has embedded is not embedded again."""

    def __init__(self, encoder: Embedder) -> None:
        self._encoder = encoder
        self._known: dict[str, Any] = {}
        self.name, self.dimensions = encoder.name, encoder.dimensions

    def embed(self, texts: Sequence[str]) -> Vectors:
        fresh = [text for text in dict.fromkeys(texts) if text not in self._known]
        if fresh:
            self._known.update(zip(fresh, self._encoder.embed(fresh), strict=True))
        if not texts:
            return self._encoder.embed([])
        import numpy as np

        return np.stack([self._known[text] for text in texts])


@pytest.fixture(scope="session")
def encoder() -> Embedder:
    return Remembering(EmbeddedEncoder())


@pytest.fixture
def services(database: Database, clock: ManualClock, encoder: Embedder, tmp_path: Path) -> Iterator[Services]:
    """Everything a flow needs, over an empty database with its roles and first owner. No worker runs."""
    index = VectorIndex(tmp_path / "index", None, encoder.dimensions, encoder.name)
    env = Environment(env="test", data_dir=tmp_path, worker_threads=0)
    knowledge = KnowledgeBase(database, index, encoder, gate.shipped())
    made = Services(env, clock, database.keyring, database, knowledge)
    access.bootstrap(made)
    yield made
    knowledge.close()


@pytest.fixture
def owner(services: Services) -> Caller:
    return access.caller_of_login(services, None)


@pytest.fixture
def community(services: Services, owner: Caller) -> str:
    """`mama`, a group under the organisation `root`, on channel wecom. Returns the group's id."""
    for community_id, parent in (("root", None), ("mama", "root")):
        communities.create(
            services,
            owner,
            community_id=community_id,
            name=f"{community_id}群",
            type=CommunityType.INTEREST if parent else CommunityType.ORGANISATION,
            channel="wecom",
            parent_id=parent,
        )
    return "mama"


@pytest.fixture
def bot(services: Services, owner: Caller, community: str) -> Caller:
    """A caller with a bot's key for every community."""
    assert community
    return access.caller_of_key(services, access.create_key(services, owner, name="bot").key)


@pytest.fixture
def demo_services(services: Services, owner: Caller) -> Services:
    """With the demo community laid down and its knowledge searchable."""
    demo.install(services, owner, lambda _step: None)
    services.knowledge.refresh()
    return services


@pytest.fixture
def client(services: Services) -> Iterator[TestClient]:
    """The HTTP application without a worker, called as the command line's user (the first owner)."""
    with TestClient(create_app(services, cli_token=CLI_TOKEN)) as made:
        made.headers["authorization"] = f"Bearer {CLI_TOKEN}"
        yield made
