"""Marking spans and telling times."""

from datetime import UTC, datetime

import pytest

from server.console.render import local_time, marked

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("spans", "shown"),
    [
        ([], "a&lt;b&gt;c"),
        ([(1, 3)], "a<mark>&lt;b</mark>&gt;c"),
        ([(2, 4), (1, 3)], "a<mark>&lt;b</mark><mark>&gt;</mark>c"),
        ([(-5, 1), (4, 99)], "<mark>a</mark>&lt;b&gt;<mark>c</mark>"),
        ([(2, 2)], "a&lt;b&gt;c"),
    ],
)
def test_marked(spans: list[tuple[int, int]], shown: str) -> None:
    assert marked("a<b>c", spans) == shown


def test_marks_count_code_points() -> None:
    assert marked("👨‍👩‍👧加微信", [(5, 8)]) == "👨‍👩‍👧<mark>加微信</mark>"


@pytest.mark.parametrize(
    ("moment", "told"),
    [
        (datetime(2026, 11, 20, 16, 5, tzinfo=UTC), "00:05"),
        (datetime(2026, 11, 20, 15, 5, tzinfo=UTC), "11-20 23:05"),
        (datetime(2025, 12, 31, 12, 0, tzinfo=UTC), "2025-12-31 20:00"),
    ],
)
def test_times_are_told_in_the_reporting_zone(moment: datetime, told: str) -> None:
    assert local_time(moment, NOW) == told
