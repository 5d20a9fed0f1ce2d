"""The gate: does what was found answer, merely resemble, or say nothing?

Two thresholds on the best score, fitted on labelled questions of our own by `qunzhu-evals fit gate` and shipped with a
model card: at `answers` or above the entry answers; between the two it is related; below `related` nothing is there.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

import numpy as np

from core.vocabulary import Band
from knowledge.retriever import Candidate

ARTEFACT: Final = "gate.npz"


class Verdict(StrEnum):
    ANSWERS = "answers"
    RELATED = "related"
    NOTHING = "nothing"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict with the figures that made it."""

    verdict: Verdict
    score: float
    threshold: float
    band: Band


@dataclass(frozen=True, slots=True)
class Gate:
    """`answers` ≥ `related`, both on the retriever's score; `sure` and above is high confidence. `slope` and `offset`
    turn a score into the chance that the best entry is the right one."""

    answers: float
    related: float
    sure: float
    slope: float = 20.0
    offset: float = -12.0

    def chance(self, score: float) -> float:
        """How likely the best entry is right, by a logistic curve, 0 to 1."""
        return 1 / (1 + math.exp(-(self.slope * score + self.offset)))

    def judge(self, candidates: Sequence[Candidate], threshold: float | None = None) -> Judged:
        """Judge the best candidate; `threshold` is a community's own limit in place of the fitted one."""
        limit = self.answers if threshold is None else threshold
        if not candidates:
            return Judged(Verdict.NOTHING, 0.0, limit, Band.LOW)
        best = candidates[0]
        return Judged(self._verdict(best, limit), best.score, limit, self._band(candidates, limit))

    def _verdict(self, best: Candidate, limit: float) -> Verdict:
        if best.score < min(self.related, limit):
            return Verdict.NOTHING
        if best.expired:
            # Also below the limit: nothing is sent either way, and what ran out is what a person should look at.
            return Verdict.STALE
        return Verdict.ANSWERS if best.score >= limit else Verdict.RELATED

    def _band(self, candidates: Sequence[Candidate], limit: float) -> Band:
        best = candidates[0]
        if best.score < limit:
            return Band.LOW
        clear = len(candidates) == 1 or best.score - candidates[1].score >= 0.05
        return Band.HIGH if best.score >= self.sure and clear else Band.MEDIUM


def shipped() -> Gate:
    """The gate that comes with the package."""
    with as_file(files("knowledge.weights").joinpath(ARTEFACT)) as path:
        return load(path)


def load(path: Path) -> Gate:
    """The gate of an artefact: plain arrays, never pickles."""
    with np.load(path, allow_pickle=False) as values:
        return Gate(**{field.name: float(values[field.name]) for field in fields(Gate) if field.name in values})
