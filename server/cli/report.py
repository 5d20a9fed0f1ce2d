"""`qunzhu report complaints`: figures over a period, as tables."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import click

from server.cli.api import connect
from server.cli.lazy import Group
from server.cli.output import emit, table
from server.cli.words import word

_CLOCKS: Final = ("name", "due", "kept", "sla_hit_rate", "answered", "median_minutes", "p90_minutes")
_CASES: Final = (
    "name",
    "opened_cases",
    "closed_cases",
    "reopened",
    "dismissed",
    "open_now",
    "breached",
    "compensation",
)
_CAUSES: Final = ("name", "opened_cases")


@click.group("report", cls=Group)
def command() -> None:
    """报表。Reports."""


@command.command("complaints")
@click.option("--from", "start", metavar="YYYY-MM-DD", help="第一天，默认上周一 / first day, default: last week's")
@click.option("--to", "end", metavar="YYYY-MM-DD", help="最后一天，默认上周日 / last day, default: last week's")
@click.option("--week", is_flag=True, help="本周到今天 / this week up to today")
@click.option("--community", metavar="ID", help="只要这个社群及其下级的 / this community and those below it")
def complaints(start: str | None, end: str | None, week: bool, community: str | None) -> None:
    """客诉：按时率、首次响应、件数、原因，按群和负责人；默认上周。

    Complaints: clocks kept, first answers, cases and causes, per community and owner; default: last week.
    """
    if week:
        start, end = _this_week()
    params = {"from": start, "to": end, "community": community}
    with connect() as api:
        found = api.get("/v1/reports/complaints", **params)
    emit(found, lambda: "\n".join(_lines(found)))


def _this_week() -> tuple[str, str]:
    today = (datetime.now(UTC) + timedelta(hours=8)).date()  # the reporting zone: Shanghai
    return (today - timedelta(days=today.weekday())).isoformat(), today.isoformat()


def _lines(found: dict[str, Any]) -> Iterator[str]:
    yield word("report_of", start=found["start"], end=found["end"])
    total = found["total"] | {"name": word("total")}
    groups = [*(one | {"name": one["name"] or one["id"]} for one in found["communities"]), total]
    people = [one | {"name": one["name"] or one["id"] or word("nobody")} for one in found["owners"]]
    for rows in (groups, people) if people else (groups,):
        shown = [_row(one) for one in rows]
        yield ""
        yield table(shown, _CLOCKS)
        yield ""
        yield table(shown, _CASES)
    for name in ("by_category", "by_severity"):
        if found["total"][name]:
            yield ""
            counts = found["total"][name].items()
            yield table([{"name": key, "opened_cases": number} for key, number in counts], _CAUSES)
    if total["small"] and total["due"]:
        yield ""
        yield word("small_sample")


def _row(one: dict[str, Any]) -> dict[str, Any]:
    share = "n/a" if one["sla_hit_rate"] is None else f"{one['sla_hit_rate']:.1%} ({one['kept']}/{one['due']})"
    money = f"{one['compensation_cents'] / 100:.2f}"
    points = one["compensation_points"]
    return one | {
        "sla_hit_rate": f"{share} *" if one["small"] and one["due"] else share,
        "median_minutes": _minutes(one["first_response_median"]),
        "p90_minutes": _minutes(one["first_response_p90"]),
        "opened_cases": one["opened"],
        "closed_cases": one["closed"],
        "compensation": f"{money} + {points}" if points else money,
    }


def _minutes(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.1f}"
