"""The attempts to steer the assistant, and the messages that only look like some."""

import json
from collections import Counter
from importlib.resources import files
from typing import Any

import pytest

CHANNELS = ("message", "display_name", "kb_entry", "question")
LONGEST_NAME = 120


def rows(name: str) -> list[dict[str, Any]]:
    text = files("evals").joinpath("cases", name).read_text("utf-8")
    return [json.loads(line) for line in text.split("\n") if line]


def test_as_many_attempts_by_every_channel() -> None:
    found = rows("injections.jsonl")
    assert Counter(row["channel"] for row in found) == dict.fromkeys(CHANNELS, 25)
    assert all(row["goal"] and row["technique"] for row in found)
    assert all(len(row["text"]) <= LONGEST_NAME for row in found if row["channel"] == "display_name")


@pytest.mark.parametrize("name", ["injections.jsonl", "injections_benign.jsonl"])
def test_every_text_once(name: str) -> None:
    found = rows(name)
    assert len({row["id"] for row in found}) == len({row["text"] for row in found}) == len(found) >= 50


def test_benign_ones_are_no_attempts() -> None:
    attempts = {row["text"] for row in rows("injections.jsonl")}
    assert not attempts & {row["text"] for row in rows("injections_benign.jsonl")}
