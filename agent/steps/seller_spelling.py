"""How sellers write around a filter, read as what it stands for: 蕞低, zui低, 全 网 最 低, ⭐⭐⭐ and 返xian.

Only spellings that no plain text has are read otherwise, so that nothing is found that doesn't stand there.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib.resources import files
from typing import Final

from core.text import Normalized, normalize
from core.yaml_text import load_yaml

Change = tuple[int, int, str]
Look = Callable[[str], Iterator[Change]]
_FILE: Final = "seller_spelling.yaml"
_HAN: Final = "\u4e00-\u9fff"
# Three or more characters with a space, dot or star between all of them: 最 低 价; two may be a list.
_SPACED: Final = re.compile(rf"(?<![{_HAN}])[{_HAN}](?:[ .·*_|/\-~]+[{_HAN}](?![{_HAN}]))+[ .·*_|/\-~]+[{_HAN}]")
_BETWEEN: Final = re.compile(r"[ .·*_|/\-~]+")


@cache
def _table() -> tuple[re.Pattern[str], dict[str, str], dict[str, str], tuple[tuple[re.Pattern[str], str], ...]]:
    """The letters that count beside a Chinese character, what they stand for, single signs, and words in context."""
    loaded = load_yaml(files("agent.lexicons").joinpath(_FILE).read_text("utf-8"))
    letters: dict[str, str] = loaded["letters"]
    names = "|".join(sorted(letters, key=len, reverse=True))
    pattern = re.compile(rf"(?:(?<=[{_HAN}])(?:{names})(?![a-z0-9])|(?<![a-z0-9])(?:{names})(?=[{_HAN}]))")
    words = tuple((re.compile(pattern), to) for pattern, to in loaded["words"].items())
    return pattern, letters, loaded["signs"], words


def read(text: str) -> Normalized:
    """The normalised text as a buyer reads it, each character with its place in the original."""
    plain = _changed(normalize(text), _signs)
    plain = _changed(plain, _gaps)
    plain = _changed(plain, _letters)
    return _changed(plain, _words)


def _changed(plain: Normalized, look: Look) -> Normalized:
    """`plain` with each change made; the characters that come in stand for the whole of what they replace."""
    changes = sorted(look(plain.text))
    if not changes:
        return plain
    chars: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    at = 0
    for start, end, instead in changes:
        if start < at:
            continue
        _keep(plain, at, start, chars, starts, ends)
        first, last = plain.span(start, end)
        chars += instead
        starts += [first] * len(instead)
        ends += [last] * len(instead)
        at = end
    _keep(plain, at, len(plain.text), chars, starts, ends)
    return Normalized(plain.original, "".join(chars), (*starts, len(plain.original)), tuple(ends))


def _keep(plain: Normalized, start: int, end: int, chars: list[str], starts: list[int], ends: list[int]) -> None:
    chars += plain.text[start:end]
    starts += plain.offsets[start:end]
    ends += plain.ends[start:end]


def _signs(text: str) -> Iterator[Change]:
    if text.isascii():
        return
    signs = _table()[2]
    for at, char in enumerate(text):
        if char in signs:
            yield at, at + 1, signs[char]


def _gaps(text: str) -> Iterator[Change]:
    for match in _SPACED.finditer(text):
        for gap in _BETWEEN.finditer(text, *match.span()):
            yield *gap.span(), ""


def _letters(text: str) -> Iterator[Change]:
    pattern, letters, _, _ = _table()
    for match in pattern.finditer(text):
        yield *match.span(), letters[match[0]]


def _words(text: str) -> Iterator[Change]:
    for pattern, instead in _table()[3]:
        for match in pattern.finditer(text):
            yield *match.span(), instead
