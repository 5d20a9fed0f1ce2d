"""Does every fact of a draft stand in what it cites? A draft that says more than its sources is not shown."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from agent.steps.facts import Fact, facts
from agent.steps.reply import Citation

__all__ = ["Fact", "facts", "false_citations", "unsupported"]

_LIST_NUMBER: Final = re.compile(r"(?m)^\s*\d{1,2}(?:\. |[、)）])")
_ONLY_A_NUMBER: Final = re.compile(r"\s*[\d.,]+\s*")


def unsupported(text: str, sources: Iterable[str]) -> list[Fact]:
    """Facts of `text` that no source has. The numbers of a joined answer's list are not facts.

    A source that is nothing but a number is the value of a slot: its unit stands in the text around it.
    """
    kept = list(sources)
    known = [fact for source in kept for fact in facts(source)]
    bare = {fact.value for source in kept if _ONLY_A_NUMBER.fullmatch(source) for fact in facts(source)}
    bare |= {f"{value}:00" for value in bare}
    return [fact for fact in facts(_LIST_NUMBER.sub("", text)) if fact.value not in bare and not _stands(fact, known)]


def _stands(fact: Fact, known: Sequence[Fact]) -> bool:
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
