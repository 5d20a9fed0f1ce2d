"""`qunzhu communities`: the organisation and its groups."""

import click

from server.cli.api import connect
from server.cli.lazy import Group
from server.cli.output import emit, table
from server.cli.words import word

_TYPES = ["organisation", "knowledge", "fans", "service", "partner", "interest", "product"]


@click.group("communities", cls=Group)
def command() -> None:
    """社群：总群与子群。Communities: the organisation and its groups."""


@command.command("list")
def list_() -> None:
    """列出社群。Communities that you belong to."""
    with connect() as api:
        found = api.get("/v1/communities")
    rows = [one | {"kind": one["type"], "parent": one["parent_id"]} for one in found]
    emit(found, lambda: table(rows, ("id", "name", "kind", "channel", "parent")))


@command.command("add")
@click.option("--name", metavar="NAME", required=True, help="名称 / name")
@click.option("--type", "type_", type=click.Choice(_TYPES), required=True, help="类型 / type")
@click.option("--channel", metavar="CHANNEL", required=True, help="渠道 / channel, such as wecom")
@click.option("--parent", metavar="ID", help="上级社群 / community above it; without: the organisation itself")
@click.argument("community_id", metavar="ID")
def add(name: str, type_: str, channel: str, parent: str | None, community_id: str) -> None:
    """新建社群。Make a community."""
    wanted = {"id": community_id, "name": name, "type": type_, "channel": channel, "parent_id": parent}
    with connect() as api:
        made = api.post("/v1/communities", wanted)
    emit(made, lambda: word("community_made", id=made["id"]))
