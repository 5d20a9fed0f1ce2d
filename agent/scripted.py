"""Models that say what they are told to: for tests, demonstrations without an endpoint, and replays."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.base import LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from agent.steps.asking import Failure, ModelUnavailable
from prompts.loader import load

T = TypeVar("T", bound=BaseModel)
Scripted = Mapping[str, Any] | BaseModel | ModelUnavailable
Script = Iterable[Scripted] | Callable[[Mapping[str, object]], Scripted]


class Call(NamedTuple):
    """What `ScriptedModel` was asked; `text` is the whole rendered prompt."""

    prompt: str
    values: Mapping[str, object]
    object_id: str | None
    text: str


@dataclass
class ScriptedModel:
    """An `Asking` that answers by prompt name: from a list in its order, or by a function of the values. A
    `ModelUnavailable` in the list is raised; a prompt without (further) answers raises `empty`."""

    answers: dict[str, Script]
    calls: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.answers = {name: one if callable(one) else iter(list(one)) for name, one in self.answers.items()}

    def ask(self, prompt: str, values: Mapping[str, object], schema: type[T], *, object_id: str | None) -> T:
        """See `Asking.ask`. The prompt is rendered, so that wrong variables fail as they would with an endpoint."""
        self.calls.append(Call(prompt, dict(values), object_id, load(prompt).render(**values)))
        script = self.answers.get(prompt, ())
        answer = script(values) if callable(script) else next(iter(script), None)
        if answer is None:
            raise ModelUnavailable(Failure.EMPTY)
        if isinstance(answer, ModelUnavailable):
            raise answer
        return schema.model_validate(answer.model_dump() if isinstance(answer, BaseModel) else answer)

    def available(self) -> str | None:
        """Always worth asking."""
        return None

    def prompts(self) -> list[str]:
        """The names of the prompts asked, in their order."""
        return [call.prompt for call in self.calls]


def saying(text: str, calls: Iterable[tuple[str, Mapping[str, Any]]] = ()) -> AIMessage:
    """A turn of a chat model: a text, and calls of tools by name with their arguments."""
    made: list[Any] = [
        {"name": name, "args": dict(arguments), "id": f"c{number}", "type": "tool_call"}
        for number, (name, arguments) in enumerate(calls)
    ]
    return AIMessage(text, tool_calls=made)


class ScriptedChat(BaseChatModel):
    """A chat model for the loop: gives its messages one after another (a `ModelUnavailable` is raised; a function is
    given all that the turn was sent, as texts), and records what it was sent and offered.

    `asked` holds the messages of each turn, `offered` the names of the tools bound.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    # pydantic would take an exception for the beginnings of a message.
    replies: list[Any]
    asked: list[list[BaseMessage]] = Field(default_factory=list)
    offered: list[str] = Field(default_factory=list)
    _turn: int = PrivateAttr(default=0)

    @property
    def _llm_type(self) -> str:
        return "qunzhu-scripted"

    def bind_tools(
        self,
        tools: Sequence[Any],
        *,
        tool_choice: Any = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Notes which tools the loop offers; the script decides what is called."""
        self.offered[:] = [_name(tool) for tool in tools]
        return self.bind(**kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,  # noqa: ARG002
    ) -> ChatResult:
        self.asked.append(list(messages))
        if self._turn >= len(self.replies):
            raise ModelUnavailable(Failure.EMPTY)
        reply = self.replies[self._turn]
        self._turn += 1
        if callable(reply):
            reply = reply([message.text for message in messages])
        if isinstance(reply, ModelUnavailable):
            raise reply
        return ChatResult(generations=[ChatGeneration(message=reply)])


def _name(tool: Any) -> str:
    if isinstance(tool, dict):
        return str(tool.get("function", tool).get("name", ""))
    return str(getattr(tool, "name", getattr(tool, "__name__", "")))
