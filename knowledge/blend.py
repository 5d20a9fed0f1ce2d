"""How near an entry is to a question, in several views, and how they are weighed into one score for the ranking.

The weights are fitted by `qunzhu-evals fit blend` on questions of our own to nine invented knowledge bases and shipped
with a model card: `docs/decisions/0007-finding-and-refusing.md`.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

ARTEFACT: Final = "blend.npz"


class Scores(NamedTuple):
    """Each about 0 to 1. `nearest`: the nearest wording; `asked`: all wordings in one text; `whole`: wordings and
    answer in one; `answer`: the answer alone; `lexical`: shared words and meanings; `coverage`: how much of the
    question the entry speaks of; `second`: the second encoder's view of the whole entry, 0 without one."""

    nearest: float
    asked: float
    whole: float
    answer: float
    lexical: float
    coverage: float
    second: float = 0.0


@dataclass(frozen=True, slots=True)
class Blend:
    """The weights, in the order of `Scores`, adding up to 1."""

    weights: Scores

    def of(self, scores: Scores) -> float:
        """The weighted mean."""
        return sum(weight * score for weight, score in zip(self.weights, scores, strict=True))


@cache
def shipped(*, two: bool) -> Blend:
    """The blend that comes with the package, with and without a second encoder."""
    with as_file(files("knowledge.weights").joinpath(ARTEFACT)) as path:
        return load(path, two=two)


def load(path: Path, *, two: bool) -> Blend:
    """A blend of an artefact: plain arrays, never pickles."""
    with np.load(path, allow_pickle=False) as values:
        return blend([float(weight) for weight in values["two" if two else "one"]])


def blend(weights: list[float]) -> Blend:
    """Weights as fitted, brought to a sum of 1."""
    total = sum(weights)
    return Blend(Scores(*(weight / total for weight in weights)))
