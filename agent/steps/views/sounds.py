"""How characters and letters sound: one key a syllable, the same for syllables that people mix up."""

import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location

_DIGITS = {
    "0": "零",
    "1": "一",
    "2": "二",
    "3": "三",
    "4": "四",
    "5": "五",
    "6": "六",
    "7": "七",
    "8": "八",
    "9": "九",
}
# Pairs that dialects and input methods confuse; the longer spelling comes first.
_INITIALS = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("n", "l"), ("hu", "fu"))
_FINALS = (("iang", "ian"), ("uang", "uan"), ("ang", "an"), ("eng", "en"), ("ing", "in"))
_LONGEST_SYLLABLE = 6
# Keys become single characters of the private use area, so that a sequence of sounds is a string.
_FIRST_KEY = 0xE000


@cache
def _readings() -> Mapping[int, str]:
    # The table alone: importing the package reads its dictionary of phrases too, 45 MB that nobody here asks.
    package = find_spec("pypinyin")
    assert package is not None and package.submodule_search_locations
    table = spec_from_file_location("pypinyin_table", f"{package.submodule_search_locations[0]}/pinyin_dict.py")
    assert table is not None and table.loader is not None
    module = module_from_spec(table)
    table.loader.exec_module(module)
    readings: Mapping[int, str] = module.pinyin_dict
    return readings


@cache
def _syllables() -> Mapping[str, str]:
    """Every toneless syllable with its fuzzy form."""
    plain = {_toneless(readings) for readings in _readings().values()}
    return {syllable: _fuzzy(syllable) for syllable in plain if syllable.isascii() and syllable.isalpha()}


def _toneless(readings: str) -> str:
    """The first of several readings without its tone; ü is typed v."""
    plain = unicodedata.normalize("NFD", readings.split(",")[0]).replace("u\u0308", "v")
    return "".join(char for char in plain if unicodedata.category(char) != "Mn")


def _fuzzy(syllable: str) -> str:
    for long, short in _INITIALS:
        if syllable.startswith(long):
            syllable = short + syllable.removeprefix(long)
            break
    for long, short in _FINALS:
        if syllable.endswith(long):
            return syllable.removesuffix(long) + short
    return syllable


@cache
def _keys() -> Mapping[str, str]:
    return {fuzzy: chr(_FIRST_KEY + n) for n, fuzzy in enumerate(sorted(set(_syllables().values())))}


@lru_cache(maxsize=16_384)
def syllable(char: str) -> str | None:
    """The toneless syllable of a Han character or digit, its commonest reading; None for anything else."""
    reading = _readings().get(ord(_DIGITS.get(char, char)))
    if reading is None:
        return None
    plain = _toneless(reading)
    return plain if plain in _syllables() else None


@lru_cache(maxsize=16_384)
def key(char: str) -> str | None:
    """One character that stands for the sound; None where it has none."""
    sound = syllable(char)
    return None if sound is None else _keys()[_syllables()[sound]]


@lru_cache(maxsize=4_096)
def initial(char: str) -> str:
    """The first letter of the sound, empty without one."""
    return (syllable(char) or "")[:1]


@lru_cache(maxsize=8_192)
def spelled(letters: str) -> tuple[tuple[str, int, int], ...]:
    """A run of lower-case letters read as pinyin: (key, start, end) of each syllable; empty where it is none.

    The reading with the fewest syllables, as people type it.
    """
    known = _syllables()
    best: dict[int, tuple[tuple[str, int, int], ...]] = {0: ()}
    for end in range(1, len(letters) + 1):
        for start in range(max(0, end - _LONGEST_SYLLABLE), end):
            piece = letters[start:end]
            if start in best and piece in known:
                path = (*best[start], (_keys()[known[piece]], start, end))
                if end not in best or len(path) < len(best[end]):
                    best[end] = path
    return best.get(len(letters), ())


def keys(word: str) -> str | None:
    """The sounds of a word of Han characters; None where one has none."""
    found = [sound for char in word if (sound := key(char)) is not None]
    return "".join(found) if len(found) == len(word) else None
