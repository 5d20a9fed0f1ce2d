"""Which groups a campaign's brief names: by id, by full name, or by a piece of one name with 群 (妈妈群, 福利群). 妈妈
alone is a word for people."""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from core import segments as tree
from core.text import normalize

_MOST: Final = 12
# What looks like the name of a group; the words before it and the kinds of groups in general are none.
_LIKE_ONE: Final = re.compile(
    r"(?:(?!给|在|到|进|入|退|加|发|唤醒|把|和|与|的|了|从|对|向|新|刚|是|让|叫|请|往|邀|拉)[一-鿿a-z0-9]){2,8}群(?!友|发)"
)
_NO_NAME: Final = re.compile(r"社群|人群|客群|户群|[们个有部本各每全]群|[天上午点晚]群")


class Community(NamedTuple):
    id: str
    name: str


class Known(NamedTuple):
    """Names that stand in the database. `home` is the community that the campaign is for."""

    communities: Sequence[Community] = ()
    channels: Sequence[str] = ()
    sources: Sequence[str] = ()
    tags: Sequence[str] = ()
    home: Community | None = None


class Named(NamedTuple):
    """`home`: the campaign's own community was named, which is no condition. `unclear` look like
    names and fit no group, or several."""

    conditions: list[tuple[tree.Node | None, tuple[int, int]]]
    spans: list[tuple[int, int]]
    home: bool
    unclear: list[str]


def groups(text: str, known: Known) -> Named:
    """The groups in a normalised text."""
    every = [*known.communities, *([known.home] if known.home else [])]
    found: dict[str, tuple[int, int]] = {}
    unclear: list[str] = []
    for one in every:
        if span := _whole(text, one):
            found[one.id] = span
    for match in re.finditer("群", text):
        if any(start <= match.start() < end for start, end in found.values()):
            continue
        fits, span = short(text, match.start(), every)
        if len(fits) == 1:
            found.setdefault(fits[0].id, span)
        elif fits:
            unclear.append(text[slice(*span)])
    taken = list(found.values())
    for match in _LIKE_ONE.finditer(text):
        if not _NO_NAME.search(match[0]) and not any(
            start < match.end() and match.start() < end for start, end in taken
        ):
            unclear.append(match[0])
    home = found.pop(known.home.id, None) if known.home else None
    ids = tuple(one.id for one in known.communities if one.id in found)
    node: tree.Node | None = tree.InCommunity(in_=ids) if ids else None
    spans = [*found.values(), *([home] if home else [])]
    return Named([(node, found[ids[0]])] if ids else [], spans, bool(home), unclear)


def short(text: str, at: int, every: Sequence[Community]) -> tuple[list[Community], tuple[int, int]]:
    """The communities whose names hold the longest piece, of two characters or more, before the 群 at `at`."""
    for length in range(min(_MOST, at), 1, -1):
        piece = text[at - length : at]
        if fits := [one for one in every if piece in normalize(one.name).text.removesuffix("群")]:
            return fits, (at - length, at + 1)
    return [], (at, at + 1)


def _whole(text: str, one: Community) -> tuple[int, int] | None:
    by_id = re.search(rf"(?<![\w-]){re.escape(one.id.casefold())}(?![\w-])群?", text, re.ASCII)
    name = normalize(one.name).text
    if by_id:
        return by_id.span()
    at = text.find(name) if len(name) > 1 else -1
    return (at, at + len(name) + text.startswith("群", at + len(name))) if at >= 0 else None
