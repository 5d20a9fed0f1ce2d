"""`qunzhu campaigns`: proposals from briefs, and decisions on them."""

import json
from typing import Any

import click

from server.cli.api import Api, connect
from server.cli.lazy import Group
from server.cli.output import emit, moment, note, table
from server.cli.words import locale, word

_COLUMNS = ("id", "version", "status", "created", "send_at", "community", "people", "name")
_STATUSES = ("proposed", "scheduled", "running", "completed", "cancelled", "rejected", "expired")
_VERSION_HELP = "看到的版本，默认当前版本 / the version you saw, default: the current one"


@click.group("campaigns", cls=Group, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """运营活动；propose 由简报出方案，approve 通过、modify 修改、reject 驳回、cancel 取消。

    Without a command: the newest campaigns.
    """
    if ctx.invoked_subcommand is None:
        _list((), 20)


@command.command("list")
@click.option("--status", multiple=True, type=click.Choice(_STATUSES), help="状态，可多次 / status, may be repeated")
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True, help="最多几条 / how many at most")
def list_(status: tuple[str, ...], limit: int) -> None:
    """活动列表，新的在前。The newest campaigns."""
    _list(status, limit)


@command.command("propose")
@click.argument("brief", metavar="BRIEF")
@click.option("--community", metavar="ID", help="给哪个社群（含下级） / the community that it is for")
def propose(brief: str, community: str | None) -> None:
    """由一句话简报出活动方案，不发送。Propose a campaign from a brief; nothing is sent."""
    body = {"brief": brief} | ({"community_id": community} if community else {})
    with connect() as api:
        _show(api.call("POST", "/v1/campaigns/propose", json=body))


@command.command("show")
@click.argument("campaign_id", metavar="ID")
def show(campaign_id: str) -> None:
    """看一份方案和进展。Show one campaign."""
    with connect() as api:
        _show(api.get(f"/v1/campaigns/{campaign_id}"))


_version = click.option("--version", type=click.IntRange(1), help=_VERSION_HELP)
_reason = click.option("--reason", metavar="TEXT", help="理由 / reason, kept with the decision")


@command.command("approve")
@click.argument("campaign_id", metavar="ID")
@_reason
@_version
@click.option("--override", is_flag=True, help="文案检查没过也发（要有权限） / let copy-check failures pass")
def approve(campaign_id: str, reason: str | None, version: int | None, override: bool) -> None:
    """通过：到时间发给人群。Approve: it goes out at its time."""
    _decide(campaign_id, "approve", version, reason=reason, override=override)


def _tree(_ctx: click.Context, _option: click.Parameter, value: str | None) -> Any:
    try:
        return None if value is None else json.loads(value)
    except ValueError:
        raise click.BadParameter("JSON") from None


@command.command("modify")
@click.argument("campaign_id", metavar="ID")
@click.option("--text", metavar="TEXT", help="新文案全文 / the whole new text")
@click.option("--segment", metavar="JSON", callback=_tree, help="人群（见 docs/campaigns.md） / the segment, as JSON")
@click.option("--send-at", metavar="TIME", help="发送时间，如 2026-11-27T20:00 / when it goes out")
@click.option("--control-share", type=click.FloatRange(0, 0.5), help="对照组比例 / share of the control group")
@click.option("--name", metavar="TEXT", help="名称 / name")
@_reason
@_version
def modify(campaign_id: str, reason: str | None, version: int | None, **changed: Any) -> None:
    """修改：仍待审批，重新检查。Modify: it stays proposed and is checked again."""
    changes = {key: value for key, value in changed.items() if value is not None}
    _decide(campaign_id, "modify", version, reason=reason, changes=changes)


@command.command("reject")
@click.argument("campaign_id", metavar="ID")
@_reason
@_version
def reject(campaign_id: str, reason: str | None, version: int | None) -> None:
    """驳回：不发。Reject: nothing goes out."""
    _decide(campaign_id, "reject", version, reason=reason)


@command.command("cancel")
@click.argument("campaign_id", metavar="ID")
@_reason
@_version
def cancel(campaign_id: str, reason: str | None, version: int | None) -> None:
    """取消已通过的活动，收回还没发的。Cancel: take back what was not handed out."""
    with connect() as api:
        body = {"version": version or _current(api, campaign_id), "reason": reason}
        _show(api.post(f"/v1/campaigns/{campaign_id}/cancel", body))


def _list(status: tuple[str, ...], limit: int) -> None:
    with connect() as api:
        page = api.get("/v1/campaigns", status=list(status) or None, limit=limit)
    emit(page, lambda: table([_row(one) for one in page["campaigns"]], _COLUMNS))
    if page["next"]:
        note(word("more"))


def _row(one: dict[str, Any]) -> dict[str, Any]:
    return one | {
        "created": moment(one["created_at"]),
        "send_at": moment(one["send_at"]),
        "community": one["community_id"],
        "people": one["proposal"]["groups"]["treated"],
        "name": one["proposal"]["name"],
    }


def _decide(campaign_id: str, decision: str, version: int | None, **given: Any) -> None:
    with connect() as api:
        body = {"decision": decision, "version": version or _current(api, campaign_id), **given}
        _show(api.post(f"/v1/campaigns/{campaign_id}/decision", body))


def _current(api: Api, campaign_id: str) -> int:
    version: int = api.get(f"/v1/campaigns/{campaign_id}")["version"]
    return version


def _show(one: dict[str, Any]) -> None:
    emit(one, lambda: "\n".join(_lines(one)))


def _lines(one: dict[str, Any]) -> list[str]:
    made = one["proposal"]
    segment, groups, send = made["segment"], made["groups"], made["send"]
    lines = [
        word("campaign", **one),
        f"{word('segment')}  {segment['described']} · {segment['count']} → {segment['reachable']}",
        *(
            _line("excluded", f"{_exclusion(part['reason'])} {part['count']}")
            for part in segment["exclusions"]
            if part["count"]
        ),
        _line("groups", word("groups_of", **groups)),
        _line("send_at", f"{moment(send['at'])}  {send['moved'] or send['evidence']}"),
    ]
    if made["incentive"]:
        lines.append(_line("incentive", f"{made['incentive']['text']}  {made['incentive']['arithmetic']}"))
    lines.append(_line("roi", made["roi"]["arithmetic"] or made["roi"]["why"] or ""))
    lines += [_line("text", made["copy"]["text"] or word("none"))]
    lines += [_line("copy_check", f"{hit['label']} {hit['span']} {hit['advice']}") for hit in made["copy"]["check"]]
    lines += [
        _line("refused", f"[{part['label']}] {part['part']}：{part['why']} → {part['alternative']}")
        for part in made["refusals"]
    ]
    return lines + [_line("limitation", part["text"]) for part in made["limitations"]]


def _exclusion(reason: str) -> str:
    from core import catalogue

    return catalogue.text(f"campaign.exclusion.{reason}", locale())


def _line(label: str, text: str) -> str:
    return f"{word(label)}  {text}"
