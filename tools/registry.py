"""The tools that a model may call. The only file of this room that knows LangChain.

**A tool** is a plain function `run(caller, context, arguments) -> Answer`, with its data beside it in a `Tool`:

    PREVIEW = Tool(
        name="preview_segment",
        scope=Scope.CAMPAIGNS_PROPOSE,      # who lacks it anywhere never sees the tool
        effect=Effect.PROPOSE,              # or READ
        description="…",                    # what the model reads
        arguments=PreviewArguments,         # a pydantic model: extra="forbid", every field bounded
        run=preview_segment,
    )
    register(PREVIEW)

`caller` is our `Caller`, `context` the run's `ToolContext` (database, today, zone, known names): both come from the
flow. `arguments` is the validated model, the only part that a model writes. A tool opens its own `context.database
.read()`, never a write; LangGraph may run several calls of one turn at once, so sessions aren't shared.

**Refusing**: raise `ForModel(code, …)`; the model reads code and parameters as the tool's answer, and the call is
recorded with `error=code`. `Forbidden` is treated alike. Every other exception ends the run and goes to the flow.

**Proposing**: a `propose` tool writes nothing. It returns `Answer(proposal=<pydantic model>)`, which is kept in the
loop's state (`agent/loop.py`: `Run.proposals`); the flow checks and stores it.

`toolset(context, effects)` wraps those that the caller may use; the others don't exist for the model.
"""

import json
import time
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from langchain.tools import BaseTool, ToolRuntime
from langchain_core.messages import ToolMessage
from langchain_core.tools import StructuredTool
from langgraph.types import Command
from pydantic import BaseModel, ValidationError

from core.caller import Caller
from core.errors import Bug, Forbidden, ForModel
from core.scopes import Scope
from tools.context import ToolContext
from tools.figures import Answer

# What a model reads of one answer, in characters; the rest of a long table is left off for it, not for the person.
MOST_READ = 6_000


class Effect(StrEnum):
    READ = "read"
    PROPOSE = "propose"


@dataclass(frozen=True, slots=True)
class Tool:
    """A function with what must be known beside it. `run` may raise `ForModel` or `Forbidden`."""

    name: str
    scope: Scope
    effect: Effect
    description: str
    arguments: type[BaseModel]
    run: Callable[[Caller, ToolContext, Any], Answer]


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it happened. `arguments` are as the model wrote them; `error` is a refusal's code, `why` its
    parameters."""

    tool: str
    arguments: dict[str, Any]
    answer: Answer | None
    ms: float
    error: str | None = None
    why: dict[str, Any] = field(default_factory=dict)


_TOOLS: dict[str, Tool] = {}


def register(tool: Tool) -> Tool:
    """Make a tool known, at import of the module that defines it. Raises `Bug` `tool_twice` for a name in use, or
    for arguments that let unknown fields through."""
    known = _TOOLS.get(tool.name)
    if known is not None and known.run.__qualname__ != tool.run.__qualname__:
        raise Bug("tool_twice", name=tool.name)
    if tool.arguments.model_config.get("extra") != "forbid":
        raise Bug("tool_arguments_open", name=tool.name)
    _TOOLS[tool.name] = tool
    return tool


def allowed(
    caller: Caller, effects: Iterable[Effect] = (Effect.READ,), names: Container[str] | None = None
) -> list[Tool]:
    """The tools that this caller may use, by name; only those of `names` where given, since what is of no use for a
    task costs a model its attention."""
    wanted = frozenset(effects)
    found = [tool for _, tool in sorted(_TOOLS.items()) if tool.effect in wanted and caller.allows(tool.scope)]
    return [tool for tool in found if names is None or tool.name in names]


def toolset(
    context: ToolContext, effects: Iterable[Effect] = (Effect.READ,), names: Container[str] | None = None
) -> list[BaseTool]:
    """`allowed`, as LangChain tools for `agent/loop.py`."""
    return [_wrapped(tool) for tool in allowed(context.caller, effects, names)]


def call(tool: Tool, context: ToolContext, arguments: dict[str, Any]) -> Call:
    """Run one tool without a model, with the same checks and the same record."""
    begun = time.perf_counter()
    try:
        context.caller.require(tool.scope)
        answer = tool.run(context.caller, context, _validated(tool, arguments))
    except (ForModel, Forbidden) as refused:
        spent = (time.perf_counter() - begun) * 1000
        return Call(tool.name, arguments, None, spent, refused.code, refused.params)
    return Call(tool.name, arguments, answer, (time.perf_counter() - begun) * 1000)


def _validated(tool: Tool, arguments: dict[str, Any]) -> BaseModel:
    try:
        return tool.arguments.model_validate(arguments)
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_input=False)]
        raise ForModel("tool_arguments_invalid", why="; ".join(wrong[:5])) from None


def _wrapped(tool: Tool) -> BaseTool:
    def run(runtime: ToolRuntime[ToolContext, Any], **arguments: Any) -> Command[Any]:
        done = call(tool, runtime.context, arguments)
        message = ToolMessage(
            readable(done),
            artifact=done,
            tool_call_id=runtime.tool_call_id or "",
            name=tool.name,
            status="error" if done.error else "success",
        )
        update: dict[str, Any] = {"messages": [message], "calls": [done]}
        if done.answer is not None and done.answer.proposal is not None:
            update["proposals"] = [done.answer.proposal]
        return Command(update=update)

    return StructuredTool(
        name=tool.name, description=tool.description, args_schema=tool.arguments.model_json_schema(), func=run
    )


def readable(done: Call) -> str:
    """A call's outcome as JSON for the model."""
    if done.answer is None:
        return json.dumps({"error": done.error, **done.why}, ensure_ascii=False, default=str)
    shown = done.answer.model_dump(mode="json", exclude={"chart"}, exclude_none=True, exclude_defaults=True)
    text = json.dumps(shown, ensure_ascii=False, default=str)
    return text if len(text) <= MOST_READ else text[:MOST_READ] + "…"
