"""Joins concurrent callers into one encode call: 16 texts together take 10 ms, one by one 30.

Leader and followers, no thread of its own. Whoever finds nobody encoding becomes the leader and encodes what is queued;
who comes meanwhile queues up and makes the next batch. So a lone caller waits for nothing and is handed to no other
thread, load makes its own batches, and there is no worker to start, to leak or to find dead. Only while callers come
in company (the last batch, a moment ago, held more than one) does a leader wait, at most `gather` seconds and only
until as many have come as last time: those whom the last batch has just released are about to come back.
"""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Final, Self

import numpy as np

from knowledge.embeddings import Embedder, EmbeddingError, Vector, Vectors

# Measured with 2 to 40 threads on 2 cores: 2 ms gathers as well as 8 (as many texts a batch, the most a second), and
# where callers come rarely it costs nothing, while 8 ms doubled their median. The plan allows up to 8.
GATHER_SECONDS: Final = 0.002
MOST: Final = 16
GIVE_WAY_SECONDS: Final = 0.2
"""So long a bulk caller lets single ones go first, once a slice: under full load it must still get on."""
REMEMBERED: Final = 2_048  # 4 MiB of vectors at 512 dimensions


class _Asked:
    """One caller's texts on their way through a batch."""

    __slots__ = ("done", "error", "texts", "vectors")

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = list(texts)
        self.vectors: Vectors | None = None
        self.error: BaseException | None = None
        self.done = False


class MicroBatcher:
    """An `Embedder` in front of another one. Safe from threads; remembers the vectors of recent texts."""

    def __init__(
        self, embedder: Embedder, gather: float = GATHER_SECONDS, most: int = MOST, *, remember: int = REMEMBERED
    ) -> None:
        """`gather` in seconds, `most` texts to one encode call, `remember` texts in the cache (0: none)."""
        self._embedder = embedder
        self._gather = gather
        self._most = most
        self._recent = _Recent(remember)
        self._change = threading.Condition()
        self._queue: deque[_Asked] = deque()
        self._encoding = False
        self._closed = False
        self._last_size = 0
        self._last_end = 0.0

    @property
    def name(self) -> str:
        return self._embedder.name

    @property
    def dimensions(self) -> int:
        return self._embedder.dimensions

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`. An error of the encoder reaches every caller of that batch.

        Raises `EmbeddingError` after `close`.
        """
        with self._change:
            self._refuse_when_closed()
        if not texts:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        if len(texts) > self._most:
            return self._in_slices(texts)
        known = self._recent.all_of(texts)
        return known if known is not None else self._in_company(texts)

    def close(self) -> None:
        """Refuse new callers, let those in the queue finish, return when no encode call runs. Idempotent."""
        with self._change:
            self._closed = True
            self._change.notify_all()
            self._change.wait_for(lambda: not self._encoding and not self._queue)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise EmbeddingError("编码器已经关闭")

    def _in_slices(self, texts: Sequence[str]) -> Vectors:
        """A bulk caller: no gathering and no cache, but a turn per slice, so that single callers get in between."""
        parts = []
        for start in range(0, len(texts), self._most):
            self._take_turn_behind_others()
            try:
                parts.append(self._embedder.embed(texts[start : start + self._most]))
            finally:
                self._end_turn()
        return np.concatenate(parts)

    def _take_turn_behind_others(self) -> None:
        """Whoever ends a turn is still running and would win every race for the next against those who wait."""
        with self._change:
            self._change.wait_for(lambda: not self._encoding and not self._queue, timeout=GIVE_WAY_SECONDS)
            self._change.wait_for(lambda: not self._encoding)
            self._encoding = True

    def _in_company(self, texts: Sequence[str]) -> Vectors:
        asked = _Asked(texts)
        self._wait_for_turn(asked)
        # The turn serves the oldest first, so that with many waiting it takes more than one batch.
        while not asked.done:
            self._lead(asked)
        if asked.error is not None:
            raise asked.error
        assert asked.vectors is not None
        return asked.vectors

    def _wait_for_turn(self, asked: _Asked) -> None:
        """Queue up; returns with `asked` done by somebody else, or with the turn in this thread's hand."""
        with self._change:
            self._refuse_when_closed()
            self._queue.append(asked)
            self._change.notify_all()
            try:
                self._change.wait_for(lambda: asked.done or not self._encoding)
            except BaseException:
                self._drop(asked)
                raise
            self._encoding = self._encoding or not asked.done

    def _lead(self, asked: _Asked) -> None:
        """One batch by this thread, which holds the turn; keeps the turn only while `asked` is not done."""
        batch: list[_Asked] = []
        try:
            batch = self._gathered()
            self._encode(batch)
        except BaseException as error:
            for one in batch:
                # An interrupt belongs to the thread it hit; the others get an ordinary error.
                one.error = error if one is asked or isinstance(error, Exception) else EmbeddingError("编码被中断")
            if not isinstance(error, Exception):
                self._drop(asked)
                raise
        finally:
            with self._change:
                for one in batch:
                    one.done = True
                self._last_size, self._last_end = len(batch), time.monotonic()
                self._encoding = not asked.done
                self._change.notify_all()

    def _drop(self, asked: _Asked) -> None:
        """Take an interrupted leader's own texts out of the queue, so that nobody waits for its turn to end."""
        with self._change:
            asked.done = True
            if asked in self._queue:
                self._queue.remove(asked)

    def _gathered(self) -> list[_Asked]:
        """The next batch: whole callers, oldest first, at most `most` texts."""
        with self._change:
            company = self._last_size if time.monotonic() - self._last_end <= self._gather else 0
            if company > 1:
                self._change.wait_for(lambda: len(self._queue) >= company or self._closed, timeout=self._gather)
            batch, size = [], 0
            while self._queue and size + len(self._queue[0].texts) <= self._most:
                size += len(self._queue[0].texts)
                batch.append(self._queue.popleft())
            return batch

    def _encode(self, batch: Iterable[_Asked]) -> None:
        """Encode every distinct text of the batch that is not remembered, and hand the rows out."""
        wanted = dict.fromkeys(text for one in batch for text in one.texts)
        rows = self._recent.some_of(wanted)
        fresh = [text for text in wanted if text not in rows]
        if fresh:
            found = self._embedder.embed(fresh)
            rows.update(zip(fresh, found, strict=True))
            self._recent.keep(fresh, found)
        for one in batch:
            one.vectors = np.stack([rows[text] for text in one.texts])

    def _end_turn(self) -> None:
        with self._change:
            self._encoding = False
            self._change.notify_all()


class _Recent:
    """The vectors of the last `most` texts (least recently used goes first)."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._rows: OrderedDict[str, Vector] = OrderedDict()
        self._lock = threading.Lock()

    def some_of(self, texts: Iterable[str]) -> dict[str, Vector]:
        """The vectors of those texts that are remembered."""
        with self._lock:
            found = {text: self._rows[text] for text in texts if text in self._rows}
            for text in found:
                self._rows.move_to_end(text)
            return found

    def all_of(self, texts: Sequence[str]) -> Vectors | None:
        """A fresh array with every text's vector, or None where one is missing."""
        found = self.some_of(texts)
        return np.stack([found[text] for text in texts]) if all(text in found for text in texts) else None

    def keep(self, texts: Sequence[str], vectors: Vectors) -> None:
        with self._lock:
            for text, vector in zip(texts, vectors, strict=True):
                # A copy: a row of the batch would keep the whole batch alive.
                self._rows[text] = vector.copy()
            while len(self._rows) > self._most:
                self._rows.popitem(last=False)
