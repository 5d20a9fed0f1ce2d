"""Who is on duty, by a roster."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from core import office_hours


class DutyShift(NamedTuple):
    """Each week on `weekday` (0 Monday), or once on `day`."""

    user_id: str
    weekday: int | None
    day: date | None
    shift: str


def on_duty(roster: Sequence[DutyShift], at: datetime, zone: ZoneInfo) -> list[str]:
    """Users of one community's roster who are on duty at this moment, in its order. Shifts of a single day take the
    place of the weekly ones that begin on that day."""
    today = at.astimezone(zone).date()
    # A shift of yesterday may run past midnight.
    days = (today - timedelta(days=1), today)
    here = [one.user_id for day in days for one in _of_day(roster, day) if _covers(one, day, at, zone)]
    return list(dict.fromkeys(here))


def _of_day(roster: Sequence[DutyShift], day: date) -> Iterable[DutyShift]:
    single = [one for one in roster if one.day == day]
    return single or [one for one in roster if one.weekday == day.weekday()]


def _covers(one: DutyShift, day: date, at: datetime, zone: ZoneInfo) -> bool:
    begins, ends = office_hours.bounds(day, office_hours.parse(one.shift), zone)
    return begins <= at < ends
