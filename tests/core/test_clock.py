"""A clock that moves only when told."""

from datetime import UTC, datetime, timedelta

import pytest

from core.clock import ManualClock, SystemClock
from core.ids import new_id


def test_stands_still_until_moved() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    clock = ManualClock(start)
    assert clock.now() == clock.now() == start
    assert clock.advance(minutes=5) == clock.now() == start + timedelta(minutes=5)
    clock.set(start)
    assert clock.now() == start


def test_naive_start_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        ManualClock(datetime(2026, 1, 1))  # noqa: DTZ001


def test_system_clock_is_aware() -> None:
    assert SystemClock().now().tzinfo is UTC


def test_ids_are_distinct_and_carry_their_noun() -> None:
    ids = {new_id("msg") for _ in range(200)}
    assert len(ids) == 200
    assert all(one.startswith("msg_") and len(one) == 30 for one in ids)
