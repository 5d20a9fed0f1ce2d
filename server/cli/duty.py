"""`qunzhu duty list|add|remove`: who is called when a clock runs out."""

from datetime import datetime
from typing import Any, Final

import click

from server.cli.api import connect
from server.cli.lazy import Group
from server.cli.output import emit, note, table
from server.cli.words import word

_COLUMNS: Final = ("id", "community", "login", "name", "day", "shift")
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@click.group("duty", cls=Group)
def command() -> None:
    """值班表。The duty roster."""


@command.command("list")
@click.option("--community", metavar="ID", help="只要这个社群的，并看现在谁值班 / only this one's, and who is on now")
def list_(community: str | None) -> None:
    """列出班次。Weekly shifts and those of single days to come."""
    with connect() as api:
        found = api.get("/v1/duty", community=community)
    emit(found, lambda: table([_row(one) for one in found["shifts"]], _COLUMNS))
    if found["on_duty"] is not None:
        note(word("on_duty", logins="、".join(found["on_duty"]) or word("none")))


def _row(one: dict[str, Any]) -> dict[str, Any]:
    return one | {"community": one["community_id"], "day": one["weekday"] or one["day"]}


@command.command("add")
@click.option("--community", metavar="ID", required=True, help="社群，下级也归它管 / community, its sub-groups too")
@click.option(
    "--day",
    "days",
    metavar="mon…sun|YYYY-MM-DD",
    multiple=True,
    required=True,
    help="星期或日期，可多次 / may be repeated",
)
@click.argument("login")
@click.argument("shift", metavar="HH:MM-HH:MM")
def add(community: str, days: tuple[str, ...], login: str, shift: str) -> None:
    """排班：每周的星期几，或某一天。某天排了班，那天就不看每周的。

    Add shifts, weekly or for single days; those of a day take the place of the weekly ones.
    """
    shifts = [{"login": login, "shift": shift, **_day(one)} for one in days]
    with connect() as api:
        made = api.post("/v1/duty", {"community_id": community, "shifts": shifts})
    emit(made, lambda: table([_row(one) for one in made["shifts"]], _COLUMNS))


def _day(text: str) -> dict[str, str]:
    if text in _DAYS:
        return {"weekday": text}
    try:
        return {"day": datetime.strptime(text, "%Y-%m-%d").date().isoformat()}  # noqa: DTZ007 (a day has no zone)
    except ValueError:
        raise click.BadParameter(text, param_hint="--day") from None


@command.command("remove")
@click.argument("duty_id", metavar="ID")
def remove(duty_id: str) -> None:
    """删去一个班次。Take a shift off the roster."""
    with connect() as api:
        api.delete(f"/v1/duty/{duty_id}")
    emit({"id": duty_id}, lambda: word("removed", id=duty_id))
