"""`qunzhu drafts`: the open drafts, and decisions on them."""

from typing import Any

import click

from server.cli.api import Api, connect
from server.cli.lazy import Group
from server.cli.output import emit, moment, note, table
from server.cli.words import word

_COLUMNS = ("id", "version", "status", "created", "community", "kind", "confidence", "text")
_VERSION_HELP = "看到的版本，默认当前版本 / the version you saw, default: the current one"


@click.group("drafts", cls=Group, invoke_without_command=True)
@click.option(
    "--status",
    multiple=True,
    type=click.Choice(["pending", "escalated", "approved", "modified", "rejected", "expired"]),
    help="状态，可多次 / status, may be repeated; default: the open ones",
)
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="最多几条 / how many at most")
@click.pass_context
def command(ctx: click.Context, status: tuple[str, ...], limit: int) -> None:
    """待审草稿；show 看全文、approve 通过、modify 改后通过、reject 驳回、escalate 升级、undo 撤回。

    Without a command: the open drafts, oldest first.
    """
    if ctx.invoked_subcommand is not None:
        return
    with connect() as api:
        page = api.get("/v1/drafts", status=list(status) or None, limit=limit)
    emit(page, lambda: table([_row(draft) for draft in page["drafts"]], _COLUMNS))
    if page["next"]:
        note(word("more"))


def _row(draft: dict[str, Any]) -> dict[str, Any]:
    abstained = draft.get("abstained")
    return draft | {
        "created": moment(draft["created_at"]),
        "community": draft["community_id"],
        "confidence": draft["confidence"]["band"],
        "text": f"[{abstained['reason']}]" if abstained else draft["final_text"] or draft["text"],
    }


_version = click.option("--version", type=click.IntRange(1), help=_VERSION_HELP)
_override = click.option(
    "--override-copy",
    is_flag=True,
    help="文案检查没过也发，要有权限和理由 / let a failed copy check pass, with a reason",
)
_reason = click.option("--reason", metavar="TEXT", help="理由 / reason, kept with the decision")


@command.command("show")
@click.argument("draft_id", metavar="ID")
def show(draft_id: str) -> None:
    """看全文：草稿、引用、文案检查。One draft whole, with what it cites and what the copy check found."""
    with connect() as api:
        draft = api.get(f"/v1/drafts/{draft_id}")
    emit(draft, lambda: "\n".join(_whole(draft)))


def _whole(draft: dict[str, Any]) -> list[str]:
    names = ("id", "version", "status", "kind", "community_id", "requires")
    lines = ["  ".join(str(draft[name]) for name in names), ""]
    abstained = draft.get("abstained")
    lines.append(draft["final_text"] or draft["text"] or f"[{abstained['reason'] if abstained else ''}]")
    lines += [""] if draft["citations"] or draft["copy"] else []
    lines += [f"{'+' if one['used'] else '-'} {one['entry_id']}  {one['title']}" for one in draft["citations"]]
    return lines + [f"! {hit['label']} {hit['span']} {hit['advice']}" for hit in draft["copy"]]


@command.command("approve")
@click.argument("draft_id", metavar="ID")
@_override
@_reason
@_version
def approve(draft_id: str, reason: str | None, version: int | None, override_copy: bool) -> None:
    """通过：原文发出。Approve: the text goes out as it is."""
    _decide(draft_id, "approve", version, reason=reason, override_copy=override_copy)


@command.command("modify")
@click.argument("draft_id", metavar="ID")
@click.option("--text", required=True, metavar="TEXT", help="改后的全文 / the whole new text")
@_override
@_reason
@_version
def modify(draft_id: str, text: str, reason: str | None, version: int | None, override_copy: bool) -> None:
    """改后通过：新文本发出。Modify: the new text goes out."""
    _decide(draft_id, "modify", version, reason=reason, text=text, override_copy=override_copy)


@command.command("reject")
@click.argument("draft_id", metavar="ID")
@_reason
@_version
def reject(draft_id: str, reason: str | None, version: int | None) -> None:
    """驳回：不发。Reject: nothing goes out."""
    _decide(draft_id, "reject", version, reason=reason)


@command.command("escalate")
@click.argument("draft_id", metavar="ID")
@_reason
@_version
def escalate(draft_id: str, reason: str | None, version: int | None) -> None:
    """升级：交给监督员决定。Escalate: somebody with more rights decides."""
    _decide(draft_id, "escalate", version, reason=reason)


@command.command("undo")
@click.argument("draft_id", metavar="ID")
@_version
def undo(draft_id: str, version: int | None) -> None:
    """撤回决定（还没交给机器人时）。Take a decision back while no bot was handed it."""
    with connect() as api:
        done = api.post(f"/v1/drafts/{draft_id}/undo", {"version": version or _current(api, draft_id)})
    _show(done)


def _decide(draft_id: str, decision: str, version: int | None, **given: str | bool | None) -> None:
    with connect() as api:
        body = {"decision": decision, "version": version or _current(api, draft_id), **given}
        done = api.post(f"/v1/drafts/{draft_id}/decision", body)
    _show(done)


def _current(api: Api, draft_id: str) -> int:
    version: int = api.get(f"/v1/drafts/{draft_id}")["version"]
    return version


def _show(done: dict[str, Any]) -> None:
    lines = [word("decided", **done)]
    lines += [f"{hit['label']} {hit['span']} {hit['advice']}" for hit in done["copy"]]
    if done["delivery_id"]:
        lines.append(word("delivery", id=done["delivery_id"]))
    emit(done, lambda: "\n".join(lines))
