"""`qunzhu complaints list|show|ACTION|compensate|compensation`: complaint cases, and what people do with them."""

from collections.abc import Callable
from typing import Any, Final

import click

from server.cli.api import Api, connect
from server.cli.lazy import Command, Group
from server.cli.output import emit, moment, note, plain, table
from server.cli.words import word

_STATES: Final = (
    "new",
    "acknowledged",
    "moved_private",
    "investigating",
    "resolved",
    "reopened",
    "closed",
    "dismissed",
)
_SEVERITIES: Final = ("low", "medium", "high", "critical")
_ANSWERS: Final = ("satisfied", "unsatisfied", "no_answer")
_DEPARTMENTS: Final = ("service", "product", "logistics", "marketing")
_KINDS: Final = ("coupon", "refund", "gift", "points")
_COLUMNS: Final = ("id", "version", "state", "opened", "community", "member", "category", "severity", "owner", "due")

_version = click.option(
    "--version", type=click.IntRange(1), help="看到的版本，默认当前版本 / the version you saw, default: the current one"
)


@click.group("complaints", cls=Group)
def command() -> None:
    """客诉工单。Complaint cases."""


@command.command("list", cls=Command)
@click.option(
    "--state", multiple=True, type=click.Choice(_STATES), help="状态，可多次，默认未结的 / default: open ones"
)
@click.option("--category", metavar="NAME", help="类别 / category")
@click.option("--severity", type=click.Choice(_SEVERITIES), help="轻重 / how grave")
@click.option("--owner", metavar="ID", help="负责人，me 为自己 / whose, or `me`")
@click.option("--overdue", is_flag=True, help="只要超时没回应的 / only those whose clock ran out")
@click.option("--community", metavar="ID", help="只要这个社群及其下级的 / this community and those below it")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="最多几条 / how many")
def list_(
    state: tuple[str, ...],
    category: str | None,
    severity: str | None,
    owner: str | None,
    overdue: bool,
    community: str | None,
    limit: int,
) -> None:
    """客诉列表，最新的在前。Cases, the newest first."""
    wanted = {"state": list(state) or None, "category": category, "severity": severity, "owner": owner}
    with connect() as api:
        page = api.get("/v1/complaints", **wanted, overdue=overdue or None, community=community, limit=limit)
    emit(page, lambda: table([_row(one) for one in page["complaints"]], _COLUMNS))
    if page["next"]:
        note(word("more"))


def _row(one: dict[str, Any]) -> dict[str, Any]:
    return one | {
        "opened": moment(one["opened_at"]),
        "member": one["member"]["name"] or one["member"]["id"] or "",
        "owner": one["owner"]["name"] if one["owner"] else "",
        "due": word("case_overdue") if one["overdue"] else moment(one["respond_by"]),
    }


@command.command("show", cls=Command)
@click.argument("case_id", metavar="ID")
def show(case_id: str) -> None:
    """一件客诉：对话、经过、时钟、草稿、补偿。One case with all around it."""
    with connect() as api:
        case = api.get(f"/v1/complaints/{case_id}")
    emit(case, lambda: "\n".join(_shown(case)))


def _shown(case: dict[str, Any]) -> list[str]:
    lines = [table([_row(case)], _COLUMNS), "", f"{word('case_quote')}  {plain(case['quote'])}"]
    for said in case["conversation"]:
        mark = ">" if said["mine"] else " "
        lines.append(f"{mark} {moment(said['sent_at'])}  {said['member'] or said['role']}: {plain(said['text'])}")
    lines += ["", table([_event(one) for one in case["events"]], ("at", "by", "kind", "to_state", "note"))]
    drafts = [one | {"text": plain(one["text"] or "")} for one in case["drafts"]]
    lines += ["", table(drafts, ("id", "kind", "status", "requires", "text"))] if drafts else []
    paid = case["compensations"]
    lines += ["", table(paid, ("id", "kind", "cents", "points", "status"))] if paid else []
    if case["result"]:
        lines += ["", f"{word('case_result')}  {plain(case['result'])}"]
    return lines


def _event(one: dict[str, Any]) -> dict[str, Any]:
    return one | {"at": moment(one["at"]), "by": one["by_name"] or one["by"], "note": plain(one["note"] or "")}


def _act(case_id: str, action: str, version: int | None, given: dict[str, Any]) -> None:
    with connect() as api:
        body = {"action": action, "version": version or _current(api, case_id)}
        body |= {name: value for name, value in given.items() if value is not None}
        case = api.post(f"/v1/complaints/{case_id}/actions", body)
    emit(case, lambda: _told(case))


def _current(api: Api, case_id: str) -> int:
    version: int = api.get(f"/v1/complaints/{case_id}")["version"]
    return version


def _told(case: dict[str, Any]) -> str:
    owner = case["owner"]["name"] if case["owner"] else "-"
    return word("case_told", id=case["id"], version=case["version"], state=case["state"], owner=owner)


_text = click.option("--text", metavar="TEXT", help="结果、理由或备注 / result, reason or note")
_owner = click.option("--owner", metavar="LOGIN", help="负责人的登录名或 id / a user's login or id")
_answer = click.option("--answer", type=click.Choice(_ANSWERS), help="成员的答复 / what the member said")
_department = click.option("--to", "department", type=click.Choice(_DEPARTMENTS), help="部门 / department")
_severity = click.option("--severity", type=click.Choice(_SEVERITIES), help="轻重 / how grave")
_category = click.option("--category", metavar="NAME", help="类别 / category")
_Option = Callable[[Callable[..., None]], Callable[..., None]]


def _action(name: str, help_: str, *options: _Option) -> None:
    """A command that does one action with the options that it takes."""

    def run(case_id: str, version: int | None, **given: Any) -> None:
        _act(case_id, name.replace("-", "_"), version, given)

    made: Callable[..., None] = run
    given: tuple[_Option, ...] = (*reversed(options), _version, click.argument("case_id", metavar="ID"))
    for option in given:
        made = option(made)
    command.add_command(click.command(name, cls=Command, help=help_)(made))


_action("acknowledge", "已回应，指定负责人（默认自己）。Acknowledge; who owns it, by default you.", _owner, _text)
_action("assign", "换负责人。Give it to somebody.", _owner)
_action("move-private", "转入私聊。It goes on in private.", _text)
_action("investigate", "开始核查。Investigate.", _text)
_action("resolve", "写明结果（--text），并拟好告知的私信。What came of it; the message that tells is drafted.", _text)
_action("told", "已把结果告诉成员。The member was told the result.", _text)
_action("answer", "记下成员对结果的答复。What the member said to the result.", _answer, _text)
_action("close", "结案。Close.", _answer, _text)
_action("reopen", "重新打开，写明原因。Open it again, and why.", _text)
_action("dismiss", "不是投诉，写明原因。No complaint, and why.", _text)
_action("note", "加一条备注。Add a note.", _text)
_action("route", "转部门。Hand it to a department.", _department, _text)
_action("classify", "改类别或轻重。Change category or severity.", _severity, _category, _text)


@command.command("compensate", cls=Command)
@click.argument("case_id", metavar="ID")
@click.option("--kind", type=click.Choice(_KINDS), required=True, help="补偿什么 / what is offered")
@click.option("--cents", type=click.IntRange(0, 10_000_000), default=0, help="价值，单位分 / its value in fen")
@click.option("--points", type=click.IntRange(0, 10_000_000), default=0, help="多少积分 / points")
@_version
def compensate(case_id: str, kind: str, cents: int, points: int, version: int | None) -> None:
    """提补偿：限额内即生效，超出的等经理批。Offer compensation; above the limit a manager decides."""
    with connect() as api:
        body = {"version": version or _current(api, case_id), "kind": kind, "cents": cents, "points": points}
        done = api.post(f"/v1/complaints/{case_id}/compensation", body)
    made = done["compensation"]
    emit(done, lambda: word("case_compensation", id=made["id"], status=made["status"]))


@command.command("compensation", cls=Command)
@click.argument("case_id", metavar="ID")
@click.argument("compensation_id", metavar="COMPENSATION")
@click.option("--approve/--reject", required=True, help="同意或驳回 / approve or reject")
@_version
def compensation(case_id: str, compensation_id: str, approve: bool, version: int | None) -> None:
    """批补偿。Decide on a compensation that was proposed."""
    with connect() as api:
        body = {"version": version or _current(api, case_id), "approve": approve}
        done = api.post(f"/v1/complaints/{case_id}/compensation/{compensation_id}/decision", body)
    made = done["compensation"]
    emit(done, lambda: word("case_compensation", id=made["id"], status=made["status"]))
