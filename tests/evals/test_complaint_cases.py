"""The messages that complaint detection is measured on: how many of what, in which part, none nearly twice."""

import json
from collections import Counter
from functools import cache
from importlib.resources import files
from itertools import combinations, pairwise
from typing import Any

import pytest

from core.text import jaccard_bigrams
from core.vocabulary import ComplaintCategory, MessageKind, Severity

PARTS = ("dev", "held")
NEAR = 0.5
CLEAN_KINDS = set(MessageKind) - {MessageKind.COMPLAINT}
ABOUT_REFUNDS_AND_PARCELS = {"refund_question", "logistics_question", "quality_question", "complain_channel_question"}
LOOKS_LIKE_ONE = {"neg_praise", "joke", "idiom", "solved", "quote", "retold", "hypothetical"}


@cache
def _rows() -> list[dict[str, Any]]:
    text = files("evals").joinpath("cases", "complaint.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.split("\n") if line]


def _complaints() -> list[dict[str, Any]]:
    return [row for row in _rows() if row["is_complaint"]]


def _clean() -> list[dict[str, Any]]:
    return [row for row in _rows() if not row["is_complaint"]]


def test_enough_rows_and_half_of_them_are_none() -> None:
    assert len(_rows()) >= 420
    assert len(_clean()) >= 220
    assert len(_complaints()) >= 200
    assert 0.4 <= len(_clean()) / len(_rows()) <= 0.6


def test_enough_complaints_of_every_category_and_severity() -> None:
    assert min(Counter(row["category"] for row in _complaints())[one] for one in ComplaintCategory) >= 16
    assert min(Counter(row["severity"] for row in _complaints())[one] for one in Severity) >= 20


def test_most_of_the_others_look_like_a_complaint() -> None:
    clean = Counter(row["why"] for row in _clean())
    assert sum(clean[why] for why in ABOUT_REFUNDS_AND_PARCELS) >= 30
    assert sum(clean[why] for why in LOOKS_LIKE_ONE) >= 70
    assert sum(count for why, count in clean.items() if why.startswith("about_")) >= 30
    assert {row["kind"] for row in _clean()} == CLEAN_KINDS


@pytest.mark.parametrize("part", PARTS)
def test_each_part_holds_every_category_severity_and_kind(part: str) -> None:
    rows = [row for row in _rows() if row["part"] == part]
    assert min(Counter(row["category"] for row in rows)[one] for one in ComplaintCategory) >= 8
    assert min(Counter(row["severity"] for row in rows)[one] for one in Severity) >= 8
    assert {row["kind"] for row in rows} == set(MessageKind)
    assert abs(len(rows) - len(_rows()) / 2) <= 5


def test_every_row_has_its_fields() -> None:
    for row in _rows():
        assert set(row) == {"id", "part", "text", "kind", "is_complaint", "category", "severity", "why"}
        assert row["part"] in PARTS
        assert row["text"].strip()
        assert row["why"]


def test_a_category_and_a_severity_stand_where_it_is_a_complaint() -> None:
    for row in _rows():
        complains = row["is_complaint"]
        assert (row["kind"] == MessageKind.COMPLAINT) is complains
        assert (row["category"] in set(ComplaintCategory)) if complains else row["category"] is None
        assert (row["severity"] in set(Severity)) if complains else row["severity"] is None


def test_every_id_and_every_text_once() -> None:
    rows = _rows()
    assert len({row["id"] for row in rows}) == len({row["text"] for row in rows}) == len(rows)


def test_no_two_texts_are_nearly_the_same() -> None:
    # The exact measure reads both texts anew, which is slow for all pairs: first those that share any fair part.
    pairs = {text: set(map("".join, pairwise(text))) for text in (row["text"] for row in _rows())}
    alike = [(a, b) for a, b in combinations(pairs, 2) if len(pairs[a] & pairs[b]) * 4 >= len(pairs[a] | pairs[b])]
    assert [(a, b) for a, b in alike if jaccard_bigrams(a, b) >= NEAR] == []
