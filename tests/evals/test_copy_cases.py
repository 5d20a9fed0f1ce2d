"""The texts that the check of our own outgoing copy is measured on: how many of what, and that spans are exact."""

import json
from collections import Counter
from functools import cache
from importlib.resources import files
from itertools import combinations
from typing import Any

import pytest

from core.text import jaccard_bigrams
from core.vocabulary import CopyLabel

PARTS = ("dev", "held")
NEAR = 0.55
"""One pair of texts differs on purpose by one digit of a phone number; above this, two say the same."""


@cache
def _rows() -> list[dict[str, Any]]:
    text = files("evals").joinpath("cases", "copy.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.split("\n") if line]


def test_enough_rows_of_every_label() -> None:
    counts = Counter(label for row in _rows() for label in row["labels"])
    assert len(_rows()) >= 380
    assert set(counts) == set(CopyLabel)
    assert min(counts.values()) >= 26
    assert counts[CopyLabel.UNSUPPORTED_FACT] >= 45
    assert sum(row["kind"] == "service_promise" for row in _rows()) >= 12


def test_clean_rows_are_mostly_hard() -> None:
    clean = [row for row in _rows() if not row["labels"]]
    assert len(clean) >= 150
    assert sum(row["kind"].startswith("hard_") for row in clean) >= 110
    assert not any(row["kind"].startswith(("hard_", "plain_")) for row in _rows() if row["labels"])


@pytest.mark.parametrize("part", PARTS)
def test_each_part_holds_every_label(part: str) -> None:
    rows = [row for row in _rows() if row["part"] == part]
    counts = Counter(label for row in rows for label in row["labels"])
    assert min(counts[label] for label in CopyLabel) >= 13
    assert sum(not row["labels"] for row in rows) >= 75


def test_every_row_has_its_fields() -> None:
    for row in _rows():
        assert set(row) == {"id", "text", "sources", "labels", "spans", "kind", "part"}
        assert row["part"] in PARTS
        assert 20 <= len(row["text"]) <= 200
        assert all(source.strip() for source in row["sources"])


def test_spans_stand_where_they_say() -> None:
    for row in _rows():
        assert row["labels"] == sorted({span["label"] for span in row["spans"]})
        for span in row["spans"]:
            assert 0 <= span["start"] < span["end"]
            assert row["text"][span["start"] : span["end"]] == span["text"]


def test_every_id_and_every_text_once() -> None:
    rows = _rows()
    assert len({row["id"] for row in rows}) == len({row["text"] for row in rows}) == len(rows)


def test_no_two_texts_are_nearly_the_same() -> None:
    pairs = combinations([row["text"] for row in _rows()], 2)
    assert [pair for pair in pairs if jaccard_bigrams(*pair) > NEAR] == []
