"""The two fits find what made the data."""

import numpy as np
import pytest

from evals.curves import Choice, logistic, ranking
from evals.figures import SEED


def test_logistic_finds_the_curve() -> None:
    random = np.random.default_rng(SEED)
    features = random.normal(size=(20_000, 2)) * [1.0, 5.0] + [3.0, -2.0]
    chances = 1 / (1 + np.exp(-(2.0 * features[:, 0] - 0.3 * features[:, 1] - 5.0)))
    weights, offset = logistic(features, (random.random(20_000) < chances).astype(float), 1e-6)
    assert weights == pytest.approx([2.0, -0.3], abs=0.1)
    assert offset == pytest.approx(-5.0, abs=0.3)


def test_ranking_finds_the_weights() -> None:
    random = np.random.default_rng(SEED)
    choices = []
    for _ in range(3_000):
        views = random.normal(size=(10, 3))
        likely = np.exp(views @ [1.5, 0.5, 0.0])
        right = np.zeros(10, dtype=bool)
        right[random.choice(10, p=likely / likely.sum())] = True
        choices.append(Choice(views, right))
    assert ranking(choices, 1e-6) == pytest.approx([1.5, 0.5, 0.0], abs=0.1)
