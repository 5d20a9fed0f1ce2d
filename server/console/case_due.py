"""How long a member still waits for a first answer, as pages show it: in business minutes, ticking while it is open."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from agent.flows import clock_rules
from core.office_hours import OfficeHours
from core.vocabulary import ClockKind
from store import clocks
from store.clocks import ClockRow
from store.session import ReadSession

_SAME: Final = 1.0
"""Minutes by which business time and the clock on the wall may differ, and yet a page may count down by the latter."""


@dataclass(frozen=True, slots=True)
class Due:
    """`state`: running, warned, overdue or paused. `minutes` of business time are left, or over where it is overdue;
    `ticks`: from now until then the community is open without a break, so that a page may count on."""

    state: str
    at: datetime | None
    minutes: int
    ticks: bool


def dues(db: ReadSession, kind: ClockKind, object_ids: Collection[str], now: datetime) -> dict[str, Due]:
    """Of each object whose clock runs or is paused."""
    found = clocks.newest_of(db, kind, object_ids) if object_ids else {}
    return due_of(db, [row for row in found.values() if row.stopped_at is None], now)


def due_of(db: ReadSession, rows: Sequence[ClockRow], now: datetime) -> dict[str, Due]:
    """Of the object of each clock; the hours of a community are asked for once."""
    hours = {place: clock_rules.hours(db, place) for place in {row.community_id for row in rows}}
    return {row.object_id: _due(row, hours[row.community_id], now) for row in rows}


def _due(row: ClockRow, hours: OfficeHours, now: datetime) -> Due:
    state, at = row.state(now), row.respond_by
    if state == "paused" or at is None:
        return Due("paused", None, 0, ticks=False)
    minutes = abs(hours.between(now, at))
    ticks = abs(minutes - abs(at - now) / timedelta(minutes=1)) <= _SAME
    return Due(state, at, int(minutes), ticks)
