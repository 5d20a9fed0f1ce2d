"""`qunzhu knowledge stale` and `diff`: what to look at again, and what an edit changed."""

from typing import Any

import click

from server.cli.api import connect
from server.cli.lazy import Command
from server.cli.output import emit, moment, plain, table
from server.cli.words import word

_COLUMNS = ("entry", "why", "valid_until", "hits", "drafts", "owner", "updated", "name")


@click.command("stale", cls=Command)
def stale() -> None:
    """该复查的条目：过期、快到期、久未改、停用了还被引用。

    Entries to look at again: expired or soon to be, in use and unchanged for long, retired and still cited.
    """
    with connect() as api:
        found = api.get("/v1/knowledge/stale")
    emit(found, lambda: table([_row(one) for one in found["stale"]], _COLUMNS))


def _row(one: dict[str, Any]) -> dict[str, Any]:
    entry = one["entry"]
    shown = {"entry": entry["id"], "why": word(f"stale_{one['reason']}"), "drafts": one["drafts"]}
    return {**entry, **shown, "updated": moment(entry["updated_at"]), "name": entry["title"]}


@click.command("diff", cls=Command)
@click.option("--from", "from_", type=click.IntRange(1), help="旧版本，默认前一版 / default: the one before")
@click.option("--to", type=click.IntRange(1), help="新版本，默认最新 / default: the newest")
@click.argument("entry_id", metavar="ID")
def diff(from_: int | None, to: int | None, entry_id: str) -> None:
    """两个版本之间改了什么。What differs between two versions of an entry."""
    with connect() as api:
        done = api.get(f"/v1/knowledge/entries/{entry_id}/diff", **{"from": from_, "to": to})
    emit(done, lambda: _shown(done))


def _shown(done: dict[str, Any]) -> str:
    head = f"{done['id']}  v{done['from_version'] or 0} → v{done['to_version']}  {done['by']}  {moment(done['at'])}"
    return "\n".join([head, *(line for changed in done["changed"] for line in _lines(changed))])


def _lines(changed: dict[str, Any]) -> list[str]:
    if changed["unified"] is not None:
        return [f"{changed['field']}:", *(f"  {plain(line)}" for line in changed["unified"].splitlines())]
    return [f"{changed['field']}:", *(f"  {one['sign']}{plain(one['text'])}" for one in changed["pieces"])]
