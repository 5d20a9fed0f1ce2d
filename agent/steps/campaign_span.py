"""Spans of days and small numbers, as briefs write them: 三个月, 半年, 90天."""

import re
from typing import Final

_DIGITS: Final = {char: value for value, char in enumerate("零一二三四五六七八九十")} | {"两": 2, "半": 0}
NUMBER: Final = r"(\d{1,4}|[一二两三四五六七八九十]{1,3})"
SPAN: Final = rf"(?:{NUMBER}(?:个多|多个|个|多)?(天|日|周|星期|礼拜|月|年)|(半)个?(月|年))"
_DAYS_OF: Final = {"天": 1, "日": 1, "周": 7, "星期": 7, "礼拜": 7, "月": 30, "年": 365}


def days(match: re.Match[str]) -> int:
    """The days of the first `SPAN` in a match; at least 1, at most 100 years."""
    parts = match.groups()
    for n, part in enumerate(parts[:-1]):
        unit = parts[n + 1]
        if part == "半" and unit in _DAYS_OF:
            return _DAYS_OF[unit] // 2
        if part and unit in _DAYS_OF and re.fullmatch(NUMBER, part):
            return max(1, min(number(part) * _DAYS_OF[unit], 36_500))
    return 30


def number(written: str) -> int:
    if written.isdecimal():
        return int(written)
    tens, ten, ones = written.rpartition("十")
    if not ten:
        return _DIGITS.get(written, 1)
    return 10 * (_DIGITS.get(tens, 1) if tens else 1) + _DIGITS.get(ones, 0)
