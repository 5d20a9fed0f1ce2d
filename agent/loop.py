"""The tool loop, one for both engines: a chat model calls tools until it answers.

`run(context, request, chat=…, planner=…)` gives a `Run`: the answer's text, every call with its figures, and the typed
proposals of `propose` tools. In the embedded engine `chat` is None and the planner is the chat model; in the llm engine
`chat` is the guarded model of `agent/model.py`, and whenever it fails (down, slow, over budget, nonsense, too many
calls), the planner's run stands instead, marked `degraded`.

A planner is a `BaseChatModel` whose `bind_tools` returns something that calls it with the tools' names known; see
`agent/planners/base.py`. Errors of tools that no model can mend (`Unavailable`, `Bug`) come through from either.
"""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NotRequired
from uuid import uuid4

from langchain.agents import AgentState, create_agent
from langchain.agents.middleware import AgentMiddleware, ModelCallLimitMiddleware, ToolCallLimitMiddleware
from langchain.agents.middleware.model_call_limit import ModelCallLimitExceededError
from langchain.agents.middleware.tool_call_limit import ToolCallLimitExceededError
from langchain.agents.middleware.types import ModelRequest, ModelResponse
from langchain.tools import BaseTool
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage

from agent import untraced
from agent.steps.asking import ModelUnavailable
from agent.steps.tool_text import WrittenCall, tool_calls
from core import log
from core.vocabulary import Engine
from tools.context import ToolContext
from tools.registry import Call, Effect, toolset

_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """What one run is about. `text` is masked; `system` is a rendered prompt, which planners ignore.

    `effects` and, where given, the names in `tools` say which tools there are.
    """

    text: str
    system: str = ""
    effects: tuple[Effect, ...] = (Effect.READ,)
    tools: frozenset[str] | None = None
    most_model_calls: int = 6
    most_tool_calls: int = 12


@dataclass(frozen=True, slots=True)
class Run:
    """How a run ended. `degraded` holds where the model was wanted and could not be had; `why` is a stable word."""

    text: str
    calls: tuple[Call, ...]
    proposals: tuple[Any, ...]
    engine: Engine
    degraded: bool = False
    why: str | None = None


class LoopState(AgentState[Any]):
    """`calls` and `proposals` are appended to by the tools (`tools/registry.py`)."""

    calls: NotRequired[Annotated[list[Call], operator.add]]
    proposals: NotRequired[Annotated[list[Any], operator.add]]


def run(context: ToolContext, request: Request, *, planner: BaseChatModel, chat: BaseChatModel | None = None) -> Run:
    """Raises what tools raise besides refusals; never `ModelUnavailable`."""
    untraced.turn_off()
    if chat is None:
        return _run(context, request, planner, Engine.EMBEDDED)
    try:
        done = _run(context, request, chat, Engine.LLM)
        if done.text.strip():
            return done
        why = "empty"
    except ModelUnavailable as error:
        why = error.reason
    except (ModelCallLimitExceededError, ToolCallLimitExceededError):
        why = "too_many_calls"
    _log.warning("loop_degraded", why=why)
    stands = _run(context, request, planner, Engine.EMBEDDED)
    return Run(stands.text, stands.calls, stands.proposals, Engine.EMBEDDED, degraded=True, why=why)


def _run(context: ToolContext, request: Request, chat: BaseChatModel, engine: Engine) -> Run:
    tools = toolset(context, request.effects, request.tools)
    # Each middleware has a state of its own, which their common list can't be typed by.
    around: list[Any] = [
        ModelCallLimitMiddleware(run_limit=request.most_model_calls, exit_behavior="error"),
        ToolCallLimitMiddleware(run_limit=request.most_tool_calls, exit_behavior="error"),
        _Guarded(tools, trusted=engine is Engine.EMBEDDED),
    ]
    agent = create_agent(
        chat,
        tools,
        system_prompt=request.system or None,
        middleware=around,
        state_schema=LoopState,
        context_schema=ToolContext,
    )
    start: Any = {"messages": [HumanMessage(request.text)], "calls": [], "proposals": []}
    state: dict[str, Any] = agent.invoke(start, context=context)
    last = state["messages"][-1]
    text = last.text if isinstance(last, AIMessage) else ""
    return Run(text, tuple(state["calls"]), tuple(state["proposals"]), engine)


class _Guarded(AgentMiddleware[LoopState, ToolContext]):
    """Around each call of the model: its own failures become `ModelUnavailable`, and calls that it wrote in its text
    (small models do) become calls. With `trusted` (a planner of ours) an exception is a bug and comes through."""

    def __init__(self, tools: Sequence[BaseTool], *, trusted: bool) -> None:
        super().__init__()
        self._tools = {tool.name: tool for tool in tools}
        self._trusted = trusted

    def wrap_model_call(
        self, request: ModelRequest[ToolContext], handler: Callable[[ModelRequest[ToolContext]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        try:
            response = handler(request)
        except ModelUnavailable:
            raise
        except Exception as error:
            if self._trusted:
                raise
            # The name of the class is all that may be told: a message may hold the question.
            raise ModelUnavailable(f"failed_{type(error).__name__}") from error
        response.result = [self._with_calls(message) for message in response.result]
        return response

    def _with_calls(self, message: Any) -> Any:
        if not isinstance(message, AIMessage):
            return message
        unknown = [call["name"] for call in message.tool_calls if call["name"] not in self._tools]
        if unknown or message.invalid_tool_calls:
            raise ModelUnavailable("unknown_tool")
        if message.tool_calls or not self._tools:
            return message
        found = [_call(one) for one in tool_calls(message.text, self._tools)]
        return AIMessage("", tool_calls=found, id=message.id) if found else message


def _call(one: WrittenCall) -> Any:
    return {"name": one.name, "args": one.arguments, "id": f"call_{uuid4().hex[:12]}", "type": "tool_call"}
