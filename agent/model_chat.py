"""The chat model that the loop works with in the llm engine: the endpoint's, behind the door's guard.

Tool calls that a small model writes into its text are understood as if it had made them; where the endpoint has no
tool calls at all (`QUNZHU_LLM_TOOL_CALLS=text`) the tools are described in the text, too.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.base import LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolCall, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import ConfigDict

from agent.endpoint import Endpoint, Failed, Spent, estimate
from agent.steps.asking import Failure
from agent.steps.tool_text import described, tool_calls
from core.ids import new_id
from core.masking import mask_values
from prompts.loader import render

MAX_TOKENS: Final = 800


class GuardedChat(BaseChatModel):
    """See `Model.chat`. Raises `ModelUnavailable`."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    guard: Callable[..., Any]
    endpoint: Any
    purpose: str
    object_id: str | None
    written_tools: bool = False
    max_tokens: int = MAX_TOKENS

    @property
    def _llm_type(self) -> str:
        return "qunzhu-guarded"

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: Any = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """With these tools; `tool_choice` as OpenAI's, or a tool's name, or "any"."""
        made = [_tool(tool) for tool in tools]
        choice = {"any": "required"}.get(tool_choice, tool_choice) if isinstance(tool_choice, str) else tool_choice
        names = {tool["function"]["name"] for tool in made}
        if choice in names:
            choice = {"type": "function", "function": {"name": choice}}
        return self.bind(tools=made, tool_choice=choice, **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002
        *,
        tools: Sequence[dict[str, Any]] = (),
        tool_choice: Any = None,
        **kwargs: Any,
    ) -> ChatResult:
        kwargs.pop("strict", None)
        sent = [_masked(message) for message in messages]
        options: dict[str, Any] = {"stop": stop} if stop else {}
        if tools and self.written_tools:
            sent = _written(sent, tools)
        elif tools:
            options |= {"tools": list(tools)} | ({"tool_choice": tool_choice} if tool_choice else {})
        most = sum(estimate(str(message.content)) for message in sent) + self.max_tokens
        names = {str(tool["function"]["name"]) for tool in tools}
        answer = self.guard(self.purpose, self.object_id, most, lambda spent: self._answer(sent, names, options, spent))
        return ChatResult(generations=[ChatGeneration(message=answer)])

    def _answer(self, sent: list[BaseMessage], names: set[str], options: dict[str, Any], spent: Spent) -> AIMessage:
        endpoint: Endpoint = self.endpoint
        answer = endpoint.exchange(sent, spent, max_tokens=self.max_tokens, temperature=0.0, **options)
        return _understood(answer, names)


def _tool(tool: Any) -> dict[str, Any]:
    if isinstance(tool, dict) and tool.get("type") == "function":
        return tool
    assert isinstance(tool, dict | type | BaseTool) or callable(tool)
    return convert_to_openai_tool(tool)


def _masked(message: BaseMessage) -> BaseMessage:
    changes: dict[str, Any] = {"content": mask_values(message.content)}
    if isinstance(message, AIMessage) and message.tool_calls:
        changes["tool_calls"] = mask_values(message.tool_calls)
    return message.model_copy(update=changes)


def _understood(answer: AIMessage, names: set[str]) -> AIMessage:
    """With the calls that stand in the text as calls. Raises `Failed` `wrong_tool`, `bad_json`, `empty`."""
    if answer.tool_calls:
        if any(call["name"] not in names for call in answer.tool_calls):
            raise Failed(Failure.WRONG_TOOL)
        return answer
    if answer.invalid_tool_calls:
        raise Failed(Failure.BAD_JSON)
    text = answer.text
    if not text.strip():
        raise Failed(Failure.EMPTY)
    written = tool_calls(text, names)
    if not written:
        return answer
    calls = [ToolCall(name=one.name, args=one.arguments, id=new_id("call"), type="tool_call") for one in written]
    return AIMessage(content="", tool_calls=calls, usage_metadata=answer.usage_metadata)


def _written(messages: Sequence[BaseMessage], tools: Sequence[dict[str, Any]]) -> list[BaseMessage]:
    """The conversation for a model without tool calls: tools described, calls and their results as text."""
    system = "\n\n".join(str(one.content) for one in messages if isinstance(one, SystemMessage))
    head = SystemMessage(f"{system}\n\n{render('model/written_tools', tools=described(tools))}".strip())
    return [head, *(_as_text(one) for one in messages if not isinstance(one, SystemMessage))]


def _as_text(message: BaseMessage) -> BaseMessage:
    if isinstance(message, ToolMessage):
        return HumanMessage(render("model/tool_result", name=message.name or "", result=str(message.content)))
    if isinstance(message, AIMessage) and message.tool_calls:
        calls = [{"name": call["name"], "arguments": call["args"]} for call in message.tool_calls]
        return AIMessage("\n".join(json.dumps(call, ensure_ascii=False) for call in calls))
    return message
