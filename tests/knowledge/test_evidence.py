"""What the gate looks at."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from knowledge.blend import Scores
from knowledge.embeddings import Vector
from knowledge.evidence import content_words, coverings, document_evidence, evidence, rarity_of

ENTRY = "运费怎么算，满99元包邮，偏远地区运费10元"
VIEWS = Scores(0.5, 0.5, 0.5, 0.5, 0.4, 0.6)


def _apart(words: Sequence[str]) -> Mapping[str, Vector]:
    """Every word at right angles to every other."""
    axes = np.eye(len(words), dtype=np.float32)
    return {word: axes[n] for n, word in enumerate(words)}


def _rarity(word: str) -> float:
    return rarity_of(1 if word in ENTRY else 0, 100)


def test_words_that_stand_in_the_entry_are_covered() -> None:
    found = coverings("偏远地区运费", ENTRY, _apart, _rarity, 100)
    assert found.covered == pytest.approx(1.0)
    assert (found.known, found.unknown, found.nouns) == (0.0, 0.0, 0.0)


def test_word_that_no_entry_has_is_unknown() -> None:
    found = coverings("直播间运费", ENTRY, _apart, _rarity, 100)
    assert found.unknown > 0 and found.nouns > 0
    assert found.known == 0.0
    assert found.covered < 1.0


def test_word_of_another_entry_is_known() -> None:
    found = coverings("发票运费", ENTRY, _apart, lambda _word: rarity_of(3, 100), 100)
    assert found.known > 0 and found.unknown == 0.0


def test_text_without_content_words_leaves_nothing_open() -> None:
    assert content_words("吗呢吧？") == ()
    assert coverings("吗呢吧？", ENTRY, _apart, _rarity, 100) == (1.0, 0.0, 0.0, 0.0)


def test_lead_and_field_are_over_the_others() -> None:
    found = evidence(
        "运费多少钱", ENTRY, [(0.8, VIEWS), (0.6, VIEWS), (0.4, VIEWS)], coverings("运费", ENTRY, _apart, _rarity, 9)
    )
    assert found.lead == pytest.approx(0.2)
    assert found.field == pytest.approx(0.3)
    assert found.holds == 1.0


def test_a_single_entry_leads_by_all_it_has() -> None:
    covered = coverings("运费", ENTRY, _apart, _rarity, 9)
    assert evidence("运费", ENTRY, [(0.8, VIEWS)], covered).lead == pytest.approx(0.8)


def test_documents_are_judged_by_how_near_their_passages_lie() -> None:
    found = document_evidence("请问 mmdet 怎么装", [0.9, 0.5], 3.0, lambda word: word == "mmdet")
    assert found.best == 0.9
    assert found.around == pytest.approx(0.7)
    assert found.terms == 1.0
    assert found.asking == 2.0
    assert document_evidence("嗯", [], 0.0, lambda _word: False).best == 0.0
