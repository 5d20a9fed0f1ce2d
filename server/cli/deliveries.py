"""`qunzhu deliveries`: what was approved, on its way out."""

from typing import Any

import click

from server.cli.api import connect
from server.cli.lazy import Group
from server.cli.output import emit, measure, moment, table
from server.cli.words import word

_STATES = ["queued", "sending", "delivered", "failed", "unknown", "cancelled", "expired"]
_OPEN = ["queued", "sending", "failed", "unknown"]
_COLUMNS = ("id", "state", "created", "community", "channel", "kind", "attempts", "problem", "text")


@click.group("deliveries", cls=Group)
def command() -> None:
    """发送情况；unknown 要人来说明结果。

    Deliveries: `unknown` ones wait for a person to say what became of them.
    """


@command.command("list")
@click.option(
    "--state",
    multiple=True,
    type=click.Choice(_STATES),
    help="状态，可多次 / state, may be repeated; default: all that are not over",
)
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="最多几条 / how many at most")
def list_(state: tuple[str, ...], limit: int) -> None:
    """列出发送，新的在前。Deliveries, newest first."""
    with connect() as api:
        page = api.get("/v1/deliveries:states", state=list(state) or _OPEN, limit=limit)
    emit(page, lambda: table([_row(one) for one in page["deliveries"]], _COLUMNS))


def _row(delivery: dict[str, Any]) -> dict[str, Any]:
    return delivery | {
        "created": moment(delivery["created_at"]),
        "community": delivery["community_id"],
        "kind": measure(delivery),
        "problem": delivery["last_error"],
    }


@command.command("ack")
@click.argument("delivery_id", metavar="ID")
def ack(delivery_id: str) -> None:
    """确认已发出（拉取方式）。It was posted: for channels that pull."""
    with connect() as api:
        _show(api.post(f"/v1/deliveries/{delivery_id}/ack"))


@command.command("resolve")
@click.argument("delivery_id", metavar="ID")
@click.option(
    "--outcome",
    required=True,
    type=click.Choice(["delivered", "resend"]),
    help="已送达，或再发一次 / it arrived, or send it again",
)
def resolve(delivery_id: str, outcome: str) -> None:
    """说明 unknown 的结果，或重发 failed。Say what became of an unknown one; send a failed one again."""
    with connect() as api:
        _show(api.post(f"/v1/deliveries/{delivery_id}/resolve", {"outcome": outcome}))


def _show(delivery: dict[str, Any]) -> None:
    emit(delivery, lambda: word("delivery_state", id=delivery["id"], state=delivery["state"]))
