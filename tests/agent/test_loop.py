"""The loop with a scripted model: what it collects, where it stops, and what stands when the model fails."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import langsmith
import pytest
from langchain_core.messages import AIMessage, ToolMessage
from pydantic import BaseModel, ConfigDict

from agent.loop import Request, run
from agent.planners.base import Planner
from agent.scripted import ScriptedChat
from agent.steps.asking import Failure, ModelUnavailable
from core.caller import Caller, system_caller
from core.errors import ForModel, Unavailable
from core.scopes import Scope
from core.vocabulary import Engine
from tools import registry
from tools.context import ToolContext
from tools.figures import Answer
from tools.registry import Effect, Tool


class Number(BaseModel):
    model_config = ConfigDict(extra="forbid")

    number: int = 1


class Wish(BaseModel):
    words: str


def _echo(_caller: Caller, _context: ToolContext, wanted: Number) -> Answer:
    if wanted.number == 13:
        raise ForModel("unlucky", number=13)
    if wanted.number == 500:
        raise Unavailable("database_unavailable", why="test")
    return Answer(said={"number": wanted.number})


def _wish(_caller: Caller, _context: ToolContext, wanted: Number) -> Answer:
    return Answer(proposal=Wish(words=f"wish {wanted.number}"))


ECHO = Tool("echo", Scope.MEMBERS_READ, Effect.READ, "echo", Number, _echo)
WISH = Tool("wish", Scope.MEMBERS_READ, Effect.PROPOSE, "wish", Number, _wish)


class Fallback(Planner):
    def plan(self, question: str, answered: Sequence[ToolMessage]) -> list[tuple[str, dict[str, Any]]] | str:  # noqa: ARG002
        return [("echo", {"number": 7})] if not answered else "planned"


@pytest.fixture
def context(monkeypatch: pytest.MonkeyPatch) -> ToolContext:
    monkeypatch.setattr(registry, "_TOOLS", {"echo": ECHO, "wish": WISH})
    now = datetime(2026, 11, 21, tzinfo=UTC)
    return ToolContext(system_caller("test"), None, now, ZoneInfo("Asia/Shanghai"), frozenset())  # type: ignore[arg-type]


def _calls(*numbers: int, name: str = "echo") -> AIMessage:
    return AIMessage("", tool_calls=[{"name": name, "args": {"number": n}, "id": f"c{n}"} for n in numbers])


def _run(context: ToolContext, *replies: Any, **request: Any) -> Any:
    return run(context, Request("问题", **request), planner=Fallback(), chat=ScriptedChat(replies=list(replies)))


def test_every_call_is_collected_with_its_answer_or_its_refusal(context: ToolContext) -> None:
    done = _run(context, _calls(1, 13), AIMessage("一共 1"))
    assert (done.text, done.engine, done.degraded) == ("一共 1", Engine.LLM, False)
    assert [(call.arguments["number"], call.error) for call in done.calls] == [(1, None), (13, "unlucky")]
    assert done.calls[0].answer is not None and done.calls[0].answer.said == {"number": 1}


def test_the_model_reads_the_refusal_and_goes_on(context: ToolContext) -> None:
    chat = ScriptedChat(replies=[_calls(13), AIMessage("不行")])
    assert run(context, Request("问题"), planner=Fallback(), chat=chat).text == "不行"
    told = chat.asked[-1][-1]
    assert isinstance(told, ToolMessage) and '"unlucky"' in told.text


def test_a_proposal_stays_in_the_state_and_typed(context: ToolContext) -> None:
    effects = (Effect.READ, Effect.PROPOSE)
    assert _run(context, _calls(3, name="wish"), AIMessage("ok"), effects=effects).proposals == (Wish(words="wish 3"),)


def test_a_proposing_tool_is_unknown_where_only_reading_is_allowed(context: ToolContext) -> None:
    done = _run(context, _calls(3, name="wish"), AIMessage("ok"))
    assert (done.proposals, done.degraded, done.why) == ((), True, "unknown_tool")


@pytest.mark.parametrize(
    "text",
    [
        '```json\n{"name": "echo", "arguments": {"number": 4}}\n```',
        '{"name": "echo", "arguments": {"number": 4}}',
        '好的，我来查。\n```\n[{"tool": "echo", "args": {"number": 4}}]\n```',
        '<tool_call>{"name": "echo", "arguments": "{\\"number\\": 4}"}</tool_call>',
    ],
)
def test_calls_written_in_the_text_are_calls(context: ToolContext, text: str) -> None:
    done = _run(context, AIMessage(text), AIMessage("四"))
    assert [call.arguments for call in done.calls] == [{"number": 4}]
    assert done.text == "四"


def test_json_that_names_no_tool_is_an_answer(context: ToolContext) -> None:
    assert _run(context, AIMessage('{"name": "rm", "arguments": {}}')).calls == ()


@pytest.mark.parametrize("limit", [{"most_model_calls": 3}, {"most_tool_calls": 3}])
def test_an_endless_loop_is_stopped(context: ToolContext, limit: dict[str, Any]) -> None:
    chat = ScriptedChat(replies=[_calls(number) for number in range(20, 60)])
    done = run(context, Request("问题", **limit), planner=Fallback(), chat=chat)
    assert (done.text, done.degraded, done.why) == ("planned", True, "too_many_calls")
    assert len(chat.asked) <= 4


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (ModelUnavailable(Failure.TIMEOUT), "timeout"),
        (AIMessage("  "), "empty"),
        (_calls(1, name="drop_table"), "unknown_tool"),
    ],
)
def test_where_the_model_fails_the_planner_stands(context: ToolContext, reply: Any, why: str) -> None:
    done = _run(context, reply)
    assert (done.text, done.engine, done.degraded, done.why) == ("planned", Engine.EMBEDDED, True, why)
    assert [call.arguments for call in done.calls] == [{"number": 7}]


def test_a_model_that_breaks_is_a_model_that_fails(context: ToolContext) -> None:
    class Broken(ScriptedChat):
        def _generate(self, *_: Any, **__: Any) -> Any:
            raise RuntimeError("secret question")

    done = run(context, Request("问题"), planner=Fallback(), chat=Broken(replies=[]))
    assert (done.text, done.why) == ("planned", "failed_RuntimeError")


def test_what_no_model_can_mend_comes_through(context: ToolContext) -> None:
    with pytest.raises(Unavailable, match="database_unavailable"):
        _run(context, _calls(500), AIMessage("x"))


def test_without_a_model_the_planner_is_no_second_best(context: ToolContext) -> None:
    done = run(context, Request("问题"), planner=Fallback())
    assert (done.text, done.engine, done.degraded) == ("planned", Engine.EMBEDDED, False)


def test_nothing_is_traced_whatever_the_environment_says(context: ToolContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    monkeypatch.setenv("LANGSMITH_API_KEY", "key-of-somebody")
    run(context, Request("问题"), planner=Fallback())
    assert not langsmith.utils.tracing_is_enabled()
