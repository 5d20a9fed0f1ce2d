"""What a planner is to LangChain: a chat model that answers by a function of ours, at once and without a network."""

from collections.abc import Callable, Sequence
from typing import Any, Literal
from uuid import uuid4

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool


class Planner(BaseChatModel):
    """Subclass it and write `plan`. What a run needs besides the question (today, names) is given to the constructor
    by the flow, as fields of the subclass."""

    tool_names: frozenset[str] = frozenset()

    @property
    def _llm_type(self) -> str:
        return "planner"

    def plan(self, question: str, answered: Sequence[ToolMessage]) -> list[tuple[str, dict[str, Any]]] | str:
        """The next tool calls as (name, arguments), or the answer's text. `answered` are the tool results so far, in
        the order of the calls."""
        raise NotImplementedError

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,  # noqa: ARG002
        **kwargs: Any,  # noqa: ARG002
    ) -> Runnable[Any, AIMessage]:
        names = frozenset(tool.name for tool in tools if isinstance(tool, BaseTool))
        return self.model_copy(update={"tool_names": names})

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,  # noqa: ARG002
    ) -> ChatResult:
        question = next(message.text for message in reversed(messages) if isinstance(message, HumanMessage))
        step = self.plan(question, [message for message in messages if isinstance(message, ToolMessage)])
        message = AIMessage(step) if isinstance(step, str) else AIMessage("", tool_calls=[_call(*one) for one in step])
        return ChatResult(generations=[ChatGeneration(message=message)])


def _call(name: str, arguments: dict[str, Any]) -> Any:
    kind: Literal["tool_call"] = "tool_call"
    return {"name": name, "args": arguments, "id": f"call_{uuid4().hex[:12]}", "type": kind}
