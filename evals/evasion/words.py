"""What of a text is worth disguising, and how a disguise of words becomes one of a text."""

import random
import re
from collections.abc import Callable, Sequence
from typing import TypeVar

import rjieba

from evals.evasion.tables import function_words, risky_singles

T = TypeVar("T")

WordChange = Callable[[str, random.Random], str | None]
"""A disguise of one word; None where the word does not lend itself to it."""
TextChange = Callable[[str, random.Random, float], str]
"""A disguise of about a share of a text; the text itself where nothing in it lends itself."""

_HAN = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]+")
_FUNCTION_TAGS = frozenset(("r", "c", "p", "u", "ud", "ug", "uj", "ul", "uv", "uz", "y"))
"""Pronouns, conjunctions, prepositions and particles."""
_LATIN = re.compile(r"[A-Za-z0-9]+")


def is_han(word: str) -> bool:
    return _HAN.fullmatch(word) is not None


def is_latin(word: str) -> bool:
    """Letters and digits of ASCII."""
    return _LATIN.fullmatch(word) is not None


def is_content(word: str, tag: str = "") -> bool:
    """A Han word of two characters or more that says something, a risky single one, or Latin letters and digits. `tag`
    is its part of speech."""
    if not is_han(word):
        return is_latin(word)
    if len(word) == 1:
        return word in risky_singles()
    return word not in function_words() and tag not in _FUNCTION_TAGS


def of_words(change: WordChange, fixed: float | None = None) -> TextChange:
    """A disguise of a text from one of its words; `fixed` is its share whatever is asked for."""

    def changed(text: str, rng: random.Random, share: float) -> str:
        tagged: list[tuple[str, str]] = rjieba.tag(text)
        pieces = [piece for piece, _ in tagged]
        places = [place for place, (piece, tag) in enumerate(tagged) if is_content(piece, tag)]
        wanted = quota(len(places), share if fixed is None else fixed)
        rng.shuffle(places)
        for place in places:
            if wanted == 0:
                break
            found = change(pieces[place], rng)
            if found is not None and found != pieces[place]:
                pieces[place] = found
                wanted -= 1
        return "".join(pieces)

    return changed


def of_matches(pattern: re.Pattern[str], change: Callable[[str, random.Random], str]) -> TextChange:
    """A disguise of a share of what the pattern finds."""

    def changed(text: str, rng: random.Random, share: float) -> str:
        found = list(pattern.finditer(text))
        for match in sorted(chosen(found, quota(len(found), share), rng), key=lambda one: -one.start()):
            text = text[: match.start()] + change(match[0], rng) + text[match.end() :]
        return text

    return changed


def of_chars(word: str, changes: Sequence[Sequence[str]], rng: random.Random) -> str | None:
    """The word with one or more of its characters replaced; `changes` are the choices for each, maybe none."""
    places = [place for place, choices in enumerate(changes) if choices]
    if not places:
        return None
    chars = list(word)
    for place in chosen(places, rng.randint(1, len(places)), rng):
        chars[place] = rng.choice(changes[place])
    return "".join(chars)


def quota(n: int, share: float) -> int:
    """At least one, where there is one."""
    return min(n, max(1, round(share * n)))


def chosen(values: Sequence[T], n: int, rng: random.Random) -> list[T]:
    return rng.sample(values, n)
