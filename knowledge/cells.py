"""What stands in a cell of a table as the value of a field, and back without a loss."""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, Final

from core.text import normalize
from core.vocabulary import Audience, CommunityType, EntryKind, EntryStatus, Scene, Tone
from core.yaml_text import load_yaml
from knowledge.raw_entries import Flaw

LISTS: Final = frozenset({"phrasings", "tags", "group_types"})

# A cell's list is separated by line ends, | or ；; in a list of words by 、 and commas too.
_SEPARATED: Final = re.compile(r"((?:\\.|[^\\\n|；;]|\\$)*)(?:[\n|；;]|$)", re.DOTALL)
_ESCAPE: Final = re.compile(r"[\\|；;\n]")
_ESCAPED: Final = re.compile(r"\\([\\|；;n])")
_COMMA: Final = re.compile(r"[、，,]")
_WORD_LISTS: Final = frozenset({"tags", "group_types"})
_DATES: Final = frozenset({"valid_from", "valid_until"})
_DATE: Final = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?(?:[ T]0?0:00(?::00)?)?")
_COMPACT_DATE: Final = re.compile(r"(\d{4})(\d{2})(\d{2})")
_CHOICES: Final[Mapping[str, type[StrEnum]]] = {
    "kind": EntryKind,
    "audience": Audience,
    "tone": Tone,
    "status": EntryStatus,
    "scene": Scene,
    "group_types": CommunityType,
}


@cache
def table_words() -> Mapping[str, Any]:
    """`fields`, `around`, `values` and `no_limit` of the lexicon."""
    found: Mapping[str, Any] = load_yaml(files("knowledge").joinpath("lexicons", "table_words.yaml").read_text("utf-8"))
    return found


def joined(items: Iterable[str]) -> str:
    """Items as lines of one cell; a separator inside an item gets a backslash."""
    return "\n".join(_ESCAPE.sub(lambda found: "\\n" if found[0] == "\n" else f"\\{found[0]}", item) for item in items)


def split(cell: str, *, words: bool = False) -> list[str]:
    """The items of a cell: separated by line ends, `|`, `；` or `;`, with `words` also by `、` and commas."""
    pieces = [found[1] for found in _SEPARATED.finditer(cell) if found[1].strip()]
    items = [_ESCAPED.sub(lambda found: "\n" if found[1] == "n" else found[1], piece).strip() for piece in pieces]
    return [part.strip() for item in items for part in _COMMA.split(item) if part.strip()] if words else items


def shown(value: Any) -> str:
    """A field's value, as `model_dump(mode="json")` has it, as a cell; what is not set is empty."""
    if isinstance(value, list):
        return joined(value)
    return "" if value is None else str(value)


def value_of(field: str, cell: str, *, own: bool) -> tuple[Any, Flaw | None]:
    """The value that `cell` stands for, as the model of an entry takes it, or what is wrong with it.

    With `own` it is a cell of our own making, where commas separate nothing.
    """
    if field in LISTS:
        return _items(field, split(cell, words=field in _WORD_LISTS and not own))
    if field in _CHOICES:
        return _choice(field, cell)
    return (_day(cell) if field in _DATES else cell), None


def _items(field: str, items: list[str]) -> tuple[list[str], Flaw | None]:
    if field not in _CHOICES:
        return items, None
    found = [_choice(field, item) for item in items]
    return [value for value, _ in found], next((flaw for _, flaw in found if flaw), None)


def _choice(field: str, cell: str) -> tuple[str, Flaw | None]:
    known = {one.value for one in _CHOICES[field]}
    word = normalize(cell).text
    plain = word.replace(" ", "_").replace("-", "_")
    found = plain if plain in known else _other_words(field).get(word)
    if found is not None:
        return found, None
    allowed = "、".join(one.value for one in _CHOICES[field])
    return cell, Flaw("not_a_choice", field, {"value": cell[:50], "allowed": allowed})


@cache
def _other_words(field: str) -> Mapping[str, str]:
    words = table_words()["values"][field]
    return {word: value for value, others in words.items() for word in others}


def _day(cell: str) -> str | None:
    """2026/1/31, 2026年1月31日, 20260131 as 2026-01-31; what is no date is left for the model to refuse."""
    if normalize(cell).text in table_words()["no_limit"]:
        return None
    found = _DATE.fullmatch(cell) or _COMPACT_DATE.fullmatch(cell)
    return f"{found[1]}-{int(found[2]):02}-{int(found[3]):02}" if found else cell
