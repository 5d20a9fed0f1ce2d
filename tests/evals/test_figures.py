import numpy as np
import pytest

from evals.figures import Figure, auroc, calibration_error, f1, resampled, share
from evals.gate import best_threshold


def test_wilson_interval() -> None:
    figure = share([True] * 8 + [False] * 2)
    assert figure.value == 0.8 and figure.n == 10
    # Worked out by hand from Wilson's formula with z 1.96.
    assert figure.low == pytest.approx(0.4902, abs=1e-3) and figure.high == pytest.approx(0.9433, abs=1e-3)


def test_share_of_nothing_is_no_zero() -> None:
    assert share([]) == Figure(None, 0, None, None)
    assert share([]).shown() == {"value": None, "n": 0, "interval": None}


def test_share_of_all_has_an_interval() -> None:
    figure = share([True] * 10)
    assert figure.low is not None and figure.low < 0.75 and figure.high == pytest.approx(1.0)


def test_auroc_with_ties() -> None:
    assert auroc(np.array([0.9, 0.5, 0.5, 0.1]), np.array([True, True, False, False])) == 0.875


def test_auroc_needs_both() -> None:
    assert resampled(auroc, np.array([0.9, 0.5]), np.array([True, True])).value is None


def test_bootstrap_has_a_fixed_seed() -> None:
    random = np.random.default_rng(1)
    scores, positive = random.random(50), random.random(50) < 0.5
    assert resampled(auroc, scores, positive) == resampled(auroc, scores, positive)


def test_f1_of_nothing() -> None:
    nothing = np.zeros(3, dtype=bool)
    assert f1(nothing, nothing) is None


def test_calibration_error() -> None:
    assert calibration_error(np.array([0.85, 0.85]), np.array([True, False])) == pytest.approx(0.35)
    assert calibration_error(np.array([1.0]), np.array([True])) == 0.0


def test_threshold_lies_between_and_never_parts_equal_scores() -> None:
    assert best_threshold(np.array([0.9, 0.7, 0.5]), np.array([True, True, False])) == pytest.approx(0.6)
    assert best_threshold(np.array([0.9, 0.5, 0.5]), np.array([True, True, False])) == 0.5
