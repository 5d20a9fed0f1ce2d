"""Cuts a document into chunks that are searched one by one: by headings, then by paragraphs, the heading kept."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

CHARACTERS: Final = 400
"""About what an embedding still tells apart: the encoder takes the mean over all tokens, and cuts at 512."""

_HEADING: Final = re.compile(r"#{1,6}[ \t]+(.+?)[ \t#]*")
_FENCE: Final = re.compile(r"[ \t]*(```|~~~)")
_BLANK: Final = re.compile(r"\n\s*\n")
_MOST_HEADING: Final = 100
MOST_LINE: Final = 1_000
"""A longer line is no heading, no label and no item of a list."""


class Section(NamedTuple):
    """The text below one heading, up to the next. `path` are the headings from the outermost to its own; `line` is the
    heading's line in the file, from 1 (0: before the first heading)."""

    path: tuple[str, ...]
    body: str
    line: int


def chunks(text: str, size: int = CHARACTERS) -> list[str]:
    """The chunks in order, each about `size` characters at most, led by the headings it stands under.

    A paragraph that is longer is cut at line ends, a longer line anywhere. White space alone gives none.
    """
    found = []
    for section in sections(text):
        heading = " > ".join(section.path)[-_MOST_HEADING:]
        found += [f"{heading}\n{piece}" if heading else piece for piece in pieces(section.body, heading, size)]
    return found


def pieces(body: str, heading: str, size: int = CHARACTERS) -> list[str]:
    """The text of one section cut so that each piece with its heading has about `size` characters at most."""
    return _packed(body, max(size - len(heading), size // 2))


def sections(text: str) -> Iterator[Section]:
    """Every section of a text in Markdown, those without text too. A # inside a code block is no heading."""
    path: list[tuple[int, str]] = []
    lines: list[str] = []
    fenced, begun = False, 0
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        fenced ^= bool(_FENCE.match(line))
        found = None if fenced or len(line) > MOST_LINE else _HEADING.fullmatch(line)
        if found is None:
            lines.append(line)
            continue
        yield Section(_titles(path), "\n".join(lines), begun)
        level = len(line) - len(line.lstrip("#"))
        path = [*(above for above in path if above[0] < level), (level, found[1])]
        lines, begun = [], number
    yield Section(_titles(path), "\n".join(lines), begun)


def _titles(path: list[tuple[int, str]]) -> tuple[str, ...]:
    return tuple(title for _, title in path)


def _packed(body: str, room: int) -> list[str]:
    """Paragraphs put together while they fit."""
    packed: list[str] = []
    for piece in _pieces(body, room):
        if packed and len(packed[-1]) + len(piece) + 1 <= room:
            packed[-1] += "\n" + piece
        else:
            packed.append(piece)
    return packed


def _pieces(body: str, room: int) -> Iterator[str]:
    for paragraph in _BLANK.split(body):
        lines = [paragraph] if len(paragraph) <= room else paragraph.split("\n")
        for line in lines:
            cut = (line[at : at + room].strip() for at in range(0, len(line), room))
            yield from filter(None, cut)
