"""Texts cut into words, remembered as long as somebody holds them.

Cutting is most of what an index over words costs (9 s for 20,000 entries). Each edit makes a new index, of which all
texts but one were in the old one; the old one still stands while the new one is made and so lends it its words.
"""

import sys
from collections.abc import Callable, Iterable
from weakref import WeakValueDictionary


class Words:
    """The words of one text, in order. (A tuple itself cannot be held weakly.)"""

    __slots__ = ("__weakref__", "every")

    def __init__(self, every: Iterable[str]) -> None:
        self.every = tuple(map(sys.intern, every))


class Memory:
    """One way to cut texts. Safe from threads: at worst a text is cut twice."""

    def __init__(self, cut: Callable[[str], Iterable[str]]) -> None:
        self._cut = cut
        self._known: WeakValueDictionary[str, Words] = WeakValueDictionary()

    def of(self, text: str) -> Words:
        """The words of `text`."""
        found = self._known.get(text)
        if found is None:
            found = Words(self._cut(text))
            self._known[text] = found
        return found
