"""What members suggest is collected once, routed, and answered by a note that a person approves."""

from typing import Any

import pytest

from agent.flows import approvals, erasure, suggestions
from agent.flows import settings as settings_flow
from agent.flows.approvals import Ruling
from agent.flows.suggestions import Answer, Answered
from agent.steps.triage import Triage
from core.errors import BadInput, Conflict, Forbidden, NotFound
from core.vocabulary import Decision, MessageKind, SuggestionStatus
from store import drafts, messages
from store import suggestions as store
from store.drafts import DraftRow
from store.suggestions import SuggestionRow
from tests.agent.flows.test_incidents import member, person
from tests.house import House, utter

WISH = "建议小程序加一个按月龄筛选的功能"


def suggest(house: House, text: str = WISH, *, kind: MessageKind = MessageKind.SUGGESTION, **values: Any) -> str:
    who = member(house, "m1")
    with house.services.database.write() as db:
        message_id = utter(db, house.community, who, house.clock.now(), text=text, **values)
        db.flush()
        row = messages.get(db, message_id)
        assert row is not None
        for _ in range(2):  # thought about again: still one
            suggestions.note(db, house.services, row, Triage(kind=kind, score=0.9, topic="功能"))
    return message_id


def collected(house: House) -> list[SuggestionRow]:
    with house.services.database.read() as db:
        return store.page(db, statuses=list(SuggestionStatus), communities=None)


def answer(house: House, row: SuggestionRow, status: SuggestionStatus, **values: Any) -> Answered:
    wanted = Answer(status, values.pop("version", row.version), **values)
    return suggestions.answer(house.services, house.owner, row.id, wanted)


def draft_of(house: House, draft_id: str | None) -> DraftRow:
    with house.services.database.read() as db:
        row = drafts.get(db, str(draft_id))
    assert row is not None
    return row


def test_a_suggestion_is_collected_once_and_routed_by_setting(house: House) -> None:
    # scope: 117
    suggest(house)
    (row,) = collected(house)
    assert (row.status, row.department, row.topic) == ("routed", "product", "功能")
    settings_flow.change(house.services, house.owner, "suggestions.department", "", house.community)
    suggest(house, "希望多办线下活动")
    assert collected(house)[0].status == "new"


def test_what_was_said_in_one_burst_is_one_suggestion(house: House) -> None:
    first = suggest(house)
    suggest(house, "最好还能按价格排序", burst_id=first)
    (row,) = collected(house)
    with house.services.database.read() as db:
        said = store.messages_of(db, [row.id])[row.id]
    assert sorted(one.text for one in said) == sorted([WISH, "最好还能按价格排序"])


def test_other_messages_staff_and_history_suggest_nothing(house: House) -> None:
    suggest(house, "多久发货？", kind=MessageKind.QUESTION)
    suggest(house, sender_role="staff")
    suggest(house, history=True)
    suggest(house, recalled=True)
    assert collected(house) == []


def test_a_change_of_status_drafts_a_note_to_the_proposer(house: House) -> None:
    # scope: 117
    suggest(house)
    done = answer(house, collected(house)[0], SuggestionStatus.PLANNED, words="预计放进下一版。")
    draft = draft_of(house, done.draft_id)
    assert (draft.kind, draft.status, draft.requires) == ("private", "pending", "moderator")
    assert draft.member_id == done.row.member_id
    assert draft.text is not None
    assert draft.text.startswith("{member_name}您好") and WISH in draft.text and "预计放进下一版" in draft.text
    sent = approvals.decide(house.services, house.owner, draft.id, Ruling(Decision.APPROVE, 1), undoable=False)
    assert sent.delivery_id is not None


def test_a_newer_status_takes_back_the_note_that_was_waiting(house: House) -> None:
    suggest(house)
    first = answer(house, collected(house)[0], SuggestionStatus.PLANNED)
    second = answer(house, first.row, SuggestionStatus.DONE)
    assert draft_of(house, first.draft_id).status == "expired"
    assert second.row.draft_id == second.draft_id


@pytest.mark.parametrize("status", [one for one in SuggestionStatus if one is not SuggestionStatus.NEW])
def test_every_note_passes_the_copy_check(house: House, status: SuggestionStatus) -> None:
    suggest(house)
    draft = draft_of(house, answer(house, collected(house)[0], status).draft_id)
    assert draft.copy_check == []


def test_nothing_personal_of_the_suggestion_is_quoted(house: House) -> None:
    suggest(house, "建议加个功能，联系我138****8000")
    assert "138" not in (draft_of(house, answer(house, collected(house)[0], SuggestionStatus.DONE).draft_id).text or "")


def test_who_is_told_nothing(house: House) -> None:
    suggest(house)
    assert answer(house, collected(house)[0], SuggestionStatus.DECLINED, tell=False).draft_id is None


def test_what_is_refused(house: House) -> None:
    suggest(house)
    (row,) = collected(house)
    with pytest.raises(BadInput, match="suggestion_status"):
        answer(house, row, SuggestionStatus.NEW)
    with pytest.raises(BadInput, match="slot_unfilled"):
        answer(house, row, SuggestionStatus.DONE, words="请打{hotline}")
    answer(house, row, SuggestionStatus.DONE)
    with pytest.raises(Conflict, match="suggestion_changed"):
        answer(house, row, SuggestionStatus.DECLINED)
    with pytest.raises(NotFound):
        suggestions.answer(house.services, house.owner, "sgt_none", Answer(SuggestionStatus.DONE, 1))
    with pytest.raises(Forbidden):
        suggestions.answer(house.services, person(house, "answerer"), row.id, Answer(SuggestionStatus.DONE, 2))


def test_who_was_erased_is_told_nothing(house: House) -> None:
    # scope: 37, 117
    suggest(house)
    (row,) = collected(house)
    erasure.erase(house.services, house.owner, str(row.member_id))
    done = answer(house, row, SuggestionStatus.PLANNED, words="谢谢您的建议")
    assert (done.row.status, done.draft_id) == ("planned", None)
