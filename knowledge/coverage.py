"""How much of a question an entry speaks about: for each of its words the nearest word of the entry, weighed by rarity.

An embedding of a whole sentence says what it is like; it hardly notices the one word that nobody here knows (直播间能
连麦吗). Coverage does, and it still takes 邮费 for 运费.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, islice
from typing import Final

import numpy as np

from core.text import tokens
from knowledge.embeddings import Embedder, Vector, Vectors
from knowledge.evidence import Coverings, coverings, rarity_of
from knowledge.words import Memory

REMEMBERED: Final = 12_000  # 25 MB at 512 dimensions
WARMED: Final = 4_000  # commonest words of the knowledge: 1 s to encode
SLICE: Final = 128


def _distinct(text: str) -> Iterable[str]:
    return dict.fromkeys(tokens(text))


_WORDS: Final = Memory(_distinct)


class WordVectors:
    """Vectors of single words, made when first needed. Safe from threads; shared by successive corpora."""

    def __init__(self, embedder: Embedder, remember: int = REMEMBERED) -> None:
        self._embedder = embedder
        self._most = remember
        self._known: dict[str, Vector] = {}
        self._lock = threading.Lock()

    def of(self, words: Iterable[str]) -> dict[str, Vector]:
        """A vector for every word. Raises `EmbeddingError`."""
        wanted = dict.fromkeys(words)
        with self._lock:
            found = {word: self._known[word] for word in wanted if word in self._known}
        fresh = [word for word in wanted if word not in found]
        if fresh:
            # A copy: a row would keep its whole batch alive.
            made = {word: row.copy() for word, row in zip(fresh, self._embedder.embed(fresh), strict=True)}
            self._keep(made)
            found |= made
        return found

    def _keep(self, made: Mapping[str, Vector]) -> None:
        with self._lock:
            self._known.update(made)
            surplus = max(0, len(self._known) - self._most)
            for word in list(islice(self._known, surplus)):
                del self._known[word]


class Coverage:
    """Immutable but for the words' vectors; made anew with the corpus."""

    def __init__(self, texts: Mapping[str, str], words: WordVectors) -> None:
        """`texts` has each entry's full text by its id."""
        self._words = words
        self._documents = {id_: _WORDS.of(text) for id_, text in texts.items()}
        self._frequency = Counter(chain.from_iterable(words.every for words in self._documents.values()))

    def warm(self, stop: Callable[[], bool]) -> None:
        """Encode the commonest words, so that the first callers do not pay for it; asks `stop` between slices. Raises
        `EmbeddingError`."""
        words = [word for word, _ in self._frequency.most_common(WARMED)]
        for start in range(0, len(words), SLICE):
            if stop():
                return
            self._words.of(words[start : start + SLICE])

    def of(self, question: str, entry_ids: Sequence[str]) -> dict[str, float]:
        """The covered share of `question` for each entry, 0 to 1. Raises `EmbeddingError`."""
        asked = tuple(dict.fromkeys(tokens(question)))
        documents = {id_: self._documents[id_].every if id_ in self._documents else () for id_ in entry_ids}
        if not asked:
            return dict.fromkeys(documents, 0.0)
        vectors = self._words.of([*asked, *(word for document in documents.values() for word in document)])
        rows = np.stack([vectors[word] for word in asked])
        weights = np.array([self.rarity(word) for word in asked])
        return {id_: _covered(rows, weights, [vectors[word] for word in words]) for id_, words in documents.items()}

    def rarity(self, word: str) -> float:
        """As in BM25; a word that no entry has counts most."""
        return rarity_of(self._frequency[word], len(self._documents))

    def knows(self, word: str) -> bool:
        """Whether any entry has the word."""
        return word in self._frequency

    def evidence(self, question: str, entry: str) -> Coverings:
        """How the text of an entry covers the content words of `question`. Raises `EmbeddingError`."""
        return coverings(question, entry, self._words.of, self.rarity, len(self._documents))


def _covered(rows: Vectors, weights: np.ndarray, document: Sequence[Vector]) -> float:
    if not document:
        return 0.0
    nearest = np.clip((rows @ np.stack(document).T).max(axis=1), 0.0, 1.0)
    return float((weights * nearest).sum() / weights.sum())
