"""Sentences that the risk classifiers are taught: read from files, and as the classifiers read them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from math import log
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from agent.steps import lexicon, risk_classifier, risk_reading
from agent.steps.risk_classifier import base_of
from agent.steps.risk_reading import Reading
from agent.steps.views.disguises import DisguiseFinder
from core.text import normalize
from core.vocabulary import RiskLabel
from evals.corpus import Progress
from evals.figures import Array
from evals.rows import Row, read
from knowledge.embeddings import Embedder, Vectors

FEWEST_ORDINARY: Final = 200
ORDINARY: Final = tuple(
    Path(__file__).parent / "fit" / "risk" / f"{name}.jsonl" for name in ("chat_groups", "hard_clean")
)
WORD_ROWS: Final = 3
WORD_ODDS: Final = 0.3
MOST_WORDS: Final = 6_000
_BATCH: Final = 16


def unseen(what: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


class Sentence(NamedTuple):
    """A text and what it is; no label: harmless."""

    text: str
    labels: frozenset[RiskLabel]


class Lesson(NamedTuple):
    """Sentences as the classifiers read them; a row each."""

    sentences: Sequence[Sentence]
    readings: Sequence[Reading]
    vectors: Vectors
    base: Array | None = None

    def some(self, rows: Array) -> "Lesson":
        """Those of these numbers."""
        return Lesson(
            [self.sentences[n] for n in rows],
            [self.readings[n] for n in rows],
            self.vectors[rows],
            None if self.base is None else self.base[rows],
        )


def sentences(files: Iterable[Path]) -> list[Sentence]:
    """Rows `{text, labels}`. Raises `BadFile`."""
    return [Sentence(row.text(), _labels(row)) for file in files for row in read(file)]


def _labels(row: Row) -> frozenset[RiskLabel]:
    names = row.texts("labels", needed=True)
    if unknown := sorted(set(names) - set(RiskLabel)):
        raise row.bad("labels", f"{unknown[0]!r} is none of {', '.join(RiskLabel)}")
    return frozenset(map(RiskLabel, names))


def about_abuse(file: Path) -> list[Sentence]:
    """Comments labelled offensive or safe; what else they may be was not asked. Raises `BadFile`."""
    return [
        Sentence(row.text(), frozenset({RiskLabel.ABUSE} if row.text("label") == "offensive" else ()))
        for row in read(file)
    ]


def harmless(file: Path) -> list[Sentence]:
    """Ordinary messages, whatever they are labelled. Raises `BadFile`."""
    return [Sentence(row.text(), frozenset()) for row in read(file)]


def ordinary(decided: int) -> list[Sentence]:
    """Harmless messages of ours, twice as many as were decided, evenly from all. People decide on what was flagged
    only: from that alone a fit takes half of all that is said for it."""
    rows = [row for row in sentences(ORDINARY) if not row.labels]
    return rows[:: max(1, len(rows) // max(2 * decided, FEWEST_ORDINARY))]


def lesson(
    rows: Sequence[Sentence], words: Iterable[str], embedder: Embedder, progress: Progress = unseen, *, on_shipped: bool
) -> Lesson:
    """`words` are undisguised beside those of the lexicons; `on_shipped` also looks at the shipped logits."""
    finder = DisguiseFinder({*words, *lexicon.words()})
    readings = []
    for number, row in enumerate(rows, start=1):
        readings.append(_reading(row.text, finder))
        progress("read", number, len(rows))
    vectors = _embedded([one.text for one in readings], embedder, progress)
    return Lesson(rows, readings, vectors, _base(readings, vectors) if on_shipped else None)


def _reading(text: str, finder: DisguiseFinder) -> Reading:
    """A text as the classifiers read it."""
    normalized = normalize(text)
    return risk_reading.read(normalized, finder.finds(normalized.text))


def _embedded(texts: Sequence[str], embedder: Embedder, progress: Progress) -> Vectors:
    parts = []
    for start in range(0, len(texts), _BATCH):
        parts.append(embedder.embed(texts[start : start + _BATCH]))
        progress("encoded", min(start + _BATCH, len(texts)), len(texts))
    return np.concatenate(parts)


def _base(readings: Sequence[Reading], vectors: Vectors) -> Array:
    base = risk_classifier.shipped()
    return np.array([base_of(base.logits(base.known(one.text), v)) for one, v in zip(readings, vectors, strict=True)])


def worth_undisguising(rows: Sequence[Sentence]) -> tuple[str, ...]:
    """Words that stand much oftener in labelled rows than in clean ones: those are written in disguise."""
    import rjieba

    bad, clean = Counter[str](), Counter[str]()
    for row in rows:
        found = {word for word in rjieba.cut(normalize(row.text).text, False) if len(word) > 1 and word.isalpha()}
        (bad if row.labels else clean).update(found)
    share = len([row for row in rows if row.labels]) / len(rows)
    odds = {
        word: log((count + 0.5) / (clean[word] + 0.5) * (1 - share) / share)
        for word, count in bad.items()
        if count >= WORD_ROWS and not word.isascii()
    }
    chosen = sorted((word for word, value in odds.items() if value >= WORD_ODDS), key=lambda word: (-odds[word], word))
    return tuple(sorted(chosen[:MOST_WORDS]))
