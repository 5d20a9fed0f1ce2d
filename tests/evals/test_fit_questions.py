"""The questions that the gate is fitted on: what they are made of, and that they fit the demo knowledge."""

import json
from collections import Counter
from importlib.resources import files
from typing import Any

import yaml

from core.text import jaccard_bigrams

LITTLE_WORDING = 0.2
INSIDE = {"colloquial", "paraphrase", "typo", "multi"}
OUTSIDE = {"near_miss", "out_of_scope"}


def rows(name: str) -> list[dict[str, Any]]:
    text = files("evals").joinpath("fit", name).read_text("utf-8")
    return [json.loads(line) for line in text.split("\n") if line]


def wordings() -> dict[str, list[str]]:
    """Title and phrasings of every question of the demo knowledge, by its id."""
    entries = yaml.safe_load(files("knowledge").joinpath("demo", "faq.yaml").read_text("utf-8"))
    return {entry["id"]: [entry["title"], *entry["phrasings"]] for entry in entries}


FOUND = rows("questions.jsonl")


def test_every_question_once_in_both_files() -> None:
    assert len(FOUND) >= 400
    assert len({row["id"] for row in FOUND}) == len(FOUND)
    texts = [row["text"] for row in FOUND + rows("gate.jsonl")]
    assert [text for text, count in Counter(texts).items() if count > 1] == []


def test_labels_agree_with_each_other() -> None:
    for row in FOUND:
        assert row["kind"] in (INSIDE if row["in_kb"] else OUTSIDE), row
        assert bool(row["relevant_ids"]) is row["in_kb"], row
        assert ("near" in row) is (row["kind"] == "near_miss"), row
        assert row["kind"] != "multi" or len(row["relevant_ids"]) >= 2, row


def test_entries_exist_and_nearly_all_are_asked_for() -> None:
    known = wordings().keys()
    asked = {entry for row in FOUND for entry in row["relevant_ids"]}
    assert asked <= known
    assert len(asked) >= len(known) * 0.95
    assert {row["near"] for row in FOUND if "near" in row} <= known


def test_a_third_lies_outside_and_half_of_it_near() -> None:
    kinds = Counter(row["kind"] for row in FOUND)
    outside = sum(kinds[kind] for kind in OUTSIDE)
    assert outside >= len(FOUND) / 3
    assert kinds["near_miss"] >= outside / 2


def test_half_of_the_inside_ones_share_little_wording() -> None:
    known = wordings()
    inside = [row for row in FOUND if row["in_kb"]]
    little = [row for row in inside if likeness(row, known) <= LITTLE_WORDING]
    assert len(little) >= len(inside) / 2


def test_no_question_copies_a_wording() -> None:
    known = {wording for of_entry in wordings().values() for wording in of_entry}
    assert [row["id"] for row in FOUND if row["text"] in known] == []


def likeness(row: dict[str, Any], known: dict[str, list[str]]) -> float:
    """Of the question and the most alike wording of the entries that answer it, 0.0 to 1.0."""
    return max(jaccard_bigrams(row["text"], wording) for entry in row["relevant_ids"] for wording in known[entry])
