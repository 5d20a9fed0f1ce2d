"""Tool calls that a model writes instead of making them."""

import pytest

from agent.steps.tool_text import WrittenCall, described, tool_calls

CALL = WrittenCall("metrics", {"metric": "dau"})
NAMES = {"metrics", "members"}


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "metrics", "arguments": {"metric": "dau"}}',
        '好的，我来查一下：\n```json\n{"name": "metrics", "arguments": {"metric": "dau"}}\n```\n请稍等',
        '```\n{"name": "metrics", "parameters": {"metric": "dau"}}\n```',
        '<tool_call>\n{"name": "metrics", "arguments": {"metric": "dau"}}\n</tool_call>',
        '{"type": "function", "function": {"name": "metrics", "arguments": "{\\"metric\\": \\"dau\\"}"}}',
        '[{"name": "metrics", "args": {"metric": "dau"}}]',
        '<think>{"name": "members"}</think>{"tool": "metrics", "input": {"metric": "dau"}}',
    ],
)
def test_a_written_call_is_read(text: str) -> None:
    assert tool_calls(text, NAMES) == [CALL]


@pytest.mark.parametrize(
    "text",
    [
        "上周日活是 120 人。",
        '{"name": "drop_table", "arguments": {}}',
        '{"name": "metrics", "arguments": "不是 JSON"}',
        '{"name": "metrics", "arguments": {"metric": "da',
        '{"answer": 3}',
        "{" * 5000,
        "[" * 50_000,
        "",
    ],
)
def test_anything_else_is_an_answer(text: str) -> None:
    assert tool_calls(text, NAMES) == []


def test_the_same_call_twice_is_one() -> None:
    text = '{"name": "metrics", "arguments": {"metric": "dau"}}'
    assert tool_calls(f"{text}\n{text}", NAMES) == [CALL]


def test_tools_are_described_a_line_each() -> None:
    tools = [{"type": "function", "function": {"name": name, "description": "查", "parameters": {}}} for name in "ab"]
    assert [line[:12] for line in described(tools).splitlines()] == ['{"name": "a"', '{"name": "b"']
