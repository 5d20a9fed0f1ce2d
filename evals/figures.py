"""Figures with their n and 95 % interval: Wilson for shares, percentile bootstrap with a fixed seed for the rest."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Z: Final = 1.959964
RESAMPLES: Final = 1_000
SEED: Final = 20261121
BINS: Final = 10

Array = NDArray[Any]


class Figure(NamedTuple):
    """`value`, `low` and `high` are None where nothing could be measured."""

    value: float | None
    n: int
    low: float | None
    high: float | None

    def shown(self) -> dict[str, Any]:
        interval = None if self.low is None or self.high is None else [round(self.low, 4), round(self.high, 4)]
        return {"value": None if self.value is None else round(self.value, 4), "n": self.n, "interval": interval}


def share(hits: Sequence[bool] | Array) -> Figure:
    """The share of True, with Wilson's interval."""
    n = len(hits)
    if not n:
        return Figure(None, 0, None, None)
    p = sum(map(bool, hits)) / n
    middle = (p + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
    return Figure(p, n, max(0.0, middle - half), min(1.0, middle + half))


def resampled(measure: Callable[..., float | None], *columns: Sequence[Any] | Array) -> Figure:
    """`measure` of the columns, with an interval from rows drawn again and again. None from a draw (one without any
    positive row, say) is left out."""
    arrays = [np.asarray(column) for column in columns]
    n = len(arrays[0])
    value = measure(*arrays) if n else None
    if value is None:
        return Figure(None, n, None, None)
    random = np.random.default_rng(SEED)
    draws = (random.integers(0, n, n) for _ in range(RESAMPLES))
    found = [result for draw in draws if (result := measure(*(array[draw] for array in arrays))) is not None]
    low, high = np.percentile(found, [2.5, 97.5]) if found else (None, None)
    return Figure(float(value), n, None if low is None else float(low), None if high is None else float(high))


def auroc(scores: Array, positive: Array) -> float | None:
    """How often a positive row scores above a negative one, ties counting half; None without both."""
    up, down = scores[positive.astype(bool)], np.sort(scores[~positive.astype(bool)])
    if not len(up) or not len(down):
        return None
    below = np.searchsorted(down, up, side="left")
    above = np.searchsorted(down, up, side="right")
    return float((below + above).sum() / (2 * len(up) * len(down)))


def f1(predicted: Array, actual: Array) -> float | None:
    """None where nothing is positive in either."""
    both = int((predicted & actual).sum())
    total = int(predicted.sum() + actual.sum())
    return 2 * both / total if total else None


def mean(values: Array) -> float | None:
    return float(values.mean()) if len(values) else None


def calibration_error(chances: Array, right: Array) -> float | None:
    """Expected calibration error over ten bins of equal width: the mean distance of said chance and observed share."""
    if not len(chances):
        return None
    bins = np.minimum((chances * BINS).astype(int), BINS - 1)
    parts = [(bins == number) for number in range(BINS)]
    return float(
        sum(part.mean() * abs(float(chances[part].mean()) - float(right[part].mean())) for part in parts if part.any())
    )
