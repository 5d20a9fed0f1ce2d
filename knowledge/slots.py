"""Slots in curated texts: `{member_name}` stands for a value that is put in when the text is used."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

_NAME: Final = r"[a-z][a-z0-9_]{0,39}"
_SLOT: Final = re.compile(rf"\{{({_NAME})\}}")
# What somebody meant as a slot and wrote otherwise: doubled, full-width, Chinese or upper-case names.
_MEANT: Final = re.compile(r"\{\{[^{}\n]{0,40}\}\}|\{[^{}\n]{0,40}\}|｛[^｛｝\n]{0,40}｝|\$\{[^{}\n]{0,40}\}")


class Filled(NamedTuple):
    """A text with its slots filled; a slot without a value is left as it was, and named in `missing`."""

    text: str
    missing: tuple[str, ...]


def slots(text: str) -> list[str]:
    """Names of the slots, each once, in order of appearance."""
    return list(dict.fromkeys(_SLOT.findall(text)))


def odd_slots(text: str) -> list[str]:
    """Pieces in braces that look like slots and are none, as written: `{{name}}`, `{成员}`, `｛name｝`."""
    return [piece for piece in _MEANT.findall(text) if not _SLOT.fullmatch(piece)]


def fill(text: str, values: Mapping[str, str]) -> Filled:
    """`text` with every slot that has a value replaced, in a single pass.

    A value is never read for slots again: a member who is called `{phone}` gets no phone number printed.
    """
    missing = tuple(name for name in slots(text) if name not in values)
    return Filled(_SLOT.sub(lambda found: values.get(found[1], found[0]), text), missing)
