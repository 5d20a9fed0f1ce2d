"""A setting takes what its definition allows and says so otherwise."""

import pytest

from core import tunables
from core.errors import BadInput
from core.tunables import ALL, Tunable


@pytest.mark.parametrize("tunable", ALL.values(), ids=ALL.keys())
def test_default_passes_its_own_check(tunable: Tunable[object]) -> None:
    assert tunable.check(tunable.default) == tunable.default
    assert tunable.doc


@pytest.mark.parametrize("tunable", [one for one in ALL.values() if one.minimum is not None], ids=lambda one: one.key)
def test_bounds_hold(tunable: Tunable[float]) -> None:
    assert tunable.minimum is not None and tunable.maximum is not None
    for inside in (tunable.minimum, tunable.maximum):
        assert tunable.check(inside) == inside
    for outside in (tunable.minimum - 1, tunable.maximum + 1, float("nan"), float("inf")):
        with pytest.raises(BadInput, match="setting_invalid"):
            tunable.check(outside)


@pytest.mark.parametrize("value", ["10", "", None, [], {}, 1.5, "ten"])
def test_wrong_type_is_refused(value: object) -> None:
    with pytest.raises(BadInput) as caught:
        tunables.UNDO_SECONDS.check(value)
    assert (caught.value.code, caught.value.params["key"]) == ("setting_invalid", "approvals.undo_seconds")


def test_tone_is_one_of_two() -> None:
    # scope: 15
    assert tunables.TONE.check("professional") == "professional"
    with pytest.raises(BadInput, match="setting_invalid"):
        tunables.TONE.check("rude")


def test_variables_are_texts_by_name() -> None:
    assert tunables.VARIABLES.check({"a": "b"}) == {"a": "b"}
    for value in ({"a": 1}, ["a"], "a"):
        with pytest.raises(BadInput, match="setting_invalid"):
            tunables.VARIABLES.check(value)


def test_threshold_may_be_unset() -> None:
    assert tunables.GATE_THRESHOLD.check(None) is None
    assert tunables.GATE_THRESHOLD.check(0.5) == 0.5


def test_unknown_key() -> None:
    assert tunables.tunable("reply.tone") is tunables.TONE
    with pytest.raises(BadInput, match="setting_unknown"):
        tunables.tunable("reply.ton")
