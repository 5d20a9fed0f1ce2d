"""What differs between two versions of an entry, field by field."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

Sign = Literal[" ", "-", "+"]
_CONTEXT: Final = 2
_TEXTS: Final = ("title", "answer", "source")
_LISTS: Final = ("phrasings", "tags", "variables", "group_types")


class Piece(NamedTuple):
    """A run of characters that stayed (` `), went (`-`) or came (`+`)."""

    sign: Sign
    text: str


class Changed(NamedTuple):
    """One field. Texts have `unified` lines and `pieces` for a coloured view, lists a piece for each element."""

    field: str
    before: Any
    after: Any
    unified: str | None
    pieces: list[Piece]


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Changed]:
    """The fields that differ, in the order of `after`. A field that one of them does not know yet counts as empty."""
    names = dict.fromkeys((*after, *before))
    pairs = [(name, before.get(name), after.get(name)) for name in names]
    return [_changed(name, old, new) for name, old, new in pairs if (old or None) != (new or None)]


def _changed(name: str, old: Any, new: Any) -> Changed:
    if name in _TEXTS:
        return Changed(name, old, new, _unified(old or "", new or ""), _pieces(old or "", new or ""))
    if name in _LISTS:
        return Changed(name, old, new, None, _elements(old or [], new or []))
    both: tuple[tuple[Sign, Any], ...] = (("-", old), ("+", new))
    return Changed(name, old, new, None, [Piece(sign, str(value)) for sign, value in both if value is not None])


def _unified(old: str, new: str) -> str:
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), n=_CONTEXT, lineterm="")
    return "\n".join(list(lines)[2:])


def _pieces(old: str, new: str) -> list[Piece]:
    """By characters: a Chinese answer is often one long line."""
    found: list[Piece] = []
    for kind, i, j, k, m in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            found.append(Piece(" ", old[i:j]))
            continue
        found += [Piece("-", old[i:j])] * (j > i) + [Piece("+", new[k:m])] * (m > k)
    return found


def _elements(old: Sequence[Any], new: Sequence[Any]) -> list[Piece]:
    gone = [Piece("-", str(one)) for one in old if one not in new]
    return [Piece(" " if one in old else "+", str(one)) for one in new] + gone
