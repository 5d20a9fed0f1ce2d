"""Compensation beside a case's result, and decisions on it that are taken back."""

import pytest

from agent.flows import approvals, case_compensation
from agent.flows.approvals import Ruling
from agent.flows.case_compensation import Proposal
from core.vocabulary import (
    CaseAction,
    CompensationKind,
    CompensationStatus,
    Decision,
    DeliveryKind,
    DraftStatus,
    Requires,
)
from store import case_events, drafts, messages
from store.cases import CaseRow
from store.drafts import DraftRow
from tests.agent.flows.test_cases import act, case_of, complain, deliver_all, drafts_of, refused, to_result
from tests.house import House

GRAVER = "这个破锅又坏了，烫伤我孩子了，我要去12315举报你们"


def offer(house: House, case: CaseRow, cents: int) -> str:
    """The id of what somebody who serves offers."""
    version = case_of(house, case.message_id).version
    proposal = Proposal(version, CompensationKind.COUPON, cents=cents)
    return case_compensation.propose(house.services, house.user("service"), case.id, proposal)[1].id


def status(house: House, compensation_id: str) -> str:
    with house.services.database.read() as db:
        row = case_events.compensation(db, compensation_id)
    assert row is not None
    return row.status


def decide(house: House, case: CaseRow, compensation_id: str) -> None:
    version = case_of(house, case.message_id).version
    wanted = CompensationStatus.APPROVED
    case_compensation.decide(house.services, house.owner, case.id, compensation_id, wanted, version)


def waiting(house: House, case: CaseRow) -> list[DraftRow]:
    with house.services.database.read() as db:
        return drafts.open_of_case(db, case.id)


def test_offer_beside_a_result_keeps_the_message_that_tells_it(house: House) -> None:
    case = to_result(house, complain(house))
    offer(house, case, 2_000)
    (draft,) = waiting(house, case)
    assert "换一个新的" in (draft.text or "") and "优惠券 20 元" in (draft.text or "")
    house.decide(draft.id)
    deliver_all(house)
    assert case_of(house, case.message_id).told_at is not None


def test_offer_above_the_limit_beside_a_result_waits_for_a_manager(house: House) -> None:
    case = to_result(house, complain(house))
    offered = offer(house, case, 90_000)
    (draft,) = waiting(house, case)
    assert draft.requires == Requires.MANAGER and "900 元" in (draft.text or "")
    house.decide(draft.id)
    assert status(house, offered) == CompensationStatus.APPROVED


def test_result_withholds_what_nobody_has_approved_yet(house: House) -> None:
    case = complain(house)
    offer(house, case, 90_000)
    case = to_result(house, case)
    (draft,) = waiting(house, case)
    assert draft.requires == Requires.MODERATOR and "900" not in (draft.text or "")


def test_decision_on_an_offer_of_a_dismissed_case_writes_to_nobody(house: House) -> None:
    case = complain(house)
    offered = offer(house, case, 90_000)
    act(house, case, CaseAction.DISMISS, text="说的是别家的")
    assert refused(lambda: decide(house, case, offered)) == "case_state"
    assert waiting(house, case) == [] and status(house, offered) == CompensationStatus.PROPOSED


def test_undone_approval_promises_nothing(house: House) -> None:
    case = complain(house)
    offered = offer(house, case, 90_000)
    draft = drafts_of(house, case)[DeliveryKind.PRIVATE]
    ruling = Ruling(Decision.APPROVE, draft.version)
    decided = approvals.decide(house.services, house.owner, draft.id, ruling, undoable=True)
    assert status(house, offered) == CompensationStatus.APPROVED
    approvals.undo(house.services, house.owner, draft.id, decided.version)
    assert status(house, offered) == CompensationStatus.PROPOSED
    assert house.draft_row(draft.id).status == DraftStatus.PENDING


@pytest.mark.parametrize(
    ("cents", "requires"), [(2_000, Requires.MODERATOR), (90_000, Requires.MANAGER)], ids=["approved", "proposed"]
)
def test_graver_complaint_keeps_what_is_offered(house: House, cents: int, requires: Requires) -> None:
    case = complain(house)
    offered = offer(house, case, cents)
    complain(house, GRAVER, "m-2")
    now = case_of(house, case.message_id)
    assert now.severity != case.severity
    (draft,) = [one for one in waiting(house, case) if one.kind == DeliveryKind.PRIVATE]
    assert f"优惠券 {cents // 100} 元" in (draft.text or "") and draft.requires == requires
    with house.services.database.read() as db:
        (answered,) = messages.many(db, drafts.message_ids(db, [draft.id])[draft.id])
    assert answered.external_id == "m-2"
    house.decide(draft.id)
    assert status(house, offered) == CompensationStatus.APPROVED


def test_graver_complaint_repeats_no_offer_that_went_out(house: House) -> None:
    case = complain(house)
    offer(house, case, 2_000)
    (private,) = [one for one in waiting(house, case) if one.kind == DeliveryKind.PRIVATE]
    house.decide(private.id)
    complain(house, GRAVER, "m-2")
    assert "优惠券" not in str([one.text for one in waiting(house, case)])
