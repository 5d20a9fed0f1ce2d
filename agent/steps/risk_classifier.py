"""Small linear classifiers over character runs and, where there is one, the sentence's vector: one curve a label.

Artefacts are plain arrays with a card beside them, written by `qunzhu-evals fit risk`: the shipped one
(`agent/weights/risk.npz`), and a deployment's own (`risk.npz` in its data folder), fitted on what its people decided,
which looks at the shipped one's logits too and speaks in its place for the labels that it knows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from math import log1p
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from agent.steps.risk_reading import Reading, grams
from agent.steps.signs import Sign
from core.text import Normalized
from core.vocabulary import RiskLabel
from knowledge.embeddings import Embedder

Array = NDArray[np.float32]
FORMAT = 1
LAYER = "classifier"
OWN_LAYER = "own_classifier"
LEAST = 0.3
"""Weight from which a label is worth a sign: below, two weak hints would make one of nothing."""
UNSURE = 0.1
"""Weight by runs alone from which the vector is asked. Of what lies below, it would have given a label to 5 of 169 of
our own cases and to 2 of 913 ordinary messages (development halves)."""
SHORTEST = 6
"""Characters that a reading needs: of 加油 or 好的 a vector says anything."""
BASE_MOST, BASE_SCALE = 6.0, 3.0
"""A shipped logit is cut to ± the one and divided by the other before a deployment's own classifier looks at it."""
_MOST_SPANS = 3
_TELLING = 0.2
"""A run is shown as evidence from this share of the most telling one on."""


class ClassifierError(ValueError):
    """The artefact is broken or of another format."""


class Limit(NamedTuple):
    """The chance from which a label holds, judged by runs alone and jointly with the vector."""

    alone: float
    joint: float


class Judged(NamedTuple):
    """`chance` 0–1 that the label holds, `weight` the same on a scale where 0.5 is its limit; `spans` half-open in the
    original text: what spoke for it most."""

    label: RiskLabel
    chance: float
    weight: float
    spans: tuple[tuple[int, int], ...]


class Known(NamedTuple):
    """The runs of a text that a classifier knows: their rows, how much each counts (together of length 1), and where
    each stands first in the reading."""

    rows: list[int]
    values: Array
    places: list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Curves:
    """Logits of all labels (columns): by run, by dimension of the vector, by label of the shipped classifier."""

    runs: Array
    vector: Array
    base: Array
    offset: Array


@dataclass(frozen=True, slots=True)
class Classifier:
    """`rows` numbers the known runs, `rarity` is how rare each is (idf); `alone` judges by runs, `joint` also by the
    vector, each label from its limit on; `words` are worth undisguising; `encoder` names whose vectors it was fitted
    on."""

    labels: tuple[RiskLabel, ...]
    rows: Mapping[str, int]
    rarity: Array
    alone: Curves
    joint: Curves
    words: tuple[str, ...]
    limits: tuple[Limit, ...]
    encoder: str

    def logits(self, known: Known, vector: Array | None, base: Array | None = None) -> Array:
        """One a label; `base` are those of the shipped classifier, as `base_of` gives them."""
        curves = self._curves(vector)
        total = curves.offset + known.values @ curves.runs[known.rows] if known.rows else curves.offset
        if vector is not None and len(curves.vector):
            total = total + vector @ curves.vector
        return total if base is None or not len(curves.base) else total + base @ curves.base

    def judge(
        self, reading: Reading, vector: Array | None = None, base: Array | None = None, least: float = LEAST
    ) -> list[Judged]:
        """The labels whose weight is at least `least`."""
        known = self.known(reading.text)
        chances = 1 / (1 + np.exp(-np.clip(self.logits(known, vector, base), -30, 30)))
        curves = self._curves(vector)
        found = []
        for n, label in enumerate(self.labels):
            weight = _weight(float(chances[n]), self.limits[n].alone if curves is self.alone else self.limits[n].joint)
            if weight >= least:
                spoke = known.values * curves.runs[known.rows, n]
                found.append(Judged(label, float(chances[n]), weight, _spans(reading, known, spoke)))
        return found

    def known(self, text: str) -> Known:
        counts: dict[int, int] = {}
        places: dict[int, tuple[int, int]] = {}
        for run, start, end in grams(text):
            row = self.rows.get(run)
            if row is not None:
                counts[row] = counts.get(row, 0) + 1
                places.setdefault(row, (start, end))
        rows = list(counts)
        values = np.array([1 + log1p(count - 1) for count in counts.values()], dtype=np.float32) * self.rarity[rows]
        return Known(rows, values / max(float(np.sqrt((values**2).sum())), 1e-9), list(places.values()))

    def _curves(self, vector: Array | None) -> Curves:
        return self.alone if vector is None else self.joint


def base_of(logits: Array) -> Array:
    """Shipped logits as a deployment's own classifier looks at them."""
    return np.asarray(np.clip(logits, -BASE_MOST, BASE_MOST) / BASE_SCALE, dtype=np.float32)


def _weight(chance: float, limit: float) -> float:
    """The chance on a scale where 0 stays 0, the limit becomes 0.5 and 1 stays 1."""
    return 0.5 * chance / limit if chance < limit else 0.5 + 0.5 * (chance - limit) / (1 - limit)


def _spans(reading: Reading, known: Known, spoke: Array) -> tuple[tuple[int, int], ...]:
    if not len(spoke) or spoke.max() <= 0:
        return ()
    order = [n for n in np.argsort(-spoke)[: 2 * _MOST_SPANS] if spoke[n] >= _TELLING * spoke.max()]
    marked = [(reading.places[start][0], reading.places[end - 1][1]) for start, end in (known.places[n] for n in order)]
    return tuple(_merged(marked)[:_MOST_SPANS])


def _merged(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    made: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if made and start <= made[-1][1]:
            made[-1] = (made[-1][0], max(end, made[-1][1]))
        else:
            made.append((start, end))
    return made


def wants_vector(reading: Reading, embedder: Embedder, own: Classifier | None) -> bool:
    """Whether the sentence's vector could change what is said of a text; most chatter is sure without it, but what a
    deployment has learnt may lie anywhere."""
    base = shipped()
    if len(reading.text) < SHORTEST or embedder.name != base.encoder:
        return False
    return own is not None or bool(base.judge(reading, least=UNSURE))


def judge(reading: Reading, vector: Array | None, own: Classifier | None = None) -> list[Judged]:
    """What the shipped classifier says or, for the labels that it knows, the deployment's `own`."""
    if len(reading.text) < SHORTEST:
        return []
    base = shipped()
    found = base.judge(reading, vector)
    if own is None:
        return found
    seen = base_of(base.logits(base.known(reading.text), vector))
    return [one for one in found if one.label not in own.labels] + own.judge(reading, vector, seen)


def signs(normalized: Normalized, reading: Reading, vector: Array | None, own: Classifier | None) -> list[Sign]:
    """What the classifiers say of a text, as signs of `agent/steps/risk.py`."""
    whole = (0, len(normalized.original))
    layer = LAYER if own is None else OWN_LAYER
    return [
        Sign(one.label, round(one.weight, 4), *span, layer, layer)
        for one in judge(reading, vector, own)
        for span in one.spans or (whole,)
    ]


def load(file: Traversable | Path) -> Classifier:
    """Raises `ClassifierError`; no pickles are read."""
    try:
        with file.open("rb") as stream:
            arrays: Mapping[str, Any] = dict(np.load(stream, allow_pickle=False))
        if int(arrays["format"]) != FORMAT:
            raise ClassifierError(f"{file.name}: format {int(arrays['format'])}, this version reads {FORMAT}")
        return Classifier(
            tuple(RiskLabel(label) for label in arrays["labels"]),
            {run: n for n, run in enumerate(str(arrays["runs"]).split("\n"))},
            arrays["rarity"].astype(np.float32),
            _curves(arrays, "alone"),
            _curves(arrays, "joint"),
            tuple(word for word in str(arrays["words"]).split("\n") if word),
            tuple(Limit(float(alone), float(joint)) for alone, joint in arrays["limits"]),
            str(arrays["encoder"]),
        )
    except (OSError, EOFError, KeyError, ValueError, BadZipFile) as error:
        raise ClassifierError(f"{file.name} cannot be used: {error}") from error


def _curves(arrays: Mapping[str, Any], name: str) -> Curves:
    return Curves(*(arrays[f"{name}_{part}"].astype(np.float32) for part in Curves.__dataclass_fields__))


@cache
def shipped() -> Classifier:
    """The classifier that ships with the package, read once per process. Raises `ClassifierError`."""
    return load(files("agent") / "weights" / "risk.npz")
