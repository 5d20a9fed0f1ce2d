"""Linear heads over character runs, the signs of `complaint.yaml` and, where there is one, the sentence's vector: is it
a complaint, what kind of message, which category, how grave.

The artefact is plain arrays with a card beside it, written by `qunzhu-evals fit complaint`. Known runs are kept by
their hashes in order, so that none has to be held as a string.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from math import log1p
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from agent.steps import complaint_cues
from agent.steps.complaint_cues import Marks
from agent.steps.risk_reading import Reading, grams
from core.vocabulary import ComplaintCategory, MessageKind, Severity
from knowledge.embeddings import Vector

Array = NDArray[np.float32]
FORMAT = 1
KINDS = tuple(MessageKind)
CATEGORIES = tuple(ComplaintCategory)
STEPS = tuple(Severity)[1:]
"""Severity is ordinal: one curve for each `at least this grave`."""
MARK = 0.35
"""How much a sign counts beside the runs, which are of length 1 together."""


class ClassifierError(ValueError):
    """The artefact is broken or of another format."""


class Known(NamedTuple):
    """The runs of a text that the classifier knows: their rows, how much each counts, where each stands first."""

    rows: NDArray[np.int64]
    values: Array
    places: list[tuple[int, int]]


class Guess(NamedTuple):
    """Chances 0–1: that it complains; of each kind and category, each summing to 1; of each `at least` of `STEPS`.
    `spoke` is what every known run said for a complaint."""

    complains: float
    kinds: Array
    categories: Array
    steps: Array
    known: Known
    spoke: Array


@dataclass(frozen=True, slots=True)
class Curves:
    """Logits of all heads (columns: complaint, kinds, categories, steps) by run, sign and dimension of the vector."""

    runs: NDArray[np.float16]
    marks: Array
    vector: Array
    offset: Array


@dataclass(frozen=True, slots=True)
class Classifier:
    """`hashes` in rising order number the known runs, `rarity` is how rare each is (idf); `marks` are the columns of
    signs; `limits` the chance from which it is a complaint, by runs alone and jointly with the vector; `cuts` how far
    each step of severity has to go, likewise; `encoder` names whose vectors it was fitted on."""

    hashes: NDArray[np.uint32]
    rarity: Array
    marks: tuple[str, ...]
    alone: Curves
    joint: Curves
    limits: tuple[float, float]
    cuts: Array
    encoder: str

    def guess(self, reading: Reading, marks: Marks, vector: Vector | None = None) -> Guess:
        known = self.known(reading.text)
        curves = self.curves(vector)
        weights = curves.runs[known.rows].astype(np.float32)
        logits = curves.offset + known.values @ weights + mark_values(self.marks, marks) @ curves.marks
        if curves is self.joint and vector is not None:
            logits = logits + vector @ curves.vector
        kinds, categories = 1 + len(KINDS), 1 + len(KINDS) + len(CATEGORIES)
        return Guess(
            float(_chance(logits[:1])[0]),
            _shares(logits[1:kinds]),
            _shares(logits[kinds:categories]),
            _chance(logits[categories:]),
            known,
            known.values * weights[:, 0],
        )

    def curves(self, vector: Vector | None) -> Curves:
        """The joint ones where a vector of the right length is there."""
        return self.joint if vector is not None and len(vector) == len(self.joint.vector) else self.alone

    def known(self, text: str) -> Known:
        counts: dict[int, int] = {}
        places: dict[int, tuple[int, int]] = {}
        for run, start, end in grams(text):
            code = hashed(run)
            counts[code] = counts.get(code, 0) + 1
            places.setdefault(code, (start, end))
        codes = np.fromiter(counts, dtype=np.uint32, count=len(counts))
        rows = np.searchsorted(self.hashes, codes)
        rows[rows == len(self.hashes)] = 0
        hit = self.hashes[rows] == codes if len(self.hashes) else np.zeros(len(codes), dtype=bool)
        times = np.array([1 + log1p(counts[int(code)] - 1) for code in codes[hit]], dtype=np.float32)
        values = times * self.rarity[rows[hit]]
        length = max(float(np.sqrt((values**2).sum())), 1e-9)
        return Known(rows[hit], values / length, [places[int(code)] for code in codes[hit]])


def hashed(run: str) -> int:
    """32 bits: among 40,000 known runs one in 100,000 unknown ones is taken for one of them."""
    return crc32(run.encode("utf-8", "replace"))


def mark_names() -> tuple[str, ...]:
    """The columns of signs: signs, categories with a word, then with two words or more."""
    cues = complaint_cues.shipped().cues
    return (*(cue.name for cue in cues), *CATEGORIES, *(f"{name}+" for name in CATEGORIES))


def mark_values(names: Sequence[str], marks: Marks) -> Array:
    """A text's signs in these columns."""
    there: set[str] = {*marks.signs, *marks.categories}
    there |= {f"{name}+" for name, count in marks.categories.items() if count > 1}
    return np.array([MARK if name in there else 0.0 for name in names], dtype=np.float32)


def places(reading: Reading, guess: Guess) -> Iterator[tuple[int, int, float]]:
    """Where the runs stand (in the original text) that spoke for a complaint, and how much."""
    for (start, end), weight in zip(guess.known.places, guess.spoke, strict=True):
        if weight > 0:
            yield reading.places[start][0], reading.places[end - 1][1], float(weight)


def _chance(logits: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -30, 30))), dtype=np.float32)


def _shares(logits: Array) -> Array:
    chances = _chance(logits)
    return np.asarray(chances / max(float(chances.sum()), 1e-9), dtype=np.float32)


def load(file: Traversable | Path) -> Classifier:
    """Raises `ClassifierError`; no pickles are read."""
    try:
        with file.open("rb") as stream:
            arrays: Mapping[str, Any] = dict(np.load(stream, allow_pickle=False))
        if int(arrays["format"]) != FORMAT:
            raise ClassifierError(f"{file.name}: format {int(arrays['format'])}, this version reads {FORMAT}")
        alone, joint = (float(one) for one in arrays["limits"])
        return Classifier(
            arrays["hashes"],
            arrays["rarity"].astype(np.float32),
            tuple(str(name) for name in arrays["marks"]),
            _curves(arrays, "alone"),
            _curves(arrays, "joint"),
            (alone, joint),
            arrays["cuts"].astype(np.float32),
            str(arrays["encoder"]),
        )
    except (OSError, EOFError, KeyError, ValueError, BadZipFile) as error:
        raise ClassifierError(f"{file.name} cannot be used: {error}") from error


def _curves(arrays: Mapping[str, Any], name: str) -> Curves:
    rest = (arrays[f"{name}_{part}"].astype(np.float32) for part in ("marks", "vector", "offset"))
    return Curves(arrays[f"{name}_runs"], *rest)


@cache
def shipped() -> Classifier:
    """The classifier that ships with the package, read once per process. Raises `ClassifierError`."""
    return load(files("agent") / "weights" / "complaint.npz")
