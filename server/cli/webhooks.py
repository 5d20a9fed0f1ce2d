"""`qunzhu webhooks`: endpoints of bots to which deliveries are pushed."""

import time
from typing import Any, Final

import click

from server.cli.api import Api, connect
from server.cli.lazy import Group
from server.cli.output import emit, note, shown, table
from server.cli.words import word

_PING_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.3
_UNDER_WAY: Final = ("queued", "sending")


@click.group("webhooks", cls=Group)
def command() -> None:
    """机器人的推送地址；没有地址的渠道由机器人来拉取。

    Endpoints to which deliveries are pushed; a channel without one is pulled by its bot.
    """


@command.command("add")
@click.option("--community", metavar="ID", required=True, help="社群（含下级群） / community, with its sub-groups")
@click.option("--channel", metavar="CHANNEL", required=True, help="渠道 / channel, such as wecom")
@click.option("--url", metavar="URL", required=True, help="推送地址 / address of the endpoint")
@click.option("--idempotent", is_flag=True, help="对方会丢弃重复的 webhook-id / the endpoint drops ids it has seen")
def add(community: str, channel: str, url: str, idempotent: bool) -> None:
    """登记推送地址，给出签名密钥。Register an endpoint; its signing secret is shown once."""
    wanted = {"community_id": community, "channel": channel, "url": url, "idempotent": idempotent}
    with connect() as api:
        made = api.post("/v1/webhooks", wanted)
    emit(made, lambda: f"{made['id']}\n{made['secret']}")
    note(word("secret_once"))


@command.command("list")
def list_() -> None:
    """列出推送地址。Endpoints."""
    with connect() as api:
        found = api.get("/v1/webhooks")
    rows = [one | {"community": one["community_id"]} for one in found]
    emit(found, lambda: table(rows, ("id", "community", "channel", "url", "idempotent")))


@command.command("remove")
@click.argument("webhook_id", metavar="ID")
def remove(webhook_id: str) -> None:
    """移除推送地址，之后改为拉取。Remove an endpoint: the channel is pulled from then on."""
    with connect() as api:
        api.delete(f"/v1/webhooks/{webhook_id}")
    emit({"id": webhook_id, "removed": True}, lambda: word("removed", id=webhook_id))


@command.command("ping")
@click.argument("webhook_id", metavar="ID")
@click.pass_context
def ping(ctx: click.Context, webhook_id: str) -> None:
    """发一个 ping，看对方收不收；没送达则退出码 1。Send a ping and see how it goes; exit 1 if it did not arrive."""
    with connect(worker=True) as api:
        sent = _settled(api, api.post(f"/v1/webhooks/{webhook_id}/ping")["delivery_id"])
    emit(sent, lambda: f"{word('delivery_state', **sent)} {shown(sent['last_error'])}".rstrip())
    if sent["state"] != "delivered":
        ctx.exit(1)


def _settled(api: Api, delivery_id: str) -> dict[str, Any]:
    """The delivery once it is settled or was tried once, or as it stands after 30 s."""
    end = time.monotonic() + _PING_SECONDS
    while True:
        sent: dict[str, Any] = api.get(f"/v1/deliveries/{delivery_id}")
        tried = sent["state"] not in _UNDER_WAY or sent["last_error"]
        if tried or time.monotonic() > end:
            return sent
        time.sleep(_POLL_SECONDS)
