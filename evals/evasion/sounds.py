"""Disguises by sound: other characters that are read the same or nearly so, pinyin, pictures."""

import random
from collections import defaultdict
from collections.abc import Iterator
from functools import cache

from pypinyin import lazy_pinyin

from evals.evasion.marks import latin_leet
from evals.evasion.tables import Choices, common_han, pictures
from evals.evasion.words import chosen, is_han, of_chars

_NEAR_INITIALS = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("n", "l"), ("h", "f"), ("r", "l"))
_NEAR_FINALS = (("ang", "an"), ("eng", "en"), ("ing", "in"))
_NEAR_SHARE = 0.2
_RARE_SHARE = 0.2


def homophone(word: str, rng: random.Random) -> str | None:
    """Tones may differ; now and then a sound is only near, or the character a rarer one."""
    if not is_han(word):
        return None
    by_sound = _by_sound(rarer=rng.random() < _RARE_SHARE)
    choices = []
    for char, sound in zip(word, sounds(word), strict=True):
        near = list(_near(sound)) if rng.random() < _NEAR_SHARE else []
        heard = rng.choice(near) if near else sound
        choices.append([other for other in by_sound.get(heard, ()) if other != char])
    return of_chars(word, choices, rng)


def pinyin_full(word: str, rng: random.Random) -> str | None:
    if not is_han(word):
        return None
    written = rng.choice(("", "", "", " ")).join(sounds(word))
    return rng.choice((written, written, written.upper(), written.title()))


def pinyin_initials(word: str, rng: random.Random) -> str | None:
    """Words of one character are left: nobody reads a lone letter."""
    if not is_han(word) or len(word) < 2:
        return None
    letters = "".join(sound[0] for sound in sounds(word))
    return rng.choice((letters, letters, letters.upper()))


def pinyin_mixed(word: str, rng: random.Random) -> str | None:
    """One character in pinyin, the others as they are."""
    if not is_han(word) or len(word) < 2:
        return None
    heard = sounds(word)
    place = rng.randrange(len(word))
    return word[:place] + rng.choice((heard[place], heard[place][0])) + word[place + 1 :]


def leet(word: str, rng: random.Random) -> str | None:
    """Latin letters as they stand, Han by its pinyin."""
    return latin_leet("".join(sounds(word)) if is_han(word) else word, rng)


def emoji(word: str, rng: random.Random) -> str | None:
    """One or more parts of the word as pictures."""
    return _pictured(word, rng, every=False)


def emoji_every(word: str, rng: random.Random) -> str | None:
    """As many parts of the word as pictures as there are some for."""
    return _pictured(word, rng, every=True)


def sounds(word: str) -> list[str]:
    """One toneless sound for each character, as it is read in this word."""
    heard = lazy_pinyin(word)
    # Characters without a known sound come back in one piece.
    return heard if len(heard) == len(word) else [lazy_pinyin(char)[0] for char in word]


def _pictured(word: str, rng: random.Random, *, every: bool) -> str | None:
    spots = list(_spots(word))
    if not spots:
        return None
    taken = spots if every else chosen(spots, rng.randint(1, len(spots)), rng)
    for start, end, choices in sorted(taken, reverse=True):
        word = word[:start] + rng.choice(choices) + word[end:]
    return word


def _spots(word: str) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """The parts of a word that there are pictures for, the longest first, none over another."""
    heard, by_sound = sounds(word) if is_han(word) else list(word), _pictures_by_sound()
    start = 0
    while start < len(word):
        ends = range(len(word), start, -1)
        end = next((end for end in ends if word[start:end] in pictures()), start + 1)
        choices = pictures().get(word[start:end]) or by_sound.get(heard[start], ())
        if choices:
            yield start, end, choices
        start = end


def _near(sound: str) -> Iterator[str]:
    for one, other in _NEAR_INITIALS:
        for from_, to in ((one, other), (other, one)):
            # z of zh is no z.
            if sound.startswith(from_) and not (len(from_) == 1 and sound[1:2] == "h"):
                yield to + sound[len(from_) :]
    for one, other in _NEAR_FINALS:
        for from_, to in ((one, other), (other, one)):
            if sound.endswith(from_):
                yield sound[: -len(from_)] + to


@cache
def _by_sound(*, rarer: bool) -> Choices:
    found: dict[str, list[str]] = defaultdict(list)
    for char in common_han(rarer=rarer):
        found[sounds(char)[0]].append(char)
    return {sound: tuple(chars) for sound, chars in found.items()}


@cache
def _pictures_by_sound() -> Choices:
    found: dict[str, list[str]] = defaultdict(list)
    for word, some in pictures().items():
        if is_han(word) and len(word) == 1:
            found[sounds(word)[0]].extend(some)
    return {sound: tuple(some) for sound, some in found.items()}
