"""The knowledge base as the rest of the house sees it: entries of SQL, their passages, both indexes, the gate.

Every process keeps its own copy of the searchable entries. `refresh` is cheap while nothing changed (one counter
read) and otherwise reconciles by content hash, so an edit by another process or a wiped index mends itself.

Processes that share one index reconcile one after another, each with what the database holds once it is its turn: so
nobody takes away what a newer edit put in.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from core import log
from knowledge.coverage import WordVectors
from knowledge.embeddings import Embedder, Vector
from knowledge.entries import Entry, entry_of, passages_of
from knowledge.gate import Gate
from knowledge.index import IndexIncomplete, VectorIndex
from knowledge.passages import Passage, Scored
from knowledge.reconcile import Reconciled, reconcile
from knowledge.retriever import Corpus, Retriever
from store import changes
from store import knowledge as entries
from store.alone import alone
from store.session import Database

_log = log.get(__name__)
_ASK_AGAIN_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Loaded:
    """What stands in memory, and the change number it was made at."""

    number: int
    entries: dict[str, Entry]
    passages: list[Passage]


@dataclass(frozen=True, slots=True)
class _Whole:
    """The index as the retriever sees it: one that has lost half of what it should hold is no ground for saying that
    there is no answer (a Chroma server that was set up anew, a `reindex` that is under way)."""

    index: VectorIndex
    lost: threading.Event

    def query(self, vector: Vector, k: int) -> list[Scored]:
        """Raises `IndexIncomplete`, after which the next refresh fills the index."""
        found = self.index.query(vector, k)
        # Half: after many deletions the graph may rightly reach a few less.
        if len(found) * 2 < k:
            self.lost.set()
            raise IndexIncomplete(f"向量索引不完整（{len(found)}/{k}），正在自动补全，请稍后再试")
        return found


class KnowledgeBase:
    def __init__(self, database: Database, index: VectorIndex, embedder: Embedder, gate: Gate) -> None:
        self._database = database
        self._index = index
        self._lock = threading.Lock()
        self._words = WordVectors(embedder)
        self._loaded: Loaded | None = None
        self._corpus: Corpus | None = None
        self._retriever: Retriever | None = None
        self._closed = threading.Event()
        self._lost = threading.Event()
        self._asked = 0.0
        self.embedder = embedder
        self.gate = gate

    def refresh(self, progress: Callable[[int, int], None] | None = None) -> Reconciled | None:
        """Take over what changed since the last time; None where nothing did. Safe to call from any thread."""
        if self._is_current():
            return None
        with self._lock:
            if self._is_current():
                return None
            with alone(self._database, f"index:{self._index.collection_name}") as still_alone:
                self._lost.clear()
                loaded = self._load()
                done = reconcile(self._index, self.embedder, loaded.passages, progress=progress)
                if not still_alone():
                    # Somebody newer may have been overtaken meanwhile: once more, with what is true by then.
                    self._lost.set()
            self._take(loaded)
            _log.info("knowledge_loaded", entries=len(loaded.entries), passages=len(loaded.passages), **done._asdict())
            return done

    def _take(self, loaded: Loaded) -> None:
        self._corpus = Corpus.of(loaded.entries, loaded.passages, self._words)
        self._retriever = Retriever(self._corpus, _Whole(self._index, self._lost), self.embedder)
        self._loaded = loaded

    def _is_current(self) -> bool:
        if self._loaded is None or self._lost.is_set():
            return False
        with self._database.read() as db:
            return changes.number(db, changes.KNOWLEDGE) == self._loaded.number

    def _load(self) -> Loaded:
        with self._database.read() as db:
            number = changes.number(db, changes.KNOWLEDGE)
            approved = [entry_of(row) for row in entries.approved(db)]
        found = {entry.id: entry for entry in approved}
        return Loaded(number, found, [passage for entry in approved for passage in passages_of(entry)])

    @property
    def retriever(self) -> Retriever:
        """Finds passages in the newest knowledge: what this process changed at once, what others did within a
        moment (asking the database before each search costs a tenth of it)."""
        if time.monotonic() - self._asked > _ASK_AGAIN_SECONDS:
            self.refresh()
            self._asked = time.monotonic()
        assert self._retriever is not None
        return self._retriever

    @property
    def size(self) -> int:
        """How many entries are searchable."""
        return len(self._loaded.entries) if self._loaded else 0

    def touch(self) -> None:
        """This process has just changed the knowledge: the next search must see it."""
        self._asked = 0.0

    def rebuild(self, progress: Callable[[int, int], None] | None = None) -> Reconciled:
        """Drop the vectors and make them again (`qunzhu reindex`)."""
        with self._lock, alone(self._database, f"index:{self._index.collection_name}"):
            self._index.clear()
            self._loaded = None
        done = self.refresh(progress)
        assert done is not None
        return done

    def warm(self) -> None:
        """Prepare what the first searches would otherwise wait for, a second or two of work: run it beside the start,
        not before it."""
        if self._corpus is not None:
            self._corpus.coverage.warm(self._closed.is_set)

    def mend(self) -> Reconciled | None:
        """Fill an index that holds another number of passages than it should; None where it doesn't. Cheap enough for
        twice a minute. Raises `IndexFailure`, `EmbeddingError`, `Unavailable`."""
        loaded = self._loaded
        if loaded is not None and self._index.count() != len(loaded.passages):
            self._lost.set()
        return self.refresh()

    def close(self) -> None:
        self._closed.set()
        self._index.close()

    def check(self) -> None:
        """Raises `IndexFailure` where the vector index can't be read."""
        self._index.count()
