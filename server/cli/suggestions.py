"""`qunzhu suggestions list|set`: what members suggest, and what becomes of it."""

from typing import Any, Final

import click

from server.cli.api import connect
from server.cli.lazy import Group
from server.cli.output import emit, moment, note, table
from server.cli.words import word

_STATUSES: Final = ("new", "routed", "planned", "done", "declined")
_DEPARTMENTS: Final = ("service", "product", "logistics", "marketing")
_COLUMNS: Final = ("id", "version", "status", "department", "sent", "community", "member", "text")


@click.group("suggestions", cls=Group)
def command() -> None:
    """成员的建议。Suggestions of members."""


@command.command("list")
@click.option(
    "--status", multiple=True, type=click.Choice(_STATUSES), help="状态，可多次 / status, may be repeated; default: all"
)
@click.option("--department", type=click.Choice(_DEPARTMENTS), help="转给哪个部门的 / routed to this department")
@click.option("--community", metavar="ID", help="只要这个社群及其下级的 / this community and those below it")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="最多几条 / how many at most")
def list_(status: tuple[str, ...], department: str | None, community: str | None, limit: int) -> None:
    """成员的建议，新的在前。Suggestions, the newest first."""
    wanted = {"status": list(status) or None, "department": department, "community": community, "limit": limit}
    with connect() as api:
        page = api.get("/v1/suggestions", **wanted)
    emit(page, lambda: table([_row(one) for one in page["suggestions"]], _COLUMNS))
    if page["next"]:
        note(word("more"))


def _row(one: dict[str, Any]) -> dict[str, Any]:
    return one | {"sent": moment(one["said_at"]), "member": one["member"] or one["member_id"]}


@command.command("set")
@click.argument("suggestion_id", metavar="ID")
@click.argument("status", type=click.Choice(_STATUSES[1:]))
@click.option("--department", type=click.Choice(_DEPARTMENTS), help="转给哪个部门 / route it to this department")
@click.option("--words", metavar="TEXT", help="告诉成员的话 / words for the note to the member")
@click.option("--quiet", is_flag=True, help="不告诉成员 / draft no note to the member")
@click.option(
    "--version", type=click.IntRange(1), help="看到的版本，默认当前版本 / the version you saw, default: the current one"
)
def set_(
    suggestion_id: str, status: str, department: str | None, words: str | None, quiet: bool, version: int | None
) -> None:
    """改状态；给成员的私信拟成草稿，等人批准。Set the status; a note to the member becomes a draft to approve."""
    given = {"status": status, "department": department, "words": words, "tell": not quiet}
    with connect() as api:
        seen = version or api.get(f"/v1/suggestions/{suggestion_id}")["version"]
        done = api.post(f"/v1/suggestions/{suggestion_id}/status", given | {"version": seen})
    emit(done, lambda: "\n".join(_told(done)))


def _told(done: dict[str, Any]) -> list[str]:
    lines = [table([_row(done)], _COLUMNS)]
    return [*lines, word("note_drafted", id=done["draft_id"])] if done["draft_status"] == "pending" else lines
