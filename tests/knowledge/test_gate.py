"""The gate: verdict, band and reasons from evidence."""

from typing import Any

import pytest

from core.vocabulary import Band
from knowledge import blend, gate
from knowledge.evidence import DocumentEvidence, Evidence
from knowledge.gate import Curve, Gate, Reason, Verdict
from knowledge.retriever import Candidate
from tests.made import candidate, entry

EVIDENCE = Evidence(0.1, 0.2, 0.8, 0.8, 0.5, 0.5, 0.9, 0.0, 0.0, 0.0, 1.0, 2.0)
BY_COVERED = Curve(tuple(10.0 if name == "covered" else 0.0 for name in Evidence._fields), -5.0)
BY_BEST = Curve((10.0, 0.0, 0.0, 0.0, 0.0, 0.0), -5.0)
GATE = Gate(BY_COVERED, BY_BEST, answers=0.5, related=0.2, sure=0.9, document_answers=0.7)


def _candidate(covered: float, **values: Any) -> Candidate:
    return candidate(entry(), **({"evidence": EVIDENCE._replace(covered=covered)} | values))


@pytest.mark.parametrize(
    ("covered", "verdict", "band"),
    [
        (0.8, Verdict.ANSWERS, Band.HIGH),
        (0.6, Verdict.ANSWERS, Band.MEDIUM),
        (0.4, Verdict.RELATED, Band.LOW),
        (0.3, Verdict.NOTHING, Band.LOW),
    ],
)
def test_chance_makes_verdict_and_band(covered: float, verdict: Verdict, band: Band) -> None:
    judged = GATE.judge([_candidate(covered)])
    assert (judged.verdict, judged.band) == (verdict, band)
    assert (judged.reasons == ()) == (verdict is Verdict.ANSWERS)


def test_answer_that_is_likelier_wrong_than_right_has_low_confidence() -> None:
    judged = GATE.judge([_candidate(0.4)], 0.2)
    assert (judged.verdict, judged.band) == (Verdict.ANSWERS, Band.LOW)


def test_community_sets_its_own_limit() -> None:
    assert GATE.judge([_candidate(0.5)], 0.6).verdict is Verdict.RELATED
    assert GATE.judge([_candidate(0.3)], 0.1).verdict is Verdict.ANSWERS


def test_expired_entry_is_stale_and_never_answers() -> None:
    judged = GATE.judge([_candidate(0.8, expired=True)])
    assert judged.verdict is Verdict.STALE
    assert judged.reasons[0] is Reason.EXPIRED


def test_documents_have_their_own_curve_and_limit() -> None:
    paged = _candidate(0.0, evidence=DocumentEvidence(0.58, 0.4, 1.0, 0.0, 1.0, 2.0))
    judged = GATE.judge([paged])
    assert judged.threshold == 0.7
    assert judged.score == pytest.approx(0.69, abs=0.01)
    assert judged.verdict is Verdict.RELATED


def test_nothing_found_is_nothing() -> None:
    assert GATE.judge([]).verdict is Verdict.NOTHING


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        ({"unknown": 0.5}, Reason.UNCOVERED_WORDS),
        ({"known": 0.5}, Reason.UNCOVERED_WORDS),
        ({"holds": 0.0}, Reason.ASKS_SOMETHING_ELSE),
        ({"lead": 0.001}, Reason.SEVERAL_ALIKE),
        ({}, Reason.LITTLE_IN_COMMON),
    ],
)
def test_reason_says_what_spoke_against_it(seen: dict[str, float], reason: Reason) -> None:
    best = _candidate(0.3, evidence=EVIDENCE._replace(covered=0.3, **seen))
    assert reason in GATE.judge([best]).reasons


def test_shipped_artefacts_fit_what_they_weigh() -> None:
    shipped = gate.shipped()
    assert len(shipped.entries.weights) == len(Evidence._fields)
    assert len(shipped.documents.weights) == len(DocumentEvidence._fields)
    assert 0 < shipped.related <= shipped.answers < shipped.sure < 1
    for two in (False, True):
        assert sum(blend.shipped(two=two).weights) == pytest.approx(1.0)
    assert blend.shipped(two=False).weights.second == 0.0
    assert blend.shipped(two=True).weights.second > 0.0
