"""Which words of a message complain: the clause with the most evidence, and its neighbours that go on about it."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from core.text import Normalized

LONGEST: Final = 60
"""Characters of a quote; a clause that is longer is quoted whole up to `MOST`."""
MOST: Final = 120
NEIGHBOUR: Final = 0.4
"""Share of the best clause's evidence from which a clause beside it belongs to the quote."""
_CLAUSE: Final = re.compile(r"[^,。!?;~\n…]+")

Evidence = tuple[int, int, float]
"""Start and end in the original text, and the weight of what stands there."""


def quoted(normalized: Normalized, evidence: Iterable[Evidence]) -> tuple[int, int] | None:
    """The half-open span of the original; None where the text has no words."""
    clauses = [_trimmed(normalized.text, *match.span()) for match in _CLAUSE.finditer(normalized.text)]
    clauses = [(start, end) for start, end in clauses if start < end]
    if not clauses:
        return None
    pieces = list(evidence)
    spans = [normalized.span(*clause) for clause in clauses]
    worth = [sum(weight for start, _, weight in pieces if begin <= start < end) for begin, end in spans]
    first = last = max(range(len(clauses)), key=lambda n: worth[n])
    first, last = _widened(clauses, worth, first, last)
    begin = clauses[first][0]
    return normalized.span(begin, min(clauses[last][1], begin + MOST))


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())


def _widened(clauses: Sequence[tuple[int, int]], worth: Sequence[float], first: int, last: int) -> tuple[int, int]:
    """The range grown to both sides while what stands there speaks too and the quote stays short."""
    least = max(worth[first] * NEIGHBOUR, 1e-9)
    grown = True
    while grown:
        grown = False
        for n in (first - 1, last + 1):
            low, high = min(first, n), max(last, n)
            if 0 <= n < len(clauses) and worth[n] >= least and clauses[high][1] - clauses[low][0] <= LONGEST:
                first, last, grown = low, high, True
    return first, last
