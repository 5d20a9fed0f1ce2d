"""What the page of one complaint case shows: all around it, and what may be done with it now."""

from dataclasses import dataclass
from typing import Any, Final

from agent.flows import access, case_ends, case_moves
from agent.services import Services
from agent.steps import case_states
from core import tunables
from core.caller import Caller
from core.errors import Conflict
from core.scopes import Scope
from core.vocabulary import (
    CaseAction,
    CaseAnswer,
    CaseState,
    ClockKind,
    CompensationStatus,
)
from server.complaint_views import CaseFull, case_full
from server.console.case_due import Due, dues
from server.console.inbox import name_of_decider
from server.console.visitor import Visitor
from store import cases, communities, settings, users
from store.cases import CaseRow
from store.session import ReadSession

_STEPS: Final = {
    CaseState.ACKNOWLEDGED: CaseAction.ACKNOWLEDGE,
    CaseState.MOVED_PRIVATE: CaseAction.MOVE_PRIVATE,
    CaseState.INVESTIGATING: CaseAction.INVESTIGATE,
    CaseState.RESOLVED: CaseAction.RESOLVE,
    CaseState.CLOSED: CaseAction.CLOSE,
    CaseState.REOPENED: CaseAction.REOPEN,
    CaseState.DISMISSED: CaseAction.DISMISS,
}
_ANSWERED: Final = (CaseState.RESOLVED, CaseState.CLOSED)


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be offered without a manager: up to so much for this severity, of which `used` is offered already."""

    cents: int
    points: int
    used_cents: int
    used_points: int


@dataclass(frozen=True, slots=True)
class CasePage:
    """`next` are the actions that take the case on, in their order; `people` (id, name) may own it; `names` are of who
    did something; `answers` what the member may be noted to have said."""

    case: CaseFull
    due: Due | None
    next: tuple[CaseAction, ...]
    ended: bool
    may_own: bool
    may_approve: bool
    may_decide_drafts: bool
    people: list[tuple[str, str]]
    names: dict[str, str]
    answers: tuple[CaseAnswer, ...]
    limits: Limits


def case_page(services: Services, visitor: Visitor, db: ReadSession, row: CaseRow) -> CasePage:
    """One case, in the session `db`."""
    caller, place = visitor.caller, row.community_id
    shown = case_full(db, services, row)
    silent = case_ends.silent_until(db, row)
    spoken = tuple(one for one in CaseAnswer if one is not CaseAnswer.NO_ANSWER)
    may_own = caller.allows(Scope.COMPLAINTS_OWN, place)
    return CasePage(
        case=shown,
        due=dues(db, ClockKind.COMPLAINT, [row.id], services.clock.now()).get(row.id),
        next=offered(row) if may_own else (),
        ended=row.state in (CaseState.CLOSED, CaseState.DISMISSED),
        may_own=may_own,
        may_approve=caller.allows(Scope.COMPENSATION_APPROVE, place),
        may_decide_drafts=caller.allows(Scope.DRAFTS_READ, place),
        people=owners(db, place) if may_own else [],
        names=_names(db, shown),
        answers=tuple(CaseAnswer) if silent is not None and silent <= services.clock.now() else spoken,
        limits=_limits(db, row, shown),
    )


def offered(row: CaseRow) -> tuple[CaseAction, ...]:
    """The actions that change the state and that `case_states` allows now, or would with what their form asks for: an
    owner, a result, an answer, a reason. What lacks something else is not offered."""
    asked = {"owner_id": row.owner_id or "-", "result": row.result or "-", "answer": row.answer or CaseAnswer.SATISFIED}
    standing = case_moves.standing(row, asked, reason=True)
    allowed = [state for state in case_states.follows(standing.state) if not case_states.refusal(standing, state)]
    found = [_STEPS[state] for state in allowed]
    if row.state == CaseState.RESOLVED and row.told_at is None:
        found.insert(0, CaseAction.TOLD)
    elif row.state in _ANSWERED and row.told_at is not None:
        found.append(CaseAction.ANSWER)
    return tuple(found)


def owners(db: ReadSession, community_id: str) -> list[tuple[str, str]]:
    """Who may work on cases of a community: (id, name)."""
    there = [user for user in users.every(db) if user.disabled_at is None]
    able = [user for user in there if access.caller_of_user(db, user).allows(Scope.COMPLAINTS_OWN, community_id)]
    return [(user.id, user.name) for user in able]


def _names(db: ReadSession, case: CaseFull) -> dict[str, str]:
    """Of everybody whose id the page would show otherwise."""
    ids = {event.by for event in case.events if not event.by.startswith("system:")}
    ids |= {str(event.details["owner"]) for event in case.events if event.details.get("owner")}
    ids |= {one.proposed_by for one in case.compensations} | {one.decided_by or "" for one in case.compensations}
    return {one: name_of_decider(db, one) or one for one in ids if one}


def _limits(db: ReadSession, row: CaseRow, case: CaseFull) -> Limits:
    found = settings.value(db, tunables.COMPLAINT_LIMITS, communities.lineage(db, row.community_id)).get(row.severity)
    offers = [one for one in case.compensations if one.status is not CompensationStatus.REJECTED]
    return Limits(
        cents=found["cents"] if found else 0,
        points=found["points"] if found else 0,
        used_cents=sum(one.cents for one in offers),
        used_points=sum(one.points for one in offers),
    )


def winner(db: ReadSession, caller: Caller, case_id: str, lost: Conflict) -> dict[str, Any] | None:
    """What stands now and who brought it there last, for who lost a race."""
    row = cases.get(db, case_id)
    if row is None or not caller.allows(Scope.COMPLAINTS_READ, row.community_id) or "state" not in lost.extra:
        return None
    owner = name_of_decider(db, row.owner_id)
    return {"state": row.state, "version": row.version, "owner": owner}
