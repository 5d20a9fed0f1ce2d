"""`qunzhu risk list|show|confirm|dismiss|undo|flag|figures|export|alarms`: what was flagged, and what people decide."""

from pathlib import Path
from typing import Any, Final

import click

from server.cli.api import Api, connect
from server.cli.lazy import Command
from server.cli.output import emit, measure, moment, note, plain, table
from server.cli.words import word

LABELS: Final = (
    "ad_spam",
    "scam",
    "fake_trade",
    "gray_market",
    "gambling",
    "porn",
    "abuse",
    "privacy",
    "flooding",
    "crisis",
    "self_harm",
    "illegal_politics",
    "injection",
)
_ACTIONS: Final = ("none", "watch", "warn_private", "restate_rules", "mute", "remove", "hold_and_alert")
_COLUMNS: Final = ("id", "version", "status", "sent", "community", "member", "level", "labels", "action", "text")
_TALLY: Final = ("label", "confirmed", "dismissed", "missed", "pending", "precision", "n")
_ALARM: Final = ("id", "status", "community", "opened", "closed", "share", "baseline", "negative", "messages")
_EARLIER: Final = ("id", "status", "sent", "community", "labels", "action")
_LONG_SECONDS: Final = 600.0

_label = click.Choice(LABELS)
_version = click.option(
    "--version", type=click.IntRange(1), help="看到的版本，默认当前版本 / the version you saw, default: the current one"
)
_reason = click.option("--reason", metavar="TEXT", help="理由 / reason, kept with the decision")
_community = click.option(
    "--community", metavar="ID", help="只要这个社群及其下级的 / this community and those below it"
)


@click.command("list", cls=Command)
@click.option(
    "--status",
    multiple=True,
    type=click.Choice(["pending", "confirmed", "dismissed", "withdrawn"]),
    help="状态，可多次 / status, may be repeated; default: pending",
)
@click.option("--label", type=_label, help="风险类别 / only this label")
@click.option("--level", type=click.Choice(["low", "medium", "high"]), help="级别 / only this level")
@_community
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="最多几条 / how many at most")
def list_(status: tuple[str, ...], label: str | None, level: str | None, community: str | None, limit: int) -> None:
    """风险待审列表，最急的在前。Flagged messages, the most urgent first."""
    wanted = {"status": list(status) or None, "label": label, "level": level, "community": community, "limit": limit}
    with connect() as api:
        page = api.get("/v1/risks", **wanted)
    emit(page, lambda: table([_row(one) for one in page["risks"]], _COLUMNS))
    if page["next"]:
        note(word("more"))


def _row(one: dict[str, Any]) -> dict[str, Any]:
    return one | {
        "sent": moment(one["message"]["sent_at"]),
        "community": one["community"],
        "member": one["member"]["name"] or one["member"]["id"] or one["member"]["role"],
        "labels": [hit["label"] for hit in one["labels"]],
        "action": measure(one["taken"] or one["proposal"]),
        "text": one["message"]["text"],
    }


@click.command("show", cls=Command)
@click.argument("risk_id", metavar="ID")
def show(risk_id: str) -> None:
    """一条风险：前后文、证据、建议、拟好的话、此人的其他记录。

    One flagged message: what was said around it, evidence, proposal, drafted words, the member's other items.
    """
    with connect() as api:
        case = api.get(f"/v1/risks/{risk_id}")
    emit(case, lambda: "\n".join(_shown(case)))


def _shown(case: dict[str, Any]) -> list[str]:
    lines = [table([_row(case)], _COLUMNS), ""]
    for said in case["conversation"]:
        mark = ">" if said["this"] else " "
        lines.append(f"{mark} {moment(said['sent_at'])}  {said['member'] or said['role']}: {plain(said['text'])}")
    hits = [hit | {"score": f"{hit['score']:.2f}"} for hit in case["labels"]]
    lines += ["", table(hits, ("label", "score", "evidence", "layer"))]
    proposal = case["proposal"]
    offence = f", {word('offence', number=proposal['offence'])}" if proposal["offence"] else ""
    lines += ["", f"{word('proposal')}  {measure(proposal)}  ({proposal['why']}{offence})"]
    for name in ("private_text", "rules_text"):
        if case[name]:
            lines += ["", f"{word(name)}:", *(f"  {line}" for line in plain_lines(case[name]))]
    if case["history"]:
        lines += ["", word("earlier"), table([_past(one) for one in case["history"]], _EARLIER)]
    if case["deliveries"]:
        lines += ["", table(case["deliveries"], ("id", "kind", "state", "action", "minutes"))]
    return lines


def plain_lines(text: str) -> list[str]:
    """The lines of a text, each safe for a terminal."""
    return [plain(line) for line in text.splitlines()]


def _past(one: dict[str, Any]) -> dict[str, Any]:
    taken = one["taken"] or {"action": ""}
    return one | {"sent": moment(one["sent_at"]), "community": one["community_id"], "action": measure(taken)}


@click.command("confirm", cls=Command)
@click.argument("risk_id", metavar="ID")
@click.option(
    "--label", "labels", multiple=True, type=_label, help="确是哪些，可多次，默认识别出的 / default: as found"
)
@click.option(
    "--action", type=click.Choice(_ACTIONS), help="采取的动作，默认建议的 / default: as proposed; none is fine"
)
@click.option("--minutes", type=click.IntRange(1, 43_200), help="禁言分钟数 / minutes, with mute")
@click.option("--private", metavar="TEXT", help="私信全文，默认拟好的 / words to the member, default: the drafted ones")
@click.option("--rules", metavar="TEXT", help="群公告全文 / announcement, default: the drafted one")
@click.option("--send-private/--no-private", default=None, help="是否发私信 / whether to write to the member")
@click.option("--send-rules/--no-rules", default=None, help="是否重申群规 / whether to restate the rules")
@click.option("--override-copy", is_flag=True, help="文案检查没过也发 / let a failed copy check pass, with --reason")
@_reason
@_version
def confirm(
    risk_id: str,
    labels: tuple[str, ...],
    action: str | None,
    minutes: int | None,
    private: str | None,
    rules: str | None,
    send_private: bool | None,
    send_rules: bool | None,
    override_copy: bool,
    reason: str | None,
    version: int | None,
) -> None:
    """属实：按建议处理，或改动作、改话；不处罚也可以。

    Confirm: it was one. What is left out is as proposed; agreeing forces no penalty (--action none).
    """
    given = {
        "labels": list(labels) or None,
        "action": action,
        "minutes": minutes,
        "private_text": private,
        "rules_text": rules,
        "send_private": send_private,
        "send_rules": send_rules,
        "override_copy": override_copy or None,
        "reason": reason,
    }
    _decide(risk_id, "confirm", version, given)


@click.command("dismiss", cls=Command)
@click.argument("risk_id", metavar="ID")
@_reason
@_version
def dismiss(risk_id: str, reason: str | None, version: int | None) -> None:
    """误报：恢复原状，没发出的取消，不再计入违规。

    Dismiss: a false alarm. What is still queued is cancelled, a reply that was held back is drafted.
    """
    _decide(risk_id, "dismiss", version, {"reason": reason})


@click.command("undo", cls=Command)
@click.argument("risk_id", metavar="ID")
@_version
def undo(risk_id: str, version: int | None) -> None:
    """撤回决定（还没交给机器人时）。Take a decision back while no bot was handed anything of it."""
    with connect() as api:
        done = api.post(f"/v1/risks/{risk_id}/undo", {"version": version or _current(api, risk_id)})
    _told(done)


def _decide(risk_id: str, decision: str, version: int | None, given: dict[str, Any]) -> None:
    with connect() as api:
        body = {"decision": decision, "version": version or _current(api, risk_id)}
        body |= {name: value for name, value in given.items() if value is not None}
        done = api.post(f"/v1/risks/{risk_id}/decision", body)
    _told(done)


def _current(api: Api, risk_id: str) -> int:
    version: int = api.get(f"/v1/risks/{risk_id}")["version"]
    return version


def _told(done: dict[str, Any]) -> None:
    risk = done["risk"]
    lines = [word("risk_told", id=risk["id"], version=risk["version"], status=risk["status"])]
    open_ = [one for one in risk["deliveries"] if one["state"] == "queued"]
    lines += [word("delivery", id=f"{one['id']} ({measure(one)})") for one in open_]
    if done["cancelled"]:
        lines.append(word("cancelled", ids=", ".join(done["cancelled"])))
    lines += [word("not_undone", kind=measure(one), id=one["id"]) for one in done["not_undone"]]
    emit(done, lambda: "\n".join(lines))


@click.command("flag", cls=Command)
@click.argument("message_id", metavar="MESSAGE")
@click.option("--label", "labels", multiple=True, required=True, type=_label, help="是什么，可多次 / what it is")
@_reason
def flag(message_id: str, labels: tuple[str, ...], reason: str | None) -> None:
    """补报：没识别出的消息，送去待审。Flag a message that the screening missed."""
    with connect() as api:
        made = api.post(f"/v1/messages/{message_id}/risk", {"labels": list(labels), "reason": reason})
    emit(made, lambda: table([_row(made)], _COLUMNS))


@click.command("figures", cls=Command)
@click.option("--days", type=click.IntRange(1, 3_650), default=30, show_default=True, help="最近多少天 / how many days")
@_community
def figures(days: int, community: str | None) -> None:
    """各类风险判得准不准：属实、误报、漏报。How often each label was right, by what people decided."""
    with connect() as api:
        found = api.get("/v1/risks/figures", days=days, community=community)
    rows = [_tally(one) for one in [*found["labels"], found["total"] | {"label": word("total")}]]
    emit(found, lambda: table(rows, _TALLY))


def _tally(one: dict[str, Any]) -> dict[str, Any]:
    share = "n/a" if one["precision"] is None else f"{one['precision']:.0%}"
    return one | {"precision": f"{share} *" if one["small"] and one["n"] else share}


@click.command("export", cls=Command)
@click.option(
    "--days", type=click.IntRange(1, 3_650), default=365, show_default=True, help="最近多少天 / how many days"
)
@_community
@click.option(
    "--to", "target", metavar="FILE", type=click.Path(path_type=Path), help="写到文件 / a file, default: stdout"
)
def export(days: int, community: str | None, target: Path | None) -> None:
    """导出已裁定的（已脱敏），一行一条 JSON，可用来重新拟合。Decided items as JSON lines, masked, for refitting."""
    with connect() as api:
        params = {"days": days, "community": community}
        answer = api.file("/v1/risks/export", params=params, seconds=_LONG_SECONDS)
    if target is None:
        click.echo(answer.text, nl=False)
        return
    target.write_text(answer.text, "utf-8")
    count = answer.text.count("\n")
    emit({"file": str(target), "rows": count}, lambda: word("risks_exported", count=count, file=target))


@click.command("alarms", cls=Command)
@click.option(
    "--status",
    multiple=True,
    type=click.Choice(["open", "closed"]),
    help="状态，可多次 / status, may be repeated; default: both",
)
@_community
def alarms(status: tuple[str, ...], community: str | None) -> None:
    """群情警报。Alarms about the mood of groups, the newest first."""
    with connect() as api:
        page = api.get("/v1/risks/alarms", status=list(status) or None, community=community)
    emit(page, lambda: table([_alarm(one) for one in page["alarms"]], _ALARM))


def _alarm(one: dict[str, Any]) -> dict[str, Any]:
    shares = {name: f"{one[name]:.0%}" for name in ("share", "baseline")}
    return one | shares | {"opened": moment(one["opened_at"]), "closed": moment(one["closed_at"])}


COMMANDS = (list_, show, confirm, dismiss, undo, flag, figures, export, alarms)
