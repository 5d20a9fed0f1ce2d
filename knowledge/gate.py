"""The gate: does what was found answer, merely resemble, or say nothing?

A logistic curve over `knowledge.evidence` gives the chance that the best entry answers the question; two thresholds on
it make the verdict: at `answers` or above the entry answers; between the two it is related; below `related` nothing is
there. Fitted on labelled questions of our own by `qunzhu-evals fit gate` and shipped with a model card.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

import numpy as np

from core.vocabulary import Band
from knowledge.evidence import DocumentEvidence, Evidence
from knowledge.retriever import Candidate

ARTEFACT: Final = "gate.npz"
LIKELIER: Final = 0.5
"""From here an answer is likelier right than wrong: below it confidence is low, though it may be over the threshold."""


class Verdict(StrEnum):
    ANSWERS = "answers"
    RELATED = "related"
    NOTHING = "nothing"
    STALE = "stale"


class Reason(StrEnum):
    """What spoke most against an answer, for people."""

    LITTLE_IN_COMMON = "little_in_common"
    UNCOVERED_WORDS = "uncovered_words"
    ASKS_SOMETHING_ELSE = "asks_something_else"
    SEVERAL_ALIKE = "several_alike"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict with the figures that made it; `score` is the chance that the best entry answers, 0 to 1. `reasons`
    are empty where it answers."""

    verdict: Verdict
    score: float
    threshold: float
    band: Band
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Curve:
    """A logistic curve: `weights` in the order of the evidence's fields."""

    weights: tuple[float, ...]
    offset: float

    def chance(self, evidence: Evidence | DocumentEvidence) -> float:
        """0 to 1."""
        linear = self.offset + sum(weight * value for weight, value in zip(self.weights, evidence, strict=True))
        return 1 / (1 + math.exp(-max(-60.0, min(60.0, linear))))


@dataclass(frozen=True, slots=True)
class Gate:
    """`answers` ≥ `related`, both on the chance; `sure` and above is high confidence. Documents have a curve and a
    threshold of their own: their passages cover the words of almost any question."""

    entries: Curve
    documents: Curve
    answers: float
    related: float
    sure: float
    document_answers: float

    def chance(self, best: Candidate) -> float:
        """How likely the best candidate answers; 0 for one that isn't the best of a search."""
        if best.evidence is None:
            return 0.0
        curve = self.documents if isinstance(best.evidence, DocumentEvidence) else self.entries
        return curve.chance(best.evidence)

    def judge(self, candidates: Sequence[Candidate], threshold: float | None = None) -> Judged:
        """Judge the best candidate; `threshold` is a community's own limit in place of the fitted one."""
        if not candidates:
            return Judged(Verdict.NOTHING, 0.0, self.answers if threshold is None else threshold, Band.LOW)
        best = candidates[0]
        fitted = self.document_answers if isinstance(best.evidence, DocumentEvidence) else self.answers
        limit = fitted if threshold is None else threshold
        chance = self.chance(best)
        verdict = self._verdict(best, chance, limit)
        reasons = () if verdict is Verdict.ANSWERS else _reasons(best)
        return Judged(verdict, chance, limit, self._band(chance, limit), reasons)

    def _verdict(self, best: Candidate, chance: float, limit: float) -> Verdict:
        if chance < min(self.related, limit):
            return Verdict.NOTHING
        if best.expired:
            # Also below the limit: nothing is sent either way, and what ran out is what a person should look at.
            return Verdict.STALE
        return Verdict.ANSWERS if chance >= limit else Verdict.RELATED

    def _band(self, chance: float, limit: float) -> Band:
        if chance < max(limit, LIKELIER):
            return Band.LOW
        return Band.HIGH if chance >= self.sure else Band.MEDIUM


_LEAD: Final = 0.02
"""Of the blend: below it two entries are as good as each other (the leads of wrong first entries have their median
there)."""
_COVERED: Final = 0.6


def _reasons(best: Candidate) -> tuple[Reason, ...]:
    found = [Reason.EXPIRED] if best.expired else []
    seen = best.evidence
    if not isinstance(seen, Evidence):
        return (*found, Reason.LITTLE_IN_COMMON)
    signs = (
        (Reason.UNCOVERED_WORDS, seen.known + seen.unknown > 0),
        (Reason.ASKS_SOMETHING_ELSE, seen.holds == 0),
        (Reason.SEVERAL_ALIKE, seen.lead < _LEAD),
        (Reason.LITTLE_IN_COMMON, seen.covered < _COVERED),
    )
    return (*found, *(reason for reason, holds in signs if holds)) or (Reason.LITTLE_IN_COMMON,)


def shipped() -> Gate:
    """The gate that comes with the package."""
    with as_file(files("knowledge.weights").joinpath(ARTEFACT)) as path:
        return load(path)


def load(path: Path) -> Gate:
    """The gate of an artefact: plain arrays, never pickles."""
    with np.load(path, allow_pickle=False) as values:
        entries, documents = (
            Curve(tuple(map(float, values[name])), float(values[f"{name}_offset"])) for name in ("entries", "documents")
        )
        limits = {name: float(values[name]) for name in ("answers", "related", "sure", "document_answers")}
        return Gate(entries, documents, **limits)
