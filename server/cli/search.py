"""`qunzhu search`: what the knowledge base finds for a question, with every score."""

from typing import Any

import click

from server.cli.api import connect
from server.cli.lazy import Command
from server.cli.output import emit, table
from server.cli.words import word

_COLUMNS = ("score", "dense", "lexical", "entry", "kind", "name", "wording")


@click.command("search", cls=Command)
@click.option("--community", metavar="ID", required=True, help="在哪个社群问 / community in which it is asked")
@click.option(
    "--kind",
    multiple=True,
    type=click.Choice(["faq", "script"]),
    default=("faq",),
    show_default=True,
    help="条目类别，可多次 / kind of entry, may be repeated",
)
@click.option("-k", "--most", type=click.IntRange(1, 20), default=5, show_default=True, help="最多几条 / how many")
@click.argument("text")
def command(community: str, kind: tuple[str, ...], most: int, text: str) -> None:
    """命中测试：会找到哪些条目、得分、门槛判定。

    Hit-testing: what would be found for TEXT, and whether it is enough to answer.
    """
    wanted = {"text": text, "community_id": community, "kinds": list(kind), "k": most}
    with connect() as api:
        found = api.post("/v1/knowledge/search", wanted)
    emit(found, lambda: f"{table([_row(one) for one in found['results']], _COLUMNS)}\n{word('verdict', **found)}")


def _row(found: dict[str, Any]) -> dict[str, Any]:
    scores = {name: f"{found[name]:.3f}" for name in ("score", "dense", "lexical")}
    return found | scores | {"entry": f"{found['entry_id']} v{found['version']}", "name": found["title"]}
