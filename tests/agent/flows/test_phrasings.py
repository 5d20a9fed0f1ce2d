"""Wordings proposed for an entry wait for a person; nothing is published by itself."""

import pytest

from agent.flows import candidates as decisions
from agent.flows import communities as community_flow
from agent.flows import phrasings
from agent.flows.candidates import Ruling
from agent.scripted import ScriptedModel
from agent.steps.asking import Failure, ModelUnavailable
from agent.steps.phrasings import PROMPT, Why
from core.caller import Caller
from core.errors import BadInput, Conflict, Forbidden, NotFound, Unavailable
from core.ids import new_id
from core.vocabulary import CommunityType
from store import audit, candidates, knowledge
from store.candidates import CandidateRow
from tests.house import House

FRESH = ("拍错东西了钱还能回来不", "东西买错能退钱不")


def thinking(house: House, *texts: str) -> ScriptedModel:
    model = ScriptedModel({PROMPT: lambda _values: {"phrasings": list(texts)}})
    house.services.model = model
    return model


def waiting(house: House) -> list[CandidateRow]:
    with house.services.database.read() as db:
        return candidates.page(db, communities=None)


def wordings(house: House, entry_id: str = "refund-wrong") -> list[str]:
    with house.services.database.read() as db:
        row = knowledge.get(db, entry_id)
    assert row is not None
    return list(row.phrasings)


def test_proposals_wait_and_the_entry_stays_as_it_is(wise: House) -> None:
    model = thinking(wise, *FRESH, "请问多久发货呀", "拍错了想退钱。")
    before = wordings(wise)
    done = phrasings.propose(wise.services, wise.owner, "refund-wrong")
    assert [(row.question, row.kind, row.origin, row.entry_id, row.status) for row in done.candidates] == [
        (text, "phrasing", "model", "refund-wrong", "open") for text in FRESH
    ]
    assert [(one.why, one.entry_id) for one in done.left_out] == [
        (Why.NEARER_TO_ANOTHER, "shipping-time"),
        (Why.KNOWN, None),
    ]
    assert wordings(wise) == before
    assert {row.community_id for row in done.candidates} == {"root"}, "an entry for all is decided on at the top"
    assert len(model.calls[0].object_id or "") <= 40, "as long as the column"
    with wise.services.database.read() as db:
        assert audit.page(db, communities=None, limit=1)[0].action == "phrasings.proposed"


def test_accepted_they_are_phrasings(wise: House) -> None:
    thinking(wise, FRESH[0])
    [row] = phrasings.propose(wise.services, wise.owner, "refund-wrong").candidates
    decisions.decide(wise.services, wise.owner, row.id, Ruling(True, row.version))
    assert wordings(wise)[-1] == FRESH[0]


def test_what_waits_or_was_turned_down_is_not_proposed_again(wise: House) -> None:
    thinking(wise, *FRESH)
    first = phrasings.propose(wise.services, wise.owner, "refund-wrong").candidates
    decisions.decide(wise.services, wise.owner, first[0].id, Ruling(False, 1))
    again = phrasings.propose(wise.services, wise.owner, "refund-wrong")
    assert again.candidates == []
    assert [one.why for one in again.left_out] == [Why.KNOWN, Why.KNOWN]
    assert [row.id for row in waiting(wise)] == [first[1].id]


def test_without_a_model(wise: House) -> None:
    with pytest.raises(BadInput, match="model_not_configured"):
        phrasings.propose(wise.services, wise.owner, "refund-wrong")


def test_model_that_is_down_changes_nothing(wise: House) -> None:
    wise.services.model = ScriptedModel({PROMPT: [ModelUnavailable(Failure.BREAKER_OPEN)]})
    with pytest.raises(Unavailable, match="model_unavailable") as caught:
        phrasings.propose(wise.services, wise.owner, "refund-wrong")
    assert caught.value.extra == {"reason": "breaker_open"}
    assert waiting(wise) == []


OTHERS = """
- {id: draft-one, kind: faq, title: 怎么停车, phrasings: [停哪儿], answer: 负一楼。, status: draft}
- {id: script-one, kind: script, scene: greeting, title: 早安, answer: 大家早。}
- {id: own-one, kind: faq, title: 团购几点截单, phrasings: [截单时间], answer: 每晚八点截单。, community: mama}
"""
OF_PAPA = """
- {id: papa-one, kind: faq, title: 最晚几点能下单, phrasings: [几点前下单], answer: 十点。, community: papa}
"""


@pytest.mark.parametrize("entry_id", ["draft-one", "script-one"])
def test_only_an_approved_faq_is_found_by_phrasings(wise: House, entry_id: str) -> None:
    wise.learn(OTHERS)
    model = thinking(wise, *FRESH)
    with pytest.raises(BadInput, match="phrasings_faq_only"):
        phrasings.propose(wise.services, wise.owner, entry_id)
    with pytest.raises(BadInput, match="phrasings_faq_only"):
        phrasings.propose_wording(wise.services, wise.owner, "mama", entry_id, "车停哪里呀")
    assert model.calls == []


def test_who_may_not_edit_the_entry_asks_no_model(wise: House) -> None:
    wise.learn(OTHERS)
    model = thinking(wise, "晚上下单到几点为止")
    within = wise.user("content", "mama")
    for caller in (wise.user("answerer"), within):
        with pytest.raises(Forbidden, match="scope_missing"):
            phrasings.propose(wise.services, caller, "refund-wrong")
    with pytest.raises(NotFound, match="entry_not_found"):
        phrasings.propose(wise.services, wise.owner, "nothing")
    assert model.calls == []
    [row] = phrasings.propose(wise.services, within, "own-one").candidates
    assert row.community_id == "mama"


def test_entry_of_another_group_takes_no_wording_away(wise: House) -> None:
    community_flow.create(
        wise.services,
        wise.owner,
        community_id="papa",
        name="爸爸群",
        type=CommunityType.INTEREST,
        channel="wecom",
        parent_id="root",
    )
    wise.learn(OTHERS)
    wise.learn(
        "- {id: papa-one, kind: faq, title: 最晚几点能下单, phrasings: [几点前下单], answer: 十点。, community: papa}"
    )
    thinking(wise, "最晚几点能下单呀")
    assert len(phrasings.propose(wise.services, wise.owner, "own-one").candidates) == 1


def propose(
    house: House, text: str, *, caller: Caller | None = None, community: str = "mama", entry_id: str = "refund-wrong"
) -> str:
    return phrasings.propose_wording(house.services, caller or house.owner, community, entry_id, text)


def test_persons_wording_is_masked_and_waits(wise: House) -> None:
    made = propose(wise, "你好，拍错东西了钱还能回来不？电话13912345678", caller=wise.user("answerer", "mama"))
    [row] = waiting(wise)
    assert (row.id, row.kind, row.origin, row.community_id) == (made, "phrasing", "picked", "mama")
    assert "拍错东西了钱还能回来不" in row.question and "13912345678" not in row.question
    assert propose(wise, row.question) == made
    assert [one.count for one in waiting(wise)] == [2]


def test_wording_that_cannot_be_proposed(wise: House) -> None:
    with pytest.raises(Conflict, match="phrasing_known"):
        propose(wise, "拍错了想退钱！")
    with pytest.raises(BadInput, match="phrasing_empty"):
        propose(wise, "？？！")
    with pytest.raises(NotFound, match="community_not_found"):
        propose(wise, FRESH[0], community="nowhere")
    with pytest.raises(NotFound, match="entry_not_found"):
        propose(wise, FRESH[0], entry_id=new_id("x"))
    with pytest.raises(Forbidden, match="scope_missing"):
        propose(wise, FRESH[0], caller=wise.user("auditor"))
    assert waiting(wise) == []
