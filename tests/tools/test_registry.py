"""Who may use which tool, and that a model writes arguments and nothing else."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage
from pydantic import BaseModel, ConfigDict

from agent.loop import Request, run
from agent.scripted import ScriptedChat
from agent.services import Services
from core.caller import Caller
from core.errors import Bug
from core.ids import new_id
from core.scopes import Scope
from tests.house import House
from tools import members, metrics
from tools.context import ToolContext
from tools.figures import Answer
from tools.registry import Effect, Tool, allowed, call, register, toolset


class Noted(BaseModel):
    model_config = ConfigDict(extra="forbid")

    word: str = "-"


def _who(caller: Caller, context: ToolContext, wanted: Noted) -> Answer:
    return Answer(said={"who": caller.id, "day": str(context.today), "word": wanted.word})


WHO = Tool("who_asks", Scope.QUESTIONS_ASK, Effect.READ, "who", Noted, _who)


@pytest.fixture
def house(services: Services, clock: Any, owner: Caller, community: str, bot: Caller) -> House:
    return House(services, clock, owner, bot, community)


def context_of(house: House, caller: Caller) -> ToolContext:
    from agent.flows import questions

    with house.services.database.read() as db:
        context, _ = questions._context(db, house.services, caller, None, "zh-CN")
    return context


def _names(house: House, caller: Caller) -> set[str]:
    return {tool.name for tool in toolset(context_of(house, caller))}


def test_a_tool_that_the_caller_may_not_use_is_not_there(house: House) -> None:
    assert members.list_members.__name__ in _names(house, house.owner)
    supervisor = house.user("supervisor")
    assert not supervisor.allows(Scope.MEMBERS_READ)
    assert "list_members" not in _names(house, supervisor)
    assert "query_metric" in _names(house, supervisor)
    assert _names(house, house.bot) & {"query_metric", "breakdown", "count_members", "list_members"} == set()


def test_reading_brings_no_proposing_tool(house: House) -> None:
    assert {tool.effect for tool in allowed(house.owner)} == {Effect.READ}


def test_what_is_not_registered_cannot_be_called_past_the_list(house: House) -> None:
    done = call(members.LIST_MEMBERS, context_of(house, house.user("supervisor")), {})
    assert (done.error, done.answer) == ("scope_missing", None)


@pytest.mark.parametrize(
    "more", [{"caller": "usr_other"}, {"runtime": {"context": {}}}, {"context": {}}, {"today": "x"}]
)
def test_arguments_cannot_name_another_caller(house: House, more: dict[str, Any]) -> None:
    wrapped = Tool(f"who_{new_id('t')[-8:].lower()}", Scope.QUESTIONS_ASK, Effect.READ, "who", Noted, _who)
    from tools import registry

    registry._TOOLS[wrapped.name] = wrapped
    try:
        said = {"name": wrapped.name, "args": {"word": "hi", **more}, "id": "c1"}
        chat = ScriptedChat(replies=[AIMessage("", tool_calls=[said]), AIMessage("完成")])
        done = run(context_of(house, house.owner), Request("谁"), planner=chat, chat=chat).calls[0]
    finally:
        del registry._TOOLS[wrapped.name]
    if done.error:
        assert done.error == "tool_arguments_invalid" and done.answer is None
    else:
        assert done.answer is not None and done.answer.said["who"] == house.owner.id


def test_the_schema_that_a_model_sees_holds_arguments_alone(house: House) -> None:
    shown = {tool.name: set(tool.args) for tool in toolset(context_of(house, house.owner))}
    assert shown["query_metric"] == set(metrics.MetricArguments.model_fields)
    assert not {"caller", "context", "runtime", "today", "database"} & {
        name for names in shown.values() for name in names
    }


def test_a_name_is_taken_once_and_arguments_are_closed() -> None:
    class Open(BaseModel):
        word: str = "-"

    with pytest.raises(Bug, match="tool_arguments_open"):
        register(Tool("open_one", Scope.QUESTIONS_ASK, Effect.READ, "-", Open, _who))
    with pytest.raises(Bug, match="tool_twice"):
        register(Tool("query_metric", Scope.QUESTIONS_ASK, Effect.READ, "-", Noted, _who))


def test_a_refusal_goes_back_to_the_model(house: House) -> None:
    wanted = {"metric": "gmv", "start": "2026-11-01", "end": "2026-11-02"}
    done = call(metrics.QUERY_METRIC, context_of(house, house.owner), wanted)
    assert (done.error, done.why) == ("metric_unavailable", {"metric": "gmv"})


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"communities": ["nowhere"]}, "community_unseen"),
        ({"start": "2026-11-05", "end": "2026-11-01"}, "period_invalid"),
        ({"metric": "drop table"}, "tool_arguments_invalid"),
        ({"communities": ["x"] * 99}, "tool_arguments_invalid"),
    ],
)
def test_bad_arguments_are_named(house: House, wanted: dict[str, Any], code: str) -> None:
    plain = {"metric": "members", "start": "2026-11-01", "end": "2026-11-02"}
    assert call(metrics.QUERY_METRIC, context_of(house, house.owner), plain | wanted).error == code
