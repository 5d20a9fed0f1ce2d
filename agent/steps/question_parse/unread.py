"""What of a question was not read. A figure that leaves a condition out answers another question, so what is neither
a known word nor filler refuses it (`docs/questions.md`)."""

import re
from collections.abc import Iterator
from typing import Final

from agent.steps.question_parse import places
from agent.steps.question_parse.interpretation import Interpretation, Known
from agent.steps.question_parse.words import pattern, words

_TOP: Final = re.compile(
    r"(?:top|前|倒数|后)\s*(?:\d{1,3}|[一二三四五六七八九十两]{1,3})\s*(?:名|位|个|群|人|天|条|大|款)?|"
    r"(?:哪|取|列出?|的)?(?:\d{1,3}|[一二三四五六七八九十两]{1,3})个?(?=群|人|天|$)"
)
_HOURS: Final = re.compile(
    r"(?:凌晨|早上|上午|中午|下午|晚上|晚)?[\d一二三四五六七八九十]{1,3}点(?:到|至|-|~)[\d一二三四五六七八九十]{1,3}点"
)
# What was meant as a day or a period and is none. 7天没说话 is a condition.
_DATE: Final = re.compile(
    r"(?:最?近|过去)\s*\d+\s*(?:天|日|周|个?月|年)|\d{4,}年(?:\d+月份?)?(?:\d+[日号])?|\d+月\d+[日号]|\d{4}-\d+-\d+"
)
_COUNTED: Final = re.compile("(?<=..)(?:的?还?有?(?:一共)?(?:多少|几).*|的有?)$")
_EDGE: Final = re.compile("^[的是了有还和跟与,]+|[的是了有,]+$")
_LONGEST: Final = 24


def condition(bare: str, told: str) -> str | None:
    """A condition that no tool has (除了福利群, 超过5条), as it stands in `told`, the text with its communities."""
    said = pattern("conditions").search(bare)
    return None if said is None else _COUNTED.sub("", told[said.start() : said.end()].strip())[:_LONGEST]


def rest(bare: str, known: Known, found: Interpretation) -> str | None:
    """The first part of the question without its periods and communities that means something and was not read."""
    stretch = left = places.blanked(bare, _read(bare, known, found))
    date = _DATE.search(left)
    if date is not None:
        return date[0][:_LONGEST]
    base = found.period is not None and found.period.base is not None
    if base or found.group_by is not None:
        left = _without(left, "compared")
    left = _without(left, "fillers")
    part = re.search(r"[^\W_]+", left)
    return None if part is None else _around(stretch, part.start(), part.end())


def _around(stretch: str, start: int, end: int) -> str:
    """The whole words of which something was left: 群主 and not 主."""
    while start > 0 and stretch[start - 1].isalnum():
        start -= 1
    while end < len(stretch) and stretch[end].isalnum():
        end += 1
    return _EDGE.sub("", stretch[start:end])[:_LONGEST] or stretch[start:end]


def is_date(part: str) -> bool:
    """Whether it was meant as a day or a period: 13月45号, 最近0天."""
    return _DATE.search(part) is not None


def _without(text: str, section: str) -> str:
    return pattern(section).sub(lambda match: " " * len(match[0]), text)


def _read(bare: str, known: Known, found: Interpretation) -> Iterator[tuple[int, int]]:
    """The spans of all the words from which `found` was made."""
    for section in ("metrics", "dimensions", "activities", "order", "values"):
        yield from ((hit.start, hit.end) for hit in words(section).all(bare))
    named = [value for name in ("channel", "source", "tag", "campaign", "moderator") for value in found.values(name)]
    yield from places.other_spans(bare, known, named)
    if found.tool == "members_list":
        yield from (match.span() for match in pattern("lists").finditer(bare))
    if found.values("cohort"):
        yield from (match.span() for match in pattern("cohort_words").finditer(bare))
    if found.limit is not None:
        yield from (match.span() for match in _TOP.finditer(bare))
    if found.values("hour"):
        yield from (match.span() for match in _HOURS.finditer(bare))
    if found.values("birthday_in_period"):
        yield from (match.span() for match in re.finditer("过?生日", bare))
