"""The generator's own tables, read from `evals/evasion_tables.yaml` once."""

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from core.yaml_text import load_yaml

_FILE = Path(__file__).parent.parent / "evasion_tables.yaml"

Choices = Mapping[str, tuple[str, ...]]


@cache
def _loaded() -> dict[str, Any]:
    loaded: dict[str, Any] = load_yaml(_FILE.read_text("utf-8"))
    return loaded


@cache
def pictures() -> Choices:
    """A word to the pictures that are read as it."""
    found: dict[str, list[str]] = defaultdict(list)
    for picture, reads in _loaded()["emoji"].items():
        for word in reads:
            found[word].append(picture)
    return {word: tuple(some) for word, some in found.items()}


@cache
def homoglyphs() -> Choices:
    """A Latin letter or digit to its doubles of other alphabets."""
    return {sign: tuple(doubles) for sign, doubles in _loaded()["homoglyph"].items()}


@cache
def look_alikes() -> Choices:
    """A Han character to those that it is taken for."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in _loaded()["look_alike"]:
        for char in line:
            found[char].extend(other for other in line if other != char)
    return {char: tuple(dict.fromkeys(others)) for char, others in found.items()}


@cache
def leet() -> Choices:
    return {letter: tuple(signs) for letter, signs in _loaded()["leet"].items()}


@cache
def contact() -> Choices:
    """A way to be reached to the spellings that hide it, the longest first."""
    words = sorted(_loaded()["contact"].items(), key=lambda item: -len(item[0]))
    return {word: tuple(spellings) for word, spellings in words}


@cache
def risky_singles() -> frozenset[str]:
    return frozenset(_loaded()["single"])


@cache
def function_words() -> frozenset[str]:
    return frozenset(_loaded()["function_words"].split())


@cache
def common_han(*, rarer: bool = False) -> tuple[str, ...]:
    """The characters of everyday writing: the first plane of GB 2312, with `rarer` the second too."""
    last = 0xF7 if rarer else 0xD7
    cells = (bytes((row, cell)) for row in range(0xB0, last + 1) for cell in range(0xA1, 0xFF))
    # Five cells of each plane are empty.
    return tuple(char for cell in cells if (char := cell.decode("gb2312", "ignore")))
