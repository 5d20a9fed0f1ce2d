"""The knowledge base as the rest of the house sees it: entries of SQL, their passages, both indexes, the gate.

Every process keeps its own copy of the searchable entries. Keeping up is cheap while nothing changed (one counter
read); an edit costs what it touched; and a full comparison by content hash, at the start and after a loss, mends
whatever another process or a wiped index left.

The index is filled in steps of `EMBED_BATCH` passages. Between two steps nothing is locked, the newest edits go first,
and searches answer from what is there: entries join as their vectors do, changed ones keep their old version until
then, withdrawn ones are gone before anything is encoded.

Processes that share one index take such steps one after another, each with what the database holds once it is its
turn: so nobody takes away what a newer edit put in.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from core import log
from core.errors import Unavailable
from knowledge.coverage import WordVectors
from knowledge.embeddings import Embedder, Vector
from knowledge.filling import Filling, Pace
from knowledge.gate import Gate
from knowledge.index import IndexFailure, IndexIncomplete, Successor, VectorIndex
from knowledge.passages import Passage, Scored
from knowledge.reconcile import EMBED_BATCH, NOTHING, Reconciled, put, reconcile
from knowledge.retriever import Corpus, Retriever
from knowledge.second_lane import SecondLane
from knowledge.snapshot import Snapshot, load, mixed
from store import changes
from store.alone import alone
from store.session import Database

_log = log.get(__name__)
_ASK_AGAIN_SECONDS = 0.2
PATIENCE: Final = 1.0
"""Seconds that a search waits for another thread's step before it answers from what there was."""
WAITED_FOR: Final = 4_000
"""Passages that a search waits for where little is there yet: 10 s of encoding, a first import of 500 entries."""
TAKE_SECONDS: Final = 20.0
"""While much is being filled, what has come is taken over so often: a new corpus costs a second at 20,000 entries."""
_STOP_SECONDS: Final = 10.0
_PAUSE_AFTER_ERROR: Final = 2.0


@dataclass(frozen=True, slots=True)
class _Whole:
    """The index as the retriever sees it: one that has lost half of what it should hold is no ground for saying that
    there is no answer (a Chroma server that was set up anew), nor is one that is being filled after that."""

    index: VectorIndex
    lost: threading.Event
    refilling: Callable[[], Filling | None]

    def query(self, vector: Vector, k: int) -> list[Scored]:
        """Raises `IndexIncomplete`, after which the next refresh fills the index."""
        if (filling := self.refilling()) is not None:
            raise _incomplete(filling.done, filling.total)
        found = self.index.query(vector, k)
        # Half: after many deletions the graph may rightly reach a few less.
        if len(found) * 2 < k:
            self.lost.set()
            raise _incomplete(len(found), k)
        return found


def _incomplete(done: int, total: int) -> IndexIncomplete:
    return IndexIncomplete(f"向量索引不完整（{done}/{total}），正在自动补全，请稍后再试")


class KnowledgeBase:
    def __init__(
        self,
        database: Database,
        index: VectorIndex,
        embedder: Embedder,
        gate: Gate,
        second: SecondLane | None = None,
    ) -> None:
        self._database = database
        self._index = index
        self._lock = threading.RLock()
        self._rebuilding = threading.Lock()
        self._words = WordVectors(embedder)
        self._target: Snapshot | None = None
        # Ids of entries of the target whose vectors may not be there yet, in the order in which they are filled; and
        # those among them that could be searched before their vectors were lost.
        self._pending: dict[str, None] = {}
        self._missing: set[str] = set()
        self._served: Snapshot | None = None
        self._from_nothing = False
        self._taken = 0.0
        self._corpus: Corpus | None = None
        self._retriever: Retriever | None = None
        self._filler: threading.Thread | None = None
        self._closed = threading.Event()
        self._lost = threading.Event()
        self._asked = 0.0
        self.embedder = embedder
        self.gate = gate
        self._second = second
        if second is not None:
            second.became = self._with_second

    def refresh(self, progress: Callable[[int, int], None] | None = None) -> Reconciled | None:
        """Take over all that changed since the last time, in this thread; None where nothing did. `progress` is told
        (done, to do) in passages. Safe to call from any thread. Raises `EmbeddingError`, `IndexFailure`, `Unavailable`.
        """
        if self._is_current():
            return None
        pace = Pace("index_filling")
        done, due = NOTHING, 0
        while not self._is_current():
            done = done.plus(self._step(), self._newest.size)
            left = self._due()
            due = max(due, left + done.added + done.changed)
            pace.tell(due - left, due)
            if progress is not None and due:
                progress(due - left, due)
        return done

    def keep_up(self) -> Reconciled | None:
        """As `refresh` for who is about to search, and must not wait: a few changes are taken over at once, many by a
        thread of their own, while the search answers from what was there before.

        Where that was nothing (a first import), "nothing answers" would be no answer: then it is waited for. Raises
        `IndexIncomplete` where that would take long, and as `refresh` does.
        """
        if self._is_current():
            return None
        if self._is_filling():
            return self._waited_for()
        if self._corpus is None:
            return self.refresh()
        if not self._lock.acquire(timeout=PATIENCE):
            return None
        try:
            done = self._step(most=EMBED_BATCH)
            if self._pending:
                self._fill_beside()
        finally:
            self._lock.release()
        waited = self._waited_for()
        return done if waited is None else done.plus(waited, self._newest.size)

    def _waited_for(self) -> Reconciled | None:
        """All that is due, where it is the first knowledge; None where there was some to go on with."""
        due = self._due()
        self._from_nothing = due > 0 and (self._from_nothing or self.size == 0)
        if not self._from_nothing:
            return None
        if due > WAITED_FOR:
            raise _incomplete(self._newest.size - due, self._newest.size)
        return self.refresh()

    def begin(self, progress: Callable[[int, int], None] | None = None) -> None:
        """The first `refresh`; where at least half of the entries have their vectors, a start needn't wait for the
        others."""
        self._step(most=EMBED_BATCH)
        if self._pending and self.size * 2 >= len(self._newest.marks):
            self._fill_beside()
        else:
            self.refresh(progress)

    def _step(self, most: int | None = None) -> Reconciled:
        """Read what changed, fill one batch, take over what is worth it. With `most` nothing is filled where more
        passages than that are due."""
        with self._lock:
            if self._is_current():
                return NOTHING
            with alone(self._database, self._name) as still_alone:
                done, is_news = self._aim()
                if most is None or self._due() <= most:
                    done = done.plus(self._fill(), self._newest.size)
                if not still_alone():
                    # Somebody newer may have been overtaken meanwhile: once more, with what is true by then.
                    self._lost.set()
            if not self._pending or is_news or time.monotonic() - self._taken > TAKE_SECONDS:
                self._take()
            return done

    def _aim(self) -> tuple[Reconciled, bool]:
        """Read the newest knowledge, and take what it no longer has out of the index; whether there was news."""
        before, whole = self._target, self._target is None or self._lost.is_set()
        if not whole and before is not None and before.number == self._number():
            return NOTHING, False
        self._lost.clear()
        target = self._load()
        try:
            compared = self._all_compared(target) if whole or before is None else self._compared(target, before)
        except BaseException:
            # Nothing of it is known to be done.
            self._lost.set()
            raise
        removed, self._pending = compared
        self._target = target
        served = self._served.marks if self._served is not None else {}
        # Vectors that were lost, in contrast to those that an edit wants.
        self._missing = {id_ for id_ in self._pending if served.get(id_) == target.marks[id_]}
        return NOTHING._replace(removed=removed), True

    def _all_compared(self, target: Snapshot) -> tuple[int, dict[str, None]]:
        """Compare with all that the index holds. Returns how many passages were taken out, and what is to be filled."""
        had = self._index.hashes()
        wanted = {passage.id for passage in target.every_passage()}
        # What was withdrawn goes first: it must not be found any more, even if embedding fails.
        gone = [id_ for id_ in had if id_ not in wanted]
        self._index.delete(gone)
        wrong = (
            id_
            for id_, passages in target.passages.items()
            if any(had.get(passage.id) != passage.content_hash for passage in passages)
        )
        return len(gone), dict.fromkeys(wrong)

    def _compared(self, target: Snapshot, before: Snapshot) -> tuple[int, dict[str, None]]:
        """Compare with the snapshot that the index holds or is being filled with: what an edit costs must not grow with
        the knowledge. Returns as `_all_compared`."""
        fresh = dict.fromkeys(target.changed_since(before))
        stay = {passage.id for id_ in fresh for passage in target.passages[id_]}
        touched = [*fresh, *(id_ for id_ in before.marks if id_ not in target.marks)]
        gone = [one.id for id_ in touched for one in before.passages.get(id_, ()) if one.id not in stay]
        self._index.delete(gone)
        waiting = {id_: None for id_ in self._pending if id_ in target.marks}
        # An edit beside a large import goes first; a large import beside an edit does not.
        return len(gone), fresh | waiting if len(fresh) <= len(waiting) else waiting | fresh

    def _fill(self) -> Reconciled:
        """Put the next batch of entries into the index."""
        ids, passages = list[str](), list[Passage]()
        for id_ in self._pending:
            its = self._newest.passages[id_]
            if ids and len(passages) + len(its) > EMBED_BATCH:
                break
            ids.append(id_)
            passages += its
        done = put(self._index, self.embedder, passages)
        for id_ in ids:
            del self._pending[id_]
        self._missing.difference_update(ids)
        return done

    def _take(self) -> None:
        """Search what has vectors from now on."""
        found = mixed(self._newest, self._pending, self._served) if self._pending else self._newest
        is_same = self._served is not None and self._served.marks == found.marks
        self._served, self._taken = found, time.monotonic()
        if is_same:
            return
        self._corpus = Corpus.of(found.entries, found.every_passage(), self._words)
        self._search_with(found)
        _log.info("knowledge_loaded", entries=len(found.entries), passages=found.size, due=self._due())

    def _search_with(self, found: Snapshot) -> None:
        assert self._corpus is not None
        lane = self._second.take(found.entries.values()) if self._second is not None else None
        index = _Whole(self._index, self._lost, self._refilling)
        self._retriever = Retriever(self._corpus, index, self.embedder, lane)

    def _with_second(self) -> None:
        """The second encoder's index is whole: searches look into it from now on."""
        with self._lock:
            if self._served is not None:
                self._search_with(self._served)

    def _fill_beside(self) -> None:
        self._filler = threading.Thread(target=self._fill_on, name="index-filling", daemon=True)
        self._filler.start()

    def _fill_on(self) -> None:
        """Until everything is there, whatever fails meanwhile."""
        pace = Pace("index_filling")
        while not self._closed.is_set():
            try:
                if self._is_current():
                    return
                self._step()
            except Unavailable as error:
                _log.warning("index_not_filled", code=error.code)
                self._closed.wait(_PAUSE_AFTER_ERROR)
            pace.tell(self._newest.size - self._due(), self._newest.size)

    def _is_filling(self) -> bool:
        return self._filler is not None and self._filler.is_alive()

    def _is_current(self) -> bool:
        if self._served is None or self._pending or self._lost.is_set():
            return False
        return self._number() == self._served.number

    def _number(self) -> int:
        with self._database.read() as db:
            return changes.number(db, changes.KNOWLEDGE)

    def _load(self) -> Snapshot:
        return load(self._database, self._target)

    @property
    def _name(self) -> str:
        """Of the lock under which processes change the index."""
        return f"index:{self._index.collection_name}"

    @property
    def _newest(self) -> Snapshot:
        assert self._target is not None
        return self._target

    def _due(self) -> int:
        """Passages of the entries that wait. Their list is a copy: another thread may be filling."""
        passages = self._target.passages if self._target is not None else {}
        return sum(len(passages.get(id_, ())) for id_ in list(self._pending))

    def _refilling(self) -> Filling | None:
        """Told while more than a tenth of the entries have lost their vectors."""
        missing = len(self._missing)
        return Filling(self.size - missing, self.size, "filling") if missing * 10 > self.size else None

    @property
    def retriever(self) -> Retriever:
        """Finds passages in the newest knowledge: what this process changed at once, what others did within a
        moment (asking the database before each search costs a tenth of it)."""
        if time.monotonic() - self._asked > _ASK_AGAIN_SECONDS:
            self.keep_up()
            self._asked = time.monotonic()
        assert self._retriever is not None
        return self._retriever

    @property
    def size(self) -> int:
        """How many entries are searchable."""
        return len(self._served.entries) if self._served else 0

    @property
    def passages(self) -> int:
        """How many passages are searchable."""
        return self._served.size if self._served else 0

    def touch(self) -> None:
        """This process has just changed the knowledge: the next search must see it."""
        self._asked = 0.0

    def rebuild(self, progress: Callable[[int, int], None] | None = None) -> Reconciled:
        """Make all vectors anew (`qunzhu reindex`), beside those that answer meanwhile; then let the new ones answer.

        Interrupted, it goes on where it was when called again: what the new collection holds with the right content
        hash is not encoded again. Called while it is being done, it waits for that. `progress` is told (done, of how
        many) in passages. Raises `EmbeddingError`, `IndexFailure`, `Unavailable`.
        """
        generation = self._index.generation
        with self._rebuilding, alone(self._database, f"re{self._name}"):
            if self._index.generation != generation:
                self.refresh()
                return NOTHING._replace(kept=self._newest.size)
            if self._second is not None:
                self._second.clear()
            successor = self._index.successor()
            done = self._filled(successor, progress)
            while (rest := self._switched(successor)) is None:
                done = done.plus(self._filled(successor, progress), self._newest.size)
        done = done.plus(rest, self._newest.size)
        _log.info("index_rebuilt", **done._asdict())
        return done

    def _filled(self, successor: Successor, progress: Callable[[int, int], None] | None) -> Reconciled:
        """Fill it with what the database holds, without any lock, however long that takes."""
        passages = load(self._database, self._target).every_passage()
        pace = Pace("index_rebuilding")

        def tell(done: int, due: int) -> None:
            if self._closed.is_set():
                raise IndexFailure("向量索引已经关闭")
            pace.tell(len(passages) - due + done, len(passages))
            if progress is not None:
                progress(len(passages) - due + done, len(passages))

        return reconcile(successor, self.embedder, passages, progress=tell)

    def _switched(self, successor: Successor) -> Reconciled | None:
        """Put in what was edited meanwhile, and let the successor answer, while nobody else changes the index. None
        where the lock was lost: then somebody may have."""
        with self._lock, alone(self._database, self._name) as still_alone:
            target = self._load()
            done = reconcile(successor, self.embedder, target.every_passage())
            if not still_alone():
                return None
            self._index.succeed()
            self._lost.clear()
            self._target, self._pending, self._missing = target, {}, set()
            self._take()
            return done

    def filling(self) -> Filling | None:
        """What is being put into the index; None at rest. A rebuild is also seen where another process makes it, or
        where one was interrupted. Raises `IndexFailure`."""
        total = self._target.size if self._target is not None else 0
        if (coming := self._index.coming()) is not None:
            return Filling(min(coming, total), total, "rebuilding")
        due = self._due()
        return Filling(total - due, total, "filling") if due else None

    def warm(self) -> None:
        """Prepare what the first searches would otherwise wait for, a second or two of work: run it beside the start,
        not before it."""
        if self._corpus is not None:
            self._corpus.coverage.warm(self._closed.is_set)

    def mend(self) -> Reconciled | None:
        """Keep up, and fill an index that holds another number of passages than it should; None where there was
        nothing to do. Cheap enough for twice a minute. Raises `IndexFailure`, `EmbeddingError`, `Unavailable`."""
        done = self.keep_up()
        if done is None and not self._is_filling() and self._served is not None:
            if self._index.count() == self._served.size:
                return None
            self._lost.set()
            return self.keep_up()
        return done

    def close(self) -> None:
        """Stop filling after the batch in hand, and let go of the index."""
        self._closed.set()
        if self._filler is not None:
            self._filler.join(_STOP_SECONDS)
        if self._second is not None:
            self._second.close()
        self._index.close()

    def check(self) -> None:
        """Raises `IndexFailure` where the vector index can't be read."""
        self._index.count()
