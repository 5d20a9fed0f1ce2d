"""A text as units: what is read as one character, with where it stands in the normalised text.

Pictures become what they are read as, characters that were taken apart are put together, separators are left out.
"""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cache
from typing import NamedTuple

from agent.steps.lexicon_files import package_folder, read_mapping
from core.text import normalize

_LONGEST_PICTURE = 4
_WINDOW = 3


class How(StrEnum):
    """How a unit came about."""

    TYPED = "typed"
    PICTURE = "picture"
    JOINED = "joined"


class Unit(NamedTuple):
    char: str
    start: int
    end: int
    how: How


@cache
def pictures() -> Mapping[str, str]:
    """What pictures are read as, by their normalised form."""
    rows = read_mapping(package_folder() / "readings.yaml")
    return {normalize(str(picture)).text: str(reading) for picture, reading in rows.items()}


def units(text: str, joins: Mapping[str, str]) -> list[Unit]:
    """The units of a normalised text; `joins` maps parts side by side to the character that they make up."""
    return _joined(list(_read(text)), joins) if joins else list(_read(text))


def _read(text: str) -> Iterator[Unit]:
    at, known = 0, pictures()
    while at < len(text):
        char = text[at]
        if char.isalnum():
            yield Unit(char, at, at + 1, How.TYPED)
            at += 1
            continue
        end = _picture_end(text, at, known)
        for one in known.get(text[at:end], ""):
            yield Unit(one, at, end, How.PICTURE)
        at = end


def _picture_end(text: str, at: int, known: Mapping[str, str]) -> int:
    """Behind the longest known picture that begins here, else behind this character."""
    if text[at].isascii() or unicodedata.category(text[at])[0] not in "SP":
        return at + 1
    for end in range(min(len(text), at + _LONGEST_PICTURE), at, -1):
        if text[at:end] in known:
            return end
    return at + 1


def _joined(found: Sequence[Unit], joins: Mapping[str, str]) -> list[Unit]:
    made, at = [], 0
    while at < len(found):
        unit, width = _put_together(found, at, joins)
        made.append(unit)
        at += width
    return made


def _put_together(found: Sequence[Unit], at: int, joins: Mapping[str, str]) -> tuple[Unit, int]:
    for width in range(_WINDOW, 1, -1):
        some = found[at : at + width]
        parts = "".join(unit.char for unit in some)
        if len(some) == width and parts in joins and not _is_word(parts):
            return Unit(joins[parts], some[0].start, some[-1].end, How.JOINED), width
    return found[at], 1


def _is_word(parts: str) -> bool:
    import rjieba  # loads its dictionary (0.1 s): not for who never screens

    return bool(rjieba.has_word(parts))
