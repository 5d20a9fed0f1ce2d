"""The two fits behind the artefacts, by Newton's method on numpy: a logistic curve, and weights that rank."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from evals.figures import Array

ROUNDS: Final = 60


def logistic(features: Array, right: Array, ridge: float) -> tuple[Array, float]:
    """Weights and offset of the chance that a row is right; `ridge` on standardised weights, not on the offset."""
    middle, spread = features.mean(0), features.std(0) + 1e-9
    rows = np.column_stack([(features - middle) / spread, np.ones(len(features))])
    weights = np.zeros(rows.shape[1])
    penalty = np.append(np.full(features.shape[1], ridge * len(rows)), 0.0)
    for _ in range(ROUNDS):
        chances = 1 / (1 + np.exp(-np.clip(rows @ weights, -30, 30)))
        slope = rows.T @ (right - chances) - penalty * weights
        curve = rows.T @ (rows * (chances * (1 - chances))[:, None]) + np.diag(penalty + 1e-9)
        weights += np.linalg.solve(curve, slope)
    plain = weights[:-1] / spread
    return plain, float(weights[-1] - plain @ middle)


class Choice(NamedTuple):
    """One question: the candidates' views, one row each, and which of them are right (at least one)."""

    views: Array
    right: Array


def ranking(choices: Sequence[Choice], ridge: float) -> Array:
    """Weights under which the right candidate of each question is likeliest (a conditional logit). Where several are
    right, the one that ranks highest at the time stands for them."""
    spread = np.sqrt(np.mean([((one.views - one.views.mean(0)) ** 2).mean(0) for one in choices], axis=0)) + 1e-9
    views = [(one.views - one.views.mean(0)) / spread for one in choices]
    weights = np.full(len(spread), 0.3)
    for _ in range(ROUNDS):
        slope = -2 * ridge * len(choices) * weights
        curve = 2 * ridge * len(choices) * np.eye(len(weights))
        for rows, one in zip(views, choices, strict=True):
            chances = _softmax(rows @ weights)
            aimed = int(np.flatnonzero(one.right)[chances[one.right].argmax()])
            mean = chances @ rows
            slope += rows[aimed] - mean
            curve += (rows * chances[:, None]).T @ rows - np.outer(mean, mean)
        weights = weights + np.linalg.solve(curve, slope)
    return np.asarray(weights / spread)


def _softmax(values: Array) -> Array:
    raised = np.exp(values - values.max())
    return np.asarray(raised / raised.sum())
