"""Bytes to text, and text that was once read with the wrong encoding back to what it was.

By hand and not by ftfy: of 12 sentences that took the way through GBK it repairs none, this all but mixed ones.
"""

import codecs
import re
from functools import cache
from typing import Final, NamedTuple

from core.text import normalize
from knowledge.raw_entries import not_utf8

_HAN: Final = re.compile("[\u3400-\u9fff]+")
_SAMPLE: Final = 4_000
_FAMILIAR: Final = 0.8
"""Ordinary Chinese has 97 % and more of its characters in the first level of GB 2312; what a wrong encoding makes of
it has under 60 %."""
_STRANGE: Final = 0.6
# Several characters in a row that Windows-1252 has beyond ASCII.
_LATIN_TRACE: Final = re.compile("[\u0080-\u017f\u0192\u02c6\u02dc\u2010-\u203a\u20ac\u2122]{3}")
# A word of a European language: its two bytes for one letter read as a Han character of GBK just as well.
_ACCENTED: Final = re.compile("[A-Za-z][\u0080-\u017f]|[\u0080-\u017f][A-Za-z]")
_REPLACED: Final = re.compile("\ufffd|锟斤拷|烫烫烫")


class Decoded(NamedTuple):
    text: str
    encoding: str


def decoded(data: bytes) -> Decoded:
    """UTF-8 (with or without mark), UTF-16 with its mark, else GB 18030 or Big5, whichever reads as ordinary Chinese.

    Raises `Refused` `not_utf8` where it is none of them.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _strictly(data, "utf-16")
    try:
        return Decoded(data.decode("utf-8-sig"), "utf-8")
    except UnicodeDecodeError as broken:
        found = [one for encoding in ("gb18030", "big5") if (one := _tried(data, encoding)) is not None]
        best = max(found, key=lambda one: familiar(one.text), default=None)
        # Any bytes nearly are some GB 18030: without ordinary characters it is something else.
        if best is None or familiar(best.text) < _FAMILIAR:
            raise not_utf8(data, broken) from broken
        return best


def _strictly(data: bytes, encoding: str) -> Decoded:
    try:
        return Decoded(data.decode(encoding), encoding)
    except UnicodeDecodeError as broken:
        raise not_utf8(data, broken) from broken


def _tried(data: bytes, encoding: str) -> Decoded | None:
    try:
        return Decoded(data.decode(encoding), encoding)
    except UnicodeDecodeError:
        return None


def familiar(text: str) -> float:
    """Share of the Han characters (of the first 4,000) that are among the 3,755 most used; 0.0 where there are none.

    Traditional characters count as the simplified ones.
    """
    han = "".join(_HAN.findall(text))[:_SAMPLE]
    if not han:
        return 0.0
    share = _common_share(han)
    return share if share >= _FAMILIAR else _common_share(normalize(han).text)


def _common_share(han: str) -> float:
    common = common_characters()
    return sum(char in common for char in han) / len(han)


@cache
def common_characters() -> frozenset[str]:
    """The 3,755 most used, the first level of GB 2312: lead bytes B0 to D7."""
    pairs = (bytes((lead, trail)) for lead in range(0xB0, 0xD8) for trail in range(0xA1, 0xFF))
    return frozenset("".join(pair.decode("gb2312", "ignore") for pair in pairs))


def repaired(text: str) -> str:
    """`text` with every line that is UTF-8 or GBK read with a wrong encoding put right; else as it was.

    A line is changed only where the way back is exact in both directions and leads from characters that nobody writes
    to ordinary Chinese.
    """
    return "\n".join(map(_line, text.split("\n")))


def _line(line: str) -> str:
    if line.isascii() or not (_LATIN_TRACE.search(line) or (_HAN.search(line) and familiar(line) < _STRANGE)):
        return line
    ways = (("latin", "utf-8"), ("gb18030", "utf-8"), ("latin", "gb18030"))
    return next((better for wrong, right in ways if (better := _back(line, wrong, right))), line)


def _back(line: str, wrong: str, right: str) -> str | None:
    if (wrong, right) == ("latin", "gb18030") and _ACCENTED.search(line):
        return None
    raw = _as_latin(line) if wrong == "latin" else _encoded(line, wrong)
    better = _tried(raw, right) if raw is not None else None
    if better is None or familiar(better.text) < _FAMILIAR or not better.text.isprintable():
        return None
    return better.text


def _encoded(line: str, encoding: str) -> bytes | None:
    try:
        return line.encode(encoding)
    except UnicodeEncodeError:
        return None


def _as_latin(line: str) -> bytes | None:
    """The bytes that Windows-1252 (or, where that has no character, Latin-1) shows as `line`."""
    found = bytearray()
    for char in line:
        raw = _encoded(char, "cp1252") or _encoded(char, "latin-1")
        if raw is None:
            return None
        found += raw
    return bytes(found)


def is_lost(text: str) -> bool:
    """Whether a wrong encoding has destroyed part of the text: replacement characters, 锟斤拷."""
    return bool(_REPLACED.search(text))
