"""The states of a complaint case: which may follow which, and what a state demands. The one place that knows.

new → acknowledged → moved_private → investigating → resolved → closed
      acknowledged ───────────────→ investigating
      resolved | closed → reopened → investigating
      any open state → dismissed
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from core.vocabulary import OPEN_CASE_STATES, CaseAnswer, CaseState

NO_ANSWER_HOURS: Final = 72
"""Business hours after which a member who was told the result and said nothing counts as `no_answer`
(`vocabulary.md`: a case may be closed then)."""

_NEXT: Final[Mapping[CaseState, tuple[CaseState, ...]]] = {
    CaseState.NEW: (CaseState.ACKNOWLEDGED,),
    CaseState.ACKNOWLEDGED: (CaseState.MOVED_PRIVATE, CaseState.INVESTIGATING),
    CaseState.MOVED_PRIVATE: (CaseState.INVESTIGATING,),
    CaseState.INVESTIGATING: (CaseState.RESOLVED,),
    CaseState.RESOLVED: (CaseState.CLOSED, CaseState.REOPENED),
    CaseState.CLOSED: (CaseState.REOPENED,),
    CaseState.REOPENED: (CaseState.INVESTIGATING,),
    CaseState.DISMISSED: (),
}
BEFORE_OWNED: Final = (CaseState.NEW, CaseState.DISMISSED)
"""States that need no owner."""


class Standing(NamedTuple):
    """What is known of a case when a state is entered. `told`: the member was told the result; `reason`: a person says
    why it is dismissed."""

    state: CaseState
    has_owner: bool = False
    has_result: bool = False
    told: bool = False
    answer: CaseAnswer | None = None
    reason: bool = False


def follows(state: CaseState) -> tuple[CaseState, ...]:
    """The states that may come next."""
    ends = (CaseState.DISMISSED,) if state in OPEN_CASE_STATES else ()
    return (*_NEXT[state], *ends)


def refusal(case: Standing, to: CaseState) -> str | None:
    """The code of why a case, as it would stand, may not enter a state; None where it may."""
    if to not in follows(case.state):
        return "case_state"
    if to is CaseState.DISMISSED:
        return None if case.reason else "reason_missing"
    return demands(case, to)


def demands(case: Standing, state: CaseState) -> str | None:
    """What a state demands of a case that stands in it; None where nothing lacks."""
    if state not in BEFORE_OWNED and not case.has_owner:
        return "case_needs_owner"
    if state in (CaseState.RESOLVED, CaseState.CLOSED) and not case.has_result:
        return "case_needs_result"
    if state is CaseState.CLOSED and not case.told:
        return "case_not_told"
    if state is CaseState.CLOSED and case.answer is None:
        return "case_needs_answer"
    return None
