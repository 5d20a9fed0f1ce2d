"""`qunzhu clocks`: who still waits for a first answer."""

from typing import Any, Final

import click

from server.cli.api import connect
from server.cli.lazy import Command
from server.cli.output import emit, moment, note, table
from server.cli.words import word

_COLUMNS: Final = ("kind", "object", "community", "state", "since", "respond_by", "minutes_left", "step")


@click.command("clocks", cls=Command)
@click.option("--overdue", is_flag=True, help="只要超时的 / only those that are overdue")
@click.option(
    "--state",
    type=click.Choice(["running", "warned", "overdue", "paused"]),
    help="状态，默认所有在走的 / state, default: all that run",
)
@click.option("--kind", type=click.Choice(["group_question", "complaint"]), help="提问或客诉 / only this kind")
@click.option("--community", metavar="ID", help="只要这个社群及其下级的 / this community and those below it")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="最多几条 / how many at most")
def command(overdue: bool, state: str | None, kind: str | None, community: str | None, limit: int) -> None:
    """响应时钟：谁还在等回应，最先到时的在前；剩余分钟只算营业时间，负数是超时。

    Reply clocks, the first due first; minutes left are business minutes, negative where overdue.
    """
    chosen = "overdue" if overdue else state
    with connect() as api:
        page = api.get("/v1/clocks", state=chosen, kind=kind, community=community, limit=limit)
    emit(page, lambda: table([_row(one) for one in page["clocks"]], _COLUMNS))
    if page["next"]:
        note(word("more"))


def _row(one: dict[str, Any]) -> dict[str, Any]:
    return one | {
        "object": one["object_id"],
        "community": one["community_id"],
        "since": moment(one["since"]),
        "respond_by": moment(one["respond_by"]),
    }
