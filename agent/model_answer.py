"""A structured answer, in whichever way the endpoint can give one: by schema, by a forced tool call, as JSON."""

import json
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, TypeVar

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from pydantic import BaseModel, ValidationError

from agent.endpoint import Endpoint, Failed, Spent
from agent.steps.asking import Failure
from agent.steps.tool_text import json_values
from prompts.loader import ModelOptions, Rendered, load

T = TypeVar("T", bound=BaseModel)
Output = Literal["json_schema", "tools", "text"]
TOOL: Final = "answer"
_REPAIR: Final = "model/repair"
_SHOWN: Final = 600
# Grammars and strict modes know a part of JSON Schema only; limits are checked by the model class anyway.
_LEFT_OUT: Final = frozenset({"title", "default", "maxLength", "minLength", "maxItems", "minItems", "pattern"})


@dataclass(frozen=True, slots=True)
class Form(Generic[T]):
    schema: type[T]
    output: Output
    options: ModelOptions


def answer_in_form(endpoint: Endpoint, rendered: Rendered, form: Form[T], spent: Spent) -> T:
    """The answer as `form.schema`. Raises `Failed` (`bad_json`, `bad_schema`, `wrong_tool`, `empty`, or the wire's)."""
    messages: list[BaseMessage] = [SystemMessage(rendered.system)] if rendered.system else []
    messages.append(HumanMessage(rendered.user))
    answer = _exchange(endpoint, messages, form, spent)
    try:
        return _read(answer, form)
    except Failed as failure:
        if form.output != "text" or failure.reason not in (Failure.BAD_JSON, Failure.BAD_SCHEMA):
            raise
    wanted = ", ".join(form.schema.model_fields)
    again = HumanMessage(load(_REPAIR).render(fields=wanted))
    said = AIMessage(_text(answer)[:_SHOWN])
    return _read(_exchange(endpoint, [*messages, said, again], form, spent), form)


def _exchange(endpoint: Endpoint, messages: list[BaseMessage], form: Form[T], spent: Spent) -> AIMessage:
    limits: dict[str, Any] = {"max_tokens": form.options.max_tokens, "temperature": form.options.temperature}
    if form.output == "json_schema":
        wanted = {"name": TOOL, "strict": True, "schema": json_schema(form.schema)}
        body = {"response_format": {"type": "json_schema", "json_schema": wanted}}
        return endpoint.exchange(messages, spent, body=body, **limits)
    if form.output == "tools":
        tool = {"name": TOOL, "description": "Give the answer.", "parameters": json_schema(form.schema)}
        choice = {"type": "function", "function": {"name": TOOL}}
        return endpoint.exchange(
            messages, spent, tools=[{"type": "function", "function": tool}], tool_choice=choice, **limits
        )
    return endpoint.exchange(messages, spent, **limits)


def _read(answer: AIMessage, form: Form[T]) -> T:
    if answer.invalid_tool_calls:
        raise Failed(Failure.BAD_JSON)
    if answer.tool_calls:
        call = answer.tool_calls[0]
        if form.output != "tools" or call["name"] != TOOL:
            raise Failed(Failure.WRONG_TOOL)
        return _validated([call["args"]], form.schema)
    text = _text(answer)
    if not text.strip():
        raise Failed(Failure.EMPTY)
    return _validated(_values(text), form.schema)


def _values(text: str) -> list[Any]:
    try:
        return [json.loads(text)]
    except (ValueError, RecursionError):
        found = [value for value in json_values(text) if isinstance(value, dict)]
    # A tool call in the text where an answer was asked for carries the answer in its arguments.
    return [value.get("arguments", value) if value.get("name") == TOOL else value for value in found]


def _validated(values: list[Any], schema: type[T]) -> T:
    """The first value that fits. Small models repeat the form before they fill it."""
    if not values:
        raise Failed(Failure.BAD_JSON)
    for value in values:
        try:
            return schema.model_validate(value)
        except (ValidationError, RecursionError):
            continue
    raise Failed(Failure.BAD_SCHEMA)


def _text(answer: AIMessage) -> str:
    """What was written, blocks joined; characters that no database can hold are left out."""
    content = answer.content
    if isinstance(content, list):
        content = "".join(block.get("text", "") if isinstance(block, dict) else str(block) for block in content)
    return content.encode("utf-8", "replace").decode("utf-8").replace("\0", "")


def json_schema(schema: type[BaseModel]) -> dict[str, Any]:
    """The schema in the part of JSON Schema that strict modes and grammars know: all fields required, none besides."""
    made = _strict(schema.model_json_schema())
    assert isinstance(made, dict)
    return made


def _strict(node: object) -> object:
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    names = node.get("properties")
    kept = {key: _strict(value) for key, value in node.items() if key not in _LEFT_OUT and key != "properties"}
    if isinstance(names, dict):
        kept["properties"] = {name: _strict(value) for name, value in names.items()}
        kept |= {"required": list(names), "additionalProperties": False}
    return kept
