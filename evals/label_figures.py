"""Rows that may carry several labels: precision, recall and F1 of each, and the mean over those that occur."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from evals.figures import Array, Figure, f1, resampled, share
from evals.report import Group


class Labelled(NamedTuple):
    """What a row has, and what was found in it."""

    right: frozenset[str]
    got: frozenset[str]


def per_label(rows: Sequence[Labelled]) -> tuple[dict[str, Group], Figure]:
    """Every label for itself, also one that is found and never right; the macro F1 is over the labels that occur."""
    names = sorted({label for row in rows for label in row.right})
    shown = sorted({label for row in rows for label in row.right | row.got})
    actual = {name: np.array([name in row.right for row in rows], dtype=bool) for name in shown}
    got = {name: np.array([name in row.got for row in rows], dtype=bool) for name in shown}
    return {name: one_label(got[name], actual[name]) for name in shown}, macro_f1(names, got, actual)


def one_label(got: Array, actual: Array) -> Group:
    return {"precision": share(actual[got]), "recall": share(got[actual]), "f1": resampled(f1, got, actual)}


def macro_f1(names: Iterable[str], got: Mapping[str, Array], actual: Mapping[str, Array]) -> Figure:
    """The mean F1 over the labels that occur; a label that a draw has no row of is left out of its mean."""
    pairs = [column for name in names for column in (got[name], actual[name])]
    if not pairs:
        return Figure(None, 0, None, None)

    def macro(*columns: Array) -> float | None:
        found = [value for a, b in zip(columns[::2], columns[1::2], strict=True) if (value := f1(a, b)) is not None]
        return sum(found) / len(found) if found else None

    return resampled(macro, *pairs)
