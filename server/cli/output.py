"""How commands show things: JSON, aligned tables (a Chinese character takes two columns), lines on stderr."""

import json
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from server.cli.lazy import wants_json
from server.cli.words import word

ZONE = ZoneInfo("Asia/Shanghai")  # the deployment's reporting time zone
_WIDEST = 48
_JOINER = "\u200d"  # holds emoji together; every other invisible character could play tricks on a terminal


def plain(text: str) -> str:
    """`text` with every control or direction character as a space, code point by code point, so that spans still fit:
    what members write must not steer the terminal."""
    return "".join(
        " " if unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp", "Cs") and char != _JOINER else char
        for char in text
    )


def width(text: str) -> int:
    """Columns that `text` takes on a terminal."""
    return sum(_char_width(char) for char in text)


def _char_width(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def clip(text: str, most: int) -> str:
    """At most `most` columns of `text`, an ellipsis where something is left out."""
    if width(text) <= most:
        return text
    taken, used = "", 0
    for char in text:
        used += _char_width(char)
        if used >= most:
            break
        taken += char
    return taken + "…"


def table(rows: Iterable[Mapping[str, object]], columns: Sequence[str], *, widest: int = _WIDEST) -> str:
    """Rows under the words of `columns`; `(none)` where there are no rows."""
    cells = [[clip(shown(row.get(column)), widest) for column in columns] for row in rows]
    if not cells:
        return word("none")
    lines = [[word(column) for column in columns], *cells]
    widths = [max(width(line[n]) for line in lines) for n in range(len(columns))]
    return "\n".join(_line(line, widths) for line in lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell + " " * (most - width(cell)) for cell, most in zip(cells, widths, strict=True)).rstrip()


def shown(value: object) -> str:
    """A value in a cell: nothing for None, lists joined, everything on one line."""
    if value is None or value == []:
        return ""
    if isinstance(value, bool):
        return "✓" if value else ""
    if isinstance(value, list | tuple):
        return ", ".join(shown(one) for one in value)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return " ".join(plain(str(value)).split())


def moment(text: str | None) -> str:
    """An ISO timestamp as day and minute in the reporting time zone."""
    return datetime.fromisoformat(text).astimezone(ZONE).strftime("%m-%d %H:%M") if text else ""


def measure(one: Mapping[str, Any]) -> str:
    """What is done to a member, `mute 60min`; of a delivery that does nothing to anybody its kind."""
    action = str(one["action"] or one.get("kind") or "")
    return f"{action} {one['minutes']}min" if one.get("minutes") else action


def dumps(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2)


def emit(document: Any, human: Callable[[], str]) -> None:
    """The document with `--json`, else what `human` makes of it, on stdout."""
    click.echo(dumps(document) if wants_json() else human())


def note(text: str) -> None:
    """A remark on stderr, out of the way of whoever reads stdout."""
    click.echo(text, err=True)
