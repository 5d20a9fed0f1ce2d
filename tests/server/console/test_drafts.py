"""The review page: what it shows, whom it lets decide, and that nothing of a member's is ever markup."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from agent.flows import access, communities, knowledge
from agent.services import Services
from core.caller import Caller
from core.clock import ManualClock
from core.vocabulary import CommunityType, EntryKind, Scene
from knowledge.entry_in import EntryIn
from store import deliveries, drafts
from store.users import RoleRow

Person = Callable[..., TestClient]
Ask = Callable[..., str]
pytestmark = pytest.mark.usefixtures("refund")
_XSS = "<img src=x onerror=alert(1)>"


@pytest.fixture
def draft_of(services: Services) -> Callable[[str], str]:
    def find(message_id: str) -> str:
        with services.database.read() as db:
            row = drafts.of_message(db, message_id)
        assert row is not None
        return row.id

    return find


def _decide(client: TestClient, draft_id: str, **body: Any) -> Any:
    return client.post(f"/console/api/drafts/{draft_id}/decision", json={"version": 1} | body)


def test_nothing_waits(person: Person) -> None:
    page = person().get("/console/drafts")
    assert page.status_code == 200
    assert "/console/paste" in page.text and "没有待处理的草稿" in page.text


def test_oldest_first_with_name_community_and_text(
    person: Person, ask: Ask, draft_of: Callable[[str], str], clock: ManualClock
) -> None:
    first = draft_of(ask(name="果果妈"))
    clock.advance(minutes=3)
    second = draft_of(ask("火星上能收到货吗？", name="豆豆爸"))
    page = person().get("/console/drafts/list").text
    assert page.index(first) < page.index(second)
    assert "果果妈" in page and "mama群" in page and "火星上能收到货吗" in page and "没有草稿" in page


def test_panel_has_conversation_suggestion_and_citation(
    person: Person, ask: Ask, draft_of: Callable[[str], str]
) -> None:
    ask("大家好呀", name="果果妈")
    draft = draft_of(ask())
    page = person().get(f"/console/drafts/{draft}").text
    assert "大家好呀" in page and "要回复的消息" in page
    assert "三天内原路退回" in page and "<blockquote>" in page and "第 1 版" in page


@pytest.mark.parametrize("path", ["/console/drafts", "/console/drafts/{draft}", "/console/drafts/{draft}/panel"])
def test_names_and_messages_are_never_markup(
    path: str, person: Person, ask: Ask, draft_of: Callable[[str], str]
) -> None:
    draft = draft_of(ask(f"怎么退款？{_XSS}", name=_XSS))
    page = person().get(path.format(draft=draft)).text
    assert "<img src=x" not in page and "&lt;img src=x onerror=alert(1)&gt;" in page


def test_decision_of_the_console_waits_and_can_be_undone(
    services: Services, person: Person, ask: Ask, draft_of: Callable[[str], str]
) -> None:
    draft, client = draft_of(ask()), person()
    done = _decide(client, draft, decision="approve").json()
    shown: dict[str, Any] = {"undo_seconds": 10, "copy_from": None, "copy_labels": []}
    assert done == {"id": draft, "version": 2, "status": "approved", **shown}
    with services.database.read() as db:
        assert [row.not_before > services.clock.now() for row in deliveries.of_draft(db, draft)] == [True]
    assert client.post(f"/v1/drafts/{draft}/undo", json={"version": 2}).json()["status"] == "pending"
    assert draft in client.get("/console/drafts/list").text


def test_what_was_answered_already_stands_in_the_conversation(
    person: Person, ask: Ask, draft_of: Callable[[str], str]
) -> None:
    client, first = person(), draft_of(ask())
    _decide(client, first, decision="modify", text="这句是人写的回答，已经发出。")
    second = draft_of(ask())
    assert "这句是人写的回答，已经发出。" in client.get(f"/console/drafts/{second}/panel").text


def test_loser_of_a_race_is_told_who_won(
    services: Services,
    owner: Caller,
    person: Person,
    enter: Callable[[str], TestClient],
    ask: Ask,
    draft_of: Callable[[str], str],
) -> None:
    draft, client = draft_of(ask()), person()
    _decide(client, draft, decision="reject", reason="问的不是这个")
    access.create_user(services, owner, login="mei", name="小梅", role="answerer")
    lost = _decide(enter("mei"), draft, decision="approve")
    assert lost.status_code == 409
    won = lost.json()["current"]
    assert (lost.json()["status"], won["status"], won["decided_by_name"]) == (409, "rejected", "小林")
    panel = client.get(f"/console/drafts/{draft}/panel").text
    assert "小林" in panel and "问的不是这个" in panel and "data-decide" not in panel


def test_call_without_csrf_is_refused(person: Person, ask: Ask, draft_of: Callable[[str], str]) -> None:
    draft, client = draft_of(ask()), person()
    del client.headers["x-csrf-token"]
    assert _decide(client, draft, decision="approve").status_code == 403
    assert client.post(f"/console/api/drafts/{draft}/snooze", json={"minutes": 10}).status_code == 403
    assert client.post("/console/api/paste", json={"community_id": "mama", "text": "x"}).status_code == 403


def test_call_of_a_stranger_is_401_and_not_a_redirect(visitor: TestClient) -> None:
    assert visitor.get("/console/changes").status_code == 401


def test_auditor_reads_and_is_offered_nothing(person: Person, ask: Ask, draft_of: Callable[[str], str]) -> None:
    draft, client = draft_of(ask()), person("auditor")
    page = client.get(f"/console/drafts/{draft}").text
    assert "data-decide" not in page and "data-entry" not in page and "readonly" in page
    assert 'href="/console/paste"' not in page.partition("</header>")[0]
    assert _decide(client, draft, decision="approve").status_code == 403
    assert client.get("/console/paste").status_code == 403


def test_other_community_is_not_shown(
    person: Person, ask: Ask, refund: str, draft_of: Callable[[str], str], services: Services, owner: Caller
) -> None:
    communities.create(
        services,
        owner,
        community_id="other",
        name="别的群",
        type=CommunityType.FANS,
        channel="wecom",
        parent_id="root",
    )
    draft = draft_of(ask())
    client = person(within="other")
    assert draft not in client.get("/console/drafts").text
    assert client.get(f"/console/drafts/{draft}").status_code == 404
    assert client.post(f"/v1/drafts/{draft}/pick", json={"entry_id": refund}).status_code == 404
    assert "mama群" not in client.get("/console/drafts").text


def test_person_without_any_role_sees_why(services: Services, person: Person) -> None:
    with services.database.write() as db:
        db.add(RoleRow(name="ledger", scopes=["points:adjust"], builtin=False))
    client = person("ledger")
    page = client.get("/console")
    assert page.status_code == 403 and "还没有分配角色" in page.text
    assert client.get("/console/drafts").status_code == 403


def test_escalated_is_for_those_who_may(
    person: Person, enter: Callable[[str], TestClient], ask: Ask, draft_of: Callable[[str], str]
) -> None:
    draft, client = draft_of(ask()), person()
    assert _decide(client, draft, decision="escalate").json()["status"] == "escalated"
    assert draft not in client.get("/console/drafts/list").text
    assert draft in client.get("/console/drafts/list?tab=escalated").text
    assert "data-decide" not in client.get(f"/console/drafts/{draft}/panel").text
    boss = enter("owner")
    assert draft in boss.get("/console/drafts/list").text
    assert 'data-decide="approve"' in boss.get(f"/console/drafts/{draft}/panel").text


def test_snoozed_comes_back(person: Person, ask: Ask, draft_of: Callable[[str], str], clock: ManualClock) -> None:
    draft, client = draft_of(ask()), person()
    assert client.post(f"/console/api/drafts/{draft}/snooze", json={"minutes": 10}).status_code == 204
    assert draft not in client.get("/console/drafts/list").text
    clock.advance(minutes=11)
    assert draft in client.get("/console/drafts/list").text
    assert client.post(f"/console/api/drafts/{draft}/snooze", json={"minutes": 7}).status_code == 422


def test_answer_of_an_entry_that_is_picked_comes_filled(
    person: Person, ask: Ask, refund: str, draft_of: Callable[[str], str]
) -> None:
    draft, client = draft_of(ask()), person()
    filled = client.post(f"/v1/drafts/{draft}/pick", json={"entry_id": refund}).json()
    assert filled == {"text": "在订单里点申请退款，三天内原路退回。", "missing": []}
    assert client.post(f"/v1/drafts/{draft}/pick", json={"entry_id": "other"}).status_code == 404


def test_changes_tell_of_new_drafts_and_newer_messages(
    person: Person, ask: Ask, draft_of: Callable[[str], str], clock: ManualClock
) -> None:
    client = person()
    before = client.get("/console/changes").json()
    draft = draft_of(ask())
    assert client.get("/console/changes").json()["drafts"] == before["drafts"] + 1
    query = {"draft": draft, "after": clock.now().isoformat()}
    assert client.get("/console/changes", params=query).json()["draft"]["newer"] == 0
    clock.advance(seconds=5)
    ask("谢谢大家", name="果果妈")
    now = client.get("/console/changes", params=query).json()["draft"]
    assert now == {"version": 1, "status": "pending", "newer": 1}


def test_filter_narrows_to_a_community_and_those_below(
    person: Person, ask: Ask, draft_of: Callable[[str], str], csrf: Callable[[], str]
) -> None:
    below, above = draft_of(ask(within="mama")), draft_of(ask(within="root", name="豆豆爸"))
    client = person()
    form = {"community": "mama", "next": "/console/drafts"}
    assert client.post("/console/community", data=form).status_code == 403
    assert client.post("/console/community", data=form | {"csrf": csrf()}).status_code == 303
    page = client.get("/console/drafts/list").text
    assert below in page and above not in page
    client.post("/console/community", data={"community": "", "csrf": csrf()})
    page = client.get("/console/drafts/list").text
    assert below in page and above in page


# scope: 5
def test_scripts_are_offered_filled_and_as_text_only(
    services: Services, owner: Caller, person: Person, ask: Ask, draft_of: Callable[[str], str]
) -> None:
    for name, answer in (("sorry", "{member_name}，抱歉，马上处理"), ("lacks", "{case_owner}会跟进退款投诉")):
        entry = EntryIn(
            id=f"script-{name}",
            kind=EntryKind.SCRIPT,
            scene=Scene.COMPLAINT,
            title=f"退款投诉安抚{name}",
            answer=answer,
        )
        knowledge.save(services, owner, entry, version=None)
    services.knowledge.refresh()
    draft, client = draft_of(ask("退款一直不处理，我要投诉，到底怎么退款？", name=_XSS)), person()
    assert f'data-scripts="/console/drafts/{draft}/scripts"' in client.get(f"/console/drafts/{draft}/panel").text
    offered = client.get(f"/console/drafts/{draft}/scripts").text
    assert offered.count("data-script=") == 2 and "话术推荐" in offered
    assert "「待填：负责人」会跟进退款投诉" in offered and 'data-lacking="负责人"' in offered
    assert "<img src=x" not in offered and "&lt;img src=x onerror=alert(1)&gt;，抱歉，马上处理" in offered


def test_no_block_of_scripts_where_there_are_none_or_nothing_may_be_decided(
    person: Person, ask: Ask, draft_of: Callable[[str], str]
) -> None:
    draft, client = draft_of(ask()), person("auditor")
    assert "data-scripts" not in client.get(f"/console/drafts/{draft}/panel").text
    assert client.get(f"/console/drafts/{draft}/scripts").text.strip() == ""
    assert client.get("/console/drafts/nothing/scripts").status_code == 404


def test_a_question_that_waits_too_long_says_so(
    person: Person, ask: Ask, draft_of: Callable[[str], str], clock: ManualClock
) -> None:
    # scope: 14
    draft = draft_of(ask())
    page = person()
    assert "超时" not in page.get("/console/drafts").text
    clock.advance(minutes=4, seconds=1)
    assert "快超时" in page.get("/console/drafts").text
    clock.advance(minutes=1)
    assert "超时没答" in page.get("/console/drafts").text
    assert "超时没答" in page.get(f"/console/drafts/{draft}/panel").text
