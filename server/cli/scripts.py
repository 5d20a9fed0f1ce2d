"""`qunzhu scripts`: scripts for a message, or for a scene."""

from typing import Any, Final

import click

from server.cli.api import connect
from server.cli.lazy import Group
from server.cli.output import emit, plain
from server.cli.pack import pair
from server.cli.words import word

_SCENES: Final = (
    *("welcome", "greeting", "rules", "event_notice", "product_intro", "answer", "complaint", "crisis", "warning"),
    *("ice_breaker", "birthday", "check_in", "wake_up", "after_sales", "announcement", "farewell"),
)


@click.group("scripts", cls=Group)
def command() -> None:
    """话术：推荐与填好。Scripts: three for a message, one for a scene."""


@command.command("suggest")
@click.option("--community", metavar="ID", required=True, help="在哪个社群用 / community in which it is used")
@click.option("--member", metavar="NAME", help="成员称呼 / the member's name")
@click.argument("text")
def suggest(community: str, member: str | None, text: str) -> None:
    """给一条消息推荐三条话术，带得分和缺的内容。

    The three scripts that suit TEXT best, filled, with scores.
    """
    wanted = {"text": text, "community_id": community, "member_name": member}
    with connect() as api:
        found = api.post("/v1/scripts/suggest", wanted)
    emit(found, lambda: "\n\n".join(_shown(one) for one in found["scripts"]) or word("none"))


def _shown(one: dict[str, Any]) -> str:
    missing = "、".join(plain(slot["label"]) for slot in one["missing"])
    lines = [f"{one['score']:.3f}  {plain(one['title'])}  [{one['script_id']} v{one['version']}]"]
    lines += [f"{word('missing')}: {missing}"] if missing else []
    return "\n".join([*lines, *(plain(line) for line in one["text"].split("\n"))])


@command.command("render")
@click.option("--community", metavar="ID", required=True, help="在哪个社群用 / community in which it is used")
@click.option("--member", metavar="NAME", help="成员称呼 / the member's name")
@click.option("--audience", type=click.Choice(["all", "new", "old"]), help="给谁 / for whom")
@click.option("--tone", type=click.Choice(["professional", "friendly"]), help="语气，默认社群的设置 / tone")
@click.option("--set", "values", metavar="SLOT=TEXT", multiple=True, help="变量的值，可多次 / the value of a slot")
@click.argument("scene", type=click.Choice(_SCENES))
def render(
    community: str, member: str | None, audience: str | None, tone: str | None, values: tuple[str, ...], scene: str
) -> None:
    """按场景取一条填好的话术；有变量没有值就退出码 2。

    The filled script of SCENE for a community; exit 2 where a slot has no value.
    """
    wanted = {
        "scene": scene,
        "community_id": community,
        "member_name": member,
        "audience": audience,
        "tone": tone,
        "values": dict(pair(one) for one in values),
    }
    with connect() as api:
        made = api.post("/v1/scripts/render", wanted)
    emit(made, lambda: "\n".join(plain(line) for line in made["text"].split("\n")))
