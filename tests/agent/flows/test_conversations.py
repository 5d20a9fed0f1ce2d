"""Conversations: bursts, what ends an open question, what a question points back to."""

import pytest

from agent.flows import inbox, intake
from core.vocabulary import Decision, DraftStatus, ExpiredReason, MessageStage, NoDraftReason
from store.messages import MessageRow
from tests.house import ASKS_REFUND, ASKS_SHIPPING, House, claim_all, row_counts

STAFF = {"id": "staff-1", "name": "豆苗", "role": "staff"}
OTHER = {"id": "wx-other", "name": "果果妈"}


def _expired(house: House, draft_id: str) -> object:
    row = house.draft_row(draft_id)
    return row.expired["reason"] if row.expired else row.status


def test_burst_is_one_question_with_one_draft(wise: House) -> None:
    first = wise.say("在吗", "m-1")
    wise.clock.advance(seconds=3)
    second = wise.say("想问下", "m-2")
    wise.clock.advance(seconds=3)
    third = wise.say("买错了怎么退款呀", "m-3")
    assert wise.work(after=5) == [], "they may still be writing"
    assert wise.work(after=1) == [first, second, third]
    drafts = {wise.draft_of(one).id for one in (first, second, third)}  # type: ignore[union-attr]
    assert len(drafts) == 1
    assert wise.draft_row(drafts.pop()).reply_to == "m-3"
    assert {wise.message_row(one).stage for one in (first, second, third)} == {MessageStage.DONE}


def test_burst_ends_after_its_longest_time(wise: House) -> None:
    ids = []
    for number in range(5):
        ids.append(wise.say(f"第{number}句", f"m-{number}"))
        wise.clock.advance(seconds=4)
    # 20 s have passed: the first four (0, 4, 8, 12 s) were over after 15 s, so that the fifth began another.
    assert wise.work(after=0) == ids[:4]
    assert wise.work(after=2) == ids[4:]


def test_two_members_in_between_are_two_bursts(wise: House) -> None:
    mine = [wise.say("买错了", "m-1"), wise.say("怎么退款呀", "m-3")]
    theirs = [wise.say("请问多久", "m-2", sender=OTHER), wise.say("发货呀？", "m-4", sender=OTHER)]
    assert sorted(wise.work()) == sorted(mine + theirs)
    assert wise.draft_of(mine[0]).text.startswith("七天内")  # type: ignore[union-attr]
    assert wise.draft_of(theirs[1]).text.startswith("付款后")  # type: ignore[union-attr]
    assert row_counts(wise.services.database)["drafts"] == 2


def test_scrap_that_may_complain_is_part_of_a_plain_question(wise: House) -> None:
    alone = wise.say("买错了", "m-1", sender=OTHER)
    wise.work()
    assert wise.draft_of(alone).case_id is not None, "alone it is taken for a complaint, not surely"  # type: ignore[union-attr]
    scrap, _ = wise.say("买错了", "m-2"), wise.say("怎么退款呀", "m-3")
    wise.work()
    assert wise.draft_of(scrap).case_id is None  # type: ignore[union-attr]
    sure, _ = wise.say("我的奶粉少了一罐", "m-4"), wise.say("怎么退款呀", "m-5")
    wise.work()
    assert wise.draft_of(sure).case_id is not None  # type: ignore[union-attr]


def test_message_during_the_thinking_begins_a_burst_of_its_own(wise: House) -> None:
    first = wise.say(ASKS_REFUND, "m-1")
    wise.clock.advance(seconds=6)
    claims = claim_all(wise.services, MessageRow)
    second = wise.say("多久发货呀？", "m-2")
    assert inbox.handle(wise.services, claims) == [first]
    assert wise.work() == [second]
    assert row_counts(wise.services.database)["drafts"] == 2


def test_edit_of_one_message_of_a_burst_makes_one_new_draft(wise: House) -> None:
    first, second = wise.say("买错了", "m-1"), wise.say("怎么退款呀", "m-2")
    wise.work()
    old = wise.draft_of(first)
    wise.say("多久发货呀", "m-2", revision=1)
    assert wise.work(after=0) == [first, second]
    new = wise.draft_of(second)
    assert old is not None and new is not None and old.id != new.id
    assert _expired(wise, old.id) == ExpiredReason.MESSAGE_EDITED
    assert wise.draft_of(first).id == new.id  # type: ignore[union-attr]


def test_recall_of_the_question_in_a_burst_leaves_nothing_to_answer(wise: House) -> None:
    first, second = wise.say("大家好呀", "m-1"), wise.say(ASKS_REFUND, "m-2")
    wise.work()
    draft = wise.draft_of(second)
    wise.say("", "m-2", revision=1, recalled=True)
    wise.work(after=0)
    assert draft is not None and _expired(wise, draft.id) == ExpiredReason.MESSAGE_RECALLED
    assert {wise.message_row(one).no_draft for one in (first, second)} == {NoDraftReason.NOT_A_QUESTION}


def test_staff_answer_expires_the_draft(wise: House) -> None:
    draft = wise.ask(ASKS_REFUND)
    wise.say("在我的订单里点退款，选拍错了就行", "s-1", sender=STAFF)
    wise.work(after=0)
    assert _expired(wise, draft.id) == ExpiredReason.HUMAN_ANSWERED
    assert wise.draft_row(draft.id).version == 2


def test_staff_answer_within_the_burst_window_leaves_nothing_to_draft(wise: House) -> None:
    received = wise.say(ASKS_REFUND)
    wise.clock.advance(seconds=4)
    wise.say("在我的订单里点退款，选拍错了就行", "s-1", sender=STAFF)
    wise.work()
    assert wise.message_row(received).no_draft == NoDraftReason.HUMAN_ANSWERED
    assert wise.draft_of(received) is None


def test_staff_answer_while_the_worker_thinks_is_seen(wise: House, monkeypatch: pytest.MonkeyPatch) -> None:
    received = wise.say(ASKS_REFUND)
    wise.clock.advance(seconds=6)
    real = inbox.think

    def answered_meanwhile(*arguments: object, **values: object) -> object:
        wise.clock.advance(seconds=1)
        wise.say("在我的订单里点退款，选拍错了就行", "s-1", sender=STAFF)
        monkeypatch.setattr("agent.flows.inbox.think", real)
        return real(*arguments, **values)  # type: ignore[arg-type]

    monkeypatch.setattr("agent.flows.inbox.think", answered_meanwhile)
    assert inbox.handle(wise.services, claim_all(wise.services, MessageRow)) == []
    wise.work()
    assert wise.message_row(received).no_draft == NoDraftReason.HUMAN_ANSWERED


@pytest.mark.parametrize("text", ["稍等，我问下财务退款的事", "大家早上好", "您的订单号发一下？"])
def test_holding_reply_keeps_the_draft(wise: House, text: str) -> None:
    draft = wise.ask(ASKS_REFUND)
    wise.say(text, "s-1", sender=STAFF)
    wise.work(after=0)
    assert _expired(wise, draft.id) == DraftStatus.PENDING


def test_asker_who_found_it_needs_no_draft(wise: House) -> None:
    draft = wise.ask(ASKS_REFUND)
    wise.say("找到了，在订单页面", "m-2")
    wise.work()
    assert _expired(wise, draft.id) == ExpiredReason.ASKER_FOUND_ANSWER


def test_asking_again_makes_no_second_item(wise: House) -> None:
    draft = wise.ask(ASKS_REFUND)
    wise.clock.advance(minutes=3)
    again = wise.say("有人吗，买错了怎么退款啊", "m-2")
    wise.work()
    assert row_counts(wise.services.database)["drafts"] == 1
    assert wise.draft_of(again).id == draft.id  # type: ignore[union-attr]


def test_asking_again_while_the_draft_is_rejected_makes_another(wise: House, monkeypatch: pytest.MonkeyPatch) -> None:
    draft = wise.ask(ASKS_REFUND)
    again = wise.say("有人吗，买错了怎么退款啊", "m-2")
    wise.clock.advance(seconds=6)
    real = inbox.think

    def rejected_meanwhile(*arguments: object, **values: object) -> object:
        monkeypatch.setattr("agent.flows.inbox.think", real)
        thought = real(*arguments, **values)  # type: ignore[arg-type]
        assert thought.joins == draft.id
        wise.decide(draft.id, Decision.REJECT)
        return thought

    monkeypatch.setattr("agent.flows.inbox.think", rejected_meanwhile)
    assert inbox.handle(wise.services, claim_all(wise.services, MessageRow)) == []
    assert wise.work(after=0) == [again]
    other = wise.draft_of(again)
    assert other is not None and (other.id, other.status) != (draft.id, DraftStatus.REJECTED)
    assert other.status == DraftStatus.PENDING


def test_correction_replaces_the_draft(wise: House) -> None:
    draft = wise.ask(ASKS_REFUND)
    corrected = wise.say("不对，我是想问多久发货", "m-2")
    wise.work()
    assert _expired(wise, draft.id) == ExpiredReason.CONVERSATION_MOVED_ON
    assert wise.draft_of(corrected).text.startswith("付款后")  # type: ignore[union-attr]


def test_private_answer_of_staff_ends_the_private_question(wise: House) -> None:
    draft = wise.ask(ASKS_REFUND, conversation="private")
    wise.say("在我的订单里点退款就行", "s-1", sender=STAFF, conversation="private", reply_to="m-1")
    wise.work(after=0)
    assert _expired(wise, draft.id) == ExpiredReason.HUMAN_ANSWERED


def test_group_talk_does_not_end_a_private_question(wise: House) -> None:
    draft = wise.ask(ASKS_REFUND, conversation="private")
    wise.say("在我的订单里点退款就行", "s-1", sender=STAFF)
    wise.work(after=0)
    assert _expired(wise, draft.id) == DraftStatus.PENDING


def test_question_that_points_back_is_understood_from_what_was_said(wise: House) -> None:
    wise.ask(ASKS_SHIPPING)
    wise.clock.advance(minutes=1)
    draft = wise.ask("那节假日呢", "m-2")
    used = [cited["entry_id"] for cited in draft.citations]
    assert used[:1] == ["shipping-time"]


def test_message_inside_its_window_says_so(wise: House) -> None:
    from server.views import message_view

    received = wise.say(ASKS_REFUND)
    with wise.services.database.read() as db:
        view = message_view(db, wise.services, wise.message_row(received))
    assert view.no_draft is not None and view.no_draft.reason == NoDraftReason.BURST_NOT_FINISHED


def test_setting_turns_bursts_off(wise: House) -> None:
    wise.without_bursts()
    first = wise.say(ASKS_REFUND, "m-1")
    assert wise.work(after=0) == [first]


def test_old_draft_in_a_busy_group_moves_on_and_in_a_quiet_one_stays(wise: House) -> None:
    draft = wise.ask(ASKS_REFUND)
    wise.clock.advance(hours=25)
    assert inbox.sweep(wise.services) == 0
    for number in range(inbox.MUCH_SAID):
        intake.receive(wise.services, wise.bot, wise.message(f"聊天{number}", f"c-{number}", sender=OTHER))
    assert inbox.sweep(wise.services) == 1
    assert _expired(wise, draft.id) == ExpiredReason.CONVERSATION_MOVED_ON
