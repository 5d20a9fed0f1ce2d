"""`qunzhu say`: one message on the channel `cli`, and everything that becomes of it."""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import click

from server.cli.api import connect
from server.cli.lazy import Command
from server.cli.output import emit, note, plain, shown
from server.cli.words import word

CHANNEL: Final = "cli"
WAIT_SECONDS: Final = 20
_SPARE_SECONDS: Final = 20


@click.command("say", cls=Command)
@click.option("--community", metavar="ID", required=True, help="社群 / community")
@click.option("--as", "member", metavar="MEMBER", required=True, help="成员的渠道 id / the member's id on the channel")
@click.option("--private", is_flag=True, help="私聊 / a private message")
@click.argument("text")
def command(community: str, member: str, private: bool, text: str) -> None:
    """以成员身份发一条消息，等待结果（最多 20 秒）。

    Send TEXT as MEMBER on the channel `cli`; shows risk, triage, draft with its sources, or why there is none.
    """
    message = {
        "channel": CHANNEL,
        "community_id": community,
        "message_id": f"cli-{uuid4().hex}",
        "conversation": "private" if private else "group",
        "sender": {"id": member, "name": member},
        "text": text,
        "sent_at": datetime.now(UTC).isoformat(),
    }
    with connect(worker=True) as api:
        seconds = WAIT_SECONDS + _SPARE_SECONDS
        waiting = word("thinking", seconds=WAIT_SECONDS)
        result = api.call(
            "POST", "/v1/messages", params={"wait": WAIT_SECONDS}, json=message, seconds=seconds, text=waiting
        )
    if result["status"] == "received":
        note(word("still_working"))
    emit(result, lambda: "\n".join(result_lines(result)))


def result_lines(result: dict[str, Any]) -> list[str]:
    """A message's result for people."""
    risk, triage, draft, without = (result.get(part) for part in ("risk", "triage", "draft", "no_draft"))
    lines = risk_lines(risk) if risk else []
    if triage:
        lines.append(f"{word('triage')}  {triage['kind']} ({triage['score']:.2f})")
    if case := result.get("complaint"):
        what = f"{case['category']}  {case['severity']}  {case['state']}"
        lines.append(f"{word('case_said')}  {case['case_id']}  {what}  {plain(case['quote'])}")
    if draft:
        lines += _draft_lines(draft)
    if without:
        lines.append(f"{word('no_draft')}  {without['reason']}")
    return lines


def risk_lines(risk: dict[str, Any]) -> list[str]:
    """Level, proposed action, and each label with its evidence."""
    lines = [f"{word('risk')}  {risk['level']}  {risk['action']}  ({risk['reason']})"]
    return lines + [f"  {hit['label']} {hit['score']:.2f}  {plain(hit['evidence'])}" for hit in risk["labels"]]


def _draft_lines(draft: dict[str, Any]) -> list[str]:
    confidence = f"{draft['confidence']['band']} ({draft['confidence']['reason']})"
    lines = [f"{word('draft')}  {draft['id']}  v{draft['version']}  {draft['status']}  {confidence}"]
    if draft["text"] is not None:
        lines += [f"  {plain(line)}" for line in draft["text"].splitlines()]
    if abstained := draft.get("abstained"):
        missing = f"  {word('missing')} {shown(abstained['missing'])}" if abstained.get("missing") else ""
        lines.append(f"{word('abstained')}  {abstained['reason']}{missing}")
        lines += [_alternative(one) for one in draft["alternatives"]]
    return lines + [_citation(one) for one in draft["citations"] if one["used"]]


def _citation(cited: dict[str, Any]) -> str:
    return (
        f"{word('citation')}  {cited['entry_id']} v{cited['version']}  {shown(cited['title'])}: {shown(cited['quote'])}"
    )


def _alternative(entry: dict[str, Any]) -> str:
    return f"{word('nearest')}  {entry['entry_id']}  {shown(entry.get('title'))}  {entry['score']:.2f}"
