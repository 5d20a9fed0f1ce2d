"""The 300 questions that search is measured on: what they are made of, and that nothing was fitted on them."""

import json
from collections import Counter
from functools import cache
from importlib.resources import files
from typing import Any

import pytest
import yaml

from core.text import jaccard_bigrams, normalize
from evals.retrieval import MULTI

ROWS = 300
IN_KNOWLEDGE = ("colloquial", "paraphrase", "typo", MULTI)
OUTSIDE = ("near_miss", "out_of_scope")

LITTLE_SHARED = 0.2
"""Up to this share of character bigrams, a question and a wording of its entry count as worded differently."""


def _rows(*path: str) -> list[dict[str, Any]]:
    text = files("evals").joinpath(*path).read_text("utf-8")
    return [json.loads(line) for line in text.split("\n") if line]


@cache
def _questions() -> list[dict[str, Any]]:
    return _rows("cases", "retrieval.jsonl")


@cache
def _wordings() -> dict[str, list[str]]:
    """Title and phrasings of each demo question, by its id."""
    entries = yaml.safe_load(files("knowledge").joinpath("demo", "faq.yaml").read_text("utf-8"))
    return {entry["id"]: [entry["title"], *map(str, entry["phrasings"])] for entry in entries}


def _overlap(row: dict[str, Any]) -> float:
    return max(jaccard_bigrams(row["text"], wording) for id in row["relevant_ids"] for wording in _wordings()[id])


def _content(row: dict[str, Any]) -> str:
    return "".join(char for char in normalize(row["text"]).text if char.isalnum())


def test_every_id_and_every_text_once() -> None:
    rows = _questions()
    assert len({row["id"] for row in rows}) == len({_content(row) for row in rows}) == len(rows) == ROWS
    assert all(row["text"].strip() == row["text"] != "" for row in rows)


def test_a_third_outside_and_half_of_these_near_misses() -> None:
    kinds = Counter(row["kind"] for row in _questions())
    assert set(kinds) == {*IN_KNOWLEDGE, *OUTSIDE}
    assert sum(kinds[kind] for kind in OUTSIDE) * 3 == ROWS
    assert kinds["near_miss"] == kinds["out_of_scope"]


@pytest.mark.parametrize("row", _questions(), ids=lambda row: row["id"])
def test_names_what_answers_it(row: dict[str, Any]) -> None:
    assert row["in_kb"] == (row["kind"] in IN_KNOWLEDGE) == bool(row["relevant_ids"])
    assert len(set(row["relevant_ids"])) == len(row["relevant_ids"])
    assert {*row["relevant_ids"]} <= _wordings().keys()
    assert len(row["relevant_ids"]) == 2 or row["kind"] != MULTI
    assert ("near" in row) == (row["kind"] == "near_miss")
    assert row.get("near") in {None, *_wordings()}


def test_half_share_little_wording_with_their_entries() -> None:
    overlaps = [_overlap(row) for row in _questions() if row["in_kb"]]
    assert sum(overlap <= LITTLE_SHARED for overlap in overlaps) * 2 >= len(overlaps)


def test_no_wording_of_the_knowledge_is_asked_back() -> None:
    known = {wording for wordings in _wordings().values() for wording in wordings}
    assert not known & {row["text"] for row in _questions()}


def test_more_than_a_hundred_entries_are_asked_for() -> None:
    assert len({id for row in _questions() for id in row["relevant_ids"]}) >= 100


@pytest.mark.parametrize(
    "path",
    [("fit", found.name) for found in files("evals").joinpath("fit").iterdir() if found.name.endswith(".jsonl")]
    + [("cases", "wordings.jsonl"), ("cases", "outside.jsonl")],
    ids="/".join,
)
def test_shares_no_text_with_what_is_fitted_on(path: tuple[str, ...]) -> None:
    texts = {_content(row) for row in _rows(*path) if "text" in row}
    assert texts
    assert not texts & {_content(row) for row in _questions()}
