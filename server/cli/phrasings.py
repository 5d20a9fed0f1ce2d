"""`qunzhu knowledge propose`: more wordings for an entry, thought of by the language model."""

from typing import Any, Final

import click

from server.cli.api import connect
from server.cli.lazy import Command
from server.cli.output import emit, table
from server.cli.words import word

_LONG_SECONDS: Final = 600.0


@click.command("propose", cls=Command)
@click.argument("entry_id", metavar="ID")
def command(entry_id: str) -> None:
    """请语言模型再想几种问法，作为候选等人采纳。

    Have the language model think of more phrasings of a faq. They wait as candidates; nothing is published.
    """
    with connect() as api:
        done = api.call("POST", f"/v1/knowledge/entries/{entry_id}/phrasings:propose", seconds=_LONG_SECONDS)
    emit(done, lambda: _shown(done))


def _shown(done: dict[str, Any]) -> str:
    lines = [word("proposed", count=len(done["candidates"])), table(done["candidates"], ("id", "question"), widest=80)]
    if left_out := [_left_out(one) for one in done["left_out"]]:
        lines += ["", word("left_out"), table(left_out, ("question", "why"), widest=80)]
    return "\n".join(lines)


def _left_out(one: dict[str, Any]) -> dict[str, str]:
    return {"question": one["text"], "why": word(f"left_out_{one['why']}", entry_id=one["entry_id"])}
