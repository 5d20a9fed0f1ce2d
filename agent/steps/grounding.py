"""Does every fact of a draft stand in what it cites? A draft that says more than its sources is not shown."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from agent.steps.reply import Citation
from core.text import normalize

# Amounts, dates, percentages, phone numbers: any run of digits with its inner separators. Links as a whole.
_FACT: Final = re.compile(r"https?://[\w./?=&%#~:+-]+|\d+(?:[.,:/-]\d+)*%?")
_LIST_NUMBER: Final = re.compile(r"(?m)^\d{1,2}\. ")


def facts(text: str) -> list[str]:
    """Numbers and links in `text`, normalised (full-width digits count as digits)."""
    return _FACT.findall(normalize(text).text)


def unsupported(text: str, sources: Iterable[str]) -> list[str]:
    """Facts of `text` that no source has. The numbers of a joined answer's list are not facts."""
    known = {fact for source in sources for fact in facts(source)}
    return [fact for fact in facts(_LIST_NUMBER.sub("", text)) if fact not in known]


def false_citations(citations: Sequence[Citation], versions: dict[tuple[str, int], str]) -> list[str]:
    """Ids of entries whose quote is no substring of the cited version's answer (or whose version is unknown)."""
    return [
        citation.entry_id
        for citation in citations
        if citation.quote not in versions.get((citation.entry_id, citation.version), "\0")
    ]
