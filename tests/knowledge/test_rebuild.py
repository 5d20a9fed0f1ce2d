"""The index while it is filled or made anew: searches answer, a kill loses one batch, and edits come through."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest

from agent.flows import knowledge as knowledge_flow
from agent.services import Services
from core.caller import Caller
from core.clock import ManualClock
from core.vocabulary import EntryKind, EntryStatus
from knowledge import base as base_module
from knowledge import gate
from knowledge import reconcile as reconcile_module
from knowledge.base import KnowledgeBase
from knowledge.embeddings import EmbeddingError, Vectors
from knowledge.entry_in import EntryIn
from knowledge.index import IndexIncomplete, VectorIndex
from knowledge.reconcile import Reconciled
from knowledge.retriever import Scope
from store import knowledge as rows
from store.session import Database

SECONDS = 30.0
BATCH = 4
DIMENSIONS = 64
ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
WORDS = "云朵 松果 星河 麦穗 青柠 月白 山茶 暖阳 深海 竹影 奶油 雪松 琥珀 雾蓝 豆沙 薄荷 枫糖 樱草 石榴 鹿鸣".split()  # noqa: SIM905


class Slow:
    """A cheap encoder that knows which texts of passages it encoded. After `lasts` batches of those it breaks down, or
    waits for `go` where it `holds`."""

    name, dimensions = "slow", DIMENSIONS

    def __init__(self, *, lasts: int | None = None, holds: bool = False) -> None:
        self.encoded: list[str] = []
        self.lasts, self.holds = lasts, holds
        self.reached, self.go = threading.Event(), threading.Event()

    def embed(self, texts: Sequence[str]) -> Vectors:
        passages = [text for text in texts if "怎么用" in text]
        if passages:
            self._last()
            self.encoded += passages
        return np.stack([_vector(text) for text in texts]) if texts else np.zeros((0, DIMENSIONS), dtype=np.float32)

    def _last(self) -> None:
        if self.lasts is None:
            return
        if self.lasts > 0:
            self.lasts -= 1
        elif not self.holds:
            raise EmbeddingError("killed")
        else:
            self.reached.set()
            assert self.go.wait(SECONDS)

    def hold_after(self, batches: int) -> None:
        self.lasts, self.holds = batches, True
        self.reached.clear()
        self.go.clear()


def _vector(text: str) -> Vectors:
    """Texts that share characters are near each other."""
    row = np.zeros(DIMENSIONS, dtype=np.float32)
    for char in text:
        row[crc32(char.encode()) % DIMENSIONS] += 1
    unit: Vectors = row / max(float(np.linalg.norm(row)), 1e-6)
    return unit


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base_module, "EMBED_BATCH", BATCH)
    monkeypatch.setattr(reconcile_module, "EMBED_BATCH", BATCH)


class Shop:
    """Entries, and processes that search them: `open` is a start, `kill` ends without a farewell."""

    def __init__(self, services: Services, owner: Caller, place: Path | str) -> None:
        self.services, self.owner, self.place = services, owner, place
        self.opened: list[KnowledgeBase] = []

    def open(self, encoder: Slow | None = None) -> KnowledgeBase:
        path, url = (None, self.place) if isinstance(self.place, str) else (self.place, None)
        index = VectorIndex(path, url, DIMENSIONS, "slow")
        made = KnowledgeBase(self.services.database, index, encoder or Slow(), gate.shipped())
        self.opened.append(made)
        return made

    def kill(self, base: KnowledgeBase) -> None:
        self.opened.remove(base)
        base.close()

    def learn(self, count: int, *, first: int = 0) -> None:
        for number in range(first, first + count):
            self.put(number)

    def put(self, number: int, *, answer: str = "看说明。", status: EntryStatus = EntryStatus.APPROVED) -> None:
        word = name(number)
        entry = EntryIn(
            id=f"use-{number}",
            kind=EntryKind.DOCUMENT,  # one passage each
            title=f"{word}怎么用",
            answer=answer,
            status=status,
        )
        with self.services.database.read() as db:
            old = rows.get(db, entry.id)
        knowledge_flow.save(self.services, self.owner, entry, version=old.version if old is not None else None)

    def right(self, base: KnowledgeBase) -> bool:
        """Whether the index holds exactly what the database has."""
        return (
            base._index.hashes() == {passage.id: passage.content_hash for passage in base._load().every_passage()}
            and base._index.count() > 0
        )


def name(number: int) -> str:
    return WORDS[number % 20] + WORDS[number // 20 % 20] + "甲乙丙丁戊己庚辛"[number % 8]


def found(base: KnowledgeBase, number: int, *, at_once: bool = True) -> list[str]:
    """The answers of the entry of this number, if it is found. A search that waits has failed."""
    begun = time.monotonic()
    scope = Scope(None, base._database.clock.now().date())
    hits = base.retriever.search(f"想问{name(number)}", scope, k=5)
    if at_once:
        assert time.monotonic() - begun < SECONDS / 3
    return [hit.entry.answer for hit in hits if hit.entry.id == f"use-{number}"]


def eventually(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end, "never came true"
        time.sleep(0.02)


@pytest.fixture
def shop(services: Services, owner: Caller, clock: ManualClock, tmp_path: Path) -> Iterator[Shop]:
    assert clock
    made = Shop(services, owner, tmp_path / "shop")
    yield made
    for base in made.opened:
        base.close()


class Beside:
    """A call in a thread of its own."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.result: object = None
        self._call = call
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.result = self._call()
        except Exception as error:
            self.result = error

    def ended(self) -> object:
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()
        return self.result


def test_a_killed_rebuild_goes_on_where_it_was(shop: Shop) -> None:
    shop.learn(30)
    first = shop.open()
    first.refresh()
    told: list[tuple[int, int]] = []
    first.embedder = Slow(lasts=5)
    with pytest.raises(EmbeddingError, match="killed"):
        first.rebuild(lambda done, total: told.append((done, total)))
    assert told == [(BATCH * batch, 30) for batch in range(1, 6)]
    assert found(first, 7), "the old vectors answer"
    shop.kill(first)
    encoder = Slow()
    again = shop.open(encoder)
    assert again.refresh() is not None
    assert encoder.encoded == []
    filling = again.filling()
    assert filling is not None
    assert filling == (20, 30, "rebuilding")
    told.clear()
    assert again.rebuild(lambda done, total: told.append((done, total))) == Reconciled(
        added=10, changed=0, removed=0, kept=20
    )
    assert len(encoder.encoded) == 10
    assert told == [(24, 30), (28, 30), (30, 30)]
    assert again.filling() is None
    assert shop.right(again)
    assert found(again, 7)


def test_searches_and_edits_go_on_while_it_is_rebuilt(shop: Shop) -> None:
    shop.learn(30)
    encoder = Slow()
    base = shop.open(encoder)
    base.refresh()
    encoder.hold_after(2)
    rebuild = Beside(base.rebuild)
    assert encoder.reached.wait(SECONDS)
    encoder.lasts = None  # for everybody but who already waits
    assert found(base, 3) == ["看说明。"]
    shop.put(3, answer="先充电。")
    shop.put(4, status=EntryStatus.RETIRED)
    shop.put(30)
    base.touch()
    assert (found(base, 3), found(base, 4), found(base, 30)) == (["先充电。"], [], ["看说明。"])
    encoder.go.set()
    done = rebuild.ended()
    assert isinstance(done, Reconciled), done
    assert base._index.generation == 1
    assert shop.right(base)
    assert (found(base, 3), found(base, 4), found(base, 30)) == (["先充电。"], [], ["看说明。"])


def test_who_asks_for_a_rebuild_while_one_is_made_waits_for_that(shop: Shop) -> None:
    shop.learn(10)
    encoder = Slow()
    base = shop.open(encoder)
    base.refresh()
    encoder.hold_after(1)
    one = Beside(base.rebuild)
    assert encoder.reached.wait(SECONDS)
    other = Beside(base.rebuild)
    time.sleep(0.2)
    encoder.encoded.clear()
    encoder.lasts = None
    encoder.go.set()
    assert one.ended() == Reconciled(added=10, changed=0, removed=0, kept=0)
    assert other.ended() == Reconciled(0, 0, 0, kept=10)
    assert len(encoder.encoded) == 10 - BATCH
    assert base._index.generation == 1


def test_a_closed_process_leaves_its_rebuild(shop: Shop) -> None:
    shop.learn(10)
    encoder = Slow()
    base = shop.open(encoder)
    base.refresh()
    encoder.hold_after(1)
    rebuild = Beside(base.rebuild)
    assert encoder.reached.wait(SECONDS)
    base._closed.set()
    encoder.lasts = None
    encoder.go.set()
    assert isinstance(rebuild.ended(), Exception)
    assert base._index.coming() == 2 * BATCH


@ON_POSTGRESQL
def test_another_process_sees_a_rebuild_and_follows_it(services: Services, owner: Caller, chroma_url: str) -> None:
    shop = Shop(services, owner, chroma_url)
    shop.learn(20)
    encoder = Slow()
    one, other = shop.open(encoder), shop.open()
    one._index.clear()
    one.refresh()
    other.refresh()
    encoder.hold_after(3)
    rebuild = Beside(one.rebuild)
    assert encoder.reached.wait(SECONDS)
    assert other.filling() == (3 * BATCH, 20, "rebuilding")
    shop.put(3, answer="先充电。")
    other.touch()
    assert found(other, 3) == ["先充电。"]
    encoder.lasts = None
    encoder.go.set()
    assert isinstance(rebuild.ended(), Reconciled)
    assert found(other, 3) == ["先充电。"], "whoever asked the old collection asks the new one"
    assert other.filling() is None
    assert shop.right(other)
    for base in shop.opened:
        base.close()


def test_a_large_import_holds_nobody_up(shop: Shop) -> None:
    shop.learn(20)
    encoder = Slow()
    base = shop.open(encoder)
    base.refresh()
    encoder.hold_after(2)
    shop.learn(30, first=20)
    shop.put(5, status=EntryStatus.RETIRED)
    base.touch()
    assert found(base, 3), "from what was there"
    assert encoder.reached.wait(SECONDS)
    base.touch()
    assert (found(base, 3), found(base, 5)) == (["看说明。"], []), "what was withdrawn is gone at once"
    assert found(base, 49) == []
    filling = base.filling()
    assert filling is not None
    assert (filling.total, filling.state) == (49, "filling")
    assert 19 < filling.done < filling.total
    encoder.lasts = None
    encoder.go.set()
    eventually(lambda: base.filling() is None)
    eventually(lambda: found(base, 49) == ["看说明。"])
    assert shop.right(base)


def test_an_edit_overtakes_a_large_import(shop: Shop) -> None:
    shop.learn(20)
    encoder = Slow()
    base = shop.open(encoder)
    base.refresh()
    encoder.hold_after(1)
    shop.learn(40, first=20)
    base.touch()
    assert found(base, 3)
    assert encoder.reached.wait(SECONDS)
    shop.put(3, answer="先充电。")
    encoder.hold_after(2)  # the batch in hand, and the next one
    encoder.go.set()
    eventually(lambda: found(base, 3) == ["先充电。"])
    assert base.filling() is not None
    encoder.lasts = None
    encoder.go.set()
    eventually(lambda: base.filling() is None)
    assert shop.right(base)


def test_a_killed_first_filling_goes_on_where_it_was(shop: Shop) -> None:
    shop.learn(30)
    first = shop.open(Slow(lasts=6))
    told: list[tuple[int, int]] = []
    with pytest.raises(EmbeddingError):
        first.refresh(lambda done, due: told.append((done, due)))
    assert told == [(BATCH * batch, 30) for batch in range(1, 7)]
    shop.kill(first)
    encoder = Slow()
    again = shop.open(encoder)
    told.clear()
    assert again.refresh(lambda done, due: told.append((done, due))) == Reconciled(6, 0, 0, 24)
    assert told == [(4, 6), (6, 6)]
    assert len(encoder.encoded) == 6
    assert shop.right(again)


def test_a_start_waits_for_no_more_than_half(shop: Shop) -> None:
    shop.learn(20)
    shop.open().refresh()
    shop.kill(shop.opened[0])
    shop.learn(15, first=20)
    encoder = Slow()
    encoder.hold_after(0)
    base = shop.open(encoder)
    base.begin()
    assert encoder.reached.wait(SECONDS)
    assert found(base, 3)
    encoder.lasts = None
    encoder.go.set()
    eventually(lambda: base.filling() is None)
    assert shop.right(base)


def test_a_start_with_less_than_half_waits_for_all(shop: Shop) -> None:
    shop.learn(20)
    base = shop.open()
    base.begin()
    assert base.filling() is None
    assert shop.right(base)


def test_an_edit_costs_what_it_touched(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.learn(10)
    encoder = Slow()
    base = shop.open(encoder)
    base.refresh()
    encoder.encoded.clear()
    monkeypatch.setattr(base._index, "hashes", lambda: pytest.fail("read the whole index"))
    shop.put(3, answer="先充电。")
    assert base.refresh() == Reconciled(added=0, changed=1, removed=0, kept=9)
    assert encoder.encoded == [f"{name(3)}怎么用\n先充电。"]
    shop.put(3, status=EntryStatus.RETIRED)
    assert base.refresh() == Reconciled(added=0, changed=0, removed=1, kept=9)


def test_what_is_no_news_for_searches_makes_no_new_corpus(shop: Shop) -> None:
    shop.learn(3)
    base = shop.open()
    base.refresh()
    corpus = base._corpus
    shop.put(9, status=EntryStatus.DRAFT)
    assert base.refresh() is not None
    assert base._corpus is corpus
    assert base.refresh() is None


def test_nobody_answers_from_what_is_left_of_a_lost_index(shop: Shop) -> None:
    shop.learn(30)
    encoder = Slow()
    base = shop.open(encoder)
    base.refresh()
    base._index.clear()
    encoder.hold_after(1)
    assert base.mend() is not None
    assert encoder.reached.wait(SECONDS)
    with pytest.raises(IndexIncomplete, match="4/30"):
        found(base, 3)
    encoder.lasts = None
    encoder.go.set()
    eventually(lambda: base.filling() is None)
    assert found(base, 3)
    assert base.mend() is None


def test_filling_survives_an_encoder_that_fails(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base_module, "_PAUSE_AFTER_ERROR", 0.05)
    shop.learn(10)
    encoder = Slow()
    base = shop.open(encoder)
    base.refresh()
    encoder.lasts = 1
    shop.learn(20, first=10)
    base.touch()
    assert found(base, 3)
    time.sleep(0.3)
    assert found(base, 3)
    assert base.filling() is not None
    encoder.lasts = None
    eventually(lambda: base.filling() is None)
    assert shop.right(base)


def test_an_index_that_fails_while_it_is_compared_is_compared_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, database: Database
) -> None:
    assert database
    shop.learn(5)
    base = shop.open()
    base.refresh()
    shop.put(3, status=EntryStatus.RETIRED)
    with monkeypatch.context() as broken:
        broken.setattr(base._index, "delete", _fails)
        with pytest.raises(IndexIncomplete):
            base.refresh()
    assert base.refresh() is not None
    assert shop.right(base)
    assert found(base, 3) == []


def _fails(_ids: object) -> None:
    raise IndexIncomplete("away")
