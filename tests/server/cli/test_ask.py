"""Bars of an answer on a terminal."""

from collections.abc import Iterator
from typing import Any

import pytest

from server.cli import words
from server.cli.ask import bars


@pytest.fixture(autouse=True)
def _chinese(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    words.locale.cache_clear()
    yield
    words.locale.cache_clear()


def _chart(labels: list[str], values: list[Any], unit: str = "messages") -> dict[str, Any]:
    return {"kind": "bar", "title": "发言数", "labels": labels, "values": values, "unit": unit}


def test_bars_are_as_long_as_their_share_of_the_largest() -> None:
    title, first, second = bars(_chart(["妈妈群", "VIP"], [40, 10]))
    assert title == "发言数"
    assert first == f"妈妈群  {'█' * 32} 40"
    assert second == f"VIP     {'█' * 8} 10"


def test_what_has_no_value_and_what_shrank_show_so() -> None:
    lines = list(bars(_chart(["甲", "乙"], [None, -5])))[1:]
    assert lines == ["甲  –", f"乙  {'░' * 32} -5"]


def test_shares_are_percent_and_weekdays_have_names() -> None:
    lines = list(bars(_chart(["1", "7"], [0.5, 0.25], "share"), "weekday"))[1:]
    assert [line.split()[0] for line in lines] == ["周一", "周日"]
    assert lines[0].endswith("50.0%")


def test_nothing_but_zeros_is_no_division_by_zero() -> None:
    assert list(bars(_chart(["甲"], [0])))[1:] == ["甲  0"]
