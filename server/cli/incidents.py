"""`qunzhu incidents list|show|assign|tick|untick|merge|split|close`: several complaints about one thing."""

from typing import Any, Final

import click

from server.cli.api import connect
from server.cli.lazy import Command, Group
from server.cli.output import emit, moment, note, plain, table
from server.cli.words import word

_COLUMNS: Final = (
    "id",
    "version",
    "status",
    "opened",
    "community",
    "category",
    "members",
    "cases",
    "owner",
    "steps",
)
_CASES: Final = ("id", "state", "severity", "opened", "text")
_version = click.option(
    "--version", type=click.IntRange(1), help="看到的版本，默认当前版本 / the version you saw, default: the current one"
)


@click.group("incidents", cls=Group)
def command() -> None:
    """群体性事件。Group incidents."""


@command.command("list")
@click.option(
    "--status",
    multiple=True,
    type=click.Choice(["open", "closed"]),
    help="状态，可多次 / status, may be repeated; default: both",
)
@click.option("--community", metavar="ID", help="只要这个社群及其下级的 / this community and those below it")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="最多几条 / how many at most")
def list_(status: tuple[str, ...], community: str | None, limit: int) -> None:
    """群体性事件，新的在前。Incidents, the newest first."""
    with connect() as api:
        page = api.get("/v1/incidents", status=list(status) or None, community=community, limit=limit)
    emit(page, lambda: table([_row(one) for one in page["incidents"]], _COLUMNS))
    if page["next"]:
        note(word("more"))


def _row(one: dict[str, Any]) -> dict[str, Any]:
    return one | {
        "opened": moment(one["opened_at"]),
        "owner": one["owner"] or one["owner_id"],
        "steps": f"{one['steps_done']}/{one['steps']}",
    }


@command.command("show")
@click.argument("incident_id", metavar="ID")
def show(incident_id: str) -> None:
    """一起事件：清单、客诉、拟好的说明。One incident: its plan, its complaints, the drafted statement."""
    with connect() as api:
        found = api.get(f"/v1/incidents/{incident_id}")
    emit(found, lambda: "\n".join(_shown(found)))


def _shown(one: dict[str, Any]) -> list[str]:
    lines = [table([_row(one)], _COLUMNS), ""]
    for step in one["checklist"]:
        mark = "✓" if step["done_at"] else " "
        lines.append(f"[{mark}] {step['key']}  {plain(step['text'])}  {moment(step['done_at']) or ''}".rstrip())
    cases = [case | {"opened": moment(case["opened_at"]), "text": case["quote"]} for case in one["complaints"]]
    lines += ["", table(cases, _CASES)]
    if one["script_text"]:
        lines += ["", word("statement", id=one["script_draft_id"], status=one["script_status"])]
        lines += [f"  {plain(line)}" for line in one["script_text"].splitlines()]
    if one["result"]:
        lines += ["", plain(one["result"])]
    return lines


def _act(incident_id: str, version: int | None, action: str, **given: str) -> None:
    with connect() as api:
        seen = version or api.get(f"/v1/incidents/{incident_id}")["version"]
        done = api.post(f"/v1/incidents/{incident_id}/actions", {"action": action, "version": seen} | given)
    emit(done, lambda: table([_row(done)], _COLUMNS))


@click.command("assign", cls=Command)
@click.argument("incident_id", metavar="ID")
@click.argument("login")
@_version
def assign(incident_id: str, login: str, version: int | None) -> None:
    """指定负责人。Name its owner."""
    _act(incident_id, version, "assign", owner=login)


@click.command("tick", cls=Command)
@click.argument("incident_id", metavar="ID")
@click.argument("step")
@_version
def tick(incident_id: str, step: str, version: int | None) -> None:
    """清单里的一步做完了。A step of the plan is done."""
    _act(incident_id, version, "tick", step=step)


@click.command("untick", cls=Command)
@click.argument("incident_id", metavar="ID")
@click.argument("step")
@_version
def untick(incident_id: str, step: str, version: int | None) -> None:
    """清单里的一步其实没做完。A step is not done after all."""
    _act(incident_id, version, "untick", step=step)


@click.command("merge", cls=Command)
@click.argument("incident_id", metavar="ID")
@click.argument("case_id", metavar="CASE")
@_version
def merge(incident_id: str, case_id: str, version: int | None) -> None:
    """把一条客诉并进来。Put a complaint into it."""
    _act(incident_id, version, "merge", case_id=case_id)


@click.command("split", cls=Command)
@click.argument("incident_id", metavar="ID")
@click.argument("case_id", metavar="CASE")
@_version
def split(incident_id: str, case_id: str, version: int | None) -> None:
    """把一条客诉移出去，恢复原来的轻重。Take a complaint out; it is as grave as before."""
    _act(incident_id, version, "split", case_id=case_id)


@click.command("close", cls=Command)
@click.argument("incident_id", metavar="ID")
@click.argument("result")
@_version
def close(incident_id: str, result: str, version: int | None) -> None:
    """结束事件，写明结果。Close it with a result."""
    _act(incident_id, version, "close", text=result)


for one in (assign, tick, untick, merge, split, close):
    command.add_command(one)
