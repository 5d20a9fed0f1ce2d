"""Does every number of an answer come from what the tools returned? One that doesn't, and the text isn't shown."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from agent.steps.facts import Fact, facts
from agent.steps.question_parse.interpretation import Interpretation
from tools.figures import Figure
from tools.registry import Call

_SLOT: Final = re.compile(r"\{[\w-]+\}")
_POINTS: Final = re.compile(r"个?百分点")
_ONE: Final = ("一", "第一", "两")
_SPANS: Final = frozenset({"天", "日", "周", "月", "年", "号", "季"})
_CALENDAR: Final = re.compile(r"\d+\s*(?:月|日|号|年)")


def strange(text: str, calls: Sequence[Call], found: Interpretation) -> list[Fact]:
    """Numbers, shares, dates and links of `text` that no figure, table or period of the run holds."""
    figures = [one for call in calls if call.answer for one in call.answer.figures]
    plain = _stripped(text, calls, figures)
    values, days = set(_values(calls)), _days(figures, found)
    return [fact for fact in facts(plain) if not _known(fact, values, days)]


def _stripped(text: str, calls: Sequence[Call], figures: Sequence[Figure]) -> str:
    """Without member slots, the names of groups (3群 is no figure) and definitions of ours."""
    named = {key for one in figures for key in one.dimensions.values() if not re.fullmatch(r"[\d:-]+", key)}
    named |= {name for one in figures for names in one.filters.values() for name in names}
    named |= {one.definition for one in figures}
    named |= {
        str(row[0]) for call in calls if call.answer and call.answer.table for row in call.answer.table.rows[:200]
    }
    for name in sorted((one for one in named if re.search(r"\D", one)), key=len, reverse=True):
        if not re.fullmatch(r"[\d:-]+", name):
            text = text.replace(name, " ")
    return _POINTS.sub("%", _SLOT.sub(" ", text))


def _values(calls: Sequence[Call]) -> Iterator[Decimal]:
    for call in calls:
        if call.answer is None:
            continue
        for one in call.answer.figures:
            for value in (one.value, one.numerator, one.denominator):
                yield from _forms(value, share=one.unit == "share")
            if one.numerator is not None and one.denominator:
                yield from _forms(one.numerator / one.denominator, share=True)
        for value in _numbers(
            [call.answer.said, [row for row in (call.answer.table.rows if call.answer.table else [])]]
        ):
            yield from _forms(value, share=True)


def _numbers(value: Any) -> Iterator[float | int]:
    if isinstance(value, bool):
        return
    if isinstance(value, int | float):
        yield value
    elif isinstance(value, dict):
        yield from _numbers(list(value.values()))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _numbers(one)


def _forms(value: float | int | None, *, share: bool) -> Iterator[Decimal]:
    """A number as it may be said: rounded to 0 to 2 decimals, a share in percent too; signs stand in words."""
    if value is None:
        return
    exact = abs(Decimal(str(value)))
    for one in (exact, exact * 100) if share else (exact,):
        yield from (round(one, digits).normalize() for digits in (0, 1, 2))


def _days(figures: Iterable[Figure], found: Interpretation) -> set[date]:
    days = {day for one in figures for day in (one.period.start, one.period.end)}
    for key in (key for one in figures for key in one.dimensions.values()):
        if re.fullmatch(r"\d{4}-\d{2}(-\d{2})?", key):
            days.add(date.fromisoformat(key if len(key) == 10 else f"{key}-01"))
    if found.period is not None:
        days |= {found.period.start, found.period.end}
        if found.period.base is not None:
            days |= {found.period.base.start, found.period.base.end}
    return days


def _known(fact: Fact, values: set[Decimal], days: set[date]) -> bool:
    if fact.kind == "day":
        return True
    if fact.kind == "date":
        return _is_day(fact.value, days)
    if fact.text.startswith(_ONE) and fact.unit in ("个", "", "名", "位"):
        return True
    number = _number(fact.value)
    if number is None:
        return False
    if fact.unit in _SPANS and (number in _lengths(days) or number in _calendar(days)):
        return True
    return number in values or (_CALENDAR.fullmatch(fact.text) is not None and number in _calendar(days))


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text.removesuffix(":00")).normalize()
    except InvalidOperation:
        return None


def _is_day(text: str, days: set[date]) -> bool:
    year, month, day = ([*text.split("-"), "", ""])[:3]
    return any(
        (not year or int(year) == one.year)
        and (not month or int(month) == one.month)
        and (not day or int(day) == one.day)
        for one in days
    )


def _lengths(days: set[date]) -> set[Decimal]:
    return {Decimal(abs((a - b).days) + 1).normalize() for a in days for b in days}


def _calendar(days: set[date]) -> set[Decimal]:
    return {Decimal(part).normalize() for one in days for part in (one.year, one.month, one.day)}
