"""What may follow what, and what a state demands."""

import itertools

import pytest

from agent.steps.case_states import Standing, demands, follows, refusal
from core.vocabulary import OPEN_CASE_STATES, CaseAnswer, CaseState

COMPLETE = {"has_owner": True, "has_result": True, "told": True, "answer": CaseAnswer.SATISFIED, "reason": True}
ALLOWED = {
    ("new", "acknowledged"),
    ("acknowledged", "moved_private"),
    ("acknowledged", "investigating"),
    ("moved_private", "investigating"),
    ("investigating", "resolved"),
    ("resolved", "closed"),
    ("resolved", "reopened"),
    ("closed", "reopened"),
    ("reopened", "investigating"),
    *((state.value, "dismissed") for state in OPEN_CASE_STATES),
}


@pytest.mark.parametrize(("frm", "to"), list(itertools.product(CaseState, CaseState)))
def test_only_these_moves(frm: CaseState, to: CaseState) -> None:
    refused = refusal(Standing(frm, **COMPLETE), to)  # type: ignore[arg-type]
    assert (refused is None) == ((frm.value, to.value) in ALLOWED)
    assert (to in follows(frm)) == ((frm.value, to.value) in ALLOWED)


# scope: 23
def test_nobody_is_acknowledged_without_an_owner() -> None:
    assert refusal(Standing(CaseState.NEW), CaseState.ACKNOWLEDGED) == "case_needs_owner"


# scope: 24
@pytest.mark.parametrize(
    ("lacking", "code"),
    [
        ({"has_result": False}, "case_needs_result"),
        ({"told": False}, "case_not_told"),
        ({"answer": None}, "case_needs_answer"),
    ],
)
def test_close_without_feedback_is_refused(lacking: dict[str, bool | None], code: str) -> None:
    case = Standing(CaseState.RESOLVED, **COMPLETE | lacking)  # type: ignore[arg-type]
    assert refusal(case, CaseState.CLOSED) == code


def test_dismissing_wants_a_reason() -> None:
    assert refusal(Standing(CaseState.NEW), CaseState.DISMISSED) == "reason_missing"
    assert refusal(Standing(CaseState.NEW, reason=True), CaseState.DISMISSED) is None


def test_a_state_goes_on_demanding() -> None:
    assert demands(Standing(CaseState.INVESTIGATING), CaseState.INVESTIGATING) == "case_needs_owner"
    assert demands(Standing(CaseState.NEW), CaseState.NEW) is None
