"""Complaints of a period in figures, per community and per owner: clocks kept, how soon, how many and about what."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from statistics import median, quantiles
from typing import Final

from pydantic import BaseModel, Field

from agent.flows.community import REPORTING_ZONE, today
from agent.services import Services
from core.caller import Caller
from core.errors import BadInput
from core.scopes import Scope
from core.vocabulary import OPEN_CASE_STATES, CaseState
from store import communities, complaint_figures, users
from store.complaint_figures import CaseLine, ClockLine, Moved, Paid, Where

SMALL: Final = 30
"""Below this a rate says little."""
MOST_DAYS: Final = 370


class Figures(BaseModel):
    """Of one community, one owner, or all. Rates and minutes are null (n/a) where nothing was due or answered; `small`:
    fewer than 30 clocks were due."""

    due: int = Field(description="clocks that fell due")
    kept: int = Field(description="of these, answered in time")
    sla_hit_rate: float | None
    small: bool
    answered: int
    first_response_median: float | None = Field(description="minutes")
    first_response_p90: float | None = Field(description="minutes")
    opened: int
    closed: int
    reopened: int
    dismissed: int
    open_now: int
    breached: int = Field(description="of the cases opened, those answered too late or not yet though due")
    by_category: dict[str, int]
    by_severity: dict[str, int]
    compensation_cents: int
    compensation_points: int


class Line(Figures):
    """`id` of the community or user, null for cases that nobody owns."""

    id: str | None
    name: str | None


class Report(BaseModel):
    """`start` and `end` are days in the reporting zone, both inclusive."""

    start: date
    end: date
    total: Figures
    communities: list[Line]
    owners: list[Line]


def last_week(now: datetime) -> tuple[date, date]:
    """Monday to Sunday of the last full week."""
    monday = today(now) - timedelta(days=today(now).weekday() + 7)
    return monday, monday + timedelta(days=6)


def report(
    services: Services, caller: Caller, start: date | None, end: date | None, community_id: str | None = None
) -> Report:
    """The report of these days, default the last full week, over what the caller may read reports of.

    Raises `Forbidden`, `BadInput` `period_invalid`.
    """
    caller.require(Scope.REPORTS_READ)
    first, last = _days(services, start, end)
    with services.database.read() as db:
        allowed = caller.communities(Scope.REPORTS_READ)
        below = communities.with_children(db, [community_id]) if community_id is not None else None
        places = {row.id: row.name for row in communities.every(db, _both(allowed, below))}
        where = Where(frozenset(places), _midnight(first), _midnight(last + timedelta(days=1)), services.clock.now())
        found = _Lines(
            complaint_figures.clock_lines(db, where),
            complaint_figures.case_lines(db, where),
            complaint_figures.moved(db, where),
            complaint_figures.paid(db, where),
            where,
        )
        names = users.names(db, [one for one in found.owners() if one is not None])
    return Report(
        start=first,
        end=last,
        total=found.of(lambda _: True),
        communities=[_line(found, "community_id", key, places[key]) for key in sorted(found.places())],
        owners=[_line(found, "owner_id", key, names.get(key or "")) for key in sorted(found.owners(), key=_named)],
    )


def _named(key: str | None) -> tuple[bool, str]:
    return key is None, key or ""


def _both(allowed: frozenset[str] | None, below: frozenset[str] | None) -> frozenset[str] | None:
    if allowed is None or below is None:
        return below if allowed is None else allowed
    return allowed & below


def _days(services: Services, start: date | None, end: date | None) -> tuple[date, date]:
    if start is None and end is None:
        return last_week(services.clock.now())
    first = start or end
    last = end or start
    assert first is not None and last is not None
    # The calendar's own ends have no midnight before or after them.
    if last < first or (last - first).days > MOST_DAYS or first == date.min or last == date.max:
        raise BadInput("report_period", extra={"field": "to"}, most=MOST_DAYS)
    return first, last


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), REPORTING_ZONE)


_Row = ClockLine | CaseLine | Moved | Paid


def _line(found: "_Lines", field: str, key: str | None, name: str | None) -> Line:
    return Line(id=key, name=name, **dict(found.of(lambda row: getattr(row, field) == key)))


class _Lines:
    """All that was found, to be counted in several ways."""

    def __init__(
        self, clocks: list[ClockLine], cases: list[CaseLine], moved: list[Moved], paid: list[Paid], where: Where
    ) -> None:
        self._clocks, self._cases, self._moved, self._paid, self._where = clocks, cases, moved, paid, where

    def _all(self) -> Iterable[_Row]:
        return [*self._clocks, *self._cases, *self._moved, *self._paid]

    def places(self) -> set[str]:
        return {row.community_id for row in self._all()}

    def owners(self) -> set[str | None]:
        """Of cases: questions in groups have none."""
        rows: list[CaseLine | Moved | Paid] = [*self._cases, *self._moved, *self._paid]
        return {row.owner_id for row in rows}

    def of(self, wanted: Callable[[_Row], bool]) -> Figures:
        """The figures of the rows that `wanted` takes."""
        clocks = [row for row in self._clocks if wanted(row)]
        cases = [row for row in self._cases if wanted(row)]
        opened = [row for row in cases if self._in(row.opened_at) and row.state != CaseState.DISMISSED]
        moves = Counter[str]()
        for row in self._moved:
            if wanted(row):
                moves[row.state] += row.number
        paid = [row for row in self._paid if wanted(row)]
        due = [row for row in clocks if self._due(row)]
        kept = sum(row.stopped_at is not None and row.stopped_at <= _moment(row) for row in due)
        minutes = sorted(_minutes(row) for row in clocks if row.stopped_at is not None and self._in(row.stopped_at))
        return Figures(
            due=len(due),
            kept=kept,
            sla_hit_rate=round(kept / len(due), 4) if due else None,
            small=len(due) < SMALL,
            answered=len(minutes),
            first_response_median=round(median(minutes), 2) if minutes else None,
            first_response_p90=round(_p90(minutes), 2) if minutes else None,
            opened=len(opened),
            closed=sum(row.closed_at is not None and self._in(row.closed_at) for row in cases),
            reopened=moves[CaseState.REOPENED],
            dismissed=moves[CaseState.DISMISSED],
            open_now=sum(row.state in OPEN_CASE_STATES for row in cases),
            breached=sum(row.breached for row in opened),
            by_category=dict(Counter(row.category for row in opened).most_common()),
            by_severity=dict(Counter(row.severity for row in opened).most_common()),
            compensation_cents=sum(row.cents for row in paid),
            compensation_points=sum(row.points for row in paid),
        )

    def _in(self, moment: datetime) -> bool:
        return self._where.start <= moment < self._where.end

    def _due(self, row: ClockLine) -> bool:
        return row.respond_by is not None and self._in(row.respond_by) and row.respond_by <= self._where.now


def _moment(row: ClockLine) -> datetime:
    assert row.respond_by is not None
    return row.respond_by


def _minutes(row: ClockLine) -> float:
    assert row.stopped_at is not None
    return max(0.0, (row.stopped_at - row.started_at).total_seconds() / 60)


def _p90(minutes: list[float]) -> float:
    return quantiles(minutes, n=10, method="inclusive")[-1] if len(minutes) > 1 else minutes[0]
