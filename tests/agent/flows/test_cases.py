"""What members complain about becomes cases; staff's first answer acknowledges them."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from agent.flows import case_compensation, case_ends, communities, deliveries, erasure
from agent.flows import cases as flow
from agent.flows import settings as settings_flow
from agent.flows.case_compensation import Proposal
from agent.flows.cases import Act
from core.caller import Caller
from core.errors import ForPeople
from core.vocabulary import (
    CaseAction,
    CaseAnswer,
    CaseState,
    ClockKind,
    CommunityType,
    CompensationKind,
    DeliveryKind,
    Department,
    DraftStatus,
    MessageKind,
    Requires,
    Severity,
)
from store import case_events, cases, clocks, drafts, staff_notices
from store.audit import AuditRow
from store.cases import CaseRow
from store.drafts import DraftRow
from tests.house import House

BROKEN = "买的锅用了三天就坏了，质量太差，没人管"
LATE = "快递都半个月了还没到，催了三次没人理我"


def case_of(house: House, message_id: str) -> CaseRow:
    with house.services.database.read() as db:
        row = cases.of_message(db, message_id)
    assert row is not None
    return row


def all_cases(house: House) -> list[CaseRow]:
    with house.services.database.read() as db:
        return list(db.execute(sa.select(CaseRow).order_by(CaseRow.id)).scalars())


def drafts_of(house: House, case: CaseRow) -> dict[str, DraftRow]:
    with house.services.database.read() as db:
        return {row.kind: row for row in drafts.of_case(db, case.id)}


def drafts_with(house: House, case: CaseRow) -> list[DraftRow]:
    with house.services.database.read() as db:
        return drafts.of_case(db, case.id)


def history(house: House, case: CaseRow) -> list[str]:
    with house.services.database.read() as db:
        return [row.kind for row in case_events.of_case(db, case.id)]


def complain(house: House, text: str = BROKEN, message_id: str = "m-1", **values: Any) -> CaseRow:
    """Receive a complaint and have it handled; its case."""
    said = house.say(text, message_id, **values)
    house.work()
    return case_of(house, said)


def staff_says(house: House, text: str, message_id: str = "s-1", **values: Any) -> None:
    house.clock.advance(seconds=30)
    sender = {"id": "kf-1", "name": "客服小禾", "role": "staff"}
    house.say(text, message_id, **{"sender": sender} | values)
    house.work()


# scope: 20
def test_complaint_becomes_a_case_with_two_drafts(house: House) -> None:
    case = complain(house)
    assert (case.state, case.category, case.severity) == (CaseState.NEW, "product_quality", "high")
    assert case.quote and case.quote in BROKEN
    assert case.owner_id is None and case.respond_by is not None
    made = drafts_of(house, case)
    assert set(made) == {DeliveryKind.REPLY, DeliveryKind.PRIVATE}
    row = house.message_row(case.message_id)
    assert row.triage is not None and row.triage["kind"] == MessageKind.COMPLAINT
    assert all(draft.status == DraftStatus.PENDING and draft.case_id == case.id for draft in made.values())


# scope: 23
@pytest.mark.parametrize("text", ["实在抱歉给您添麻烦了，我私信您核对一下，马上处理", "您把订单截图发我一下，我来负责"])
def test_first_answer_of_staff_acknowledges(house: House, text: str) -> None:
    case = complain(house)
    staff_says(house, "稍等")
    assert case_of(house, case.message_id).state == CaseState.NEW
    staff_says(house, text, "s-2")
    now = case_of(house, case.message_id)
    assert now.state == CaseState.ACKNOWLEDGED and now.owner_id is not None and now.acknowledged_at is not None
    assert now.respond_by is None and not now.breached
    made = drafts_of(house, case)
    # Who only says what is being done still owes the answer that was drafted.
    assert made[DeliveryKind.PRIVATE].status == DraftStatus.PENDING
    assert history(house, case) == ["opened", "acknowledged"]


def act(house: House, case: CaseRow, action: CaseAction, *, caller: Caller | None = None, **given: Any) -> CaseRow:
    """One action on the case as it stands now."""
    version = given.pop("version", None) or case_of(house, case.message_id).version
    return flow.act(house.services, caller or house.owner, case.id, Act(action, version, **given))


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(ForPeople) as caught:
        call()
    return caught.value.code


def clock_state(house: House, case: CaseRow) -> str:
    with house.services.database.read() as db:
        row = clocks.newest(db, ClockKind.COMPLAINT, case.id)
    assert row is not None
    return row.state(house.clock.now())


def deliver_all(house: House) -> None:
    house.clock.advance(seconds=20)
    for row in house.deliveries():
        deliveries.acknowledge(house.services, house.bot, row.id)


# scope: 22
def test_line_for_the_group_and_private_message_are_decided_apart(house: House) -> None:
    made = drafts_of(house, complain(house))
    line, private = made[DeliveryKind.REPLY], made[DeliveryKind.PRIVATE]
    assert line.lane == house.community and private.lane == f"{house.community}:{private.member_id}"
    assert line.reply_to == "m-1" and private.reply_to is None
    assert "\n" not in (line.text or "") and len((private.text or "").splitlines()) >= 4
    house.decide(line.id)
    assert house.draft_row(private.id).status == DraftStatus.PENDING


# scope: 23
def test_delivered_draft_acknowledges_and_its_approver_owns(house: House) -> None:
    case = complain(house)
    line = drafts_of(house, case)[DeliveryKind.REPLY]
    service = house.user("service")
    house.decide(line.id, caller=service)
    assert case_of(house, case.message_id).state == CaseState.NEW  # not before it is out
    deliver_all(house)
    now = case_of(house, case.message_id)
    assert (now.state, now.owner_id) == (CaseState.ACKNOWLEDGED, service.id)
    assert clock_state(house, case) == "stopped"


def test_further_complaint_joins_and_severity_only_rises(house: House) -> None:
    case = complain(house)
    complain(house, "这个破锅又坏了，烫伤我孩子了，我要去12315举报你们", "m-2")
    (row,) = all_cases(house)
    assert row.id == case.id and Severity(row.severity).at_least(Severity(case.severity))
    before = row.severity
    complain(house, "锅又坏了，质量差得离谱", "m-3")
    assert case_of(house, case.message_id).severity == before


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("再不处理我就去投诉你们", "high"),
        ("行，12315我已经登记了", "critical"),
        ("人呢？催了三次了没一个理我的", "high"),
    ],
)
def test_who_waits_goes_on_with_the_same_case(house: House, text: str, severity: str) -> None:
    case = complain(house)
    house.clock.advance(seconds=120)
    complain(house, text, "m-2")
    (row,) = all_cases(house)
    assert row.id == case.id and Severity(row.severity).at_least(Severity(severity))


def test_threat_by_itself_is_a_case_that_somebody_looks_at(house: House) -> None:
    house.say("行，12315我已经登记了", "m-1")
    house.work()
    (row,) = all_cases(house)
    assert (row.category, row.severity) == ("other", "critical")


def test_two_things_in_one_burst_are_two_cases(house: House) -> None:
    first = house.say("买的锅三天就坏了，质量太差了", "m-1")
    house.clock.advance(seconds=2)
    second = house.say(LATE, "m-2")
    house.work()
    assert case_of(house, first).id != case_of(house, second).id
    assert {row.category for row in all_cases(house)} == {"product_quality", "logistics"}


def test_other_members_have_cases_of_their_own(house: House) -> None:
    complain(house)
    complain(house, BROKEN, "m-2", sender={"id": "wx-2", "name": "果果妈"})
    assert len(all_cases(house)) == 2


def test_solved_is_noted_and_closes_nothing(house: House) -> None:
    case = complain(house)
    house.clock.advance(seconds=60)
    house.say("解决了，谢谢", "m-2")
    house.work()
    now = case_of(house, case.message_id)
    assert now.state == CaseState.NEW and "member_says_solved" in history(house, case)
    assert clock_state(house, case) == "stopped"
    assert {row.status for row in drafts_of(house, case).values()} == {DraftStatus.EXPIRED}


def test_recalled_complaint_leaves_its_case_marked(house: House) -> None:
    case = complain(house)
    house.say("", "m-1", revision=1, recalled=True)
    house.work()
    assert case_of(house, case.message_id).state == CaseState.NEW
    assert history(house, case) == ["opened", "message_recalled"]
    assert {row.status for row in drafts_of(house, case).values()} == {DraftStatus.EXPIRED}


def to_result(house: House, case: CaseRow, result: str = "换一个新的，运费我们出") -> CaseRow:
    for action in (CaseAction.ACKNOWLEDGE, CaseAction.MOVE_PRIVATE, CaseAction.INVESTIGATE):
        act(house, case, action)
    return act(house, case, CaseAction.RESOLVE, text=result)


# scope: 24
def test_close_needs_result_told_and_answer(house: House) -> None:
    case = complain(house)
    act(house, case, CaseAction.ACKNOWLEDGE)
    act(house, case, CaseAction.INVESTIGATE)
    assert refused(lambda: act(house, case, CaseAction.RESOLVE)) == "case_needs_result"
    act(house, case, CaseAction.RESOLVE, text="换新")
    assert refused(lambda: act(house, case, CaseAction.CLOSE, answer=CaseAnswer.SATISFIED)) == "case_not_told"
    act(house, case, CaseAction.TOLD)
    assert refused(lambda: act(house, case, CaseAction.CLOSE)) == "case_needs_answer"
    assert refused(lambda: act(house, case, CaseAction.CLOSE, answer=CaseAnswer.NO_ANSWER)) == "case_needs_answer"
    closed = act(house, case, CaseAction.CLOSE, answer=CaseAnswer.SATISFIED)
    assert closed.state == CaseState.CLOSED and closed.closed_at is not None


def test_personal_data_in_a_result_is_sealed(house: House) -> None:
    case = to_result(house, complain(house), "换新，寄到 13800001111 这位")
    assert case.result is not None and "13800001111" not in case.result and case.result_original is not None


def test_result_is_drafted_and_telling_it_counts(house: House) -> None:
    case = to_result(house, complain(house))
    (draft,) = [row for row in drafts_of(house, case).values() if row.status == DraftStatus.PENDING]
    assert draft.kind == DeliveryKind.PRIVATE and "换一个新的" in (draft.text or "")
    house.decide(draft.id)
    deliver_all(house)
    assert case_of(house, case.message_id).told_at is not None


def test_silence_closes_after_72_business_hours(house: House) -> None:
    case = to_result(house, complain(house))
    act(house, case, CaseAction.TOLD)
    house.clock.advance(seconds=5 * 24 * 3600)
    assert case_ends.sweep(house.services) == 0
    house.clock.advance(seconds=2 * 24 * 3600)
    assert case_ends.sweep(house.services) == 1
    now = case_of(house, case.message_id)
    assert (now.state, now.answer) == (CaseState.CLOSED, CaseAnswer.NO_ANSWER)


def test_community_that_never_opens_holds_up_no_other(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(case_ends, "_MOST", 1)
    values = {"community_id": "closed", "type": CommunityType.INTEREST, "channel": "wecom", "parent_id": "root"}
    communities.create(house.services, house.owner, name="关门群", **values)  # type: ignore[arg-type]
    stuck = to_result(house, complain(house, BROKEN, "m-1", community_id="closed"))
    act(house, stuck, CaseAction.TOLD)
    house.clock.advance(seconds=60)
    case = to_result(house, complain(house, BROKEN, "m-2"))
    act(house, case, CaseAction.TOLD)
    mondays = [f"{date(2026, 11, 16) + timedelta(weeks=week)}" for week in range(130)]
    for key, value in (("clocks.hours", {"mon": ["09:00-12:00"]}), ("clocks.closed_dates", mondays)):
        settings_flow.change(house.services, house.owner, key, value, "closed")
    house.clock.advance(seconds=8 * 24 * 3600)
    assert case_ends.sweep(house.services) == 1
    assert case_of(house, case.message_id).state == CaseState.CLOSED
    assert case_of(house, stuck.message_id).state == CaseState.RESOLVED


def test_nobody_waits_for_an_erased_member(house: House) -> None:
    case = complain(house)
    assert case.member_id is not None
    erasure.erase(house.services, house.owner, case.member_id)
    assert case_ends.sweep(house.services) == 1
    now = case_of(house, case.message_id)
    assert (now.state, now.quote) == (CaseState.DISMISSED, "")
    assert clock_state(house, case) == "stopped"
    assert case_ends.sweep(house.services) == 0


def test_members_erased_after_they_were_told_hold_up_nobody(house: House) -> None:
    told = complain(house, BROKEN, "m-1", sender={"id": "wx-2", "name": "果果妈"})
    act(house, to_result(house, told), CaseAction.TOLD)
    other = to_result(house, complain(house, LATE, "m-2"))
    act(house, other, CaseAction.TOLD)
    # Nobody swept between: a restored backup, say.
    house.clock.advance(seconds=8 * 24 * 3600)
    assert told.member_id is not None
    erasure.erase(house.services, house.owner, told.member_id)
    assert case_ends.sweep(house.services) == 2
    assert case_of(house, told.message_id).state == CaseState.DISMISSED
    assert case_of(house, other.message_id).state == CaseState.CLOSED


def test_edit_after_the_result_makes_no_draft(house: House) -> None:
    case = to_result(house, complain(house))
    made = len(drafts_with(house, case))
    house.say("买的锅用了三天就坏了，质量太差，没人管！", "m-1", revision=1)
    house.work()
    assert case_of(house, case.message_id).state == CaseState.RESOLVED
    assert len(drafts_with(house, case)) == made


def test_complaint_about_a_closed_case_opens_it_again(house: House) -> None:
    case = to_result(house, complain(house))
    act(house, case, CaseAction.TOLD)
    act(house, case, CaseAction.CLOSE, answer=CaseAnswer.SATISFIED)
    house.clock.advance(seconds=24 * 3600)
    complain(house, "换来的又坏了，三天都没用到，没人管", "m-9")
    now = case_of(house, case.message_id)
    assert (now.state, now.result, now.told_at, now.answer) == (CaseState.REOPENED, None, None, None)
    assert clock_state(house, case) == "running"


def test_result_that_nobody_sent_goes_when_the_case_opens_again(house: House) -> None:
    case = to_result(house, complain(house))
    (result,) = [row for row in drafts_with(house, case) if row.status == DraftStatus.PENDING]
    house.clock.advance(seconds=24 * 3600)
    complain(house, "换来的又坏了，三天都没用到，没人管", "m-9")
    assert case_of(house, case.message_id).state == CaseState.REOPENED
    assert house.draft_row(result.id).status == DraftStatus.EXPIRED
    assert {row.kind for row in drafts_with(house, case) if row.status == DraftStatus.PENDING} == {"reply", "private"}


def test_dismissed_ends_clock_and_drafts_and_is_a_verdict(house: House) -> None:
    case = complain(house)
    assert refused(lambda: act(house, case, CaseAction.DISMISS)) == "reason_missing"
    act(house, case, CaseAction.DISMISS, text="说的是别家的")
    assert clock_state(house, case) == "stopped"
    assert {row.status for row in drafts_of(house, case).values()} == {DraftStatus.EXPIRED}
    assert refused(lambda: act(house, case, CaseAction.INVESTIGATE)) == "case_state"


def test_loser_of_a_race_is_told_what_stands(house: House) -> None:
    case = complain(house)
    act(house, case, CaseAction.ACKNOWLEDGE)
    with pytest.raises(ForPeople) as caught:
        act(house, case, CaseAction.NOTE, version=case.version, text="看过了")
    assert caught.value.code == "case_changed" and caught.value.extra["state"] == CaseState.ACKNOWLEDGED


# scope: 26
def test_compensation_within_and_above_the_limit(house: House) -> None:
    case = complain(house)
    service, version = house.user("service"), case_of(house, case.message_id).version
    row, made = case_compensation.propose(
        house.services, service, case.id, Proposal(version, CompensationKind.COUPON, cents=2_000)
    )
    assert made.status == "approved"
    private = drafts_of(house, case)[DeliveryKind.PRIVATE]
    assert "优惠券 20 元" in (private.text or "") and private.requires == Requires.MODERATOR
    row, made = case_compensation.propose(
        house.services, service, case.id, Proposal(row.version, CompensationKind.REFUND, cents=50_000)
    )
    assert made.status == "proposed"
    private = drafts_of(house, case)[DeliveryKind.PRIVATE]
    assert private.requires == Requires.MANAGER and "500 元" in (private.text or "")
    assert refused(lambda: house.decide(private.id, caller=service)) == "scope_missing"
    house.decide(private.id)
    with house.services.database.read() as db:
        assert [one.status for one in case_events.compensations(db, case.id)] == ["approved", "approved"]


# scope: 28
def test_quality_goes_to_the_contact_of_the_product(house: House) -> None:
    person = house.user("service", login="chanpin")
    settings_flow.change(house.services, house.owner, "complaints.contacts", {"product": ["chanpin"]})
    case = complain(house)
    assert case.routed_to == Department.PRODUCT
    with house.services.database.read() as db:
        (notice,) = [one for one in staff_notices.open_of(db, person.id, 10) if one.kind == "case_routed"]
    assert notice.object_id == case.id
    assert act(house, case, CaseAction.ROUTE, department=Department.LOGISTICS).routed_to == Department.LOGISTICS


@pytest.mark.parametrize("ends", [CaseAction.DISMISS, CaseAction.CLOSE])
def test_notice_of_a_routed_case_is_over_with_it(house: House, ends: CaseAction) -> None:
    person = house.user("service", login="chanpin")
    settings_flow.change(house.services, house.owner, "complaints.contacts", {"product": ["chanpin"]})

    def told() -> list[str]:
        with house.services.database.read() as db:
            found = staff_notices.open_of(db, person.id, 10)
        return [one.object_id for one in found if one.kind == "case_routed"]

    case = complain(house)
    other = complain(house, BROKEN, "m-2", sender={"id": "wx-2", "name": "果果妈"})
    if ends is CaseAction.DISMISS:
        act(house, case, ends, text="说的是别家的")
    else:
        act(house, to_result(house, case), CaseAction.TOLD)
        assert case.id in told()
        act(house, case, ends, answer=CaseAnswer.SATISFIED)
    assert told() == [other.id]


def test_audit_holds_ids_and_states_only(house: House) -> None:
    case = to_result(house, complain(house))
    with house.services.database.read() as db:
        query = sa.select(AuditRow).where(AuditRow.object_id == case.id).order_by(AuditRow.number)
        deeds = list(db.execute(query).scalars())
    assert [one.action for one in deeds] == [
        "complaint.opened",
        "complaint.acknowledged",
        "complaint.moved_private",
        "complaint.investigating",
        "complaint.resolved",
    ]
    assert "换一个" not in str([one.details for one in deeds])
