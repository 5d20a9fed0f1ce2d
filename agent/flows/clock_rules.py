"""What a community's settings make of its clocks: business hours, lengths, and whom a breach is reported to."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from core import office_hours, tunables
from core.office_hours import OfficeHours
from core.tunables import Tunable
from core.vocabulary import ClockKind
from store import communities, settings
from store.session import ReadSession


class _Keys(NamedTuple):
    on: Tunable[bool]
    limit: Tunable[int]
    warn: Tunable[int]
    step: Tunable[int]
    ladder: Tunable[list[str]]


_KEYS: Final = {
    ClockKind.GROUP_QUESTION: _Keys(
        tunables.QUESTION_CLOCK,
        tunables.QUESTION_MINUTES,
        tunables.QUESTION_WARN,
        tunables.QUESTION_STEP,
        tunables.QUESTION_LADDER,
    ),
    ClockKind.COMPLAINT: _Keys(
        tunables.COMPLAINT_CLOCK,
        tunables.COMPLAINT_MINUTES,
        tunables.COMPLAINT_WARN,
        tunables.COMPLAINT_STEP,
        tunables.COMPLAINT_LADDER,
    ),
}
_HOURS: Final = (
    tunables.CLOCK_ZONE,
    tunables.CLOCK_HOURS,
    tunables.CLOCK_HOLIDAYS,
    tunables.CLOCK_CLOSED,
    tunables.CLOCK_OPENED,
)


class Rules(NamedTuple):
    """Of one kind of clock in one community. `warn` and `step` are zero where there is none."""

    hours: OfficeHours
    on: bool
    limit: timedelta
    warn: timedelta
    step: timedelta
    ladder: tuple[str, ...]


def rules(db: ReadSession, kind: ClockKind, community_id: str) -> Rules:
    """As the settings stand now, asked for at once: a clock is started with every question."""
    keys = _KEYS[kind]
    found = _values(db, (*_HOURS, *keys), communities.lineage(db, community_id))
    limit, warn = (timedelta(minutes=found[one.key]) for one in (keys.limit, keys.warn))
    return Rules(
        hours=_hours(found),
        on=found[keys.on.key],
        limit=limit,
        # A warning that comes with the breach, or after it, warns of nothing.
        warn=warn if warn < limit else timedelta(0),
        step=timedelta(minutes=found[keys.step.key]),
        ladder=tuple(dict.fromkeys(found[keys.ladder.key])),
    )


def hours(db: ReadSession, community_id: str) -> OfficeHours:
    """The business hours of a community."""
    return _hours(_values(db, _HOURS, communities.lineage(db, community_id)))


def zone(db: ReadSession) -> ZoneInfo:
    """The zone of business hours and rosters."""
    return ZoneInfo(settings.value(db, tunables.CLOCK_ZONE))


def _values(db: ReadSession, wanted: tuple[Tunable[Any], ...], lineage: list[str]) -> dict[str, Any]:
    given = settings.given(db, wanted, lineage)
    found = {}
    for one in wanted:
        places = (place for place in (*lineage, settings.DEPLOYMENT) if one.key in given.get(place, {}))
        nearest = next(places, None)
        found[one.key] = one.default if nearest is None else one.check(given[nearest][one.key].value)
    return found


def _hours(found: Mapping[str, Any]) -> OfficeHours:
    week = {key: office_hours.parsed(texts) for key, texts in found[tunables.CLOCK_HOURS.key].items()}
    opened = {date.fromisoformat(day): office_hours.parsed(t) for day, t in found[tunables.CLOCK_OPENED.key].items()}
    return OfficeHours(
        week=week,
        zone=ZoneInfo(found[tunables.CLOCK_ZONE.key]),
        holidays=found[tunables.CLOCK_HOLIDAYS.key] == "closed",
        closed=frozenset(date.fromisoformat(day) for day in found[tunables.CLOCK_CLOSED.key]),
        opened=opened,
    )
