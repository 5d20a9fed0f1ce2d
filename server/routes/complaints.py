"""Complaint cases: lists, one with all around it, what people do with it, and compensation."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from agent.flows import case_access, case_compensation
from agent.flows import cases as flow
from agent.flows.case_compensation import Proposal
from agent.flows.cases import Act
from agent.flows.incoming import Strict
from core.scopes import Scope
from core.vocabulary import (
    OPEN_CASE_STATES,
    CaseAction,
    CaseAnswer,
    CaseState,
    CompensationKind,
    CompensationStatus,
    ComplaintCategory,
    Department,
    Severity,
)
from server import paging
from server.complaint_views import CaseFull, CaseView, CompensationView, case_full, case_views, compensation_view
from server.places import Community, within
from server.state import Here, Whoever
from store import cases
from store.cases import CaseRow, Filter

router = APIRouter(tags=["complaints"])


class CasePage(BaseModel):
    complaints: list[CaseView]
    counts: dict[CaseState, int] = Field(description="of all states, by the other filters")
    next: str | None = Field(description="cursor of the next page")


@router.get("/v1/complaints")
def page(
    services: Here,
    caller: Whoever,
    state: Annotated[list[CaseState], Query()] = list(OPEN_CASE_STATES),  # noqa: B006
    category: ComplaintCategory | None = None,
    severity: Severity | None = None,
    owner: Annotated[str | None, Query(max_length=80, description="a user's id, or `me`")] = None,
    overdue: bool | None = None,
    community: Community = None,
    limit: paging.Limit = 50,
    after: paging.Cursor = None,
) -> CasePage:
    """Cases in these states (default: the open ones), the newest first."""
    caller.require(Scope.COMPLAINTS_READ)
    with services.database.read() as db:
        wanted = Filter(
            states=state,
            category=category,
            severity=severity,
            owner_id=caller.id if owner == "me" else owner,
            overdue=overdue,
            communities=within(db, caller, Scope.COMPLAINTS_READ, community),
            now=services.clock.now(),
        )
        place = paging.decode(after) if after else None
        rows = cases.page(db, wanted, after=place, limit=limit)
        counts = cases.count_by_state(db, replace(wanted, states=None))
        shown = case_views(db, services, rows)
    more = paging.encode(rows[-1].opened_at, rows[-1].id) if len(rows) == limit else None
    return CasePage(complaints=shown, counts={CaseState(name): number for name, number in counts.items()}, next=more)


@router.get("/v1/complaints/{case_id}")
def read(case_id: str, services: Here, caller: Whoever) -> CaseFull:
    """One case: its conversation, history, clock, drafts, compensation."""
    with services.database.read() as db:
        return case_full(db, services, case_access.visible(db, caller, case_id))


class ActionIn(Strict):
    """`text` is the result with `resolve`, the reason with `dismiss` and `reopen`, else a note."""

    action: CaseAction = Field(examples=["acknowledge"])
    version: int = Field(ge=1, le=paging.MOST_INT, description="the version that was seen", examples=[1])
    text: str | None = Field(None, max_length=8_000)
    owner: str | None = Field(None, max_length=80, description="a user's id or login")
    answer: CaseAnswer | None = None
    department: Department | None = None
    severity: Severity | None = None
    category: ComplaintCategory | None = None


@router.post("/v1/complaints/{case_id}/actions")
def act(case_id: str, wanted: ActionIn, services: Here, caller: Whoever) -> CaseFull:
    """What a person does with a case. Who loses a race gets 409 `case_changed` with `current`; what the state forbids
    is 409 `case_state`, and what it lacks `case_needs_owner`, `case_needs_result`, `case_not_told` or
    `case_needs_answer`."""
    row = flow.act(services, caller, case_id, Act(**wanted.model_dump()))
    return _full(services, row)


class CompensationIn(Strict):
    """Of `points` so many, of everything else fen."""

    version: int = Field(ge=1, le=paging.MOST_INT, description="the version of the case that was seen", examples=[1])
    kind: CompensationKind = Field(examples=["coupon"])
    cents: int = Field(0, ge=0, le=10_000_000, examples=[2000])
    points: int = Field(0, ge=0, le=10_000_000)


class Compensated(BaseModel):
    compensation: CompensationView
    complaint: CaseFull


@router.post("/v1/complaints/{case_id}/compensation", status_code=201)
def compensate(case_id: str, wanted: CompensationIn, services: Here, caller: Whoever) -> Compensated:
    """Offer compensation: approved at once within the limit, else `proposed` until somebody with
    `compensation:approve` decides, or releases the private draft that offers it."""
    row, made = case_compensation.propose(services, caller, case_id, Proposal(**wanted.model_dump()))
    return Compensated(compensation=compensation_view(made), complaint=_full(services, row))


class CompensationDecision(Strict):
    version: int = Field(ge=1, le=paging.MOST_INT, description="the version of the case that was seen")
    approve: bool


@router.post("/v1/complaints/{case_id}/compensation/{compensation_id}/decision")
def decide(
    case_id: str, compensation_id: str, wanted: CompensationDecision, services: Here, caller: Whoever
) -> Compensated:
    """Approve or reject what was proposed; needs `compensation:approve`."""
    status = CompensationStatus.APPROVED if wanted.approve else CompensationStatus.REJECTED
    row, made = case_compensation.decide(services, caller, case_id, compensation_id, status, wanted.version)
    return Compensated(compensation=compensation_view(made), complaint=_full(services, row))


def _full(services: Here, row: CaseRow) -> CaseFull:
    with services.database.read() as db:
        current = cases.get(db, row.id)
        assert current is not None
        return case_full(db, services, current)
