"""The second encoder's index, filled beside the first: until it holds all entries, searches do without it."""

import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from core import log
from knowledge import second_encoder
from knowledge.batcher import MicroBatcher
from knowledge.embeddings import Embedder, EmbeddingError
from knowledge.entries import Entry, second_passages
from knowledge.index import IndexFailure, VectorIndex
from knowledge.passages import Passage
from knowledge.retriever import Second

_log = log.get(__name__)
AT_ONCE: Final = 4
"""Entries that are encoded while the caller waits, 50 to 120 ms each; more are left to a thread."""
BATCH: Final = 8
FOLDER: Final = "second"
_STOP_SECONDS: Final = 10.0


class SecondLane:
    """Safe from threads. `became` is called, from a thread of its own, when a fill that `take` began is done."""

    def __init__(self, index: VectorIndex, embedder: Embedder) -> None:
        self._index = index
        self._embedder = embedder
        self._known: dict[str, str] | None = None
        self._wanted: list[Passage] = []
        self._changing = threading.Lock()
        self._filler: threading.Thread | None = None
        self._closed = threading.Event()
        self.became: Callable[[], None] = lambda: None

    def take(self, entries: Iterable[Entry]) -> Second | None:
        """The lane for these entries, or None while it lacks some of them (a fill is then under way)."""
        try:
            with self._changing:
                self._wanted = second_passages(entries)
                missing = self._missing()
                if not missing:
                    return Second(self._index, self._embedder) if self._wanted else None
                if len(missing) <= AT_ONCE:
                    self._put(missing)
                    return Second(self._index, self._embedder)
                self._start()
        except (EmbeddingError, IndexFailure) as error:
            # Searches go on with the first encoder alone.
            _log.warning("second_encoder_left_out", error=str(error))
        return None

    def clear(self) -> None:
        """Forget all vectors; the next `take` begins to make them again. Raises `IndexFailure`."""
        with self._changing:
            self._index.clear()
            self._known = {}

    def close(self) -> None:
        self._closed.set()
        filler = self._filler
        if filler is not None:
            filler.join(_STOP_SECONDS)
        self._index.close()

    def _missing(self) -> list[Passage]:
        if self._known is None:
            self._known = self._index.hashes()
            self._index.delete(self._known.keys() - {passage.id for passage in self._wanted})
        known = self._known
        return [passage for passage in self._wanted if known.get(passage.id) != passage.content_hash]

    def _put(self, passages: Sequence[Passage]) -> None:
        assert self._known is not None
        self._index.upsert(passages, self._embedder.embed([passage.text for passage in passages]))
        self._known |= {passage.id: passage.content_hash for passage in passages}

    def _start(self) -> None:
        if self._filler is None or not self._filler.is_alive():
            self._filler = threading.Thread(target=self._fill_on, name="second-encoder", daemon=True)
            self._filler.start()

    def _fill_on(self) -> None:
        """Until nothing is missing, also of what was wished for meanwhile; what a kill leaves is seen by its hashes."""
        try:
            while (encoded := self._fill()) and not self._closed.is_set():
                _log.info("second_encoder_ready", encoded=encoded)
                self.became()
        except (EmbeddingError, IndexFailure) as error:
            _log.warning("second_encoder_left_out", error=str(error))

    def _fill(self) -> int:
        """Batch by batch, the lock free between two; how many were encoded."""
        done = 0
        while not self._closed.is_set():
            with self._changing:
                missing = self._missing()
                if not missing:
                    if not done:
                        # Under the lock: a wish that comes now starts a thread of its own.
                        self._filler = None
                    return done
                self._put(missing[:BATCH])
            done += min(BATCH, len(missing))
            if done % (BATCH * 32) == 0:
                _log.info("second_encoder_filling", done=done, left=len(missing))
        return done


def open_lane(folder: Path | None, url: str | None, *, wanted: bool) -> SecondLane | None:
    """The lane in `folder`, or at a Chroma server; None where it is not wanted or its engine is not installed here.

    Raises `IndexFailure`.
    """
    if not wanted or not second_encoder.available():
        return None
    encoder = second_encoder.SecondEncoder()
    path = folder / FOLDER if folder is not None else None
    return SecondLane(VectorIndex(path, url, encoder.dimensions, encoder.name), MicroBatcher(encoder))
