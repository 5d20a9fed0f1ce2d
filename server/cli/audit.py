"""`qunzhu audit`: who did what, and whether anybody tampered with it."""

from typing import Any

import click

from server.cli.api import connect
from server.cli.lazy import Group
from server.cli.output import emit, moment, note, table
from server.cli.words import word

_LONG_SECONDS = 3_600.0


@click.group("audit", cls=Group)
def command() -> None:
    """操作记录。The audit."""


@command.command("list")
@click.option("--object", "object_id", metavar="ID", help="关于它的 / about this object")
@click.option("--actor", "actor_id", metavar="ID", help="由谁做的 / by this user or key")
@click.option("--before", type=click.IntRange(1), metavar="NUMBER", help="更早的 / older than this number")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="最多几条 / how many at most")
def list_(object_id: str | None, actor_id: str | None, before: int | None, limit: int) -> None:
    """列出操作，新的在前。Deeds, newest first."""
    with connect() as api:
        found = api.get("/v1/audit", object_id=object_id, actor_id=actor_id, before=before, limit=limit)
    columns = ("number", "created", "who", "action", "object", "community", "value")
    emit(found, lambda: table([_row(one) for one in found], columns))
    if len(found) == limit:
        note(word("more"))


def _row(deed: dict[str, Any]) -> dict[str, Any]:
    return deed | {
        "created": moment(deed["at"]),
        "who": deed["actor_id"],
        "object": f"{deed['object_kind']} {deed['object_id']}",
        "community": deed["community_id"],
        "value": deed["details"] or None,
    }


@command.command("verify")
@click.pass_context
def verify(ctx: click.Context) -> None:
    """校验整条记录链；断裂则退出码 1。Walk the whole chain; exit 1 where it is broken."""
    with connect() as api:
        found = api.call("POST", "/v1/audit:verify", seconds=_LONG_SECONDS)
    broken = found["broken_at"] is not None
    emit(found, lambda: word("audit_broken" if broken else "audit_whole", **found))
    if broken:
        ctx.exit(1)
