"""`qunzhu settings`: what can be changed while it runs."""

import json

import click

from server.cli.api import connect
from server.cli.lazy import Group
from server.cli.output import emit, table
from server.cli.words import word


@click.group("settings", cls=Group)
def command() -> None:
    """运行设置，按社群继承。Settings, inherited down the tree of communities."""


@command.command("list")
@click.option("--community", metavar="ID", help="只看这个社群自己的值 / only the values of this community's own")
def list_(community: str | None) -> None:
    """列出设置与当前值；版本 0 为默认值。Settings with their values; version 0 is the default."""
    with connect() as api:
        found = [one for one in api.get("/v1/settings") if community is None or one["community_id"] == community]
    rows = [one | {"community": one["community_id"], "value": _text(one["value"])} for one in found]
    emit(found, lambda: table(rows, ("key", "community", "value", "version")))


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@command.command("set")
@click.option("--community", metavar="ID", help="只改这个社群（及下级） / for this community and those below it")
@click.argument("key")
@click.argument("value")
def set_(community: str | None, key: str, value: str) -> None:
    """修改一项；VALUE 是 JSON，或一段文本。Change one; VALUE is JSON, or else a text."""
    wanted = {"value": _parsed(value), "community_id": community}
    with connect() as api:
        done = api.put(f"/v1/settings/{key}", wanted)
    shown = {"key": key, "value": _text(done["value"]), "version": done["version"]}
    emit(done, lambda: word("setting_set", **shown))


def _parsed(value: str) -> object:
    try:
        return json.loads(value)
    except ValueError:
        return value
