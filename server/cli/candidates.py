"""`qunzhu knowledge candidates`: questions that went unanswered, and what becomes of them."""

from typing import Any

import click

from core.errors import BadInput
from server.cli.api import Api, connect
from server.cli.lazy import Group
from server.cli.output import emit, moment, note, plain, table
from server.cli.words import word

_COLUMNS = ("id", "version", "count", "kind", "status", "community", "last_asked", "question")
_LONG_SECONDS = 600.0


@click.group("candidates", cls=Group)
def command() -> None:
    """没答上的问题（候选）。Questions without an answer, for a person to make an entry of."""


@command.command("list")
@click.option(
    "--status",
    multiple=True,
    type=click.Choice(["open", "accepted", "rejected"]),
    help="状态，可多次 / status, may be repeated; default: open",
)
@click.option("--kind", type=click.Choice(["entry", "phrasing"]), help="新条目还是问法 / an entry or a phrasing")
@click.option("--community", metavar="ID", help="只要这个社群及其下级的 / this community and those below it")
@click.option("--least", type=click.IntRange(1, 100), help="至少问过几次 / asked so often at least")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="最多几条 / how many at most")
def list_(status: tuple[str, ...], kind: str | None, community: str | None, least: int | None, limit: int) -> None:
    """候选列表，问得多的在前。Candidates, those asked most first."""
    wanted = {"status": list(status) or None, "kind": kind, "community": community, "least": least, "limit": limit}
    with connect() as api:
        page = api.get("/v1/knowledge/candidates", **wanted)
    emit(page, lambda: table([_row(one) for one in page["candidates"]], _COLUMNS))
    if page["next"]:
        note(word("more"))


def _row(one: dict[str, Any]) -> dict[str, Any]:
    return one | {"community": one["community_id"], "last_asked": moment(one["last_asked_at"])}


@command.command("show")
@click.argument("candidate_id", metavar="ID")
def show(candidate_id: str) -> None:
    """一条候选：都怎么问的，人怎么答的。One candidate: how it was asked, what people answered."""
    with connect() as api:
        case = api.get(f"/v1/knowledge/candidates/{candidate_id}")
    emit(case, lambda: _shown(case))


def _shown(case: dict[str, Any]) -> str:
    lines = [table([_row(case)], _COLUMNS), "", word("asked_as")]
    lines += [f"  {moment(one['sent_at'])}  {plain(one['text'])}" for one in case["asked"]]
    lines += ["", word("answered_as")]
    lines += [f"  {moment(one['at'])}  {one['source_id']}  {plain(one['text'])}" for one in case["answers"]]
    return "\n".join(lines if case["answers"] else [*lines, f"  {word('none')}"])


@command.command("accept")
@click.option("--phrasing-of", metavar="ENTRY", help="作为这个条目的问法 / as a phrasing of this entry")
@click.option("--id", "entry_id", metavar="ID", help="新条目的 id / id of the new entry")
@click.option("--title", metavar="TEXT", help="标题，默认候选的问题 / default: the question")
@click.option("--answer", metavar="TEXT", help="答案，默认人答过的那句 / default: what people answered")
@click.option("--draft", is_flag=True, help="先存为草稿，不参与检索 / save as a draft, which is not searched")
@click.option("--version", type=click.IntRange(1), help="看到的版本，默认当前 / the version you saw, default: current")
@click.argument("candidate_id", metavar="ID")
def accept(
    candidate_id: str,
    phrasing_of: str | None,
    entry_id: str | None,
    title: str | None,
    answer: str | None,
    draft: bool,
    version: int | None,
) -> None:
    """采纳：建新条目，或给已有条目加问法。

    Accept: make an entry of it, or a phrasing of one that exists. The answer is what people gave, or --answer.
    """
    changed = {"id": entry_id, "title": title, "answer": answer, "status": "draft" if draft else None}
    with connect() as api:
        case = api.get(f"/v1/knowledge/candidates/{candidate_id}")
        body: dict[str, Any] = {"decision": "accept", "version": version or case["version"]}
        if phrasing_of is not None:
            body["phrasing"] = {"entry_id": phrasing_of}
        elif case["kind"] == "entry":
            body["entry"] = _entry(case["suggested"], changed)
        _decide(api, candidate_id, body)


def _entry(suggested: dict[str, Any], changed: dict[str, Any]) -> dict[str, Any]:
    entry = suggested | {name: value for name, value in changed.items() if value is not None}
    if not entry["answer"]:
        raise BadInput("answer_missing", extra={"field": "answer"})
    return entry


@command.command("reject")
@click.option("--reason", metavar="TEXT", help="理由 / reason, kept with the decision")
@click.option("--version", type=click.IntRange(1), help="看到的版本，默认当前 / the version you saw, default: current")
@click.argument("candidate_id", metavar="ID")
def reject(candidate_id: str, reason: str | None, version: int | None) -> None:
    """不采纳；同样的消息不会再成候选。Reject: the same messages make no candidate again."""
    with connect() as api:
        seen = version or api.get(f"/v1/knowledge/candidates/{candidate_id}")["version"]
        _decide(api, candidate_id, {"decision": "reject", "version": seen, "reason": reason})


def _decide(api: Api, candidate_id: str, body: dict[str, Any]) -> None:
    done = api.post(f"/v1/knowledge/candidates/{candidate_id}/decision", body)
    emit(done, lambda: word("candidate_decided", **done | {"entry_id": done["entry_id"] or "-"}))


@command.command("gather")
def gather() -> None:
    """马上收集一次（工作进程每半分钟也会做）。Gather now; the worker does it twice a minute."""
    with connect() as api:
        done = api.call("POST", "/v1/knowledge/candidates:gather", seconds=_LONG_SECONDS)
    emit(done, lambda: word("gathered", **done))
