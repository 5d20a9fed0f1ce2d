"""The copy check stands before every approval, and may be overridden by who holds the scope and says why."""

import pytest

from agent.flows import copy_review, deliveries, settings
from agent.flows.copy_review import Wanted
from agent.flows.outgoing import Words
from core.errors import BadInput, Forbidden, NotFound
from core.vocabulary import CopyLabel, Decision, DraftStatus
from store import audit
from tests.house import ASKS_POINTS, House

WRONG = "亲，全网最低价，放心下单。"


def _actions(house: House, draft_id: str) -> set[str]:
    with house.services.database.read() as db:
        return {row.action for row in audit.page(db, communities=None, object_id=draft_id)}


@pytest.mark.parametrize("decision", [Decision.APPROVE, Decision.MODIFY])
def test_a_superlative_stops_the_approval(house: House, decision: Decision) -> None:
    # scope: 38
    typed = decision == Decision.MODIFY
    (draft_id,) = house.make_drafts(1, text="您好" if typed else WRONG)
    with pytest.raises(BadInput) as caught:
        house.decide(draft_id, decision, text=WRONG if typed else None)
    assert caught.value.code == "copy_blocked"
    finds = caught.value.extra["copy"]
    assert isinstance(finds, list)
    (found,) = finds
    assert (found["label"], found["text"]) == ("absolute_claim", "全网最低")
    assert found["advice"] and WRONG[slice(*found["span"])] == "全网最低"
    assert house.draft_row(draft_id).status == DraftStatus.PENDING and house.deliveries() == []


def test_who_holds_the_scope_lets_it_pass_with_a_reason(house: House) -> None:
    (draft_id,) = house.make_drafts(1, text=WRONG)
    with pytest.raises(BadInput) as caught:
        house.decide(draft_id, override_copy=True)
    assert caught.value.code == "reason_missing"
    done = house.decide(draft_id, reason="比价记录已存档", override_copy=True)
    assert [hit.label for hit in done.copy] == [CopyLabel.ABSOLUTE_CLAIM]
    assert {"draft.approved", "draft.copy_overridden"} <= _actions(house, draft_id)


def test_nobody_else_does(house: House) -> None:
    (draft_id,) = house.make_drafts(1, text=WRONG)
    with pytest.raises(Forbidden):
        house.decide(draft_id, reason="急", override_copy=True, caller=house.user("answerer", house.community))


def test_a_fact_that_the_decider_typed_only_warns(house: House) -> None:
    (draft_id,) = house.make_drafts(1, text="您好")
    done = house.decide(draft_id, Decision.MODIFY, text="这款现在是59元。")
    assert (done.status, [hit.label for hit in done.copy]) == (DraftStatus.MODIFIED, [CopyLabel.UNSUPPORTED_FACT])
    assert "draft.copy_overridden" not in _actions(house, draft_id)


def test_rejecting_asks_no_check(house: House) -> None:
    (draft_id,) = house.make_drafts(1, text=WRONG)
    assert house.decide(draft_id, Decision.REJECT).status == DraftStatus.REJECTED


def test_a_draft_from_the_knowledge_passes(wise: House) -> None:
    draft = wise.ask(ASKS_POINTS)
    assert draft.copy_check == []
    assert wise.decide(draft.id).copy == ()


def test_a_text_is_checked_against_what_is_named(wise: House) -> None:
    # scope: 41
    found = copy_review.check(wise.services, wise.owner, Wanted("会员价59元"))
    assert [hit.label for hit in found] == [CopyLabel.UNSUPPORTED_FACT]
    assert copy_review.check(wise.services, wise.owner, Wanted("会员价59元", ("会员价五十九元",))) == []
    with pytest.raises(NotFound):
        copy_review.check(wise.services, wise.owner, Wanted("会员价59元", (), ("nothing",)))
    with pytest.raises(Forbidden):
        copy_review.check(wise.services, wise.user("answerer", wise.community), Wanted("会员价59元"))


@pytest.mark.parametrize(
    ("marks", "flag", "end"),
    [({}, True, ""), ({"wecom": "off"}, False, ""), ({"wecom": "suffix"}, True, "（AI 辅助生成，已人工审核）")],
)
def test_a_channel_marks_what_was_drafted(house: House, marks: dict[str, str], flag: bool, end: str) -> None:
    settings.change(house.services, house.owner, "deliveries.ai_marks", marks)
    (draft_id,) = house.make_drafts(1, text="您好，欢迎。")
    done = house.decide(draft_id)
    row = house.delivery(done.delivery_id)
    with house.services.database.read() as db:
        sent = deliveries.wire(Words(db, house.services), row)
    assert (row.ai_generated, sent["ai_generated"], sent["text"]) == (flag, flag, f"您好，欢迎。{end}")


def test_own_words_of_a_person_carry_no_mark(house: House) -> None:
    settings.change(house.services, house.owner, "deliveries.ai_marks", {"wecom": "suffix"})
    (draft_id,) = house.make_drafts(1, text=None)
    done = house.decide(draft_id, Decision.MODIFY, text="我来回答您。")
    assert house.delivery(done.delivery_id).ai_generated is False
