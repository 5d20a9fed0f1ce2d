"""Disguises that leave the characters and change what stands between them, their width, their order or their number."""

import random
import re

from evals.evasion.tables import homoglyphs, leet
from evals.evasion.words import is_latin, of_chars

ZERO_WIDTH = ("\u200b", "\u200c", "\u200d", "\u2060", "\ufeff")
_SPACES = (" ", " ", "  ", "\u3000")
_SIGNS = (".", "·", "*", "-", "_", "/", "~", "、", "|", "'", "+", "。", ",", "^", "#", "…")
_TO_FULL = 0xFEE0

_NUMERALS = (
    "〇一二三四五六七八九",
    "零壹贰叁肆伍陆柒捌玖",
    "⓪①②③④⑤⑥⑦⑧⑨",
    "⓿❶❷❸❹❺❻❼❽❾",
    "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗",
    "零幺两叁四五六七八九",
    "〇衣儿伞寺舞溜漆扒酒",
    "０１２３４５６７８９",
)
_KEYCAP = "\ufe0f\u20e3"
NUMBER = re.compile(r"[0-9]+")


def zero_width(word: str, rng: random.Random) -> str | None:
    return _between(word, ZERO_WIDTH, rng) if len(word) > 1 else word + rng.choice(ZERO_WIDTH)


def spaced(word: str, rng: random.Random) -> str | None:
    return _between(word, (rng.choice(_SPACES),), rng)


def punctuated(word: str, rng: random.Random) -> str | None:
    return _between(word, _SIGNS if rng.random() < 0.2 else (rng.choice(_SIGNS),), rng)


def full_width(word: str, rng: random.Random) -> str | None:
    del rng
    return "".join(chr(ord(char) + _TO_FULL) for char in word) if is_latin(word) else None


def shuffle(word: str, rng: random.Random) -> str | None:
    """Long words keep their first character half of the time, as those who write so do."""
    kept = 1 if len(word) > 2 and rng.random() < 0.5 else 0
    rest = list(word[kept:])
    if len(set(rest)) < 2:
        return None
    while "".join(rest) == word[kept:]:
        rng.shuffle(rest)
    return word[:kept] + "".join(rest)


def digits(number: str, rng: random.Random) -> str:
    """All digits of a number in one other writing."""
    row = rng.choice((*_NUMERALS, None))
    if row is None:
        return "".join(digit + _KEYCAP for digit in number)
    return "".join(row[int(digit)] for digit in number)


def latin_homoglyph(word: str, rng: random.Random) -> str | None:
    return of_chars(word, [homoglyphs().get(char, ()) for char in word], rng) if is_latin(word) else None


def latin_leet(word: str, rng: random.Random) -> str | None:
    if not is_latin(word) or word.isdigit():
        return None
    return of_chars(word, [leet().get(char.lower(), ()) for char in word], rng)


def _between(word: str, signs: tuple[str, ...], rng: random.Random) -> str | None:
    if len(word) < 2:
        return None
    return word[0] + "".join(rng.choice(signs) + char for char in word[1:])
