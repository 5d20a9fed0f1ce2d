"""A person decides: what each decision does, who may, and what a race leaves."""

from collections import Counter
from datetime import timedelta

import pytest
import sqlalchemy as sa

from agent.flows import approvals, deliveries, picking, settings
from agent.flows.outgoing import Words
from core.caller import Caller
from core.errors import BadInput, Conflict, Forbidden, NotFound
from core.scopes import Scope
from core.vocabulary import Decision, DeliveryState, DraftStatus, Requires, RequiresCause
from store import audit, drafts
from store.audit import AuditRow
from store.drafts import DraftVersionRow
from store.users import RoleRow
from tests.agent.flows.test_incidents import CRISIS
from tests.house import ASKS_POINTS, House, in_parallel, row_counts


def _versions(house: House, draft_id: str) -> list[tuple[int, str, str | None]]:
    query = sa.select(DraftVersionRow).where(DraftVersionRow.draft_id == draft_id).order_by(DraftVersionRow.version)
    with house.services.database.read() as db:
        return [(row.version, row.status, row.text) for row in db.execute(query).scalars()]


def test_approval_makes_exactly_one_delivery_due(house: House) -> None:
    # scope: 96
    (draft_id,) = house.make_drafts(1, text="付款后48小时内发货。")
    done = house.decide(draft_id)
    (delivery,) = house.deliveries()
    assert (done.status, done.version, done.delivery_id) == (DraftStatus.APPROVED, 2, delivery.id)
    assert (delivery.state, delivery.draft_id) == (DeliveryState.QUEUED, draft_id)
    assert delivery.text == "付款后48小时内发货。"
    row = house.draft_row(draft_id)
    assert (row.decided_by, row.decided_at, row.final_text) == (house.owner.id, house.clock.now(), row.text)


@pytest.mark.parametrize("decision", [Decision.REJECT, Decision.ESCALATE])
def test_other_decisions_send_nothing(house: House, decision: Decision) -> None:
    (draft_id,) = house.make_drafts(1)
    assert house.decide(draft_id, decision).delivery_id is None
    assert house.deliveries() == []


def test_every_state_is_kept_as_a_version(house: House) -> None:
    (draft_id,) = house.make_drafts(1, text="原文")
    house.decide(draft_id, Decision.MODIFY, text="改过的", undoable=True)
    approvals.undo(house.services, house.owner, draft_id, 2)
    house.decide(draft_id, Decision.REJECT, version=3)
    assert [(n, s) for n, s, _ in _versions(house, draft_id)] == [
        (1, "pending"),
        (2, "modified"),
        (3, "pending"),
        (4, "rejected"),
    ]
    assert _versions(house, draft_id)[1][2] == "改过的"


def test_decision_is_audited_with_who_and_what(house: House) -> None:
    (draft_id,) = house.make_drafts(1)
    done = house.decide(draft_id)
    with house.services.database.read() as db:
        (row,) = audit.page(db, communities=None, object_id=draft_id)
    assert house.services.database.verify_audit().broken_at is None
    assert (row.action, row.actor_id, row.community_id) == ("draft.approved", house.owner.id, "mama")
    assert row.details == {"version": 2, "delivery": done.delivery_id}


def test_second_decision_is_told_what_won(house: House) -> None:
    (draft_id,) = house.make_drafts(1)
    house.decide(draft_id)
    with pytest.raises(Conflict) as caught:
        house.decide(draft_id, Decision.REJECT)
    assert caught.value.code == "draft_decided"
    assert caught.value.extra == {"id": draft_id, "status": "approved", "version": 2, "decided_by": house.owner.id}


def test_stale_version_of_an_open_draft_is_refused(house: House) -> None:
    (draft_id,) = house.make_drafts(1)
    house.decide(draft_id, Decision.ESCALATE)
    with pytest.raises(Conflict) as caught:
        house.decide(draft_id, version=1)
    assert (caught.value.code, caught.value.extra["version"]) == ("draft_changed", 2)
    assert house.deliveries() == []


def test_escalated_draft_needs_its_own_scope(house: House) -> None:
    (draft_id,) = house.make_drafts(1)
    answerer, supervisor = house.user("answerer"), house.user("supervisor")
    house.decide(draft_id, Decision.ESCALATE, caller=answerer)
    with pytest.raises(Forbidden) as caught:
        house.decide(draft_id, version=2, caller=answerer)
    assert caught.value.extra == {"scope": "drafts:decide_escalated"}
    assert house.decide(draft_id, version=2, caller=supervisor).status == DraftStatus.APPROVED


def test_escalating_twice_changes_nothing(house: House) -> None:
    (draft_id,) = house.make_drafts(1)
    house.decide(draft_id, Decision.ESCALATE)
    with pytest.raises(Conflict, match="draft_changed"):
        house.decide(draft_id, Decision.ESCALATE, version=2)
    assert house.draft_row(draft_id).version == 2


def test_crisis_draft_is_released_by_a_manager_only(house: House) -> None:
    # scope: 8
    (draft_id,) = house.make_drafts(1, requires=Requires.MANAGER)
    answerer, supervisor = house.user("answerer"), house.user("supervisor")
    for decision, text in ((Decision.APPROVE, None), (Decision.MODIFY, "另一段")):
        with pytest.raises(Forbidden) as caught:
            house.decide(draft_id, decision, text=text, caller=answerer)
        assert caught.value.extra == {"scope": "crisis:release"}
    assert house.decide(draft_id, caller=supervisor).status == DraftStatus.APPROVED


def test_compensation_needs_its_own_scope(house: House) -> None:
    # scope: 26
    (draft_id,) = house.make_drafts(1, requires=Requires.MANAGER, cause=RequiresCause.COMPENSATION)
    with pytest.raises(Forbidden) as caught:
        house.decide(draft_id, caller=house.user("service"))
    assert caught.value.extra == {"scope": "compensation:approve"}


@pytest.mark.parametrize("held", [Scope.COMPENSATION_APPROVE, Scope.CRISIS_RELEASE])
def test_crisis_script_picked_for_an_offer_needs_both_scopes(wise: House, held: Scope) -> None:
    # scope: 8
    # scope: 26
    wise.learn(CRISIS)
    (draft_id,) = wise.make_drafts(1, requires=Requires.MANAGER, cause=RequiresCause.COMPENSATION)
    half = _one_with(wise, Scope.DRAFTS_DECIDE, held)
    picking.pick(wise.services, half, draft_id, "crisis-facts")
    for decision, text in ((Decision.APPROVE, None), (Decision.MODIFY, "各位，我们在核实。")):
        with pytest.raises(Forbidden) as caught:
            wise.decide(draft_id, decision, text=text, caller=half)
        lacking = {Scope.COMPENSATION_APPROVE, Scope.CRISIS_RELEASE} - {held}
        assert {caught.value.extra["scope"]} == {scope.value for scope in lacking}
    picking.pick(wise.services, half, draft_id, "refund-wrong")
    with wise.services.database.read() as db:
        assert approvals.release_needs(db, wise.draft_row(draft_id)) == (Scope.COMPENSATION_APPROVE,)
    picking.pick(wise.services, half, draft_id, "crisis-facts")
    assert wise.decide(draft_id, caller=wise.user("supervisor")).status == DraftStatus.APPROVED


def test_offer_made_from_a_crisis_script_needs_both_scopes(wise: House) -> None:
    wise.learn(CRISIS)
    cited = {"entry_id": "crisis-facts", "version": 1, "title": "", "quote": "", "used": True}
    offer = {"requires": Requires.MANAGER, "cause": RequiresCause.COMPENSATION}
    (draft_id,) = wise.make_drafts(1, citations=[cited], **offer)
    half = _one_with(wise, Scope.DRAFTS_DECIDE, Scope.COMPENSATION_APPROVE)
    with pytest.raises(Forbidden) as caught:
        wise.decide(draft_id, caller=half)
    assert caught.value.extra == {"scope": "crisis:release"}


def _one_with(house: House, *scopes: Scope) -> Caller:
    """A person of a role of the operator's own."""
    with house.services.database.write() as db:
        db.add(RoleRow(name="own", scopes=[scope.value for scope in scopes], builtin=False))
    return house.user("own")


def test_moderator_may_reject_what_a_manager_would_have_to_release(house: House) -> None:
    (draft_id,) = house.make_drafts(1, requires=Requires.MANAGER)
    assert house.decide(draft_id, Decision.REJECT, caller=house.user("answerer")).status == DraftStatus.REJECTED


def test_reader_may_not_decide(house: House) -> None:
    # scope: 94
    (draft_id,) = house.make_drafts(1)
    with pytest.raises(Forbidden) as caught:
        house.decide(draft_id, caller=house.user("content"))
    assert caught.value.extra == {"scope": "drafts:decide"}


def test_draft_of_another_community_does_not_exist(house: House) -> None:
    # scope: 36
    stranger = house.user("answerer", "mama")
    (draft_id,) = house.make_drafts(1, community_id="root")
    calls = (
        lambda: house.decide(draft_id, caller=stranger),
        lambda: approvals.undo(house.services, stranger, draft_id, 1),
        lambda: approvals.snooze(house.services, stranger, draft_id, 5),
    )
    for call in calls:
        with pytest.raises(NotFound, match="draft_not_found"):
            call()


def test_unknown_draft(house: House) -> None:
    with pytest.raises(NotFound, match="draft_not_found"):
        house.decide("drf_nothing")


def test_abstained_draft_cannot_be_approved_but_answered(house: House) -> None:
    (draft_id,) = house.make_drafts(1, text=None)
    with pytest.raises(BadInput, match="nothing_to_approve"):
        house.decide(draft_id)
    assert house.deliveries() == []
    done = house.decide(draft_id, Decision.MODIFY, text="我来回答：明天上午。")
    delivery = house.delivery(done.delivery_id)
    assert (delivery.text, delivery.ai_generated) == ("我来回答：明天上午。", False)


@pytest.mark.parametrize(
    ("text", "code"), [(None, "text_missing"), ("  \n", "text_missing"), ("长" * 4001, "text_too_long")]
)
def test_modify_wants_a_text_that_can_go_out(house: House, text: str | None, code: str) -> None:
    (draft_id,) = house.make_drafts(1)
    before = row_counts(house.services.database)
    with pytest.raises(BadInput, match=code):
        house.decide(draft_id, Decision.MODIFY, text=text)
    assert row_counts(house.services.database) == before


@pytest.mark.parametrize("decision", [Decision.APPROVE, Decision.REJECT, Decision.ESCALATE])
def test_text_with_any_other_decision_is_a_mistake(house: House, decision: Decision) -> None:
    (draft_id,) = house.make_drafts(1)
    with pytest.raises(BadInput, match="text_not_expected"):
        house.decide(draft_id, decision, text="别的")
    assert house.draft_row(draft_id).version == 1


def test_modify_without_a_change_counts_as_approval(house: House) -> None:
    (draft_id,) = house.make_drafts(1, text="{member_name}您好，48小时内发货。", member_id=house.member_id())
    done = house.decide(draft_id, Decision.MODIFY, text=" 小满妈妈您好，48小时内发货。\n")
    assert done.status == DraftStatus.APPROVED


def test_typed_name_is_kept_as_a_slot_and_handed_out_as_typed(house: House) -> None:
    # scope: 35
    (draft_id,) = house.make_drafts(1, member_id=house.member_id())
    done = house.decide(draft_id, Decision.MODIFY, text="小满妈妈，给您加急了")
    assert house.delivery(done.delivery_id).text == "{member_name}，给您加急了"
    assert house.draft_row(draft_id).final_text == "{member_name}，给您加急了"
    assert _wire(house, done.delivery_id)["text"] == "小满妈妈，给您加急了"


def test_typed_phone_is_masked_at_rest_and_handed_out_whole(house: House) -> None:
    # scope: 35
    (draft_id,) = house.make_drafts(1, member_id=house.member_id())
    text = "请打 13912345678 找小满妈妈的管家"
    done = house.decide(draft_id, Decision.MODIFY, text=text, reason="本人电话13912345678", override_copy=True)
    row, delivery = house.draft_row(draft_id), house.delivery(done.delivery_id)
    for kept in (row.final_text, delivery.text, row.reason, _versions(house, draft_id)[-1][2]):
        assert kept is not None and "13912345678" not in kept and "小满妈妈" not in kept
    for sealed in (row.final_original, delivery.original):
        assert sealed is not None and b"13912345678" not in sealed
    assert _wire(house, done.delivery_id)["text"] == text


def _wire(house: House, delivery_id: str | None) -> dict[str, object]:
    with house.services.database.read() as db:
        return deliveries.wire(Words(db, house.services), house.delivery(delivery_id))


def test_real_draft_names_the_member_only_when_handed_out(wise: House) -> None:
    draft = wise.ask(ASKS_POINTS)
    done = wise.decide(draft.id)
    assert wise.delivery(done.delivery_id).text.startswith("{member_name}")
    wire = _wire(wise, done.delivery_id)
    assert str(wire["text"]).startswith("小满妈妈您好")
    assert (wire["to"], wire["reply_to"]) == ("wx-xiaoman", "m-1")


def test_snooze_hides_from_one_person_for_a_while(house: House) -> None:
    (draft_id,) = house.make_drafts(1)
    approvals.snooze(house.services, house.owner, draft_id, 15)

    def listed(user_id: str) -> list[str]:
        with house.services.database.read() as db:
            now = house.clock.now()
            rows = drafts.page(db, statuses=["pending"], communities=None, not_snoozed_by=user_id, now=now)
            return [row.id for row in rows]

    assert listed(house.owner.id) == []
    assert listed("somebody-else") == [draft_id]
    house.clock.advance(minutes=15)
    assert listed(house.owner.id) == [draft_id]
    assert house.draft_row(draft_id).version == 1


def test_undo_in_time_cancels_and_reopens(house: House) -> None:
    (draft_id,) = house.make_drafts(1)
    done = house.decide(draft_id, undoable=True)
    assert done.undo_seconds == 10
    house.clock.advance(seconds=8)
    undone = approvals.undo(house.services, house.owner, draft_id, done.version)
    assert (undone.status, undone.version) == (DraftStatus.PENDING, 3)
    house.clock.advance(hours=1)
    assert house.delivery(done.delivery_id).state == DeliveryState.CANCELLED
    row = house.draft_row(draft_id)
    assert (row.status, row.final_text, row.decided_by, row.decided_at) == ("pending", None, None, None)


@pytest.mark.parametrize("seconds", [10, 11, 3600])
def test_undo_too_late(house: House, seconds: int) -> None:
    (draft_id,) = house.make_drafts(1)
    done = house.decide(draft_id, undoable=True)
    house.clock.advance(seconds=seconds)
    with pytest.raises(Conflict) as caught:
        approvals.undo(house.services, house.owner, draft_id, done.version)
    assert (caught.value.code, caught.value.extra["status"]) == ("undo_too_late", "approved")
    assert house.delivery(done.delivery_id).state == DeliveryState.QUEUED


def test_decision_of_a_program_goes_out_at_once_and_stays(house: House) -> None:
    (draft_id,) = house.make_drafts(1)
    done = house.decide(draft_id, undoable=False)
    assert house.delivery(done.delivery_id).not_before == house.clock.now()
    with pytest.raises(Conflict, match="undo_too_late"):
        approvals.undo(house.services, house.owner, draft_id, done.version)


def test_undo_of_another_version_cancels_nothing(house: House) -> None:
    (draft_id,) = house.make_drafts(1)
    done = house.decide(draft_id, undoable=True)
    with pytest.raises(Conflict, match="draft_decided"):
        approvals.undo(house.services, house.owner, draft_id, done.version + 1)
    assert house.delivery(done.delivery_id).state == DeliveryState.QUEUED


def test_rejection_can_be_undone_at_any_time(house: House) -> None:
    (draft_id,) = house.make_drafts(1)
    house.decide(draft_id, Decision.REJECT)
    house.clock.advance(hours=2)
    assert approvals.undo(house.services, house.owner, draft_id, 2).status == DraftStatus.PENDING


def test_approval_after_undo_makes_another_delivery(house: House) -> None:
    (draft_id,) = house.make_drafts(1)
    first = house.decide(draft_id, undoable=True)
    undone = approvals.undo(house.services, house.owner, draft_id, first.version)
    second = house.decide(draft_id, version=undone.version)
    assert second.delivery_id != first.delivery_id
    states = {row.id: row.state for row in house.deliveries()}
    assert states == {first.delivery_id: DeliveryState.CANCELLED, second.delivery_id: DeliveryState.QUEUED}


def test_undo_window_is_a_setting_of_the_community(house: House) -> None:
    settings.change(house.services, house.owner, "approvals.undo_seconds", 60, "root")
    (draft_id,) = house.make_drafts(1)
    done = house.decide(draft_id, undoable=True)
    assert done.undo_seconds == 60
    assert house.delivery(done.delivery_id).not_before == house.clock.now() + timedelta(seconds=60)


def test_fifty_racing_approvals_of_each_of_many_drafts(house: House) -> None:
    """As many deliveries as drafts, and every loser is told who won."""
    number, racers = 40, 50
    ids = house.make_drafts(number)
    calls = [lambda d=draft_id: house.decide(d) for draft_id in ids for _ in range(racers)]
    results = in_parallel(16, calls)
    losers = [one for one in results if isinstance(one, Exception)]
    assert len(losers) == number * (racers - 1)
    assert {(type(one), getattr(one, "code", one)) for one in losers} == {(Conflict, "draft_decided")}
    told = [(one.extra["status"], one.extra["version"]) for one in losers if isinstance(one, Conflict)]
    assert set(told) == {("approved", 2)}
    made = house.deliveries()
    assert Counter(row.draft_id for row in made) == Counter(ids)
    with house.services.database.read() as db:
        decided = sa.select(sa.func.count()).select_from(AuditRow).where(AuditRow.action == "draft.approved")
        assert db.execute(decided).scalar_one() == number


def test_racing_undo_and_approval_leave_one_live_delivery_at_most(house: House) -> None:
    ids = house.make_drafts(20)
    for draft_id in ids:
        house.decide(draft_id, undoable=True)

    def again(draft_id: str) -> None:
        undone = approvals.undo(house.services, house.owner, draft_id, 2)
        house.decide(draft_id, version=undone.version)

    in_parallel(8, [lambda d=draft_id: again(d) for draft_id in ids for _ in range(4)])
    live = Counter(row.draft_id for row in house.deliveries() if row.state == DeliveryState.QUEUED)
    assert live == Counter(ids)


def test_a_text_with_an_unfilled_slot_is_refused(house: House) -> None:
    (draft_id,) = house.make_drafts(1, text="原文")
    with pytest.raises(BadInput) as caught:
        house.decide(draft_id, Decision.MODIFY, text="请打 {courier_phone} 联系快递员")
    assert caught.value.code == "slot_unfilled"
    assert house.deliveries() == []
