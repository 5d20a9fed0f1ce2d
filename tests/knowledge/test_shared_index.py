"""Several processes on one PostgreSQL and one Chroma server: each brings the index up to date, none takes away what a
newer edit put in, and an index that was lost comes back by itself."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from agent.flows import knowledge as knowledge_flow
from agent.services import Services
from core.caller import Caller
from core.clock import ManualClock
from core.errors import Unavailable
from evals.fleet import ChromaServer
from knowledge import gate
from knowledge import index as index_module
from knowledge.base import KnowledgeBase
from knowledge.embeddings import Embedder
from knowledge.index import VectorIndex
from knowledge.retriever import Scope
from knowledge.snapshot import Snapshot
from store.session import Database
from tests.house import House

SECONDS = 30.0
ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
MORE = """
- id: gift
  kind: faq
  title: 生日礼包怎么领
  phrasings: [生日有礼物吗]
  answer: 生日当月打开小程序“会员中心”，点“生日礼”领取。
"""


@pytest.fixture
def server(tmp_path: Path, chroma_url: str) -> Iterator[ChromaServer]:
    """A Chroma server that a test may kill; where `chroma_url` is there can be another."""
    assert chroma_url
    made = ChromaServer(tmp_path / "own-chroma")
    made.start()
    yield made
    made.kill()


@pytest.fixture
def house(services: Services, clock: ManualClock, owner: Caller, community: str, bot: Caller) -> House:
    return House(services, clock, owner, bot, community)


class Process:
    """The knowledge of one of the processes: a connection pool, a client and a copy of its own."""

    def __init__(self, like: Database, url: str, encoder: Embedder) -> None:
        self.database = Database(like.engine.url.render_as_string(hide_password=False), like.clock, like.keyring)
        self.index = VectorIndex(None, url, encoder.dimensions, encoder.name)
        self.knowledge = KnowledgeBase(self.database, self.index, encoder, gate.shipped())

    def finds(self, text: str, house: House) -> list[str]:
        scope = Scope((house.community, "root"), house.clock.now().date())
        return [candidate.entry.id for candidate in self.knowledge.retriever.search(text, scope, k=1)]

    def close(self) -> None:
        self.knowledge.close()
        self.database.close()


@pytest.fixture
def two(house: House, server: ChromaServer, encoder: Embedder) -> Iterator[tuple[Process, Process]]:
    """Two processes that know the house's knowledge."""
    house.learn()
    made = [Process(house.services.database, server.url, encoder) for _ in range(2)]
    for one in made:
        one.knowledge.refresh()
    yield made[0], made[1]
    for one in made:
        one.close()


def _import(house: House, text: str = MORE) -> None:
    knowledge_flow.import_file(house.services, house.owner, text.encode(), "yaml", dry_run=False)


class Held:
    """`process` has read the knowledge and is held before it does anything with that, until `go`."""

    def __init__(self, process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
        self.loaded, self.go = threading.Event(), threading.Event()
        real = process.knowledge._load

        def load() -> Snapshot:
            found = real()
            self.loaded.set()
            assert self.go.wait(SECONDS)
            return found

        monkeypatch.setattr(process.knowledge, "_load", load)
        self._thread = threading.Thread(target=process.knowledge.refresh)

    def start(self) -> None:
        self._thread.start()
        assert self.loaded.wait(SECONDS)

    def finish(self) -> None:
        self.go.set()
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()


@ON_POSTGRESQL
def test_an_edit_reaches_the_other_process(house: House, two: tuple[Process, Process]) -> None:
    one, other = two
    _import(house)
    assert other.knowledge.refresh() is not None
    assert one.finds("生日礼包怎么领", house) == ["gift"]


@ON_POSTGRESQL
def test_an_old_snapshot_takes_nothing_away_from_a_newer_one(
    house: House, two: tuple[Process, Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, quick = two
    _import(house, MORE.replace("gift", "gift-of-before"))
    held = Held(slow, monkeypatch)
    held.start()
    _import(house)
    newer = threading.Thread(target=quick.knowledge.refresh)
    newer.start()
    newer.join(timeout=0.7)
    assert newer.is_alive(), "one at a time"
    held.finish()
    newer.join(SECONDS)
    assert any(id_.startswith("gift#") for id_ in slow.index.hashes())
    assert slow.index.count() == _size(quick)


def _size(process: Process) -> int:
    assert process.knowledge._served is not None
    return process.knowledge._served.size


@ON_POSTGRESQL
def test_who_lost_the_lock_meanwhile_does_it_again(
    house: House, two: tuple[Process, Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, quick = two
    _import(house, MORE.replace("gift", "gift-of-before"))
    held = Held(slow, monkeypatch)
    held.start()
    _cut_locks(house.services.database)
    _import(house)
    quick.knowledge.refresh()
    held.finish()
    assert any(id_.startswith("gift#") for id_ in slow.index.hashes())
    assert slow.index.count() == _size(quick)


def _cut_locks(database: Database) -> None:
    cut = sa.text(
        "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
        " WHERE l.locktype = 'advisory' AND l.granted AND d.datname = current_database() AND l.pid <> pg_backend_pid()"
    )
    with database.write() as db:
        assert db.execute(cut).all()


@ON_POSTGRESQL
def test_a_server_that_lost_everything_is_filled_again(
    house: House, two: tuple[Process, Process], server: ChromaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "REST_SECONDS", 0.0)
    one, other = two
    before = one.index.hashes()
    server.kill()
    shutil.rmtree(server.path)
    with pytest.raises(Unavailable, match="Chroma"):
        one.finds("买错了怎么退款", house)
    server.start()
    with pytest.raises(Unavailable, match="不完整"):
        one.finds("买错了怎么退款", house)
    one.knowledge.touch()
    assert one.finds("买错了怎么退款", house) == ["refund-wrong"]
    assert one.index.hashes() == before
    assert other.finds("买错了怎么退款", house) == ["refund-wrong"]


@ON_POSTGRESQL
def test_a_few_lost_passages_are_put_back_by_the_sweeper(two: tuple[Process, Process]) -> None:
    one, other = two
    before = one.index.hashes()
    one.index.delete([next(iter(before))])
    assert other.knowledge.mend() is not None
    assert one.index.hashes() == before
    assert one.knowledge.mend() is None


@ON_POSTGRESQL
def test_a_server_that_failed_is_left_alone_for_a_moment(
    two: tuple[Process, Process], server: ChromaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = two
    server.kill()
    monkeypatch.setattr(index_module, "REST_SECONDS", SECONDS)
    with pytest.raises(Unavailable):
        one.index.count()
    server.start()
    with pytest.raises(Unavailable, match="Chroma"):
        one.index.count()
    monkeypatch.setattr(index_module, "REST_SECONDS", 0.0)
    assert one.index.count() == _size(one)
