"""`qunzhu audit`: who did what, and whether anybody tampered with it."""

import re
from datetime import datetime, timedelta
from typing import Any

import click

from server.cli.api import connect
from server.cli.lazy import Group
from server.cli.output import ZONE, emit, moment, note, table
from server.cli.words import word

_LONG_SECONDS = 3_600.0
_LAST_YEAR = 9999
_DAY = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"])


@click.group("audit", cls=Group)
def command() -> None:
    """操作记录。The audit."""


@command.command("list")
@click.option("--who", "--actor", "actor_id", metavar="ID", help="由谁做的 / by this user (login, id) or key")
@click.option("--object", "object_id", metavar="ID", help="关于它的 / about this object")
@click.option("--kind", "object_kind", metavar="KIND", help="关于哪类对象，如 draft / about objects of this kind")
@click.option("--action", metavar="ACTION", help="哪种操作，如 draft.approved；draft. 是它们全部 / this action")
@click.option("--community", metavar="ID", help="社群和它的子群 / a community and those below it")
@click.option("--since", type=_DAY, help="从那天（或时刻）起 / from then on, Shanghai time")
@click.option("--until", type=_DAY, help="到那天为止（含） / up to that day's end")
@click.option("--before", type=click.IntRange(1), metavar="NUMBER", help="更早的 / older than this number")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="最多几条 / how many at most")
def list_(since: datetime | None, until: datetime | None, limit: int, **wanted: Any) -> None:
    """列出操作，新的在前。Deeds, newest first."""
    with connect() as api:
        found = api.get("/v1/audit", limit=limit, since=_begin(since), until=_end(until), **wanted)
    columns = ("number", "created", "who", "action", "object", "community", "value")
    emit(found, lambda: table([_row(one) for one in found], columns))
    if len(found) == limit:
        note(word("more"))


def _begin(given: datetime | None) -> str | None:
    return given.replace(tzinfo=ZONE).isoformat() if given is not None else None


def _end(given: datetime | None) -> str | None:
    """A day is meant as a whole."""
    whole = given is not None and given.hour == given.minute == 0 and given.year < _LAST_YEAR
    return _begin(given + timedelta(days=1) if whole and given is not None else given)


def _row(deed: dict[str, Any]) -> dict[str, Any]:
    return deed | {
        "created": moment(deed["at"]),
        "who": deed["actor_id"],
        "object": f"{deed['object_kind']} {deed['object_id']}",
        "community": deed["community_id"],
        "value": deed["details"] or None,
    }


class _Anchor(click.ParamType[dict[str, Any]]):
    """NUMBER:HASH, as `qunzhu audit anchor` prints it."""

    name = "anchor"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        found = re.fullmatch(r"([0-9]{1,10}):([0-9a-f]{64})", value)
        if found is None:
            self.fail(word("anchor_invalid"), param, ctx)
        return {"number": int(found[1]), "hash": found[2]}


@command.command("verify")
@click.option(
    "--anchor",
    "anchors",
    type=_Anchor(),
    multiple=True,
    metavar="NUMBER:HASH",
    help="以前 audit anchor 打印、另行保存的 / what `audit anchor` once printed and you kept elsewhere",
)
@click.pass_context
def verify(ctx: click.Context, anchors: tuple[dict[str, Any], ...]) -> None:
    """校验整条记录链；断裂则退出码 1。Walk the whole chain; exit 1 where it is broken."""
    with connect() as api:
        found = api.call("POST", "/v1/audit:verify", json={"anchors": list(anchors)}, seconds=_LONG_SECONDS)
    broken = found["broken_at"] is not None
    emit(found, lambda: word("audit_broken" if broken else "audit_whole", **found))
    if broken:
        ctx.exit(1)


@command.command("anchor")
def anchor() -> None:
    """打印链尾，供另行保存。Print the head, to be kept elsewhere and given to `verify --anchor`."""
    with connect() as api:
        found = api.get("/v1/audit:head")
    emit(found, lambda: f"{found['number']}:{found['hash']}")
