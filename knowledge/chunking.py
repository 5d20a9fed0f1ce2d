"""Cuts a document into chunks that are searched one by one: by headings, then by paragraphs, the heading kept."""

import re
from collections.abc import Iterator
from typing import Final

CHARACTERS: Final = 400
"""About what an embedding still tells apart: the encoder takes the mean over all tokens, and cuts at 512."""

_HEADING: Final = re.compile(r"#{1,6}[ \t]+(.+?)[ \t#]*")
_FENCE: Final = re.compile(r"[ \t]*(```|~~~)")
_BLANK: Final = re.compile(r"\n\s*\n")
_MOST_HEADING: Final = 100


def chunks(text: str, size: int = CHARACTERS) -> list[str]:
    """The chunks in order, each about `size` characters at most, led by the headings it stands under.

    A paragraph that is longer is cut at line ends, a longer line anywhere. White space alone gives none.
    """
    found = []
    for heading, body in _sections(text.replace("\r\n", "\n")):
        room = max(size - len(heading), size // 2)
        found += [f"{heading}\n{piece}" if heading else piece for piece in _packed(body, room)]
    return found


def _sections(text: str) -> Iterator[tuple[str, str]]:
    """Each heading's path (级 > 级) with the text below it. A # inside a code block is no heading."""
    path: list[tuple[int, str]] = []
    lines: list[str] = []
    fenced = False
    for line in text.split("\n"):
        fenced ^= bool(_FENCE.match(line))
        found = None if fenced else _HEADING.fullmatch(line)
        if found is None:
            lines.append(line)
            continue
        yield _path(path), "\n".join(lines)
        level = len(line) - len(line.lstrip("#"))
        path = [*(above for above in path if above[0] < level), (level, found[1])]
        lines = []
    yield _path(path), "\n".join(lines)


def _path(path: list[tuple[int, str]]) -> str:
    return " > ".join(title for _, title in path)[-_MOST_HEADING:]


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
