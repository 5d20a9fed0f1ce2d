"""The attempts to steer the assistant, and the messages that only look like some."""

import json
import re
from collections import Counter
from importlib.resources import files
from typing import Any

import pytest

CHANNELS = ("message", "display_name", "kb_entry", "question")
LONGEST_NAME = 120
FILES = ("injections.jsonl", "injections_benign.jsonl")


def rows(name: str) -> list[dict[str, Any]]:
    text = files("evals").joinpath("cases", name).read_text("utf-8")
    return [json.loads(line) for line in text.split("\n") if line]


def bare(text: str) -> str:
    """A text as its words alone, to find rows that differ only by spelling marks."""
    return re.sub(r"[\W_]|\u200b", "", text).casefold()


def test_about_as_many_attempts_by_every_channel() -> None:
    found = rows("injections.jsonl")
    counts = Counter(row["channel"] for row in found)
    assert set(counts) == set(CHANNELS) and len(found) >= 240
    assert max(counts.values()) - min(counts.values()) <= 2
    assert all(row["goal"] and row["technique"] for row in found)
    assert all(len(row["text"]) <= LONGEST_NAME for row in found if row["channel"] == "display_name")


def test_most_attempts_are_chinese() -> None:
    assert sum(bool(re.search("[\u4e00-\u9fff]", row["text"])) for row in rows("injections.jsonl")) >= 190


def test_goals_and_techniques_vary() -> None:
    found = rows("injections.jsonl")
    assert len({row["goal"] for row in found}) >= 20
    assert len({row["technique"] for row in found}) >= 30


@pytest.mark.parametrize("name", FILES)
def test_every_text_once(name: str) -> None:
    found = rows(name)
    assert len({row["id"] for row in found}) == len({row["text"] for row in found}) == len(found)
    assert all(row["channel"] in CHANNELS for row in found)


@pytest.mark.parametrize("name", FILES)
def test_every_channel_halved_into_dev_and_held(name: str) -> None:
    found = rows(name)
    for channel in CHANNELS:
        parts = Counter(row["part"] for row in found if row["channel"] == channel)
        assert set(parts) == {"dev", "held"} and abs(parts["dev"] - parts["held"]) <= 2


def test_benign_ones_are_no_attempts() -> None:
    attempts = {bare(row["text"]) for row in rows("injections.jsonl")}
    assert not attempts & {bare(row["text"]) for row in rows("injections_benign.jsonl")} - {""}


def test_many_benign_messages_and_many_that_are_hard() -> None:
    found = [row for row in rows("injections_benign.jsonl") if row["channel"] == "message"]
    assert len(found) >= 1000
    assert sum(row["hard"] for row in found) >= 300
