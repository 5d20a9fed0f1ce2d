"""Tool calls written into the text: small models give them as JSON, in a fence or bare, instead of calling.

Pure text in, names and arguments out; who called and what that means is the loop's.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

_FENCE: Final = re.compile(r"```[a-zA-Z_]*\s*\n?(.*?)```|<tool_call>(.*?)</tool_call>", re.DOTALL)
_THINKING: Final = re.compile(r"<think>.*?</think>", re.DOTALL)
_MOST: Final = 8
_LONGEST: Final = 40_000


class WrittenCall(NamedTuple):
    name: str
    arguments: dict[str, Any]


def tool_calls(text: str, names: Collection[str]) -> list[WrittenCall]:
    """The calls that a text holds, of known tools only, at most eight; none where it is an ordinary answer."""
    found: list[WrittenCall] = []
    for value in json_values(text):
        for one in value if isinstance(value, list) else [value]:
            call = _call(one, names)
            if call is not None and call not in found:
                found.append(call)
    return found[:_MOST]


def json_values(text: str) -> Iterator[Any]:
    """JSON objects and lists in a text: what stands in fences first, else whatever parses from a bracket on."""
    text = _THINKING.sub("", text[:_LONGEST])
    inside = [next(filter(None, pieces), "") for pieces in _FENCE.findall(text)]
    for piece in inside or [text]:
        yield from _decoded(piece)


def _decoded(text: str) -> Iterator[Any]:
    decoder, at, failures = json.JSONDecoder(), 0, 0
    while (start := _next_bracket(text, at)) >= 0 and failures < 20:
        try:
            value, at = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            at, failures = start + 1, failures + 1
            continue
        yield value


def _next_bracket(text: str, at: int) -> int:
    places = [place for place in (text.find("{", at), text.find("[", at)) if place >= 0]
    return min(places, default=-1)


def _call(value: object, names: Collection[str]) -> WrittenCall | None:
    """`{"name", "arguments"}` in the spellings that models use; arguments may themselves be a JSON text."""
    if not isinstance(value, dict):
        return None
    inner = value.get("function")
    if isinstance(inner, dict):
        value = inner
    name = value.get("name") or value.get("tool") or inner
    arguments: Any = next((value[key] for key in ("arguments", "parameters", "args", "input") if key in value), {})
    if isinstance(arguments, str):
        arguments = next(json_values(arguments), None)
    if not isinstance(name, str) or name not in names or not isinstance(arguments, dict):
        return None
    return WrittenCall(name, arguments)


def described(tools: Sequence[Mapping[str, Any]]) -> str:
    """The tools (OpenAI's form) as lines for a model that has no tool calls of its own."""
    lines = [json.dumps(_short(tool.get("function", tool)), ensure_ascii=False) for tool in tools]
    return "\n".join(lines)


def _short(function: Mapping[str, Any]) -> dict[str, Any]:
    return {key: function[key] for key in ("name", "description", "parameters") if key in function}
