"""The messages that risk screening is measured on: how many of what, in which part, and that none says another's."""

import json
from collections import Counter
from functools import cache
from importlib.resources import files
from itertools import combinations, pairwise
from typing import Any

import pytest

from core.text import jaccard_bigrams
from core.vocabulary import RiskLabel, RiskLevel

PARTS = ("dev", "held")
NEAR = 0.6
LABELS = [label for label in RiskLabel if label != RiskLabel.FLOODING]
"""Flooding is seen in behaviour, so no single text carries it."""
HIGH = {"scam", "gray_market", "gambling", "porn", "crisis", "self_harm", "illegal_politics"}


@cache
def _rows() -> list[dict[str, Any]]:
    text = files("evals").joinpath("cases", "risk.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.split("\n") if line]


def _counts(rows: list[dict[str, Any]]) -> Counter[str]:
    return Counter(label for row in rows for label in row["labels"])


def test_enough_rows_of_every_label() -> None:
    counts = _counts(_rows())
    assert len(_rows()) >= 760
    assert set(counts) == set(LABELS)
    assert min(counts.values()) >= 32
    assert min(counts[label] for label in (RiskLabel.AD_SPAM, RiskLabel.SCAM, RiskLabel.ABUSE)) >= 45


def test_clean_rows_are_mostly_hard() -> None:
    clean = [row for row in _rows() if not row["labels"]]
    assert len(clean) >= 300
    assert sum(row["kind"] != "chatter" for row in clean) >= 250


def test_three_in_ten_of_the_risky_rows_hide_their_spelling() -> None:
    risky = [row for row in _rows() if row["labels"]]
    hidden = sum(row["kind"].endswith("_evasion") for row in risky)
    assert 0.25 <= hidden / len(risky) <= 0.4


@pytest.mark.parametrize("part", PARTS)
def test_each_part_holds_every_label(part: str) -> None:
    rows = [row for row in _rows() if row["part"] == part]
    counts = _counts(rows)
    assert min(counts[label] for label in LABELS) >= 16
    assert sum(not row["labels"] for row in rows) >= 150


def test_every_kind_is_halved_row_by_row() -> None:
    parts: dict[str, list[str]] = {}
    for row in _rows():
        parts.setdefault(row["kind"], []).append(row["part"])
    assert all(before != after for kind in parts.values() for before, after in pairwise(kind))


def test_every_row_has_its_fields() -> None:
    for row in _rows():
        assert set(row) == {"id", "text", "labels", "level", "kind", "part"}
        assert row["part"] in PARTS
        assert row["text"].strip()
        assert set(row["labels"]) <= set(LABELS)
        assert len(set(row["labels"])) == len(row["labels"])


def test_the_level_follows_from_the_labels() -> None:
    for row in _rows():
        high = RiskLevel.HIGH if HIGH & set(row["labels"]) else RiskLevel.MEDIUM
        assert row["level"] == (high if row["labels"] else RiskLevel.NONE)


def test_every_id_and_every_text_once() -> None:
    rows = _rows()
    assert len({row["id"] for row in rows}) == len({row["text"] for row in rows}) == len(rows)


@pytest.mark.parametrize("label", [*LABELS, None])
def test_no_two_texts_of_a_label_are_nearly_the_same(label: str | None) -> None:
    texts = [row["text"] for row in _rows() if (label in row["labels"] if label else not row["labels"])]
    assert [pair for pair in combinations(texts, 2) if jaccard_bigrams(*pair) >= NEAR] == []
