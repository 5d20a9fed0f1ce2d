"""Reply clocks: who still waits for a first answer, and for how long."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from agent.flows import clock_rules
from core.caller import Caller
from core.office_hours import OfficeHours
from core.scopes import Scope
from core.vocabulary import ClockKind
from server import paging
from server.places import Community
from server.state import Here, Whoever
from store import clocks, communities
from store.clocks import ClockRow, Wanted
from store.session import ReadSession

router = APIRouter(tags=["clocks"])
_READS: Final = {ClockKind.GROUP_QUESTION: Scope.DRAFTS_READ, ClockKind.COMPLAINT: Scope.COMPLAINTS_READ}
State = Literal["running", "warned", "overdue", "paused"]


class ClockView(BaseModel):
    """`minutes_left` in business time, negative where it is overdue, null while paused; `step`: how far up the ladder
    it was reported."""

    id: str
    kind: ClockKind
    object_id: str = Field(description="the message that asks, or the case")
    community_id: str
    state: str = Field(examples=["overdue"])
    since: datetime = Field(description="when the member asked")
    started_at: datetime = Field(description="the first business moment since then")
    warn_at: datetime | None
    respond_by: datetime | None
    minutes_left: float | None
    breached: bool
    step: int


class ClockPage(BaseModel):
    clocks: list[ClockView]
    count: int = Field(description="how many there are in all")
    next: str | None = Field(description="cursor of the next page")


@router.get("/v1/clocks")
def page(
    services: Here,
    caller: Whoever,
    state: Annotated[State, Query(description="`running` lists all that run, the overdue ones first")] = "running",
    kind: ClockKind | None = None,
    community: Community = None,
    limit: paging.Limit = 50,
    after: paging.Cursor = None,
) -> ClockPage:
    """Clocks that have not stopped, the first due first: of questions for who reads drafts, of complaints for who
    reads these."""
    now = services.clock.now()
    with services.database.read() as db:
        wanted = Wanted(_places(db, caller, kind, community), state)
        place = paging.decode(after) if after else None
        rows = clocks.page(db, wanted, now=now, after=place, limit=limit)
        shown = clock_views(db, rows, now)
        number = clocks.count(db, wanted, now)
    more = paging.encode(_moment(rows[-1]), rows[-1].id) if len(rows) == limit else None
    return ClockPage(clocks=shown, count=number, next=more)


def _places(
    db: ReadSession, caller: Caller, kind: ClockKind | None, community: str | None
) -> Mapping[str, frozenset[str] | None]:
    """Which kinds the caller may read where. Raises `Forbidden` where it is none."""
    kinds = [kind] if kind is not None else [one for one, scope in _READS.items() if caller.allows(scope)]
    if kind is not None or not kinds:
        caller.require(_READS[kind or ClockKind.GROUP_QUESTION])
    chosen = None if community is None else communities.with_children(db, [community])
    return {one.value: _narrowed(caller.communities(_READS[one]), chosen) for one in kinds}


def _narrowed(allowed: frozenset[str] | None, chosen: frozenset[str] | None) -> frozenset[str] | None:
    if chosen is None or allowed is None:
        return allowed if chosen is None else chosen
    return allowed & chosen


def _moment(row: ClockRow) -> datetime:
    """What the list is ordered by."""
    return row.respond_by or row.paused_at or row.started_at


def clock_views(db: ReadSession, rows: list[ClockRow], now: datetime) -> list[ClockView]:
    """As the contract shows them; the hours of each community are asked for once."""
    hours = {place: clock_rules.hours(db, place) for place in {row.community_id for row in rows}}
    return [_view(row, hours[row.community_id], now) for row in rows]


def _view(row: ClockRow, hours: OfficeHours, now: datetime) -> ClockView:
    runs = row.paused_at is None and row.respond_by is not None
    left = round(hours.between(now, row.respond_by), 1) if runs and row.respond_by is not None else None
    return ClockView(
        id=row.id,
        kind=ClockKind(row.kind),
        object_id=row.object_id,
        community_id=row.community_id,
        state=row.state(now),
        since=row.since,
        started_at=row.started_at,
        warn_at=row.warn_at,
        respond_by=row.respond_by,
        minutes_left=left,
        breached=row.breached_at is not None,
        step=row.step,
    )
