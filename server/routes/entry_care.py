"""The knowledge base kept right: stale entries, versions compared, what went unanswered by week."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from agent.flows import copy_scan, entry_care
from agent.flows.copy_scan import Report
from core.vocabulary import AbstainedReason, StaleReason
from server import paging
from server.routes.knowledge import EntryView, entry_view
from server.state import Here, Whoever

router = APIRouter(prefix="/v1/knowledge", tags=["knowledge"])
Version = Annotated[int | None, Query(ge=1, le=paging.MOST_INT)]


class StaleView(BaseModel):
    """`drafts`: how many open drafts rest on the entry."""

    reason: StaleReason
    drafts: int
    entry: EntryView


class StaleList(BaseModel):
    stale: list[StaleView]


@router.get("/stale")
def read_stale(services: Here, caller: Whoever) -> StaleList:
    """Entries to look at again: retired ones on which open drafts rest, expired, expiring within
    `knowledge.stale_days`, and used ones that were not changed for `knowledge.review_days`."""
    found = entry_care.stale_entries(services, caller)
    return StaleList(
        stale=[StaleView(reason=one.reason, drafts=one.drafts, entry=entry_view(one.entry)) for one in found]
    )


class PieceView(BaseModel):
    """A run that stayed (a space), went (`-`) or came (`+`)."""

    sign: Literal[" ", "-", "+"]
    text: str


class ChangedView(BaseModel):
    """`unified` is there for texts."""

    field: str
    before: Any
    after: Any
    unified: str | None
    pieces: list[PieceView]


class DifferenceView(BaseModel):
    id: str
    from_version: int | None
    to_version: int
    by: str
    at: datetime
    changed: list[ChangedView]


@router.get("/entries/{entry_id}/diff")
def read_difference(
    entry_id: str,
    services: Here,
    caller: Whoever,
    from_: Annotated[Version, Query(alias="from", description="unset: the version before")] = None,
    to: Annotated[Version, Query(description="unset: the newest version")] = None,
) -> DifferenceView:
    """What differs between two versions, field by field."""
    done = entry_care.compare(services, caller, entry_id, before=from_, after=to)
    return DifferenceView(
        id=entry_id,
        from_version=done.before.version if done.before else None,
        to_version=done.after.version,
        by=done.after.by,
        at=done.after.at,
        changed=[
            ChangedView(**one._asdict() | {"pieces": [PieceView(sign=p.sign, text=p.text) for p in one.pieces]})
            for one in done.changed
        ],
    )


class WeekView(BaseModel):
    """`week` is its Monday."""

    week: date
    total: int
    reasons: dict[AbstainedReason, int]


class UnansweredView(BaseModel):
    weeks: list[WeekView] = Field(description="this week first")


@router.get("/unanswered")
def read_unanswered(
    services: Here, caller: Whoever, weeks: Annotated[int, Query(ge=1, le=entry_care.MOST_WEEKS)] = 8
) -> UnansweredView:
    """How many drafts had no text, by reason and week."""
    found = entry_care.unanswered_by_week(services, caller, weeks)
    return UnansweredView(weeks=[WeekView(week=one.monday, total=one.total, reasons=one.reasons) for one in found])


@router.post("/check")
def check(services: Here, caller: Whoever) -> Report:
    """Read all approved entries and scripts for what our own texts may not say, personal data, and a source or owner
    that is missing. The report is kept where the caller edits every community's entries."""
    return copy_scan.run(services, caller)


class Reports(BaseModel):
    reports: list[Report] = Field(description="newest first")


@router.get("/checks")
def read_checks(services: Here, caller: Whoever, limit: Annotated[int, Query(ge=1, le=20)] = 5) -> Reports:
    """Kept reports; one comes by itself every `knowledge.check_days`."""
    return Reports(reports=copy_scan.reports(services, caller, limit))
