"""What a text says to a model that reads behind its spelling: split, encoded, reversed, in pinyin."""

import base64
import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final, NamedTuple

from core.text import Normalized, normalize

MOST_CODES: Final = 3
MANY_UNSEEN: Final = 3
_HAN: Final = r"[\u4e00-\u9fff]"
_SPLIT: Final = re.compile(rf"{_HAN}(?:[\s\-/.·~_|*+,、]{{1,3}}{_HAN}){{3,}}")
_GAPS: Final = re.compile(r"[\s\-/.·~_|*+,、]+")
_BASE64: Final = re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{16,800}={0,2}(?![A-Za-z0-9+/=])")
_HEX: Final = re.compile(r"(?<![0-9A-Za-z])(?:[0-9a-fA-F]{2}){8,400}(?![0-9A-Za-z])")
_REVERSED: Final = re.compile("[\u202e\u2067]([^\u202c\u2069]{3,200})")
_SPELLED: Final = re.compile(r"[a-zü:]{1,6}(?:[\s']{0,2}[a-zü:]{1,6}){3,}")
_UNSEEN: Final = re.compile(f"(?<={_HAN})[\u200b-\u200f\u2060\ufeff](?={_HAN})|[\u202d\u202e]")
_WIDE: Final = re.compile("[\uff41-\uff5a]{4}[\uff01-\uff5e\u3000]*[\uff41-\uff5a]{4}")
_SPELLED_SHARE: Final = 0.6
_LEAST_LETTERS: Final = 12


class View(NamedTuple):
    """A reading, normalised. `hidden` says that a person would not see it."""

    text: str
    hidden: bool


def views(normalized: Normalized) -> Iterator[View]:
    """The text as it stands, and whatever else can be read in it."""
    yield View(normalized.text, hidden=False)
    joined = _SPLIT.sub(lambda found: _GAPS.sub("", found[0]), normalized.text)
    if joined != normalized.text:
        yield View(joined, hidden=True)
    original = normalized.original
    for text in (*_decoded(original, _BASE64, _base64), *_decoded(original, _HEX, bytes.fromhex), *_reversed(original)):
        yield View(normalize(text).text, hidden=True)


def pinyin(normalized: Normalized) -> str:
    """The letters of a text that is written in pinyin, without spaces; empty where it isn't."""
    text = normalized.text
    spelled = "".join(found[0] for found in _SPELLED.finditer(text))
    letters = re.sub(r"[^a-zü]", "", spelled)
    return letters if len(spelled) >= _SPELLED_SHARE * len(text) and len(letters) >= _LEAST_LETTERS else ""


def looks_hidden(normalized: Normalized) -> bool:
    """Whether characters that nobody sees stand between others, or letters that nobody types."""
    unseen = islice(_UNSEEN.finditer(normalized.original), MANY_UNSEEN)
    reversed_ = _REVERSED.search(normalized.original)
    return len(list(unseen)) == MANY_UNSEEN or bool(reversed_ or _WIDE.search(normalized.original))


def _decoded(original: str, form: re.Pattern[str], decode: Callable[[str], bytes]) -> Iterator[str]:
    """Texts that stand in a code; other bytes that look so make no text."""
    for found in islice(form.finditer(original), MOST_CODES):
        try:
            text = decode(found[0]).decode("utf-8")
        except ValueError:
            continue
        if text.isprintable():
            yield text


def _base64(code: str) -> bytes:
    return base64.b64decode(code.rstrip("=") + "=" * (-len(code.rstrip("=")) % 4))


def _reversed(original: str) -> Iterator[str]:
    """What a right-to-left override hides: a model reads it backwards as well."""
    yield from (found[1][::-1] for found in _REVERSED.finditer(original))
