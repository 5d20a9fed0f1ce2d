"""`qunzhu messages`: those that could not be handled."""

import click

from server.cli.api import connect
from server.cli.lazy import Group
from server.cli.output import emit, moment, table
from server.cli.words import word

_COLUMNS = ("id", "created", "community", "problem")


@click.group("messages", cls=Group)
def command() -> None:
    """失败的消息：看清原因后重新处理。

    Messages that ran out of tries: see why, then have them handled again.
    """


@command.command("failed")
def failed() -> None:
    """列出失败的消息，旧的在前。Those that failed, oldest first."""
    with connect() as api:
        page = api.get("/v1/messages:failed")
    emit(page, lambda: table([_row(one) for one in page["messages"]], _COLUMNS))


def _row(message: dict[str, str]) -> dict[str, str]:
    return {
        "id": message["id"],
        "created": moment(message["received_at"]),
        "community": message["community_id"],
        "problem": message["last_error"],
    }


@command.command("requeue")
@click.argument("ids", metavar="[ID]...", nargs=-1)
def requeue(ids: tuple[str, ...]) -> None:
    """重新处理；不写编号就是全部。Have them handled again; without ids all of them."""
    with connect(worker=True) as api:
        done = api.post("/v1/messages:requeue", {"ids": list(ids) or None})
    emit(done, lambda: word("requeued", count=len(done["ids"])))
