"""The pages of complaints: the board, one case and what may be done with it, the bell; incidents and suggestions."""

import re
from collections.abc import Callable
from contextlib import suppress
from html import unescape
from itertools import product
from typing import Any

import pytest
from fastapi.testclient import TestClient

from agent.flows import case_compensation, case_moves, crisis
from agent.flows import cases as flow
from agent.flows.case_compensation import Proposal
from agent.flows.cases import Act
from agent.services import Services
from core.caller import Caller, Grant
from core.clock import ManualClock
from core.errors import Conflict
from core.scopes import Scope
from core.vocabulary import CaseAction, CaseAnswer, CaseState, CompensationKind
from server.console import texts
from server.console.case_page import offered
from store import case_events, cases, communities, incidents, staff_notices, users
from store.cases import CaseRow
from store.suggestions import SuggestionRow
from store.users import RoleRow

Person = Callable[..., TestClient]
Ask = Callable[..., str]
BROKEN = "买了三天就坏了，没人管，你们就这态度？"
PATHS = ("complaints", "complaints/board", "complaints/figures", "incidents", "suggestions", "notices")


def _said(page: str) -> str:
    """What the page says, without markup."""
    return unescape(re.sub(r"<[^>]*>", "", page))


def case_now(services: Services, case_id: str) -> CaseRow:
    with services.database.read() as db:
        row = cases.get(db, case_id)
    assert row is not None
    return row


@pytest.fixture
def complain(services: Services, ask: Ask) -> Callable[..., str]:
    """A member complains; the case's id."""

    def said(text: str = BROKEN, **where: Any) -> str:
        message = ask(text, **where)
        with services.database.read() as db:
            row = cases.of_message(db, message)
        assert row is not None
        return row.id

    return said


Complain = Callable[..., str]


@pytest.fixture
def act(services: Services, csrf: Callable[[], str]) -> Callable[..., Any]:
    """Sends a form of a case's page, in the version that stands."""

    def send(client: TestClient, case_id: str, action: str, **fields: Any) -> Any:
        version = fields.pop("version", case_now(services, case_id).version)
        form = {"csrf": csrf(), "version": version, "action": action} | fields
        return client.post(f"/console/complaints/{case_id}/act", data=form)

    return send


Send = Callable[..., Any]


def _forms(page: str) -> set[str]:
    return set(re.findall(r'data-action="(\w+)"', page))


# scope: 23
def test_board_has_a_column_for_each_open_state(person: Person, complain: Complain) -> None:
    client = person("supervisor")
    case = complain(name="果果妈")
    page = client.get("/console/complaints").text
    words = _said(page)
    for state in ("待回应", "已回应", "已转私聊", "核查中", "已有结果", "重新打开"):
        assert state in words
    assert f'href="/console/complaints/{case}"' in page
    assert "果果妈" in words and "没有负责人" in words
    assert re.search(r"剩 \d+ (分钟|小时)", words)
    assert 'data-count="complaints"' in page and re.search(r"data-number>1<", page)
    assert "<q" in page


def test_overdue_in_words(person: Person, complain: Complain, clock: ManualClock) -> None:
    complain()
    clock.advance(hours=30)
    client = person("supervisor")
    page = client.get("/console/complaints/board").text
    assert "超时" in _said(page) and "case-card late" in page


def test_filters(services: Services, person: Person, complain: Complain, act: Send) -> None:
    client = person("supervisor")
    case = complain()
    link = f'href="/console/complaints/{case}"'
    row = case_now(services, case)
    for query, there in {
        f"severity={row.severity}": True,
        "severity=critical": False,
        f"category={row.category}": True,
        "category=community_order": False,
        "owner=me": False,
        "overdue=true": False,
        "state=new": True,
        "state=closed": False,
        "state=nonsense&severity=x&owner=nobody-there": False,
    }.items():
        assert (link in client.get(f"/console/complaints?{query}").text) is there, query
    act(client, case, "dismiss", text="在说别家的店")
    assert link not in client.get("/console/complaints").text
    assert link in client.get("/console/complaints?state=dismissed").text


# scope: 22
def test_case_from_first_answer_to_its_end(services: Services, person: Person, complain: Complain, act: Send) -> None:
    client = person("supervisor")
    case = complain()
    page = client.get(f"/console/complaints/{case}").text
    words = _said(page)
    assert "<mark>" in page and "群里的话" in words and "私聊" in words and "提出投诉" in words
    assert _forms(page) & {"acknowledge", "investigate", "resolve", "close", "reopen"} == {"acknowledge"}

    assert act(client, case, "acknowledge").status_code == 303
    assert case_now(services, case).owner_id is not None
    assert act(client, case, "move_private").status_code == 303
    assert act(client, case, "investigate").status_code == 303
    done = act(client, case, "resolve", text="换了新的一台，当天寄出")
    assert done.headers["location"].endswith("?done=case_drafted")
    page = client.get(done.headers["location"]).text
    assert "换了新的一台" in page and "私聊已拟好" in page
    # Not told yet: no button that would only be refused.
    assert _forms(page) & {"told", "close", "answer"} == {"told"}
    assert act(client, case, "told").status_code == 303
    page = client.get(f"/console/complaints/{case}").text
    assert {"close", "answer", "reopen"} <= _forms(page)
    assert 'value="no_answer"' not in page
    assert act(client, case, "close", answer="satisfied").status_code == 303
    page = client.get(f"/console/complaints/{case}").text
    assert "已结案" in _said(page) and "满意" in _said(page)
    assert _forms(page) == {"answer", "reopen", "note"}
    assert act(client, case, "reopen", text="又坏了").status_code == 303
    assert case_now(services, case).state == CaseState.REOPENED


# scope: 22
def test_what_is_offered_is_what_the_flow_allows(services: Services, complain: Complain, owner: Caller) -> None:
    case = complain()
    saved = _values(services, case)
    wrong = []
    for state, told in product(CaseState, (False, True)):
        ended = state is CaseState.CLOSED
        values: dict[str, Any] = {
            "state": state,
            "owner_id": None if state in (CaseState.NEW, "dismissed") else owner.id,
        }
        if state in (CaseState.RESOLVED, CaseState.CLOSED):
            values |= {"result": "换新", "told_at": saved["opened_at"] if told or ended else None}
            values["answer"] = CaseAnswer.SATISFIED if ended else None
        allowed = set()
        for action, fields in _MOVES.items():
            _restore(services, case, saved | values)
            with suppress(Conflict):
                flow.act(services, owner, case, Act(action, saved["version"], **fields))
                allowed.add(action)
        _restore(services, case, saved | values)
        if values.get("told_at"):
            # Telling again changes nothing.
            allowed -= {CaseAction.TOLD}
        if set(offered(case_now(services, case))) != allowed:
            wrong.append((state, told, offered(case_now(services, case)), allowed))
    assert not wrong


_MOVES: dict[CaseAction, dict[str, Any]] = {
    CaseAction.ACKNOWLEDGE: {},
    CaseAction.MOVE_PRIVATE: {},
    CaseAction.INVESTIGATE: {},
    CaseAction.RESOLVE: {"text": "换新"},
    CaseAction.TOLD: {},
    CaseAction.ANSWER: {"answer": CaseAnswer.SATISFIED},
    CaseAction.CLOSE: {"answer": CaseAnswer.SATISFIED},
    CaseAction.REOPEN: {"text": "又坏了"},
    CaseAction.DISMISS: {"text": "不是"},
}


def _values(services: Services, case: str) -> dict[str, Any]:
    row = case_now(services, case)
    return {column.name: getattr(row, column.name) for column in CaseRow.__table__.columns}


def _restore(services: Services, case: str, values: dict[str, Any]) -> None:
    with services.database.write() as db:
        row = cases.lock(db, case)
        for name, value in values.items():
            setattr(row, name, value)


def test_lost_race_shows_what_won_and_keeps_what_was_typed(
    services: Services, person: Person, complain: Complain, act: Send, owner: Caller
) -> None:
    client = person("supervisor")
    case = complain()
    flow.act(services, owner, case, Act(CaseAction.ACKNOWLEDGE, case_now(services, case).version))
    answer = act(client, case, "dismiss", version=1, text="他在说别家")
    assert answer.status_code == 409
    words = _said(answer.text)
    assert "刚刚有了变化" in words and "现在是：已回应" in words and "他在说别家" in words
    assert case_now(services, case).state == CaseState.ACKNOWLEDGED


# scope: 24
def test_compensation_within_and_above_the_limit(
    services: Services, person: Person, complain: Complain, csrf: Callable[[], str]
) -> None:
    client = person("answerer")
    with services.database.write() as db:
        role = db.get(RoleRow, "answerer")
        assert role is not None
        role.scopes = [*role.scopes, "complaints:own", "complaints:read"]
    case = complain()
    with services.database.write() as db:
        row = cases.lock(db, case)
        assert row is not None
        row.severity = "high"
    page = _said(client.get(f"/console/complaints/{case}").text)
    assert "你最多可给 ¥100.00 或 1000 积分，已用 ¥0.00" in page

    def offer(amount: str, kind: str = "coupon") -> Any:
        form = {"csrf": csrf(), "version": case_now(services, case).version, "kind": kind, "amount": amount}
        return client.post(f"/console/complaints/{case}/compensation", data=form)

    for wrong in ("0", "-5", "1.234", "很多", "NaN", "1e99", ""):
        assert offer(wrong).status_code == 422, wrong
    assert offer("1.5", "points").status_code == 422
    assert offer("２０").headers["location"].endswith("compensation_approved")
    assert offer("200.50").headers["location"].endswith("compensation_proposed")
    page = client.get(f"/console/complaints/{case}").text
    assert "¥20.00" in page and "¥200.50" in page and "等主管审批" in page and 'value="approve"' not in page


def test_manager_decides_on_compensation(
    services: Services, person: Person, complain: Complain, csrf: Callable[[], str]
) -> None:
    client = person("supervisor")
    case = complain()
    scopes = frozenset({Scope.COMPLAINTS_OWN, Scope.COMPLAINTS_READ})
    clerk = Caller("user", "usr_clerk", "小店员", (Grant(scopes, None),))
    version = case_now(services, case).version
    case_compensation.propose(services, clerk, case, Proposal(version, CompensationKind.REFUND, cents=50_000))
    with services.database.read() as db:
        (made,) = case_events.compensations(db, case)
    assert 'value="approve"' in client.get(f"/console/complaints/{case}").text
    form = {"csrf": csrf(), "version": case_now(services, case).version, "verdict": "approve"}
    at = f"/console/complaints/{case}/compensation/{made.id}"
    assert client.post(at, data=form).headers["location"].endswith("compensation_approved")
    again = client.post(at, data=form | {"version": case_now(services, case).version})
    assert again.status_code == 409


def test_who_may_only_read_gets_no_forms(services: Services, person: Person, complain: Complain, act: Send) -> None:
    client = person("answerer")
    with services.database.write() as db:
        role = db.get(RoleRow, "answerer")
        assert role is not None
        role.scopes = ["drafts:read", "complaints:read"]
    case = complain()
    page = client.get(f"/console/complaints/{case}").text
    assert not _forms(page) and "你只能查看" in page
    assert act(client, case, "acknowledge").status_code == 403


def test_without_the_scope(services: Services, person: Person) -> None:
    client = person("answerer")
    with services.database.write() as db:
        role = db.get(RoleRow, "answerer")
        assert role is not None
        role.scopes = ["copy:check"]
    assert {path: client.get(f"/console/{path}").status_code for path in PATHS} == dict.fromkeys(PATHS, 403)


def test_case_of_another_community_is_hidden(services: Services, person: Person, complain: Complain) -> None:
    case = complain()
    with services.database.write() as db:
        db.add(communities.CommunityRow(**_place(db, "else")))
    client = person("supervisor", within="else")
    assert client.get(f"/console/complaints/{case}").status_code in (403, 404)
    assert case not in client.get("/console/complaints").text


def _place(db: Any, name: str) -> dict[str, Any]:
    row = communities.get(db, "mama")
    assert row is not None
    values = {column.name: getattr(row, column.name) for column in row.__table__.columns}
    return values | {"id": name, "name": name, "parent_id": None}


def test_form_of_a_stranger_is_refused(person: Person, complain: Complain) -> None:
    client = person("supervisor")
    case = complain()
    form = {"csrf": "x", "version": 1, "action": "acknowledge"}
    assert client.post(f"/console/complaints/{case}/act", data=form).status_code == 403
    assert client.get("/console/complaints/cas_none").status_code == 404


def test_markup_in_what_members_say_is_shown_as_it_is(person: Person, complain: Complain) -> None:
    client = person("supervisor")
    case = complain("<img src=x onerror=alert(1)> 买了三天就坏了，没人管，垃圾", name="<b>x</b>")
    for path in ("complaints", f"complaints/{case}"):
        page = client.get(f"/console/{path}").text
        assert "<img src=x" not in page and "<b>x</b>" not in page


@pytest.fixture
def incident(services: Services, complain: Complain) -> str:
    """Three members complain about one thing; the incident's id."""
    found = [complain(f"{text}，没人管吗", name=f"妈妈{number}") for number, text in enumerate(_SPOILED)]
    with services.database.read() as db:
        row = cases.get(db, found[-1])
    assert row is not None and row.incident_id is not None
    return row.incident_id


_SPOILED = ("酸奶买回来就是坏的", "我家酸奶买回来也是坏的", "酸奶买回来就是坏的，孩子喝了拉肚子")


def test_big_incident_hides_no_case_that_may_be_put_in(
    services: Services,
    person: Person,
    complain: Complain,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("server.console.incidents.SHOWN", 2)
    free = complain("快递都半个月了还没到，催了三次没人理我", name="早先的妈妈")
    incident = request.getfixturevalue("incident")
    assert case_now(services, free).incident_id is None
    assert f'value="{free}"' in person("supervisor").get(f"/console/incidents/{incident}").text


# scope: 27
def test_incident_is_worked_through(services: Services, person: Person, incident: str, csrf: Callable[[], str]) -> None:
    client = person("supervisor")
    page = client.get("/console/incidents").text
    assert f"/console/incidents/{incident}" in page and "3 位成员，3 件客诉" in page

    def now() -> incidents.IncidentRow:
        with services.database.read() as db:
            row = incidents.get(db, incident)
        assert row is not None
        return row

    def send(action: str, **fields: Any) -> Any:
        form = {"csrf": csrf(), "version": now().version, "action": action} | fields
        return client.post(f"/console/incidents/{incident}/act", data=form)

    page = client.get(f"/console/incidents/{incident}").text
    step = now().checklist[0]["key"]
    assert page.count('role="checkbox"') == len(now().checklist)
    assert send("tick", step=step).status_code == 303
    assert 'aria-checked="true"' in client.get(f"/console/incidents/{incident}").text
    assert send("untick", step=step).status_code == 303
    with services.database.read() as db:
        case = incidents.cases_of(db, [incident])[incident][0].id
    assert send("split", case_id=case).status_code == 303
    assert send("merge", case_id=case).status_code == 303
    lost = send("close", version=1, text="已换新")
    assert lost.status_code == 409 and "已换新" in lost.text and "现在是：处理中" in _said(lost.text)
    assert send("close", text="已换新并致歉").status_code == 303
    page = client.get(f"/console/incidents/{incident}").text
    assert "已换新并致歉" in page and 'value="close"' not in page
    assert incident in client.get("/console/incidents?status=closed").text


# scope: 28
def test_suggestion_is_answered_with_a_draft(
    suggestion: SuggestionRow, person: Person, csrf: Callable[[], str]
) -> None:
    client = person("supervisor")
    assert "小包装" in client.get("/console/suggestions?status=all").text
    at = f"/console/suggestions/{suggestion.id}/status"
    form = {"csrf": csrf(), "version": suggestion.version, "status": "planned", "department": "product", "tell": "yes"}
    done = client.post(at, data=form | {"words": "下个月就有"})
    assert done.headers["location"].endswith("suggestion_drafted")
    page = client.get(done.headers["location"]).text
    assert "已采纳" in page and "/console/drafts/" in page
    lost = client.post(at, data=form | {"words": "另一句话"})
    assert lost.status_code == 409 and "另一句话" in lost.text
    assert client.get("/console/suggestions?status=planned").text.count("小包装") == 1


# scope: 14
def test_bell_counts_leads_and_is_seen(services: Services, person: Person, complain: Complain) -> None:
    client = person("supervisor")
    case = complain()
    with services.database.write() as db:
        user = users.by_login(db, "lin")
        assert user is not None
        staff_notices.add(
            db, [user.id], community_id="mama", kind="clock_breach", object_kind="complaint", object_id=case
        )
    changes = client.get(f"/console/changes?case={case}").json()
    assert changes["notices"] == 1 and changes["notice"] and changes["case"]["version"] >= 1
    page = client.get("/console/notices").text
    assert "客诉超时没回应" in page and f'href="/console/complaints/{case}"' in page and "买了三天就坏了" in page
    assert client.post(f"/v1/notices/{changes['notice']}/seen").status_code == 200
    assert client.get("/console/changes").json()["notices"] == 0
    page = client.get("/console/notices").text
    assert "客诉超时没回应" in page and "data-notice-id" not in page


def test_figures_of_a_period(person: Person, complain: Complain, clock: ManualClock) -> None:
    client = person("supervisor")
    complain()
    today = clock.now().date().isoformat()
    page = _said(client.get(f"/console/complaints/figures?from={today}&to={today}").text)
    assert "按负责人" in page and "这段时间没有客诉" not in page
    assert client.get("/console/complaints/figures").status_code == 200
    wrong = client.get("/console/complaints/figures?from=2026-02-01&to=2026-01-01")
    assert wrong.status_code == 422 and "日期不对" in wrong.text


def test_every_name_that_is_put_together() -> None:
    known = texts.load("zh-CN")
    wanted = [f"case_action.{one}" for one in CaseAction] + [f"case_answer.{one}" for one in CaseAnswer]
    wanted += [f"case_event.{state}" for state in CaseState if state is not CaseState.NEW]
    reasons = (
        "complaint_line",
        "complaint_steps",
        case_compensation.OFFER,
        case_moves.RESULT,
        crisis.OWN_WORDS,
        "script",
    )
    wanted += [f"confidence_reason.{one}" for one in (*reasons, "satisfaction", "suggestion_status")]
    assert not [key for key in wanted if key not in known]
