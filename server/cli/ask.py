"""`qunzhu ask`: a question about the communities in plain words; answer, table and bars."""

from collections.abc import Iterator
from typing import Any, Final

import click

from server.cli.api import connect
from server.cli.lazy import Command
from server.cli.output import clip, emit, plain, width
from server.cli.words import locale, word

_BARS: Final = 32
_LABEL: Final = 24
_MOST_ROWS: Final = 30


@click.command("ask", cls=Command)
@click.option("--community", "communities", metavar="ID", multiple=True, help="只看这个群，可多次 / only in this one")
@click.argument("question")
def command(communities: tuple[str, ...], question: str) -> None:
    """用平常的话问数据：上周哪个群流失最多。每个数都带时间范围和口径。

    Ask about the communities in plain words. Exit code 1 where the question is refused.
    """
    wanted = {"question": question, "community_ids": list(communities) or None}
    with connect() as api:
        asked = api.post("/v1/questions", wanted)
    emit(asked, lambda: "\n".join(_lines(asked)))
    if asked["interpretation"]["tool"] == "refuse":
        click.get_current_context().exit(1)


def _lines(asked: dict[str, Any]) -> Iterator[str]:
    yield plain(asked["answer"])
    if asked["chart"]:
        yield ""
        yield from bars(asked["chart"], asked["table"]["columns"][0] if asked["table"] else "")
    elif asked["table"] and asked["table"]["rows"]:
        yield ""
        yield from _table(asked["table"])
    ids = list(dict.fromkeys(one["query_id"] for one in asked["figures"]))
    if ids:
        yield ""
        yield word("queries", ids=" ".join(ids[:5]))
    if asked["degraded"]:
        yield word("degraded_answer")


def _table(table: dict[str, Any]) -> Iterator[str]:
    """Columns under their names in the reader's language."""
    names = [_heading(column) for column in table["columns"]]
    columns = table["columns"]
    rows = [[_cell(column, value) for column, value in zip(columns, row, strict=True)] for row in table["rows"]]
    widths = [max(width(line[n]) for line in [names, *rows]) for n in range(len(names))]
    for line in [names, *rows[:_MOST_ROWS]]:
        yield "  ".join(cell + " " * (most - width(cell)) for cell, most in zip(line, widths, strict=True)).rstrip()
    if len(rows) > _MOST_ROWS:
        yield "…"


def _heading(column: str) -> str:
    from core.catalogue import text

    for key in (f"metric.{column}.name", f"dimension.{column}"):
        found = text(key, locale())
        if found != key:
            return found
    return column


def _cell(column: str, value: Any) -> str:
    from core.catalogue import text

    if value is None:
        return "–"
    if column in ("activity", "channel"):
        found = text(f"{column}.{value}", locale())
        return str(value) if found == f"{column}.{value}" else found
    if column == "weekday" and str(value) in "1234567":
        return text("question.weekday", locale()).split(",")[int(value) - 1]
    if column == "hour" and str(value).isdigit():
        return text("question.hour", locale(), n=int(value))
    shown = f"{value:.4g}" if isinstance(value, float) else str(value)
    return clip(plain(shown), _LABEL)


def bars(chart: dict[str, Any], dimension: str = "") -> Iterator[str]:
    """A bar per label, as long as its value to the largest; shares in percent. Labels are read as `dimension`'s."""
    from core.catalogue import text

    key = f"metric.{chart['title']}.name"
    title = text(key, locale())
    yield chart["title"] if title == key else title
    values = [value or 0 for value in chart["values"]]
    most = max((abs(value) for value in values), default=0) or 1
    labels = [_cell(dimension, label) for label in chart["labels"]]
    widest = max(width(label) for label in labels)
    rows = zip(labels, chart["values"], values, strict=True)
    for label, value, size in list(rows)[:_MOST_ROWS]:
        bar = ("█" if size >= 0 else "░") * round(_BARS * abs(size) / most)
        shown = "–" if value is None else f"{value * 100:.1f}%" if chart["unit"] == "share" else f"{value:g}"
        yield f"{label}{' ' * (widest - width(label))}  {bar}{' ' if bar else ''}{shown}"
    if len(labels) > _MOST_ROWS:
        yield "…"
