"""A message as the classifiers read it: disguised words written out, numbers by their length, one kind of gap.

The same text is fitted on and judged, so what changes here wants a new fit.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from agent.steps.views.disguises import Disguise
from core.text import Normalized

LONGEST = 400
"""Characters that are read; a longer message says what it is before that."""
GRAMS = (1, 2, 3)
_LINK = re.compile(
    r"https?://[^\s一-鿿]+|(?<![a-z0-9])(?:www\.)?[a-z0-9\-]+\.(?:com|cn|net|cc|top|vip|xyz|me|io)[^\s一-鿿]*"
)
_NUMBER = re.compile(r"[0-9]+")
_GAP = re.compile(r"[^\w]+|_+")


class Reading(NamedTuple):
    """`text` as it is read; `places[i]` is where its i-th character stands in the original, half-open."""

    text: str
    places: tuple[tuple[int, int], ...]


def read(normalized: Normalized, disguises: Sequence[Disguise] = ()) -> Reading:
    """The reading of a normalised text in which `disguises` were found."""
    pieces = list(_pieces(normalized.text[:LONGEST], _apart(disguises)))
    chars, places = [], []
    for text, start, end in pieces:
        for n, char in enumerate(text):
            chars.append(char)
            one = len(text) == end - start
            places.append(normalized.span(start + n, start + n + 1) if one else normalized.span(start, end))
    return Reading("".join(chars), tuple(places))


def grams(text: str) -> Iterator[tuple[str, int, int]]:
    """Every run of one to three characters with where it stands."""
    for size in GRAMS:
        for start in range(len(text) - size + 1):
            yield text[start : start + size], start, start + size


def _apart(disguises: Sequence[Disguise]) -> list[Disguise]:
    """Those that don't overlap, the longest first."""
    chosen: list[Disguise] = []
    for one in sorted(disguises, key=lambda it: (-len(it.word), it.start, it.word)):
        if not any(one.start < other.end and other.start < one.end for other in chosen):
            chosen.append(one)
    return sorted(chosen, key=lambda it: it.start)


def _pieces(text: str, disguises: Sequence[Disguise]) -> Iterator[tuple[str, int, int]]:
    at = 0
    for one in disguises:
        if one.end <= len(text):
            yield from _plain(text, at, one.start)
            yield one.word, one.start, one.end
            at = one.end
    yield from _plain(text, at, len(text))


_REPLACED: tuple[tuple[re.Pattern[str], Callable[[str], str]], ...] = (
    (_LINK, lambda _: "〔"),
    (_NUMBER, lambda digits: "0" if len(digits) < 3 else "00" if len(digits) < 6 else "000"),
    (_GAP, lambda gap: gap if len(gap) == 1 and gap in "?!%" else " " if gap.strip() else ""),
)


def _plain(text: str, start: int, end: int) -> Iterator[tuple[str, int, int]]:
    """Characters one by one, links, numbers and gaps as what stands for them."""
    at = start
    while at < end:
        for pattern, made in _REPLACED:
            match = pattern.match(text, at, end)
            if match and match.end() > at:
                yield made(match[0]), at, match.end()
                at = match.end()
                break
        else:
            yield text[at], at, at + 1
            at += 1
