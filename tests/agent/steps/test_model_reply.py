"""The cascade: when the model is asked, what for, and what stands when it fails."""

from collections.abc import Sequence
from typing import Any

import pytest

from agent.scripted import ScriptedModel
from agent.steps import reply
from agent.steps.asking import ModelUnavailable
from agent.steps.composing import Manner
from agent.steps.model_reply import Facts, Improved, improve, wants_model
from agent.steps.reply import Asked, Reply
from core.vocabulary import AbstainedReason, Band, Engine
from knowledge.entries import Entry
from knowledge.gate import Verdict
from tests.made import asked, entry

MANNER = Manner("friendly", {}, frozenset())
SHIPPING = "付款后48小时内发货。"
RETURNS = "签收后7天内可以退货。"
YES = {"answers": True, "quote": SHIPPING}
NO = {"answers": False, "quote": ""}


SHIP, RETURN = entry(SHIPPING, "ship"), entry(RETURNS, "return")


def _asked(verdict: Verdict, band: Band, *entries: Entry, score: float = 0.6, question: str = "多久发货？") -> Asked:
    return asked(*entries, question=question, verdict=verdict, band=band, score=score)


SURE = _asked(Verdict.ANSWERS, Band.HIGH, SHIP)
UNSURE = _asked(Verdict.ANSWERS, Band.MEDIUM, SHIP, RETURN)
NEAR = _asked(Verdict.RELATED, Band.LOW, RETURN, SHIP, score=0.53)
FAR = _asked(Verdict.NOTHING, Band.LOW, SHIP, score=0.3)
STALE = _asked(Verdict.STALE, Band.LOW, SHIP, score=0.6)
SECOND = _asked(Verdict.ANSWERS, Band.HIGH, RETURN, question="怎么退货？")


def _embedded(asked: Sequence[Asked]) -> Reply:
    return reply.compose(asked, {}, kept_slots=frozenset())


def _no_search(question: str) -> Asked:
    pytest.fail(f"searched for {question}")


def _improve(model: ScriptedModel, *asked: Asked, **facts: Any) -> Improved:
    given: dict[str, Any] = {"text": "多久发货？", "manner": MANNER, "search": _no_search}
    return improve(model, _embedded(asked), asked, Facts(**(given | facts)), "msg_1")


def _wants(*asked: Asked, cascade: bool = True, needs_context: bool = False, has_context: bool = False) -> bool:
    return wants_model(_embedded(asked), asked, cascade=cascade, needs_context=needs_context, has_context=has_context)


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ((SURE,), False),
        ((UNSURE,), True),
        ((NEAR,), True),
        ((FAR,), False),
        ((STALE,), False),
        ((SURE, SECOND), True),
        ((SURE, SURE), False),
    ],
)
def test_the_cascade_asks_only_where_it_helps(asked: tuple[Asked, ...], wanted: bool) -> None:
    assert _wants(*asked) is wanted
    model = ScriptedModel({})
    _improve(model, *asked)
    assert bool(model.calls) is wanted


def test_without_the_cascade_every_answer_is_judged_and_written() -> None:
    assert _wants(SURE, cascade=False)
    model = ScriptedModel(
        {"reply/judge": [YES], "reply/compose": [{"text": f"亲，{SHIPPING}", "used": [1], "confidence": "high"}]}
    )
    made = _improve(model, SURE, cascade=False)
    assert model.prompts() == ["reply/judge", "reply/compose"]
    assert made.reply.text == "亲，付款后48小时内发货。"


def test_what_points_back_wants_the_model_only_where_there_is_a_conversation() -> None:
    assert _wants(SURE, needs_context=True, has_context=True)
    assert not _wants(SURE, needs_context=True, has_context=False)


@pytest.mark.parametrize(
    "reason", [AbstainedReason.NEEDS_MEMBER_DATA, AbstainedReason.POLICY, AbstainedReason.RISK_HOLD]
)
def test_what_a_person_must_decide_is_never_asked(reason: AbstainedReason) -> None:
    held = reply.abstain(reason, [NEAR])
    for cascade in (True, False):
        assert not wants_model(held, [NEAR], cascade=cascade, needs_context=True, has_context=True)


def test_a_confirmed_answer_comes_back_word_for_word() -> None:
    made = _improve(ScriptedModel({"reply/judge": [YES]}), UNSURE)
    assert made.reply.text == SHIPPING
    assert made.reply.confidence.reason == "model_judged"
    assert (made.engine, made.degraded, made.calls) == (Engine.LLM, False, 1)


def test_a_denied_answer_is_not_sent() -> None:
    made = _improve(ScriptedModel({"reply/judge": [NO, NO]}), UNSURE)
    assert made.reply.text is None
    assert made.reply.abstained is not None
    assert made.reply.abstained.reason == AbstainedReason.RELATED_BUT_NOT_ANSWERING
    assert made.calls == 2


def test_the_second_candidate_may_answer() -> None:
    made = _improve(ScriptedModel({"reply/judge": [NO, YES]}), NEAR)
    assert made.reply.text == SHIPPING
    assert [one.entry_id for one in made.reply.citations if one.used] == ["ship"]
    assert made.reply.confidence.band == Band.MEDIUM
    assert made.asked[0].judged.verdict == Verdict.ANSWERS


def test_a_false_quote_is_no_yes() -> None:
    made = _improve(ScriptedModel({"reply/judge": [{"answers": True, "quote": "随便写一句话"}] * 2}), NEAR)
    assert made.reply.text is None


@pytest.mark.parametrize("reason", ["timeout", "breaker_open", "over_budget", "bad_json"])
def test_the_embedded_reply_stands_when_the_model_is_away(reason: str) -> None:
    made = _improve(ScriptedModel({"reply/judge": [ModelUnavailable(reason)]}), UNSURE)
    assert made.reply == _embedded([UNSURE])
    assert (made.engine, made.degraded, made.failure) == (Engine.EMBEDDED, True, reason)


def test_several_answers_are_joined_by_the_model() -> None:
    text = "付款后48小时内发货，签收后7天内可以退货哦。"
    model = ScriptedModel({"reply/compose": [{"text": text, "used": [1, 2], "confidence": "high"}]})
    made = _improve(model, SURE, SECOND)
    assert (made.reply.text, made.engine, made.degraded) == (text, Engine.LLM, False)


def test_an_invented_figure_leaves_the_joined_answers() -> None:
    model = ScriptedModel({"reply/compose": [{"text": "付款后24小时内发货。", "used": [1], "confidence": "high"}]})
    made = _improve(model, SURE, SECOND)
    assert made.reply == _embedded([SURE, SECOND])
    assert (made.engine, made.degraded, made.failure) == (Engine.EMBEDDED, True, "not_grounded")


def test_a_rewritten_question_is_searched_and_planned_anew() -> None:
    searched: list[str] = []

    def search(question: str) -> Asked:
        searched.append(question)
        return UNSURE

    model = ScriptedModel({"reply/rewrite": [{"question": "四件套多久发货"}], "reply/judge": [YES]})
    lines = ["成员：四件套有货吗"]
    made = _improve(model, FAR, text="那多久发货", conversation=lines, needs_context=True, search=search)
    assert searched == ["四件套多久发货"]
    assert made.reply.text == SHIPPING
    assert (made.asked[0].candidates, made.engine, made.calls) == (UNSURE.candidates, Engine.LLM, 2)


def test_a_rewritten_question_for_a_members_own_data_is_held() -> None:
    model = ScriptedModel({"reply/rewrite": [{"question": "我的订单到哪了"}]})
    made = _improve(
        model, SURE, text="那我的呢", conversation=["成员：订单到哪了"], needs_context=True, search=lambda _: SURE
    )
    assert made.reply.abstained is not None
    assert made.reply.abstained.reason == AbstainedReason.NEEDS_MEMBER_DATA


def test_a_question_that_stays_as_it_was_is_not_searched_again() -> None:
    model = ScriptedModel({"reply/rewrite": [{"question": "多久发货？"}]})
    made = _improve(model, SURE, conversation=["成员：在吗"], needs_context=True)
    assert made.reply == _embedded([SURE])
    assert (made.engine, made.calls) == (Engine.EMBEDDED, 1)


def test_at_most_two_entries_are_judged_the_best_of_every_question_first() -> None:
    other = _asked(Verdict.RELATED, Band.LOW, RETURN, SHIP, score=0.54, question="怎么退货？")
    model = ScriptedModel({"reply/judge": lambda _: NO})
    _improve(model, NEAR, other)
    assert [call.values["question"] for call in model.calls] == ["多久发货？", "怎么退货？"]


def test_a_script_for_a_complaint_stays() -> None:
    script = reply.from_script(SHIP, {}, kept_slots=frozenset(), reason="complaint_script")
    assert script is not None
    assert not wants_model(script, [NEAR], cascade=False, needs_context=True, has_context=True)
