"""Several members complain about one thing: one incident, at the right moment, also with two workers."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from agent.flows import access, approvals, clocks, crisis, duty, incident_actions, incidents, people, picking
from agent.flows import settings as settings_flow
from agent.flows.approvals import Ruling
from agent.flows.duty import Entry
from agent.flows.incident_actions import Act
from agent.flows.surveys import Who
from core.caller import Caller
from core.errors import BadInput, Conflict, Forbidden
from core.ids import new_id
from core.vocabulary import ClockKind, Decision, IncidentAction, IncidentStatus, Severity
from store import audit, case_events, cases, deliveries, drafts, staff_notices
from store import incidents as store
from store.cases import CaseRow
from store.clocks import ClockRow
from store.incidents import IncidentRow
from store.session import WriteSession
from tests.agent.flows import clocking
from tests.house import House, in_parallel, utter

MOULDY = "买的米粉打开就发霉了，怎么给宝宝吃"
SAME_IN_OTHER_WORDS = "我家那袋米粉也长毛了，太吓人"
SLOW = "快递五天了一动不动，到底发没发货"


def member(house: House, name: str) -> str:
    with house.services.database.write() as db:
        return people.find_or_make(db, house.services.keyring, "wecom", Who(name, name))


def case_row(db: WriteSession, house: House, member_id: str, at: datetime, text: str, **values: Any) -> str:
    message_id = utter(db, values.get("community_id", house.community), member_id, at, text=text)
    db.flush()
    plain: dict[str, Any] = {
        "id": new_id("cmp"),
        "community_id": house.community,
        "channel": "wecom",
        "lane": house.community,
        "member_id": member_id,
        "message_id": message_id,
        "state": "new",
        "category": "product_quality",
        "severity": "medium",
        "topic": "product_quality:米粉",
        "quote": text,
        "score": 0.9,
        "engine": "embedded",
        "opened_at": db.now,
    }
    row = CaseRow(**(plain | values))
    db.add(row)
    db.flush()
    return row.id


def complain(house: House, who: str, text: str = MOULDY, *, after: float = 0, **values: Any) -> str:
    """A case, `after` minutes after the house's clock; its id."""
    member_id = member(house, who)
    at = house.clock.now() + timedelta(minutes=after)
    with house.services.database.write() as db:
        case_id = case_row(db, house, member_id, at, text, **values)
        case = cases.get(db, case_id)
        assert case is not None
        incidents.note_case(db, house.services, case)
    return case_id


def found(house: House) -> list[IncidentRow]:
    with house.services.database.read() as db:
        return store.page(db, statuses=list(IncidentStatus), communities=None)


def case_of(house: House, case_id: str) -> CaseRow:
    with house.services.database.read() as db:
        row = cases.get(db, case_id)
        assert row is not None
        return row


def act(
    house: House, incident: IncidentRow, action: IncidentAction, by: Caller | None = None, **values: Any
) -> IncidentRow:
    return incident_actions.act(house.services, by or house.owner, incident.id, Act(action, incident.version, **values))


def test_three_members_on_one_topic_within_thirty_minutes_are_one_incident(house: House) -> None:
    # scope: 27
    ids = [complain(house, "a"), complain(house, "b", after=12), complain(house, "c", after=30)]
    (incident,) = found(house)
    assert (incident.cases, incident.members, incident.status) == (3, 3, "open")
    rows = [case_of(house, one) for one in ids]
    assert {row.incident_id for row in rows} == {incident.id}
    assert {row.severity for row in rows} == {Severity.CRITICAL}
    with house.services.database.read() as db:
        history = case_events.of_case(db, ids[0])
    assert [(one.kind, one.details["severity_before"]) for one in history] == [("incident", "medium")]


def test_outside_thirty_minutes_is_none(house: House) -> None:
    complain(house, "a")
    complain(house, "b", after=12)
    complain(house, "c", after=31)
    assert found(house) == []


def test_one_member_who_complains_three_times_is_no_crowd(house: House) -> None:
    for after in (0, 5, 10):
        complain(house, "a", after=after)
    complain(house, "b", after=12)
    assert found(house) == []


def test_another_topic_is_another_matter(house: House) -> None:
    complain(house, "a")
    complain(house, "b", after=5)
    complain(house, "c", SLOW, after=8, category="logistics", topic="logistics:快递")
    assert found(house) == []
    complain(house, "d", after=9)
    (incident,) = found(house)
    assert incident.cases == 3


def test_the_same_in_other_words_counts(house: House) -> None:
    complain(house, "a", topic="product_quality")
    complain(house, "b", SAME_IN_OTHER_WORDS, after=5)
    complain(house, "c", after=8)
    assert [row.cases for row in found(house)] == [3]


def test_two_troubles_of_one_category_do_not_mix(house: House) -> None:
    complain(house, "a", "积分一直没到账", category="other", topic="other")
    complain(house, "b", "你们群里广告太多了，烦死了", after=5, category="other", topic="other")
    complain(house, "c", "客服电话打不通", after=8, category="other", topic="other")
    assert found(house) == []


def test_three_broken_things_of_a_bare_category_are_no_incident(house: House) -> None:
    # scope: 27
    for number, text in enumerate(("围兜掉色", "奶瓶漏水", "推车轮子掉了")):
        complain(house, f"m{number}", text, after=number * 5, topic="product_quality")
    assert found(house) == []


def test_echoes_and_shared_words_make_one_incident(house: House) -> None:
    # scope: 27
    said = ("跳绳的手柄一甩就飞出去，吓死人", "我家也是！差点打到娃", "跳绳手柄飞出去砸了电视，赔不赔")
    ids = [complain(house, f"m{n}", text, after=n * 8, topic="product_quality") for n, text in enumerate(said)]
    other = complain(house, "x", "书架的板子是歪的", after=25, topic="product_quality")
    late = complain(house, "y", "我的也飞出去过，跳绳还敢用吗", after=40, topic="product_quality")
    (incident,) = found(house)
    assert (incident.cases, incident.members) == (4, 4)
    assert {case_of(house, one).incident_id for one in [*ids, late]} == {incident.id}
    assert case_of(house, other).incident_id is None


def test_later_cases_join_within_the_window_of_the_last_one(house: House) -> None:
    for number, who in enumerate("abc"):
        complain(house, who, after=number)
    joined = complain(house, "d", after=30)
    again = complain(house, "e", after=59)
    late = complain(house, "f", after=95)
    (incident,) = found(house)
    assert (incident.cases, incident.members) == (5, 5)
    assert case_of(house, joined).incident_id == case_of(house, again).incident_id == incident.id
    assert case_of(house, late).incident_id is None


def test_another_group_is_not_counted(house: House) -> None:
    complain(house, "a")
    complain(house, "b", after=3)
    complain(house, "c", after=4, community_id="root")
    assert found(house) == []


def test_a_dismissed_case_is_no_complaint(house: House) -> None:
    complain(house, "a", state="dismissed")
    complain(house, "b", after=3)
    complain(house, "c", after=4)
    assert found(house) == []


def test_how_many_and_how_long_are_settings(house: House) -> None:
    settings_flow.change(house.services, house.owner, "incidents.members", 2, house.community)
    settings_flow.change(house.services, house.owner, "incidents.minutes", 5, house.community)
    complain(house, "a")
    complain(house, "b", after=6)
    assert found(house) == []
    complain(house, "c", after=7)
    assert [row.cases for row in found(house)] == [2]


def test_workers_that_look_at_once_make_one_incident(house: House) -> None:
    # scope: 27
    at = house.clock.now()
    people = [member(house, f"m{n}") for n in range(6)]
    with house.services.database.write() as db:
        ids = [case_row(db, house, one, at + timedelta(minutes=n), MOULDY) for n, one in enumerate(people)]
    in_parallel(6, [lambda one=one: incidents.look(house.services, one) for one in ids])
    incidents.sweep(house.services)
    (incident,) = found(house)
    assert (incident.cases, incident.members) == (6, 6)


def test_what_a_crash_cut_off_is_caught_up_with(house: House) -> None:
    at = house.clock.now()
    people = [member(house, f"m{n}") for n in range(3)]
    with house.services.database.write() as db:
        for one in people:
            case_row(db, house, one, at, MOULDY)
    assert found(house) == []
    incidents.sweep(house.services)
    assert [row.cases for row in found(house)] == [3]


def opened(house: House) -> IncidentRow:
    for number, who in enumerate("abc"):
        complain(house, who, after=number)
    return found(house)[0]


def test_it_opens_with_a_checklist_an_alert_and_a_notice(house: House) -> None:
    # scope: 43
    settings_flow.change(house.services, house.owner, "risk.alert_community", "root", None)
    incident = opened(house)
    keys = [one["key"] for one in incident.checklist]
    assert keys[0] == "facts" and "stop_batch" in keys and keys[-1] == "review"
    assert all(one["done_at"] is None for one in incident.checklist)
    with house.services.database.read() as db:
        told = staff_notices.open_of(db, house.owner.id, 10)
        sent = db.execute(sa.select(deliveries.DeliveryRow)).scalars().all()
    assert [(one.kind, one.object_id) for one in told] == [("incident", incident.id)]
    assert [one.kind for one in sent] == ["alert"]
    assert "群体性事件" in sent[0].text and "3 位" in sent[0].text and "米粉" not in sent[0].text


def test_the_statement_waits_for_who_may_release_a_crisis(house: House) -> None:
    # scope: 8
    incident = opened(house)
    assert incident.script_draft_id is not None
    with house.services.database.read() as db:
        draft = drafts.get(db, incident.script_draft_id)
    assert draft is not None and draft.text is not None
    assert (draft.kind, draft.requires, draft.cause, draft.status) == ("announcement", "manager", "crisis", "pending")
    assert "产品质量" in draft.text and draft.copy_check == []
    answerer = person(house, "answerer")
    with pytest.raises(Forbidden):
        approvals.decide(house.services, answerer, draft.id, Ruling(Decision.APPROVE, 1), undoable=False)
    supervisor = person(house, "supervisor")
    done = approvals.decide(house.services, supervisor, draft.id, Ruling(Decision.APPROVE, 1), undoable=False)
    assert done.delivery_id is not None


def person(house: House, role: str) -> Caller:
    access.create_user(house.services, house.owner, login=role, name=role, role=role)
    return access.caller_of_login(house.services, role)


def test_an_incident_is_owned_and_heard_of_by_who_may_open_it(house: House) -> None:
    # scope: 43
    answerer, service = person(house, "answerer"), person(house, "service")
    duty.add(house.services, house.owner, "root", [Entry("answerer", 5, None, "09:00-18:00")])
    settings_flow.change(house.services, house.owner, "complaints.contacts", {"product": ["answerer", "service"]}, None)
    ids = [complain(house, who, after=number, routed_to="product") for number, who in enumerate("abc")]
    (incident,) = found(house)
    assert {case_of(house, one).incident_id for one in ids} == {incident.id}
    assert incident.owner_id == service.id
    with house.services.database.read() as db:
        told = {one.user_id for one in db.execute(sa.select(staff_notices.NoticeRow)).scalars()}
    assert told == {service.id, house.owner.id} and answerer.id not in told


def test_a_closed_incident_gets_no_statement(house: House) -> None:
    incident = opened(house)
    act(house, incident, IncidentAction.CLOSE, text="已全部换货")
    with house.services.database.write() as db:
        db.get_one(IncidentRow, incident.id).script_draft_id = None
    assert crisis.draft_statement(house.services, incident.id, by="test") is None
    with house.services.database.write() as db:
        assert not store.set_script(db, incident.id, str(incident.script_draft_id), None)


def test_the_statement_names_no_category_where_there_is_none(house: House) -> None:
    for number, who in enumerate("abc"):
        complain(house, who, after=number, category="other", topic="other:停车")
    (incident,) = found(house)
    text = house.draft_row(str(incident.script_draft_id)).text
    assert text is not None and "关于群里反映的问题" in text and "其他" not in text


def test_a_sweep_looks_only_at_what_was_not_looked_at(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    complain(house, "a")
    assert incidents.sweep(house.services) == 0
    with monkeypatch.context() as broken:
        broken.setattr(incidents, "look", lambda *_: 1 / 0)
        complain(house, "b", after=1)
        last = complain(house, "c", after=2)
    house.clock.advance(minutes=3)
    assert found(house) == []
    assert incidents.sweep(house.services) == 2
    assert case_of(house, last).incident_id == found(house)[0].id
    assert incidents.sweep(house.services) == 0


def test_people_work_an_incident_off(house: House) -> None:
    incident = opened(house)
    service = person(house, "service")
    incident = act(house, incident, IncidentAction.ASSIGN, owner="service")
    assert incident.owner_id == service.id
    incident = act(house, incident, IncidentAction.TICK, service, step="facts")
    assert incident.checklist[0]["done_by"] == service.id
    incident = act(house, incident, IncidentAction.UNTICK, service, step="facts")
    assert incident.checklist[0]["done_at"] is None
    with pytest.raises(BadInput, match="incident_step_unknown"):
        act(house, incident, IncidentAction.TICK, step="nonsense")
    with pytest.raises(BadInput, match="case_field_missing"):
        act(house, incident, IncidentAction.CLOSE, text=" ")
    closed = act(house, incident, IncidentAction.CLOSE, service, text="已全部换货，电话13800138000联系过")
    assert (closed.status, closed.closed_by) == ("closed", service.id)
    assert "13800138000" not in (closed.result or "")
    with pytest.raises(Conflict, match="incident_closed"):
        act(house, closed, IncidentAction.TICK, step="facts")
    with house.services.database.read() as db:
        draft = drafts.get(db, str(closed.script_draft_id))
        deeds = {row.action for row in db.execute(sa.select(audit.AuditRow)).scalars()}
    assert draft is not None and draft.status == "expired"
    assert {"incident.opened", "incident.assign", "incident.tick", "incident.untick", "incident.close"} <= deeds


def test_a_case_is_merged_in_and_taken_out_for_good(house: House) -> None:
    incident = opened(house)
    other = complain(house, "x", SLOW, after=5, category="logistics", topic="logistics:快递", severity="low")
    incident = act(house, incident, IncidentAction.MERGE, case_id=other)
    assert (incident.cases, case_of(house, other).severity) == (4, "critical")
    incident = act(house, incident, IncidentAction.SPLIT, case_id=other)
    row = case_of(house, other)
    assert (incident.cases, row.incident_id, row.severity) == (3, None, "low")
    incidents.sweep(house.services)
    assert case_of(house, other).incident_id is None


def test_a_dismissed_case_is_not_merged_in(house: House) -> None:
    incident = opened(house)
    other = complain(house, "x", SLOW, after=5, category="logistics", topic="logistics:快递", state="dismissed")
    with pytest.raises(Conflict, match="case_state"):
        act(house, incident, IncidentAction.MERGE, case_id=other)
    assert (found(house)[0].cases, case_of(house, other).severity) == (3, "medium")


def test_a_breach_of_an_earlier_clock_is_not_taken_back(house: House) -> None:
    case_id = complain(house, "a")
    where: dict[str, Any] = {"kind": ClockKind.COMPLAINT, "object_id": case_id}
    first = house.clock.now()
    with house.services.database.write() as db:
        clocks.start(db, house.services, community_id="mama", since=first, **where)
    house.clock.advance(minutes=31)
    clocking.work(house)
    second = house.clock.now()
    with house.services.database.write() as db:
        clocks.stop(db, house.services, at=second, by="usr", why="answered", **where)
        clocks.restart(db, house.services, community_id="mama", since=second, by="usr", **where)
    house.clock.advance(minutes=31)
    clocking.work(house)
    with house.services.database.write() as db:
        clocks.stop(db, house.services, at=second + timedelta(minutes=9), by="usr", why="answered", **where)
    assert case_of(house, case_id).breached
    assert [row.kept() for row in clocking.rows(house, ClockRow)] == [False, True]


def test_whoever_is_late_is_told_what_stands_now(house: House) -> None:
    incident = opened(house)
    act(house, incident, IncidentAction.TICK, step="facts")
    stale = IncidentRow(id=incident.id, version=1)
    with pytest.raises(Conflict, match="incident_changed"):
        act(house, stale, IncidentAction.TICK, step="owner")


def test_after_it_was_closed_new_complaints_are_counted_anew(house: House) -> None:
    first = opened(house)
    act(house, first, IncidentAction.CLOSE, text="已换货")
    for number, who in enumerate("def"):
        complain(house, who, after=10 + number)
    assert sorted(row.status for row in found(house)) == ["closed", "open"]


def test_complaints_as_members_type_them_become_one_incident(house: House) -> None:
    # scope: 27
    said = (
        ("买的米粉打开全是虫子，太恶心了，必须给个说法！", 0),
        ("我家的米粉也有虫！你们怎么品控的，退钱", 9),
        ("气死了，米粉里爬出虫子来了，宝宝都吃了半罐了", 11),
    )
    for number, (text, after) in enumerate(said):
        house.clock.advance(seconds=60 * (after - (said[number - 1][1] if number else 0)))
        who = {"id": f"wx-{number}", "name": f"妈妈{number}"}
        house.say(text, f"m-{number}", sender=who)
        house.work()
    (incident,) = found(house)
    assert (incident.cases, incident.members, incident.status) == (3, 3, "open")
    assert incident.script_draft_id is not None


CRISIS = """
- id: crisis-facts
  kind: script
  scene: crisis
  title: 商品安全说明
  phrasings: [群里在传产品有安全问题]
  answer: 各位，关于{issue_name}，我们已经看到并在核实，请先停用并保留外包装，查清后在群里说明。
- id: crisis-blanks
  kind: script
  scene: crisis
  title: 集中投诉说明
  answer: 各位，{issue_name}由{case_owner}负责，{next_update}公布进展。
"""


def test_the_operator_s_own_script_is_taken_where_it_can_be_filled(house: House) -> None:
    # scope: 8
    house.learn(CRISIS)
    incident = opened(house)
    draft = house.draft_row(str(incident.script_draft_id))
    assert incident.script_id == "crisis-facts"
    assert draft.text is not None and "关于产品质量问题" in draft.text
    assert [one["entry_id"] for one in draft.citations] == ["crisis-facts"]
    assert {one["entry_id"] for one in draft.alternatives} == {"crisis-facts", "crisis-blanks"}


def test_a_crisis_script_picked_by_hand_needs_a_manager_too(wise: House) -> None:
    # scope: 8
    wise.learn(CRISIS)
    draft = wise.ask("请问多久发货呀？")
    assert draft.requires == "moderator"
    answerer = person(wise, "answerer")
    picking.pick(wise.services, answerer, draft.id, "crisis-facts")
    assert (wise.draft_row(draft.id).requires, wise.draft_row(draft.id).cause) == ("manager", "crisis")
    with pytest.raises(Forbidden):
        wise.decide(draft.id, Decision.MODIFY, text="各位，我们在核实。", caller=answerer)
    picking.pick(wise.services, answerer, draft.id, "refund-wrong")
    assert (wise.draft_row(draft.id).requires, wise.draft_row(draft.id).cause) == ("moderator", None)
    wise.decide(draft.id, Decision.APPROVE, caller=answerer)
