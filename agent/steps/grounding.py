"""Does every fact of a draft stand in what it cites? A draft that says more than its sources is not shown."""

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Final

from agent.steps.facts import Fact, facts
from agent.steps.reply import Citation

__all__ = ["Fact", "bare_values", "facts", "false_citations", "stands", "unsupported"]

_LIST_NUMBER: Final = re.compile(r"(?m)^\s*\d{1,2}(?:\. |[、)）])")
_HALF: Final = re.compile(r"凌晨|清晨|早|上午|中午|下午|傍晚|晚|夜|今晚|明早")
_MIDNIGHT: Final = {"24:00": "0:00", "0:00": "24:00"}
_SMALLER: Final = {
    "年": ("月", 12),
    "小时": ("分钟", 60),
    "千克": ("克", 1000),
    "斤": ("克", 500),
    "升": ("毫升", 1000),
    "周": ("天", 7),
}
"""Units that are exactly so many of a smaller one. Days are no hours here: 三天 and 72小时 begin differently."""
_SAME_DAY: Final = {
    "今晚": ("今天", "当天"),
    "今天": ("今晚", "当天"),
    "当天": ("今天", "今晚"),
    "明早": ("明天",),
    "次日": ("明天",),
    "明天": ("次日",),
}
_ONLY_A_NUMBER: Final = re.compile(r"\s*[\d.,]+\s*")


def unsupported(text: str, sources: Iterable[str]) -> list[Fact]:
    """Facts of `text` that no source has. The numbers of a joined answer's list are not facts.

    A source that is nothing but a number is the value of a slot: its unit stands in the text around it.
    """
    kept = list(sources)
    known = [fact for source in kept for fact in facts(source)]
    bare = bare_values(kept)
    return [fact for fact in facts(_LIST_NUMBER.sub("", text)) if fact.value not in bare and not stands(fact, known)]


def bare_values(sources: Sequence[str]) -> set[str]:
    """The values of sources that are nothing but a number."""
    bare = {fact.value for source in sources if _ONLY_A_NUMBER.fullmatch(source) for fact in facts(source)}
    return bare | {f"{value}:00" for value in bare}


def stands(fact: Fact, known: Sequence[Fact]) -> bool:
    """Whether `fact` is among `known`, in whatever spelling: 八折 is 80% and 省20%, 晚上八点 is 20:00."""
    if _same(fact, known) or any(_same(twin, known) for twin in _twins(fact)):
        return True
    return any(_same(fact, [twin]) for other in known for twin in _twins(other) if other.kind == fact.kind)


def _twins(fact: Fact) -> Iterator[Fact]:
    """The same said in another kind of fact."""
    if fact.kind == "time" and not _HALF.match(fact.text):
        hour, minutes = fact.value.split(":")
        if int(hour) <= 12:
            yield fact._replace(value=f"{int(hour) + 12}:{minutes}")
    elif fact.kind == "time" and fact.value in _MIDNIGHT:
        yield fact._replace(value=_MIDNIGHT[fact.value])
    elif fact.kind == "amount" and fact.unit in _SMALLER and fact.value:
        unit, times = _SMALLER[fact.unit]
        yield fact._replace(unit=unit, value=_plain(Decimal(fact.value) * times))
    elif fact.kind == "discount":
        yield fact._replace(kind="share", value=_plain(Decimal(fact.value) * 10))
        yield fact._replace(kind="share", value=_plain(100 - Decimal(fact.value) * 10))
    elif fact.kind == "share" and fact.value:
        yield fact._replace(kind="discount", value=_plain(Decimal(fact.value) / 10))
    elif fact.kind == "day" and fact.value in _SAME_DAY:
        yield from (fact._replace(value=other) for other in _SAME_DAY[fact.value])


def _plain(number: Decimal) -> str:
    return format(number.normalize(), "f")


def _same(fact: Fact, known: Sequence[Fact]) -> bool:
    if fact.kind == "date":
        return any(other.kind == "date" and _same_date(fact.value, other.value) for other in known)
    if fact.kind == "amount":
        return any(_same_amount(fact, other) for other in known)
    return any(other.kind == fact.kind and other.value == fact.value for other in known)


def _same_amount(fact: Fact, other: Fact) -> bool:
    """A number without a unit is held by the same number with one, not the other way round."""
    if other.kind == "date":
        return _of_date(fact, *other.value.split("-"))
    return other.kind == "amount" and fact.value == other.value and fact.unit in ("", other.unit)


def _of_date(fact: Fact, year: str, month: str, day: str) -> bool:
    return (fact.unit, fact.value) in {("天", day), ("号", day), ("月", month), ("年", year)}


def _same_date(text: str, source: str) -> bool:
    """5月1日 and 2026年5月1日 are the same; a month or day that only the text names is not."""
    year, *day = text.split("-")
    known_year, *known_day = source.split("-")
    named = [(ours, theirs) for ours, theirs in zip(day, known_day, strict=True) if ours]
    if not named:
        return year == known_year
    return all(ours == theirs for ours, theirs in named) and (not year or not known_year or year == known_year)


def false_citations(citations: Sequence[Citation], versions: dict[tuple[str, int], str]) -> list[str]:
    """Ids of entries whose quote is no substring of the cited version's answer (or whose version is unknown)."""
    return [
        citation.entry_id
        for citation in citations
        if citation.quote not in versions.get((citation.entry_id, citation.version), "\0")
    ]
