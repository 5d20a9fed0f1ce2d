"""What members complain about becomes cases; staff's first answer acknowledges them."""

from typing import Any

import pytest
import sqlalchemy as sa

from core.vocabulary import CaseState, DeliveryKind, DraftStatus, MessageKind
from store import case_events, cases, drafts
from store.cases import CaseRow
from store.drafts import DraftRow
from tests.house import House

BROKEN = "买了三天就坏了，没人管，你们就这态度？"
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
