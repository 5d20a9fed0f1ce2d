"""What the worker makes of a message."""

import pytest
import sqlalchemy as sa

from agent.flows import inbox, intake
from core.errors import Conflict
from core.vocabulary import AbstainedReason, DraftStatus, MessageStage, NoDraftReason
from store import knowledge
from store.due import backoff
from store.members import MemberKeyRow
from store.messages import MessageRow
from tests.house import ASKS_COURIER, ASKS_POINTS, ASKS_REFUND, ASKS_SHIPPING, House, claim_all, row_counts


def test_question_gets_a_grounded_draft(wise: House) -> None:
    # scope: 11
    draft = wise.ask(ASKS_REFUND)
    used = [cited for cited in draft.citations if cited["used"]]
    assert [cited["entry_id"] for cited in used] == ["refund-wrong"]
    assert draft.text is not None and draft.text.startswith("七天内在「我的订单」里点退款")
    assert draft.status == DraftStatus.PENDING and draft.abstained is None


@pytest.mark.parametrize("text", [ASKS_REFUND, ASKS_POINTS, ASKS_COURIER, "你们老板叫什么名字？"])
def test_every_quote_stands_in_the_cited_version(wise: House, text: str) -> None:
    draft = wise.ask(text)
    with wise.services.database.read() as db:
        for cited in draft.citations:
            kept = knowledge.version(db, cited["entry_id"], cited["version"])
            assert kept is not None
            assert cited["quote"] and cited["quote"] in kept.content["answer"]


def test_two_questions_are_joined_with_both_citations_used(wise: House) -> None:
    draft = wise.ask(f"{ASKS_REFUND}还有，{ASKS_SHIPPING}")
    assert {cited["entry_id"] for cited in draft.citations if cited["used"]} == {"refund-wrong", "shipping-time"}
    assert draft.text is not None and "七天内" in draft.text and "48小时" in draft.text


def test_outside_the_knowledge_it_abstains(wise: House) -> None:
    # scope: 12
    draft = wise.ask("你们老板叫什么名字？")
    assert draft.text is None
    assert draft.abstained is not None
    assert draft.abstained["reason"] in (AbstainedReason.NO_ANSWER_IN_KB, AbstainedReason.RELATED_BUT_NOT_ANSWERING)


def test_unfilled_slot_needs_member_data(wise: House) -> None:
    draft = wise.ask(ASKS_COURIER)
    assert draft.text is None
    assert draft.abstained == {"reason": "needs_member_data", "missing": ["courier_phone"]}


def test_name_stays_a_slot_at_rest(wise: House) -> None:
    draft = wise.ask(ASKS_POINTS)
    assert draft.text is not None and draft.text.startswith("{member_name}您好")


def test_nameless_member_is_no_reason_to_print_a_slot(wise: House) -> None:
    draft = wise.ask(ASKS_POINTS, sender={"id": "wx-nameless"})
    assert draft.text is None
    assert draft.abstained == {"reason": "needs_member_data", "missing": ["member_name"]}


def test_risky_question_is_held_back(wise: House) -> None:
    draft = wise.ask("你这个傻逼客服，请问多久发货？")
    assert draft.text is None
    assert draft.abstained is not None and draft.abstained["reason"] == AbstainedReason.RISK_HOLD


def test_danger_to_life_is_held_for_a_person(wise: House) -> None:
    received = wise.say("我不想活了，怎么办？")
    wise.work()
    assert wise.message_row(received).stage == MessageStage.HELD


def test_chatter_gets_no_draft_and_nobody_an_item(wise: House) -> None:
    received = wise.say("哈哈哈哈")
    assert wise.work() == [received]
    row = wise.message_row(received)
    assert (row.stage, row.no_draft) == (MessageStage.DONE, NoDraftReason.NOT_A_QUESTION)
    assert wise.draft_of(received) is None


def test_image_alone_is_screened_and_triaged(wise: House) -> None:
    received = wise.say("", type="image", attachments=[{"kind": "image", "name": "a.jpg", "mime": "image/jpeg"}])
    assert wise.message_row(received).risk["level"] == "none"
    assert wise.message_row(received).risk["reason"] == "only_metadata_checked"
    wise.work()
    row = wise.message_row(received)
    assert row.triage is not None and row.triage["kind"] == "other"
    assert wise.draft_of(received) is None


@pytest.mark.parametrize("role", ["staff", "bot"])
def test_own_people_get_no_draft(wise: House, role: str) -> None:
    received = wise.say(ASKS_REFUND, sender={"id": "someone", "name": "客服", "role": role})
    # A worker looks at what staff say, since it may end a question; what bots post is nobody's work.
    assert wise.work() == ([received] if role == "staff" else [])
    row = wise.message_row(received)
    assert (row.stage, row.no_draft) == (MessageStage.DONE, NoDraftReason.NOT_FROM_MEMBER)


def test_history_is_screened_and_owed_nothing(wise: House) -> None:
    received = wise.say("低价出银行卡四件套，加微信", history=True)
    assert wise.work() == []
    row = wise.message_row(received)
    assert (row.stage, row.no_draft) == (MessageStage.DONE, NoDraftReason.HISTORY)
    assert row.risk["level"] == "high"


def test_nothing_reaches_members_without_a_decision(wise: House) -> None:
    # scope: 96
    for number, text in enumerate([ASKS_REFUND, ASKS_SHIPPING, ASKS_POINTS, "你好", "太差了，投诉！", "加微信领红包"]):
        wise.say(text, f"m-{number}", sender={"id": f"wx-{number}"})
    assert len(wise.work()) == 6
    assert row_counts(wise.services.database)["drafts"] >= 4
    assert wise.deliveries() == []


def test_same_message_of_two_channels_gets_the_same(wise: House) -> None:
    # scope: 98
    sender = {"id": "someone", "name": "小满妈妈"}
    first, second = (wise.ask(ASKS_REFUND, f"m-{c}", channel=c, sender=sender) for c in ("wecom", "discord"))
    assert (first.text, first.citations, first.confidence) == (second.text, second.citations, second.confidence)


def _spoil_key_of(house: House, message_id: str) -> None:
    """The member's wrapped key no longer opens, as after a restore with another secret."""
    member = house.message_row(message_id).member_id
    with house.services.database.write() as db:
        change = sa.update(MemberKeyRow).where(MemberKeyRow.member_id == member).values(wrapped=b"\0" * 60)
        db.execute(change.execution_options(synchronize_session=False))


def test_poisonous_message_stops_nobody_else(wise: House) -> None:
    ids = [wise.say(ASKS_REFUND, f"m-{n}", sender={"id": f"wx-{n}", "name": f"成员{n}"}) for n in range(4)]
    _spoil_key_of(wise, ids[1])
    assert sorted(wise.work()) == sorted([ids[0], ids[2], ids[3]])
    row = wise.message_row(ids[1])
    assert (row.stage, row.last_error, row.attempts) == (MessageStage.RECEIVED, "cannot_decrypt", 1)
    assert row.due_at == wise.clock.now() + backoff(1)


def test_hopeless_message_fails_visibly_after_its_tries(wise: House) -> None:
    received = wise.say(ASKS_REFUND)
    _spoil_key_of(wise, received)
    for attempt in range(1, 6):
        finished = wise.work()
        assert finished == ([received] if attempt == 5 else [])
        wise.clock.advance(minutes=20)
    row = wise.message_row(received)
    assert (row.stage, row.due_at, row.last_error) == (MessageStage.FAILED, None, "cannot_decrypt")
    assert row.dead_at is not None
    assert wise.work() == []


def test_edit_of_a_failed_message_makes_it_due_again(wise: House) -> None:
    received = wise.say(ASKS_REFUND)
    with wise.services.database.write() as db:
        dead = {"stage": "failed", "due_at": None, "dead_at": db.now, "attempts": 5, "last_error": "x"}
        change = sa.update(MessageRow).where(MessageRow.id == received).values(dead)
        db.execute(change.execution_options(synchronize_session=False))
    wise.say(ASKS_SHIPPING, revision=1)
    assert wise.message_row(received).dead_at is None
    assert wise.work() == [received]


def test_edit_expires_the_draft_and_makes_another(wise: House) -> None:
    old = wise.ask(ASKS_REFUND)
    new = wise.ask(ASKS_SHIPPING, revision=1)
    old = wise.draft_row(old.id)
    assert (old.status, old.expired) == (DraftStatus.EXPIRED, {"reason": "message_edited"})
    assert new.id != old.id and new.text is not None and "48小时" in new.text


def test_recall_expires_the_draft_and_makes_none(wise: House) -> None:
    old = wise.ask(ASKS_REFUND)
    received = wise.say("", recalled=True, revision=1)
    wise.work()
    old = wise.draft_row(old.id)
    assert (old.status, old.expired) == (DraftStatus.EXPIRED, {"reason": "message_recalled"})
    assert wise.message_row(received).stage == MessageStage.DONE
    assert row_counts(wise.services.database)["drafts"] == 1


def test_revision_that_nobody_sent_before_is_too_low(wise: House) -> None:
    wise.say(ASKS_REFUND, revision=3)
    with pytest.raises(Conflict) as caught:
        intake.receive(wise.services, wise.bot, wise.message(ASKS_SHIPPING, revision=1))
    assert caught.value.code == "revision_too_low"
    assert row_counts(wise.services.database)["message_revisions"] == 0


def test_older_revision_seen_before_is_only_repeated(wise: House) -> None:
    first, second = wise.message(ASKS_REFUND), wise.message(ASKS_SHIPPING, revision=1)
    for incoming in (first, second):
        intake.receive(wise.services, wise.bot, incoming)
    assert intake.receive(wise.services, wise.bot, first).replayed
    with wise.services.database.read() as db:
        assert db.execute(sa.select(MessageRow.revision)).scalar_one() == 1


def test_edit_while_a_worker_thinks_makes_its_result_void(wise: House) -> None:
    received = wise.say(ASKS_REFUND)
    claims = claim_all(wise.services, MessageRow)
    wise.say(ASKS_SHIPPING, revision=1)
    assert inbox.handle(wise.services, claims) == []
    assert wise.draft_of(received) is None
    assert wise.work() == [received]
    draft = wise.draft_of(received)
    assert draft is not None and draft.text is not None and "48小时" in draft.text


def test_late_worker_adds_no_second_draft(wise: House) -> None:
    received = wise.say(ASKS_REFUND)
    late = claim_all(wise.services, MessageRow, worker="late")
    wise.clock.advance(seconds=31)
    assert wise.work() == [received]
    assert inbox.handle(wise.services, late) == []
    assert row_counts(wise.services.database)["drafts"] == 1


def test_hits_count_only_what_was_used(wise: House) -> None:
    wise.ask(ASKS_REFUND)
    with wise.services.database.read() as db:
        hits = {row.id: row.hits for row in knowledge.approved(db)}
    assert hits["refund-wrong"] == 1
    assert sum(hits.values()) == 1
