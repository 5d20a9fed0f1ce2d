"""Finds words of a fixed set in a text, also where they are spelled with something between (银 行 卡, 刷*单).

One Aho-Corasick automaton, two looks: the normalised text as it stands, and the same text without separators. A find
of the second look counts where the separators are of a kind that nobody types inside a word, or where they stand
between all of its characters; so 你好。色香味，情 never becomes 色情.
"""

import unicodedata
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import NamedTuple

from ahocorasick_rs import AhoCorasick

from agent.steps.views.disguises import STRENGTH, Disguise
from core.text import Normalized

_SENTENCE_ENDS = frozenset("。!?！？\n;；…")
_PAUSES = frozenset(",，、:：。.!?！？;；\n…\"'“”‘’()（）《》【】[]")


class Place(NamedTuple):
    """Where a word stands: `start`/`end` in the normalised text, `first`/`last` in the original, which sentence.
    `view` is how it was read where it is disguised, `strength` how much of its weight is left then."""

    start: int
    end: int
    first: int
    last: int
    sentence: int
    view: str = ""
    strength: float = 1.0


Places = dict[str, list[Place]]


class WordFinder:
    """An automaton over `words`, which must be normalised. `disguised` finds in a normalised text what stands for
    words in disguise; those that are among `words` are found too."""

    def __init__(self, words: Iterable[str], disguised: Callable[[str], Iterable[Disguise]] = lambda _: ()) -> None:
        self._words = sorted(set(words))
        self._known = frozenset(self._words)
        self._automaton = AhoCorasick(self._words)
        self._disguised = disguised

    def places(self, normalized: Normalized) -> Places:
        """Every occurrence of every word, overlapping ones too, by word, in the order of the text."""
        text = normalized.text
        ends = _sentence_ends(normalized.original)
        found: Places = defaultdict(list)
        for start, end, word in sorted(self._plain(text) | self._spelled(normalized)):
            first, last = normalized.span(start, end)
            found[word].append(Place(start, end, first, last, bisect_right(ends, first)))
        for one in self._disguised(text):
            if one.word not in self._known:
                continue
            first, last = normalized.span(one.start, one.end)
            place = Place(one.start, one.end, first, last, bisect_right(ends, first), one.view, STRENGTH[one.view])
            found[one.word].append(place)
        return found

    def _plain(self, text: str) -> set[tuple[int, int, str]]:
        matches = self._automaton.find_matches_as_indexes(text, overlapping=True)
        return {(start, end, self._words[n]) for n, start, end in matches if _stands_alone(text, start, end)}

    def _spelled(self, normalized: Normalized) -> set[tuple[int, int, str]]:
        text = normalized.text
        kept = [n for n, char in enumerate(text) if not _separates(char)]
        if len(kept) == len(text):
            return set()
        squeezed = "".join(text[n] for n in kept)
        matches = self._automaton.find_matches_as_indexes(squeezed, overlapping=True)
        return {
            (kept[start], kept[end - 1] + 1, self._words[n])
            for n, start, end in matches
            if not squeezed[start:end].isascii() and _spelled_out(normalized, kept[start:end])
        }


def _sentence_ends(text: str) -> list[int]:
    return [n + 1 for n, char in enumerate(text) if char in _SENTENCE_ENDS]


def _separates(char: str) -> bool:
    return not char.isalnum() and (char in _PAUSES or unicodedata.category(char)[0] in "ZSPC")


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Latin words have edges: sb is not in usb. Chinese ones have none."""
    before = start > 0 and _latin(text[start]) and _latin(text[start - 1])
    after = end < len(text) and _latin(text[end - 1]) and _latin(text[end])
    return not before and not after


def _latin(char: str) -> bool:
    return char.isascii() and char.isalnum()


def _spelled_out(normalized: Normalized, positions: list[int]) -> bool:
    """Judged on the text as typed: a line end is a space once normalised."""
    starts, ends = [normalized.offsets[n] for n in positions], [normalized.ends[n] for n in positions]
    gaps = [normalized.original[end:start] for end, start in zip(ends, starts[1:], strict=False)]
    used = [gap for gap in gaps if gap]
    if not used:
        return False
    between_all = len(used) == len(gaps) and len(gaps) > 1
    return between_all or not any(char in _PAUSES for gap in used for char in gap)
