"""Texts as people write them who don't want to be found: for measuring what is still caught, and for fitting.

Independent of what undoes disguises: nothing here reads its tables, nor the other way round.
"""

import random
import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from evals.evasion import marks, shapes, sounds
from evals.evasion.tables import contact
from evals.evasion.words import TextChange, WordChange, of_matches, of_words

_WORDS: Final[dict[str, WordChange]] = {
    "zero_width": marks.zero_width,
    "full_width": marks.full_width,
    "traditional": shapes.traditional,
    "homoglyph": shapes.homoglyph,
    "visual": shapes.visual,
    "split": shapes.split,
    "homophone": sounds.homophone,
    "pinyin_full": sounds.pinyin_full,
    "pinyin_initials": sounds.pinyin_initials,
    "pinyin_mixed": sounds.pinyin_mixed,
    "emoji": sounds.emoji,
    "leet": sounds.leet,
    "spaced": marks.spaced,
    "punctuated": marks.punctuated,
    "shuffle": marks.shuffle,
}


def _mixed(word: str, rng: random.Random) -> str | None:
    """Every word by another disguise."""
    names = list(_WORDS)
    rng.shuffle(names)
    return next((found for name in names if (found := _WORDS[name](word, rng)) not in (None, word)), None)


def _contact_words(text: str, rng: random.Random, share: float) -> str:
    return of_matches(_contact(), lambda word, rng: rng.choice(contact()[word]))(text, rng, share)


@cache
def _contact() -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, contact())))


TRANSFORMS: Final[Mapping[str, TextChange]] = MappingProxyType(
    {name: of_words(change) for name, change in _WORDS.items()}
    | {
        "digits": of_matches(marks.NUMBER, marks.digits),
        "contact_words": _contact_words,
        "mixed": of_words(_mixed),
        "whole": of_words(sounds.homophone, fixed=1.0),
        "emoji_whole": of_words(sounds.emoji_every, fixed=1.0),
    }
)


def transform(text: str, name: str, rng: random.Random, *, share: float = 0.4) -> str:
    """The text with about this share of its content words disguised, at least one; the text itself where it has none
    that this disguise is for. The same seed gives the same. Raises `KeyError` for a name that there is none of."""
    return TRANSFORMS[name](text, rng, share)
