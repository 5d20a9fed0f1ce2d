"""The knowledge base as the rest of the house sees it: entries of SQL, their passages, both indexes, the gate.

Every process keeps its own copy of the searchable entries. `refresh` is cheap while nothing changed (one counter
read) and otherwise reconciles by content hash, so an edit by another process or a wiped index mends itself.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from core import log
from knowledge.coverage import WordVectors
from knowledge.embeddings import Embedder
from knowledge.entries import Entry, entry_of, passages_of
from knowledge.gate import Gate
from knowledge.index import VectorIndex
from knowledge.passages import Passage
from knowledge.reconcile import Reconciled, reconcile
from knowledge.retriever import Corpus, Retriever
from store import changes
from store import knowledge as entries
from store.session import Database

_log = log.get(__name__)
_ASK_AGAIN_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Loaded:
    """What stands in memory, and the change number it was made at."""

    number: int
    entries: dict[str, Entry]
    passages: list[Passage]


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
            loaded = self._load()
            done = reconcile(self._index, self.embedder, loaded.passages, progress=progress)
            corpus = Corpus.of(loaded.entries, loaded.passages, self._words)
            self._corpus = corpus
            self._retriever = Retriever(corpus, self._index, self.embedder)
            self._loaded = loaded
            _log.info("knowledge_loaded", entries=len(loaded.entries), passages=len(loaded.passages), **done._asdict())
            return done

    def _is_current(self) -> bool:
        with self._database.read() as db:
            return self._loaded is not None and changes.number(db, changes.KNOWLEDGE) == self._loaded.number

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
        with self._lock:
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

    def close(self) -> None:
        self._closed.set()
        self._index.close()

    def check(self) -> None:
        """Raises `IndexFailure` where the vector index can't be read."""
        self._index.count()
