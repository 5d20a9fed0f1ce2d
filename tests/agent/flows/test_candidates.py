"""Questions without an answer become candidates; people decide what becomes of those."""

from typing import Any

import pytest
import sqlalchemy as sa

from agent.flows import approvals, gathering, picking
from agent.flows import candidates as flow
from agent.flows import communities as communities_flow
from agent.flows import knowledge as knowledge_flow
from agent.flows import settings as settings_flow
from agent.flows.candidates import Phrasing, Ruling
from core.errors import BadInput, Conflict, Forbidden, NotFound
from core.vocabulary import (
    AbstainedReason,
    CandidateKind,
    CandidateOrigin,
    CandidateStatus,
    CommunityType,
    Decision,
    EntryKind,
)
from knowledge.entry_in import EntryIn
from store import candidates, knowledge
from store.audit import AuditRow
from store.candidates import CandidateAskedRow, CandidateRow
from store.drafts import DraftRow
from tests.house import ASKS_SHIPPING, House, in_parallel

CARD = [
    "会员卡丢了怎么补办？",
    "卡弄丢了还能再补一张不？",
    "会员卡找不着了咋整？",
    "卡不见了要去哪里补？",
    "想补一张会员卡要什么手续？",
]
SKIN = [
    "这款面霜适合敏感肌吗？",
    "敏感皮肤能用不？",
    "我脸容易过敏可以用这个面霜吗？",
    "敏感肌用了会不会烂脸呀？",
    "皮肤敏感适合用吗？",
]
OTHERS = ["你们招不招兼职呀？", "健身餐一般推荐吃啥？", "谁有搬家公司推荐吗？"]


def answering(house: House, at: float | None) -> None:
    """The limit from which an entry answers; 1: none does, whatever the shipped gate makes of a text."""
    settings_flow.change(house.services, house.owner, "reply.gate_threshold", at)


def ask_all(house: House, texts: list[str], start: int = 0, **values: Any) -> list[str]:
    """Each text from a member of its own, handled and not answered; the messages' ids."""
    answering(house, at=1.0)
    ids = []
    for number, text in enumerate(texts, start):
        sender = {"id": f"wx-{number}", "name": f"成员{number}"}
        ids.append(house.say(text, f"ask-{number}", sender=sender, **values))
    house.work()
    return ids


def listed(house: House, **values: object) -> list[CandidateRow]:
    with house.services.database.read() as db:
        return candidates.page(db, communities=None, **({"least": 2} | values))  # type: ignore[arg-type]


def case_of(house: House, row: CandidateRow) -> flow.Case:
    with house.services.database.read() as db:
        return flow.read(db, house.owner, row.id)


def test_five_unanswered_similar_questions_become_one_candidate_with_count_five(wise: House) -> None:
    # scope: 2
    texts = [text for pair in zip(CARD, SKIN, strict=True) for text in pair]
    ask_all(wise, [*texts[:5], *OTHERS[:2], *texts[5:], *OTHERS[2:]])

    done = gathering.gather(wise.services)

    found = listed(wise)
    assert [row.count for row in found] == [5, 5]
    asked = [sorted(message.text for message in case_of(wise, row).asked) for row in found]
    assert sorted(asked) == sorted([sorted(CARD), sorted(SKIN)])
    assert {row.question for row in found} <= {*CARD, *SKIN}
    # What stands alone waits for others.
    assert done.questions == 13
    assert len(listed(wise, least=1)) == 5


def test_gathering_goes_on_where_it_stopped_and_counts_no_message_twice(wise: House) -> None:
    ask_all(wise, CARD[:2])
    assert gathering.gather(wise.services) == (2, 1, 0)
    assert gathering.gather(wise.services) == (0, 0, 0)
    wise.services.gathered = type(wise.services.gathered)()  # another process
    assert gathering.gather(wise.services) == (0, 0, 0)

    ask_all(wise, CARD[2:], start=10)
    assert gathering.gather(wise.services).questions == 3
    assert [row.count for row in listed(wise)] == [5]


def test_candidates_that_become_alike_are_one(wise: House) -> None:
    # The first two share little with each other; what lies between them comes last.
    for number, text in enumerate((SKIN[0], SKIN[3], SKIN[4])):
        ask_all(wise, [text], start=number)
        gathering.gather(wise.services)
    assert [row.count for row in listed(wise, least=1)] == [3]


def test_two_gathering_at_once_place_every_message_once(wise: House) -> None:
    ask_all(wise, [*CARD, *SKIN])
    done = in_parallel(4, [lambda: gathering.gather(wise.services)] * 4)
    assert sum(one.questions for one in done) == 10
    assert [row.count for row in listed(wise)] == [5, 5]


def test_the_sweep_looks_only_where_a_draft_has_changed(wise: House) -> None:
    ask_all(wise, CARD)
    assert gathering.sweep(wise.services) == 5
    with wise.services.database.write() as db:
        db.execute(sa.delete(CandidateAskedRow))
    assert gathering.sweep(wise.services) == 0


def test_history_is_not_counted(wise: House) -> None:
    ask_all(wise, CARD, history=True)
    assert gathering.gather(wise.services).questions == 0


def test_what_abstains_for_another_reason_is_no_gap_in_the_knowledge(wise: House) -> None:
    drafts = [wise.ask("孩子发烧三十九度怎么办？"), wise.ask("我的订单到哪了？", "m-2")]
    reasons = {draft.abstained and draft.abstained["reason"] for draft in drafts}
    assert not reasons & set(gathering.UNKNOWN)
    assert gathering.gather(wise.services).questions == 0


def test_a_burst_asks_once_and_with_all_its_words(wise: House) -> None:
    answering(wise, at=1.0)
    for number, text in enumerate(("在吗", "我想办会员卡", "丢了能补吗？")):
        wise.say(text, f"m-{number}")
    wise.work()
    assert gathering.gather(wise.services).questions == 1
    assert "会员卡" in listed(wise, least=1)[0].question


def test_a_member_who_asks_again_in_the_same_words_counts_once(wise: House) -> None:
    answering(wise, at=1.0)
    wise.ask(CARD[0])
    wise.say(CARD[0] + "！", "m-2")
    wise.work()
    gathering.gather(wise.services)
    assert [row.count for row in listed(wise, least=1)] == [1]


def test_a_candidate_of_two_groups_is_seen_by_who_may_read_both(wise: House) -> None:
    communities_flow.create(
        wise.services,
        wise.owner,
        community_id="papa",
        name="爸爸群",
        type=CommunityType.INTEREST,
        channel="wecom",
        parent_id="root",
    )
    ask_all(wise, CARD[:2])
    ask_all(wise, CARD[2:], start=5, community_id="papa")
    gathering.gather(wise.services)
    [row] = listed(wise)
    assert (row.community_id, row.count) == ("root", 5)
    with wise.services.database.read() as db, pytest.raises(NotFound) as caught:
        flow.read(db, wise.user("answerer", "mama"), row.id)
    assert caught.value.code == "candidate_not_found"


def modified(house: House, text: str, final: str, message_id: str, **passing: Any) -> DraftRow:
    draft = house.ask(text, message_id, sender={"id": f"wx-{message_id}", "name": "小满妈妈"})
    house.decide(draft.id, Decision.MODIFY, text=final, undoable=True, **passing)
    return house.draft_row(draft.id)


def test_answers_are_what_people_said_word_for_word(wise: House) -> None:
    answering(wise, at=1.0)
    often = "补卡带身份证到前台，工本费十元。"
    modified(wise, CARD[0], often, "a")
    modified(wise, CARD[2], "到前台补，电话13800138000。", "b", override_copy=True, reason="前台自己的号码")
    modified(wise, CARD[4], often, "c")
    gathering.gather(wise.services)

    [row] = listed(wise)
    found = case_of(wise, row)
    assert [answer.text for answer in found.answers] == [often, "到前台补，电话138****8000。", often]
    assert found.suggested["answer"] == often
    assert found.suggested["community"] == "mama"
    assert set(found.suggested["phrasings"]) == {CARD[0], CARD[2], CARD[4]}


def test_without_an_answer_of_a_person_the_suggestion_has_none(wise: House) -> None:
    ask_all(wise, CARD)
    gathering.gather(wise.services)
    found = case_of(wise, listed(wise)[0])
    assert (found.answers, found.suggested["answer"]) == ([], "")


def test_what_staff_typed_is_an_answer(wise: House) -> None:
    received = ask_all(wise, CARD[:2])
    staff = {"id": "wx-staff", "name": "小林", "role": "staff"}
    wise.say("稍等我问下", "s-0", sender=staff)
    wise.say("会员卡丢了带身份证来前台补，工本费十元", "s-1", sender=staff, reply_to="ask-0")
    wise.work()
    gathering.gather(wise.services)

    [answer] = case_of(wise, listed(wise)[0]).answers
    assert (answer.source, answer.message_id) == ("staff", received[0])
    assert answer.text == "会员卡丢了带身份证来前台补，工本费十元"


def test_a_question_answered_by_hand_before_there_was_a_draft_counts(wise: House) -> None:
    staff = {"id": "wx-staff", "name": "小林", "role": "staff"}
    asked = wise.say(CARD[0], "m-1")
    wise.clock.advance(seconds=1)
    wise.say("会员卡丢了带身份证来前台补", "s-1", sender=staff, reply_to="m-1")
    # Answered in time as well, but the knowledge base knows that.
    wise.say(ASKS_SHIPPING, "m-2", sender={"id": "wx-2", "name": "二"})
    wise.clock.advance(seconds=1)
    wise.say("付款后两天内都会发出的", "s-2", sender=staff, reply_to="m-2")
    wise.work()
    assert wise.message_row(asked).no_draft == "human_answered"

    assert gathering.gather(wise.services) == (1, 1, 1)
    assert case_of(wise, listed(wise, least=1)[0]).suggested["answer"] == "会员卡丢了带身份证来前台补"


def test_a_text_that_a_person_replaced_counts_and_an_edit_does_not(wise: House) -> None:
    modified(wise, ASKS_SHIPPING, "付款后48小时内发货，最近有活动可能晚一天。", "a")
    assert gathering.gather(wise.services).questions == 0
    draft = modified(wise, ASKS_SHIPPING, "这款是预售，要到下个月初才统一寄出。", "b")
    assert gathering.gather(wise.services) == (1, 1, 1)

    approvals.undo(wise.services, wise.owner, draft.id, draft.version)
    assert listed(wise, least=1) == []
    assert gathering.gather(wise.services).questions == 0


def entry(**values: object) -> EntryIn:
    fields = {
        "id": "card-lost",
        "kind": EntryKind.FAQ,
        "title": "会员卡丢了怎么补办",
        "phrasings": CARD,
        "answer": "带身份证到前台补，工本费十元。",
        "community": "mama",
    }
    return EntryIn.model_validate(fields | values)


def gathered(house: House) -> CandidateRow:
    ask_all(house, CARD)
    gathering.gather(house.services)
    return listed(house)[0]


def test_accepting_makes_an_entry_that_answers(wise: House) -> None:
    row = gathered(wise)
    done = flow.decide(wise.services, wise.owner, row.id, Ruling(True, row.version, entry()))
    assert (done.status, done.entry_id, done.version) == (CandidateStatus.ACCEPTED, "card-lost", 2)
    answering(wise, at=None)
    draft = wise.ask("会员卡丢了怎么补办呀？", "later")
    assert draft.text == "带身份证到前台补，工本费十元。"
    with wise.services.database.read() as db:
        deeds = db.execute(sa.select(AuditRow.action).where(AuditRow.object_id == row.id)).scalars().all()
    assert deeds == ["candidate.accepted"]


def test_an_entry_that_can_not_be_saved_leaves_the_candidate_open(wise: House) -> None:
    row = gathered(wise)
    with pytest.raises(Conflict) as caught:
        flow.decide(wise.services, wise.owner, row.id, Ruling(True, row.version, entry(id="refund-wrong")))
    assert caught.value.code == "entry_exists"
    assert listed(wise)[0].status == CandidateStatus.OPEN


def test_accepting_as_a_phrasing_makes_a_new_version_of_the_entry(wise: House) -> None:
    row = gathered(wise)
    wanted = Phrasing("points-where", ["积分卡在哪看", "在哪查积分"])
    flow.decide(wise.services, wise.owner, row.id, Ruling(True, row.version, phrasing=wanted))
    with wise.services.database.read() as db:
        saved = knowledge.get(db, "points-where")
    assert saved is not None
    assert saved.phrasings == ["我的积分怎么看", "在哪查积分", "积分卡在哪看"]
    assert saved.version == 2


def test_a_phrasing_needs_an_entry_with_room_for_it(wise: House) -> None:
    row = gathered(wise)
    for ruling, code in (
        (Ruling(True, row.version), "nothing_to_accept"),
        (Ruling(True, row.version, phrasing=Phrasing("nowhere")), "entry_not_found"),
        (
            Ruling(True, row.version, phrasing=Phrasing("points-where", [f"问法{n}" for n in range(29)])),
            "phrasings_full",
        ),
        (Ruling(True, row.version, phrasing=Phrasing("points-where", version=7)), "entry_changed"),
    ):
        with pytest.raises((BadInput, NotFound, Conflict)) as caught:
            flow.decide(wise.services, wise.owner, row.id, ruling)
        assert caught.value.code == code


def test_what_was_rejected_does_not_come_back_with_the_same_messages(wise: House) -> None:
    row = gathered(wise)
    flow.decide(wise.services, wise.owner, row.id, Ruling(False, row.version, reason="前台贴了告示 13800138000"))
    gathering.gather(wise.services)
    assert listed(wise, least=1) == []
    with wise.services.database.read() as db:
        rejected = candidates.get(db, row.id)
    assert rejected is not None
    assert rejected.reason == "前台贴了告示 138****8000"

    ask_all(wise, CARD[:2], start=20)
    gathering.gather(wise.services)
    assert [(one.count, one.id == row.id) for one in listed(wise)] == [(2, False)]


def test_of_two_deciders_one_is_told_what_the_other_did(wise: House) -> None:
    row = gathered(wise)
    rulings = [Ruling(True, row.version, entry()), Ruling(False, row.version)]
    done = in_parallel(2, [lambda r=r: flow.decide(wise.services, wise.owner, row.id, r) for r in rulings])
    [lost] = [one for one in done if isinstance(one, Exception)]
    assert isinstance(lost, Conflict)
    assert lost.code == "candidate_changed"
    assert lost.extra["version"] == 2


def test_deciding_needs_the_right_to_edit_there(wise: House) -> None:
    row = gathered(wise)
    with pytest.raises(Forbidden):
        flow.decide(wise.services, wise.user("answerer"), row.id, Ruling(False, row.version))
    content = wise.user("content", "mama")
    with pytest.raises(Forbidden):
        flow.decide(wise.services, content, row.id, Ruling(True, row.version, entry(community=None)))
    assert flow.decide(wise.services, content, row.id, Ruling(True, row.version, entry())).decided_by == content.id


PICKED = "拍错东西了，钱还能回来不？"


def picked(house: House, final: str | None = None, message_id: str = "p-1") -> DraftRow:
    """A question for which an answerer picked the entry on refunds, and sent its answer or another text."""
    draft = house.ask(PICKED, message_id, sender={"id": f"wx-{message_id}", "name": "小满妈妈"})
    answerer = house.user("answerer")
    taken = picking.pick(house.services, answerer, draft.id, "refund-wrong")
    assert taken.text.startswith("七天内")
    if draft.text is None or final is not None:
        house.decide(draft.id, Decision.MODIFY, text=final or taken.text, caller=answerer, undoable=True)
    else:
        house.decide(draft.id, caller=answerer, undoable=True)
    return house.draft_row(draft.id)


def test_a_pick_proposes_the_wording_and_a_person_adds_it(wise: House) -> None:
    draft = wise.ask(PICKED, "p-0", sender={"id": "wx-0", "name": "小满妈妈"})
    gathering.gather(wise.services)
    before = listed(wise, least=1)
    assert [row.kind for row in before] == ([CandidateKind.ENTRY] if draft.text is None else [])

    answerer = wise.user("answerer")
    taken = picking.pick(wise.services, answerer, draft.id, "refund-wrong")
    assert listed(wise, least=1) == before
    wise.decide(draft.id, Decision.MODIFY, text=taken.text + "。", caller=answerer)

    [row] = listed(wise)
    assert (row.kind, row.origin, row.entry_id) == (CandidateKind.PHRASING, CandidateOrigin.PICKED, "refund-wrong")
    assert (row.question, row.count) == (PICKED, 1)
    with pytest.raises(Forbidden):
        flow.decide(wise.services, answerer, row.id, Ruling(True, row.version))
    flow.decide(wise.services, wise.owner, row.id, Ruling(True, row.version))
    with wise.services.database.read() as db:
        saved = knowledge.get(db, "refund-wrong")
    assert saved is not None
    assert saved.phrasings[-1] == PICKED
    gathering.gather(wise.services)
    assert listed(wise, least=1) == []


def test_a_pick_that_was_not_sent_proposes_nothing(wise: House) -> None:
    picked(wise, final="这个要问门店经理哦，稍后联系您。")
    assert [row for row in listed(wise, least=1) if row.kind == CandidateKind.PHRASING] == []


def test_the_same_wording_picked_again_counts_with_the_first(wise: House) -> None:
    picked(wise)
    picked(wise, message_id="p-2")
    [row] = listed(wise)
    assert (row.kind, row.count) == (CandidateKind.PHRASING, 2)


def test_taking_the_decision_back_takes_the_proposal_back(wise: House) -> None:
    draft = picked(wise)
    approvals.undo(wise.services, wise.owner, draft.id, draft.version)
    assert [row for row in listed(wise, least=1) if row.kind == CandidateKind.PHRASING] == []


def test_only_a_searchable_entry_of_the_community_can_be_picked(wise: House) -> None:
    draft = wise.ask(PICKED)
    retired = entry(status="retired")
    knowledge_flow.save(wise.services, wise.owner, retired, version=None)
    for entry_id in ("nowhere", retired.id):
        with pytest.raises(NotFound) as caught:
            picking.pick(wise.services, wise.owner, draft.id, entry_id)
        assert caught.value.code == "entry_not_found"
    with pytest.raises(Forbidden):
        picking.pick(wise.services, wise.user("content"), draft.id, "refund-wrong")
    wise.decide(draft.id, Decision.REJECT)
    with pytest.raises(Conflict) as lost:
        picking.pick(wise.services, wise.owner, draft.id, "refund-wrong")
    assert lost.value.code == "draft_decided"


def test_unknown_reasons_are_those_that_knowledge_would_mend() -> None:
    assert AbstainedReason.NEEDS_MEMBER_DATA not in gathering.UNKNOWN
