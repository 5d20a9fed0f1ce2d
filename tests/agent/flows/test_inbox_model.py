"""The worker's half with a language model: what is handed on, what the model changes, and what stands when it fails."""

import pytest

from agent.flows import inbox
from agent.flows import settings as settings_flow
from agent.scripted import ScriptedModel
from agent.steps.asking import Failure, ModelUnavailable
from core.vocabulary import Engine, MessageStage
from store.messages import MessageRow
from tests.house import ASKS_REFUND, House, claim_all, row_counts

YES = {"answers": True, "quote": "审核通过后三个工作日原路退回"}


@pytest.fixture
def asking_always(wise: House) -> House:
    settings_flow.change(wise.services, wise.owner, "model.cascade", False)
    return wise


def _both(house: House) -> list[str]:
    """The embedded half, then whoever waits for the model."""
    done = house.work()
    return done + inbox.handle(house.services, claim_all(house.services, MessageRow), with_model=True)


def test_sure_curated_answer_asks_no_model(wise: House) -> None:
    model = ScriptedModel({})
    wise.services.model = model
    draft = wise.ask(ASKS_REFUND)
    assert (model.calls, draft.engine, draft.degraded) == ([], Engine.EMBEDDED, False)


def test_what_wants_the_model_is_handed_on_and_holds_up_nobody(asking_always: House) -> None:
    asking_always.services.model = ScriptedModel({})
    received = asking_always.say(ASKS_REFUND)
    assert asking_always.work() == []
    row = asking_always.message_row(received)
    assert (row.stage, row.wants_model, row.attempts, row.lease_until) == (MessageStage.RECEIVED, True, 0, None)
    with asking_always.services.database.write() as db:
        from store import due
        from tests.house import LEASE

        own = due.claim(db, MessageRow, worker="w", lease=LEASE, most=9, which=inbox.OWN_QUEUE)
        waiting = due.claim(db, MessageRow, worker="w", lease=LEASE, most=9, which=inbox.MODEL_QUEUE)
    assert ([claim.id for claim in own], [claim.id for claim in waiting]) == ([], [received])


def test_model_writes_the_draft(asking_always: House) -> None:
    text = "七天内在「我的订单」里点退款，选择“拍错了”，审核通过后三个工作日原路退回哦"
    compose = {"text": text, "used": [1], "confidence": "high", "missing": []}
    asking_always.services.model = ScriptedModel({"reply/judge": [YES] * 4, "reply/compose": [compose]})
    received = asking_always.say(ASKS_REFUND)
    assert _both(asking_always) == [received]
    draft = asking_always.draft_of(received)
    assert draft is not None and (draft.text, draft.engine, draft.degraded) == (text, Engine.LLM, False)
    assert [cited["entry_id"] for cited in draft.citations if cited["used"]] == ["refund-wrong"]


def test_invented_fact_of_the_model_is_not_shown(asking_always: House) -> None:
    compose = {
        "text": "在「我的订单」里点退款，审核通过后十天到账，电话13800138000",
        "used": [1],
        "confidence": "high",
        "missing": [],
    }
    asking_always.services.model = ScriptedModel({"reply/judge": [YES] * 4, "reply/compose": [compose]})
    received = asking_always.say(ASKS_REFUND)
    _both(asking_always)
    draft = asking_always.draft_of(received)
    assert draft is not None and draft.degraded
    assert draft.text is not None and "三个工作日" in draft.text and "13800138000" not in draft.text


@pytest.mark.parametrize("reason", list(Failure))
def test_embedded_draft_stands_when_the_model_fails(asking_always: House, reason: Failure) -> None:
    failing = [ModelUnavailable(reason)] * 9
    asking_always.services.model = ScriptedModel({"reply/judge": failing, "reply/compose": failing})
    received = asking_always.say(ASKS_REFUND)
    assert _both(asking_always) == [received]
    draft = asking_always.draft_of(received)
    assert draft is not None and (draft.engine, draft.degraded) == (Engine.EMBEDDED, True)
    assert draft.text is not None and draft.text.startswith("七天内")


def test_model_that_is_not_worth_asking_delays_nothing(asking_always: House, monkeypatch: pytest.MonkeyPatch) -> None:
    model = ScriptedModel({})
    monkeypatch.setattr(ScriptedModel, "available", lambda _self: Failure.BREAKER_OPEN)
    asking_always.services.model = model
    draft = asking_always.ask(ASKS_REFUND)
    assert (model.calls, draft.engine, draft.degraded) == ([], Engine.EMBEDDED, True)


def test_answer_of_staff_while_the_model_thinks_ends_the_question(asking_always: House) -> None:
    def answered(_values: object) -> dict[str, object]:
        staff = {"id": "staff-1", "name": "豆苗", "role": "staff"}
        asking_always.say("在我的订单里点退款，选拍错了就行", "s-1", sender=staff)
        return YES

    asking_always.services.model = ScriptedModel({"reply/judge": answered})
    received = asking_always.say(ASKS_REFUND)
    assert _both(asking_always) == []
    asking_always.work(after=0)
    assert asking_always.message_row(received).no_draft == "human_answered"
    assert row_counts(asking_always.services.database)["drafts"] == 0
