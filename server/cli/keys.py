"""`qunzhu keys`: API keys of bots."""

from typing import Any

import click

from server.cli.api import connect
from server.cli.lazy import Group
from server.cli.output import emit, moment, note, table
from server.cli.words import word

_ALL = "all"


@click.group("keys", cls=Group)
def command() -> None:
    """机器人的接口密钥。API keys of bots."""


@command.command("create")
@click.option("--role", metavar="ROLE", default="bot", show_default=True, help="角色 / role")
@click.option(
    "--community", metavar="all|ID[,ID]", default=_ALL, show_default=True, help="社群 / communities it is good for"
)
@click.argument("name")
def create(role: str, community: str, name: str) -> None:
    """新建密钥，只显示一次。Make a key; it is shown once."""
    within = None if community == _ALL else [one.strip() for one in community.split(",") if one.strip()]
    with connect() as api:
        made = api.post("/v1/keys", {"name": name, "role": role, "communities": within})
    _show(made)


@command.command("list")
def list_() -> None:
    """列出密钥（不含密钥本身）。Keys, without their secrets."""
    with connect() as api:
        found = api.get("/v1/keys")
    columns = ("id", "name", "role", "communities", "created", "expires", "status")
    emit(found, lambda: table([_row(one) for one in found], columns))


def _row(key: dict[str, Any]) -> dict[str, Any]:
    return key | {
        "communities": _ALL if key["communities"] is None else key["communities"],
        "created": moment(key["created_at"]),
        "expires": moment(key["expires_at"]),
        "status": "revoked" if key["revoked_at"] else "",
    }


@command.command("rotate")
@click.option(
    "--grace-minutes",
    type=click.IntRange(0, 10_080),
    default=60,
    show_default=True,
    help="旧密钥再用多久 / how long the old key works on",
)
@click.argument("key_id", metavar="ID")
def rotate(grace_minutes: int, key_id: str) -> None:
    """换一把新的，旧的暂时可用。Make a new key in place of an old one."""
    with connect() as api:
        made = api.post(f"/v1/keys/{key_id}/rotate", {"grace_minutes": grace_minutes})
    _show(made)


@command.command("revoke")
@click.argument("key_id", metavar="ID")
def revoke(key_id: str) -> None:
    """立即作废。Revoke a key at once."""
    with connect() as api:
        api.delete(f"/v1/keys/{key_id}")
    emit({"id": key_id, "revoked": True}, lambda: word("revoked", id=key_id))


def _show(made: dict[str, Any]) -> None:
    emit(made, lambda: f"{made['id']}\n{made['key']}")
    note(word("key_once"))
