"""What `qunzhu knowledge import` tells besides its counts: columns, duplicates, cleanings, passages left behind."""

from typing import Any, Final

from server.cli.output import note, table
from server.cli.words import word

_SHOWN: Final = 20
_MATCHES: Final = ("row", "id", "question", "other_row", "other_id", "other_question")
_CLEANINGS: Final = ("row", "line", "field", "cleaned", "before", "after")


def tell(done: dict[str, Any]) -> None:
    """All of it on stderr, at most 20 lines of each kind; `--json` has everything."""
    if done["columns"] and any(column["how"] != "own" for column in done["columns"]):
        note(f"{word('columns_read')}\n{table(map(_column, done['columns']), ('column', 'field', 'how', 'examples'))}")
    for kind in ("conflicts", "duplicates", "near"):
        _list(f"found_{kind}", done[kind], _MATCHES)
    _list("found_cleanings", [_cleaning(one) for one in done["cleanings"]], _CLEANINGS)
    if done["ignored_sheets"]:
        note(word("sheets_ignored", names="、".join(done["ignored_sheets"])))
    if done["gone"]:
        note(word("retired_gone" if done["retired"] else "found_gone", count=len(done["gone"])))


def _column(column: dict[str, Any]) -> dict[str, Any]:
    examples = " | ".join(column["examples"])
    return {"column": column["name"], "field": column["field"] or "-", "how": word(f"how_{column['how']}")} | {
        "examples": examples
    }


def _cleaning(one: dict[str, Any]) -> dict[str, Any]:
    done = word(f"cleaned_{one['kind']}")
    return one | {"cleaned": done if one["applied"] else word("not_applied", what=done)}


def _list(title: str, rows: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    if not rows:
        return
    note(f"{word(title, count=len(rows))}\n{table(rows[:_SHOWN], columns)}")
    if len(rows) > _SHOWN:
        note(word("and_more", count=len(rows) - _SHOWN))
