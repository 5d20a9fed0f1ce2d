"""When members joined, as briefs say it: 11月1号之后进群, 上周新进福利群, 入群30天内."""

import re
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any, Final

from agent.steps.campaign_names import Known, short
from agent.steps.campaign_span import SPAN, days
from core import segments as tree

_DATE: Final = r"(?:(?:\d{4}年)?\d{1,2}月\d{1,2}[日号]?|(?<![\d月])\d{1,2}[日号])"
_JOIN: Final = r"(?:才|刚|就)?新?(?:加入了?(?P<into>[一-鿿]{0,10}?群)?|[进入加]了?(?P<group>[一-鿿]{0,10}?群))"
_AFTER: Final = re.compile(rf"(?P<day>{_DATE})(?:之后|以后|后|起|以来|开始){_JOIN}")
_BEFORE: Final = re.compile(rf"(?P<day>{_DATE})(?:之前|以前|前){_JOIN}")
_BETWEEN: Final = re.compile(rf"(?P<day>{_DATE})(?:到|至|-|~)(?P<last>{_DATE})(?:之间|期间)?{_JOIN}")
_ON: Final = re.compile(rf"(?P<day>{_DATE})(?:当天)?{_JOIN}")
_PERIOD: Final = re.compile(
    rf"(?P<period>上个?(?:周|星期|礼拜)|上个?月|[本这]个?(?:周|星期|礼拜)|[本这]个?月|昨天|前天|今天)(?:里|内)?{_JOIN}"
)
_SINCE: Final = re.compile(rf"(?:入群|加入|进群){SPAN}(?P<side>以内|之内|内|以上|以后)")
_LATELY: Final = re.compile(rf"(?:最近|近|过去){SPAN}(?:内|里)?{_JOIN}")
_ANY_GROUP: Final = {"群", "本群", "我们群", "咱们群", "咱群", "社群", "我群", ""}

Span = tuple[int, int]


def read(text: str, known: Known, today: date) -> tuple[list[tuple[tree.Node | None, Span]], list[str]]:
    """The condition with the place that it was read from, and what names a group or a day that can't be told."""
    kinds: Sequence[tuple[re.Pattern[str], Callable[[re.Match[str], date], dict[str, Any] | None]]] = (
        (_BETWEEN, _between),
        (_AFTER, lambda match, now: _limit("from_", _day(match["day"], now))),
        (_BEFORE, _before),
        (_ON, _on),
        (_PERIOD, _period),
        (_SINCE, _since),
        (_LATELY, lambda match, _: {"days_ago_most": days(match)}),
    )
    for pattern, limits in kinds:
        if match := pattern.search(text):
            found, into = limits(match, today), _into(match, known)
            if found is None or into is None:
                return [], [match[0]]
            return [(tree.Joined(**found, **into), match.span())], []
    return [], []


def _into(match: re.Match[str], known: Known) -> dict[str, Any] | None:
    """The group that was joined, none where any is meant; None where nobody can tell."""
    said = match.groupdict()
    name = said.get("into") or said.get("group") or ""
    if name in _ANY_GROUP:
        return {}
    fits, _ = short(name, len(name) - 1, [*known.communities, *([known.home] if known.home else [])])
    return {"in_": (fits[0].id,)} if len(fits) == 1 else None


def _limit(name: str, day: date | None) -> dict[str, Any] | None:
    return None if day is None else {name: day}


def _before(match: re.Match[str], today: date) -> dict[str, Any] | None:
    day = _day(match["day"], today)
    return None if day is None else {"to": day - timedelta(days=1)}


def _on(match: re.Match[str], today: date) -> dict[str, Any] | None:
    day = _day(match["day"], today)
    return None if day is None else {"from_": day, "to": day}


def _between(match: re.Match[str], today: date) -> dict[str, Any] | None:
    first = _day(match["day"], today)
    if first is None:
        return None
    last = match["last"] if "月" in match["last"] else f"{first.year}年{first.month}月{match['last']}"
    end = _day(last, today)
    return None if end is None or end < first else {"from_": first, "to": end}


def _since(match: re.Match[str], _today: date) -> dict[str, Any]:
    return {"days_ago_least" if match["side"] in ("以上", "以后") else "days_ago_most": days(match)}


def _period(match: re.Match[str], today: date) -> dict[str, Any]:
    words, monday = match["period"], today - timedelta(days=today.weekday())
    if words in ("今天", "昨天", "前天"):
        day = today - timedelta(days=("今天", "昨天", "前天").index(words))
        return {"from_": day, "to": day}
    if words.endswith("月"):
        first = today.replace(day=1)
        before = (first - timedelta(days=1)).replace(day=1)
        return {"from_": before, "to": first - timedelta(days=1)} if words[0] == "上" else {"from_": first, "to": today}
    if words[0] == "上":
        return {"from_": monday - timedelta(weeks=1), "to": monday - timedelta(days=1)}
    return {"from_": monday, "to": today}


def _day(words: str, today: date) -> date | None:
    """The last such day that is not to come, since joining lies behind; None where there is none."""
    numbers = [int(part) for part in re.findall(r"\d+", words)]
    try:
        if len(numbers) == 3:
            return date(*numbers) if tree.FIRST_YEAR <= numbers[0] <= today.year else None
        if len(numbers) == 2:
            day = date(today.year, *numbers)
            return day if day <= today else day.replace(year=today.year - 1)
        day = today.replace(day=numbers[0])
        return day if day <= today else (today.replace(day=1) - timedelta(days=1)).replace(day=numbers[0])
    except ValueError:
        return None
