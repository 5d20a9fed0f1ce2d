"""Business time (营业时间): what a week of shifts makes of a length of time. Pure arithmetic, no clock is read here.

A shift belongs to the day on which it begins, in the zone of the hours; the hour that summer time skips or repeats is
counted as the real time that passes. Legal holidays and make-up workdays of the mainland come from the table of
`chinese_calendar`; for a year that the table lacks, weekdays are plain weekdays.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
KEYS: Final = ("daily", "workday", "restday", *DAYS)
_SHIFT: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)", re.ASCII)
_DAY_MINUTES: Final = 24 * 60
_MINUTE: Final = timedelta(minutes=1)
_LONGEST_CLOSED: Final = 800
"""Days in a row without any shift after which nothing is expected to open any more."""


class NeverOpen(ValueError):
    """These hours never open again."""


class Shift(NamedTuple):
    """Minutes after the midnight that its day begins with; `end` is past 1440 where it runs into the next day."""

    start: int
    end: int


def parse(text: str) -> Shift:
    """`HH:MM-HH:MM`; an end at or before the start is on the next day, `24:00` is allowed as an end. Raises ValueError
    for anything else and for a shift that ends as it begins."""
    found = _SHIFT.fullmatch(text)
    if found is None:
        raise ValueError("HH:MM-HH:MM")
    hour, minute, end_hour, end_minute = map(int, found.groups())
    start, end = hour * 60 + minute, end_hour * 60 + end_minute
    if end > _DAY_MINUTES or start == end:
        raise ValueError("HH:MM-HH:MM")
    return Shift(start, end if end > start else end + _DAY_MINUTES)


def parsed(texts: Sequence[str]) -> tuple[Shift, ...]:
    """Several shifts of a day, in order. Raises ValueError."""
    return tuple(sorted(parse(text) for text in texts))


def usual(week: Mapping[str, Sequence[object]], weekday: int) -> str | None:
    """The key that a weekday (0 Monday) goes by: its own, else that of workdays or days of rest, else `daily`; None
    where none of them is given, and then it is closed."""
    for key in (DAYS[weekday], "workday" if weekday < 5 else "restday", "daily"):
        if key in week:
            return key
    return None


def ever_opens(week: Mapping[str, Sequence[object]]) -> bool:
    """Whether any day of the week has a shift."""
    keys = (usual(week, weekday) for weekday in range(len(DAYS)))
    return any(key is not None and week[key] for key in keys)


@dataclass(frozen=True, slots=True)
class OfficeHours:
    """`week` has the shifts by key (`KEYS`). With `holidays` legal holidays are closed and make-up workdays count as
    workdays. `opened` gives single days shifts of their own, whatever else is said of them; `closed` ones are closed
    but for that."""

    week: Mapping[str, tuple[Shift, ...]]
    zone: ZoneInfo
    holidays: bool = False
    closed: frozenset[date] = frozenset()
    opened: Mapping[date, tuple[Shift, ...]] = field(default_factory=dict)

    def shifts(self, day: date) -> tuple[Shift, ...]:
        """What begins on this day."""
        if day in self.opened:
            return self.opened[day]
        if day in self.closed:
            return ()
        kind = legal(day) if self.holidays else None
        if kind == "holiday":
            return ()
        if kind == "workday":
            # A Saturday that is worked goes by the hours of workdays, not by its own.
            key = next((key for key in ("workday", "daily", "mon") if key in self.week), None)
        else:
            key = usual(self.week, day.weekday())
        return self.week[key] if key is not None else ()

    def is_open(self, at: datetime) -> bool:
        return self.opening(at) == at

    def opening(self, at: datetime) -> datetime:
        """`at` itself where it is open then, else the next opening. Raises `NeverOpen`."""
        return self.after(at, timedelta(0))

    def add(self, start: datetime, minutes: float) -> datetime:
        """When so many business minutes have passed since `start`: at the earliest, so at closing time rather than at
        the next opening. Raises `NeverOpen`."""
        return self.after(start, timedelta(minutes=minutes))

    def after(self, start: datetime, span: timedelta) -> datetime:
        """`add` with a length of time, which is not negative."""
        for opens, closes in self._openings(start):
            begin = max(opens, start)
            if closes <= begin:
                continue
            if span <= closes - begin:
                return begin + span
            span -= closes - begin
        raise NeverOpen

    def between(self, a: datetime, b: datetime) -> float:
        """Business minutes from `a` to `b`; negative where `b` is earlier."""
        return self.span(a, b) / _MINUTE

    def span(self, a: datetime, b: datetime) -> timedelta:
        """`between` as a length of time."""
        if b < a:
            return -self.span(b, a)
        total = timedelta(0)
        for opens, closes in self._openings(a, until=b):
            total += max(min(closes, b) - max(opens, a), timedelta(0))
        return total

    def _openings(self, since: datetime, *, until: datetime | None = None) -> Iterator[tuple[datetime, datetime]]:
        """When it is open, in UTC, in order and without overlap; from the day before `since`, since a shift may run
        past midnight. Ends after `until`, or after days on end without a shift."""
        day = since.astimezone(self.zone).date() - timedelta(days=1)
        last = None if until is None else until.astimezone(self.zone).date()
        told: datetime | None = None
        idle = 0
        while (idle < _LONGEST_CLOSED) if last is None else (day <= last):
            idle += 1
            for opens, closes in self._moments(day):
                idle = 0
                if told is None or closes > told:
                    yield (opens if told is None else max(opens, told)), closes
                    told = closes
            day += timedelta(days=1)

    def _moments(self, day: date) -> list[tuple[datetime, datetime]]:
        made = [bounds(day, shift, self.zone) for shift in self.shifts(day)]
        # Where summer time begins, what lies within the hour that is left out has no length.
        return sorted((opens, closes) for opens, closes in made if opens < closes)


def bounds(day: date, shift: Shift, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """When a shift of this day begins and ends, in UTC."""
    midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 (wall time, its zone follows)
    walls = (midnight + timedelta(minutes=minute) for minute in shift)
    begins, ends = (wall.replace(tzinfo=zone).astimezone(UTC) for wall in walls)
    return begins, ends


@lru_cache(maxsize=4_096)
def legal(day: date) -> Literal["holiday", "workday"] | None:
    """A legal holiday with the days off around it, or a make-up workday; None for any other day and for years that the
    table lacks."""
    import chinese_calendar

    try:
        off, name = chinese_calendar.get_holiday_detail(day)
    except NotImplementedError:
        return None
    if name is None:
        return None
    return "holiday" if off else "workday"


def table_has(year: int) -> bool:
    """Whether the table of legal holidays has this year."""
    import chinese_calendar

    try:
        chinese_calendar.get_holiday_detail(date(year, 1, 1))
    except NotImplementedError:
        return False
    return True
