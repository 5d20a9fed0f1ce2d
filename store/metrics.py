"""Metrics × dimensions × filters, compiled to SQLAlchemy Core. No free SQL: what isn't typed here can't be asked.

A period is half-open in UTC. Members of several communities count once in a total and once in each group. Who left and
came back within a period neither left nor joined, so that `net_growth` is always `new_members` − `exited_members` and
also the difference of `members` at its two ends.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from core.errors import ForModel
from core.metrics import Dimension, Metric
from core.vocabulary import Activity, Conversation, MessageType, RiskLevel, SenderRole
from store import activity, complaint_figures
from store.communities import CommunityRow
from store.complaint_figures import Value, Where
from store.local_time import ZONE, LocalDay, LocalHour, LocalWeekday
from store.members import MembershipRow
from store.messages import MessageRow
from store.session import ReadSession

SECONDS: Final = 5.0
MOST_GROUPS: Final = 500
MOST_BUCKETS: Final = 92
UNKNOWN: Final = "unknown"
_BUCKETS: Final = (Dimension.DAY, Dimension.WEEK, Dimension.MONTH)
_TICK: Final = timedelta(microseconds=1)
_ZONE: Final = ZoneInfo(ZONE)
Number = int | float


@dataclass(frozen=True, slots=True)
class Query:
    """`joined_in_period` keeps only members who joined in it (cohort); `activities` are judged at the period's end,
    or at `now` where that is earlier."""

    metric: Metric
    start: datetime
    end: datetime
    now: datetime
    communities: frozenset[str]
    by: Dimension | None = None
    sources: tuple[str, ...] = ()
    activities: tuple[Activity, ...] = ()
    joined_in_period: bool = False

    @property
    def at(self) -> datetime:
        """The last moment of the period that has happened."""
        return min(self.end - _TICK, self.now)


class Row(NamedTuple):
    """`key` is the group's (None for the total); `value` None is n/a. Rates bring what they were made of."""

    key: str | None
    value: Number | None
    numerator: Number | None = None
    denominator: Number | None = None


Counts = Mapping[str | None, int]


@contextmanager
def in_time(db: ReadSession, seconds: float = SECONDS) -> Iterator[None]:
    """Within this block a statement may take so long. Raises `ForModel` `query_too_slow`."""
    connection = db.connection()
    raw: Any = connection.connection.dbapi_connection
    if connection.dialect.name == "sqlite":
        end = time.monotonic() + seconds
        raw.set_progress_handler(lambda: int(time.monotonic() > end), 20_000)
    else:
        db.execute(sa.text(f"SET LOCAL statement_timeout = {int(seconds * 1000)}"))
    try:
        yield
    except OperationalError as error:
        if _ran_out(error):
            raise ForModel("query_too_slow", seconds=seconds) from error
        raise
    finally:
        if connection.dialect.name == "sqlite":
            raw.set_progress_handler(None, 0)


def _ran_out(error: OperationalError) -> bool:
    return "interrupted" in str(error.orig) or type(error.orig).__name__ == "QueryCanceled"


def available(metric: Metric, by: Dimension | None) -> bool:
    """Whether `measure` knows this metric with this breakdown."""
    return metric in _MEASURES and (by is None or by in _BUCKETS or by in _GROUPS[metric])


def measurable() -> list[Metric]:
    return list(_MEASURES)


def measure(db: ReadSession, query: Query) -> list[Row]:
    """The groups of a breakdown in no particular order, at most `MOST_GROUPS`; one row without one.

    Raises `ForModel` `metric_unavailable`, `dimension_unavailable`, `period_too_long` for more than 92 buckets.
    """
    if query.metric not in _MEASURES:
        raise ForModel("metric_unavailable", metric=query.metric.value)
    if query.by is not None and not available(query.metric, query.by):
        raise ForModel("dimension_unavailable", metric=query.metric.value, dimension=query.by.value)
    if query.by in _BUCKETS:
        return [_total(db, one, key) for key, one in _buckets(query)]
    if query.by is Dimension.CHANNEL:
        return [_total(db, one, key) for key, one in _channels(db, query)]
    return _MEASURES[query.metric](db, query)[:MOST_GROUPS]


def _total(db: ReadSession, query: Query, key: str) -> Row:
    found = _MEASURES[query.metric](db, query)
    return found[0]._replace(key=key) if found else Row(key, None)


def _buckets(query: Query) -> Iterator[tuple[str, Query]]:
    """The period's days, weeks or months up to now, each cut to the period."""
    made = 0
    start = query.start.astimezone(_ZONE)
    end = min(query.end, query.now + _TICK).astimezone(_ZONE)
    while start < end:
        made += 1
        if made > MOST_BUCKETS:
            raise ForModel("period_too_long", days=MOST_BUCKETS)
        following = _next(start, query.by)
        key = f"{start:%Y-%m}" if query.by is Dimension.MONTH else f"{start:%Y-%m-%d}"
        yield key, replace(query, by=None, start=start, end=min(following, query.end.astimezone(_ZONE)))
        start = following


def _next(start: datetime, by: Dimension | None) -> datetime:
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    if by is Dimension.MONTH:
        return (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
    return midnight + timedelta(days=7 - start.weekday() if by is Dimension.WEEK else 1)


def _channels(db: ReadSession, query: Query) -> Iterator[tuple[str, Query]]:
    rows = db.execute(sa.select(CommunityRow.channel, CommunityRow.id).where(CommunityRow.id.in_(query.communities)))
    found: dict[str, set[str]] = {}
    for channel, community_id in rows:
        found.setdefault(channel, set()).add(community_id)
    for channel, ids in sorted(found.items()):
        yield channel, replace(query, by=None, communities=frozenset(ids))


# Members: who is there, who came, who went.


def _who(db: ReadSession, query: Query) -> sa.Select[Any] | None:
    """Ids of the members that the filters leave; None where there is no filter."""
    parts: list[sa.Select[Any]] = []
    stays = sa.select(MembershipRow.member_id).where(MembershipRow.community_id.in_(query.communities))
    if query.sources:
        parts.append(stays.where(_source().in_(query.sources)))
    if query.joined_in_period:
        moved = _moves(query, [])
        parts.append(sa.select(moved.c.member_id).where(*_came(moved)))
    if query.activities:
        limits = activity.limits(db)
        facts = activity.facts(query.communities, query.at, limits)
        wanted = activity.axis(facts, query.at, limits).in_([one.value for one in query.activities])
        parts.append(sa.select(facts.c.member_id).where(wanted))
    if not parts:
        return None
    ids = sa.select(parts[0].subquery().c.member_id)
    for part in parts[1:]:
        ids = ids.where(sa.column("member_id").in_(part))
    return ids


def _source() -> sa.ColumnElement[str]:
    return sa.func.coalesce(MembershipRow.source, UNKNOWN)


def _members(db: ReadSession, query: Query) -> Counts:
    """Present at the period's end, by group."""
    if query.by is Dimension.ACTIVITY or query.activities:
        return _by_activity(db, query)
    key = {Dimension.COMMUNITY: MembershipRow.community_id, Dimension.SOURCE: _source()}.get(query.by)  # type: ignore[arg-type]
    conditions = [
        MembershipRow.community_id.in_(query.communities),
        MembershipRow.joined_at < query.end,
        sa.or_(MembershipRow.left_at.is_(None), MembershipRow.left_at >= query.end),
    ]
    return _distinct(db, MembershipRow.member_id, key, [*conditions, *_among(db, query, MembershipRow.member_id)])


def _by_activity(db: ReadSession, query: Query) -> Counts:
    """Standing at the period's end; within a breakdown by community each group is judged for itself."""
    limits = activity.limits(db)
    per_community = query.by is Dimension.COMMUNITY
    facts = activity.facts(query.communities, query.at, limits, per_community=per_community)
    standing = activity.axis(facts, query.at, limits)
    conditions: list[Any] = []
    if query.activities:
        conditions.append(standing.in_([one.value for one in query.activities]))
    conditions += _among(db, replace(query, activities=()), facts.c.member_id)
    key = standing if query.by is Dimension.ACTIVITY else facts.c.community_id if per_community else None
    return _distinct(db, facts.c.member_id, key, conditions)


def _among(db: ReadSession, query: Query, column: Any) -> list[Any]:
    who = _who(db, query)
    return [] if who is None else [column.in_(who)]


def _distinct(db: ReadSession, column: Any, key: Any, conditions: list[Any]) -> Counts:
    counted = sa.func.count(sa.distinct(column))
    if key is None:
        return {None: db.execute(sa.select(counted).where(*conditions)).scalar_one()}
    inner = sa.select(column.label("one"), key.label("key")).where(*conditions).distinct().subquery()
    query = sa.select(inner.c.key, sa.func.count()).group_by(inner.c.key).limit(MOST_GROUPS)
    return {row[0]: row[1] for row in db.execute(query)}


def _moves(query: Query, keys: list[Any]) -> sa.Subquery:
    """One row per member (and key) with a stay that touches the period: when they first came and last went in it, and
    whether they were there at its two ends."""
    stay = MembershipRow
    came = sa.case((stay.joined_at >= query.start, stay.joined_at))
    went = sa.case((stay.left_at < query.end, stay.left_at))
    return (
        sa.select(
            stay.member_id,
            *keys,
            sa.func.min(came).label("came"),
            sa.func.max(went).label("went"),
            sa.func.max(sa.case((stay.joined_at < query.start, 1), else_=0)).label("at_start"),
            sa.func.max(sa.case((stay.left_at < query.end, 0), else_=1)).label("at_end"),
        )
        .where(
            stay.community_id.in_(query.communities),
            stay.joined_at < query.end,
            sa.or_(stay.left_at.is_(None), stay.left_at >= query.start),
        )
        .group_by(stay.member_id, *keys)
        .subquery("moves")
    )


def _came(moves: sa.Subquery) -> list[Any]:
    return [moves.c.at_start == 0, moves.c.came.is_not(None)]


def _went(moves: sa.Subquery) -> list[Any]:
    return [moves.c.at_end == 0, moves.c.went.is_not(None)]


def _moved(db: ReadSession, query: Query, column: str) -> Counts:
    keys: dict[Dimension | None, list[Any]] = {
        Dimension.COMMUNITY: [MembershipRow.community_id],
        Dimension.SOURCE: [_source().label("source")],
    }
    moves = _moves(query, keys.get(query.by, []))
    conditions = _came(moves) if column == "came" else _went(moves)
    key = _moved_key(moves, query.by, moves.c[column])
    return _distinct(db, moves.c.member_id, key, [*conditions, *_among(db, query, moves.c.member_id)])


def _moved_key(moves: sa.Subquery, by: Dimension | None, moment: Any) -> Any:
    if by is Dimension.COMMUNITY:
        return moves.c.community_id
    if by is Dimension.SOURCE:
        return moves.c.source
    clocks: dict[Dimension | None, Any] = {Dimension.HOUR: LocalHour, Dimension.WEEKDAY: LocalWeekday}
    part = clocks.get(by)
    return None if part is None else part(moment)


# Messages and activity.


def _said(db: ReadSession, query: Query) -> list[Any]:
    return [
        MessageRow.community_id.in_(query.communities),
        MessageRow.sent_at >= query.start,
        MessageRow.sent_at < query.end,
        MessageRow.sender_role == SenderRole.MEMBER,
        MessageRow.type != MessageType.SYSTEM,
        MessageRow.conversation == Conversation.GROUP,
        MessageRow.recalled.is_(False),
        *_among(db, query, MessageRow.member_id),
    ]


def _message_key(by: Dimension | None) -> Any:
    keys: dict[Dimension | None, Any] = {
        Dimension.COMMUNITY: MessageRow.community_id,
        Dimension.HOUR: LocalHour(MessageRow.sent_at),
        Dimension.WEEKDAY: LocalWeekday(MessageRow.sent_at),
    }
    return keys.get(by)


def _messages(db: ReadSession, query: Query, *more: Any) -> Counts:
    return _distinct(db, MessageRow.id, _message_key(query.by), [*_said(db, query), *more])


def _flagged(db: ReadSession, query: Query) -> Counts:
    return _messages(db, query, MessageRow.risk["level"].as_string() != RiskLevel.NONE.value)


def _speakers(db: ReadSession, query: Query) -> Counts:
    return _distinct(db, MessageRow.member_id, _message_key(query.by), _said(db, query))


def _active(db: ReadSession, query: Query, start: datetime) -> Counts:
    """Distinct members with any activity from `start` to the period's end."""
    moments = activity.active_moments(query.communities, after=start - _TICK, until=query.end - _TICK)
    keys: dict[Dimension | None, Any] = {
        Dimension.COMMUNITY: moments.c.community_id,
        Dimension.HOUR: LocalHour(moments.c.at),
        Dimension.WEEKDAY: LocalWeekday(moments.c.at),
    }
    return _distinct(db, moments.c.member_id, keys.get(query.by), _among(db, query, moments.c.member_id))


def _daily(db: ReadSession, query: Query) -> tuple[Counts, int]:
    """Sum of each day's active members, and the number of days so far."""
    moments = activity.active_moments(query.communities, after=query.start - _TICK, until=query.end - _TICK)
    grouped = query.by is Dimension.COMMUNITY
    key = moments.c.community_id if grouped else sa.literal("all")
    one = sa.select(moments.c.member_id, key.label("key"), LocalDay(moments.c.at).label("day"))
    inner = one.where(*_among(db, query, moments.c.member_id)).distinct().subquery()
    rows = db.execute(sa.select(inner.c.key, sa.func.count()).group_by(inner.c.key).limit(MOST_GROUPS))
    found: dict[str | None, int] = {row[0] if grouped else None: row[1] for row in rows}
    last, first = query.at.astimezone(_ZONE).date(), query.start.astimezone(_ZONE).date()
    return (found if grouped else {None: found.get(None, 0)}), max(1, (last - first).days + 1)


# The measures.


def _plain(counts: Counts) -> list[Row]:
    return [Row(key, value) for key, value in counts.items()]


def _rate(over: Mapping[str | None, Number], under: Mapping[str | None, Number]) -> list[Row]:
    keys = list(dict.fromkeys([*under, *over]))
    return [_share(key, over.get(key, 0), under.get(key, 0)) for key in keys]


def _share(key: str | None, over: Number, under: Number) -> Row:
    return Row(key, over / under if under else None, over, under)


def _measure_members(db: ReadSession, query: Query) -> list[Row]:
    found = _members(db, query)
    if not query.activities or Activity.EXITED in query.activities or query.by is Dimension.ACTIVITY:
        return _plain(found)
    everybody = _members(db, replace(query, activities=()))
    keys = list(dict.fromkeys([*everybody, *found]))
    return [Row(key, found.get(key, 0), found.get(key, 0), everybody.get(key, 0)) for key in keys]


def _measure_net(db: ReadSession, query: Query) -> list[Row]:
    came, went = _moved(db, query, "came"), _moved(db, query, "went")
    return [Row(key, came.get(key, 0) - went.get(key, 0)) for key in dict.fromkeys([*came, *went])]


def _measure_interaction(db: ReadSession, query: Query) -> list[Row]:
    return _rate(_speakers(db, query), _members(db, query))


def _measure_per_speaker(db: ReadSession, query: Query) -> list[Row]:
    return _rate(_messages(db, query), _speakers(db, query))


def _measure_dau(db: ReadSession, query: Query) -> list[Row]:
    if query.by in (Dimension.HOUR, Dimension.WEEKDAY):
        return _plain(_active(db, query, query.start))
    sums, days = _daily(db, query)
    if days == 1:
        return _plain(sums)
    return [Row(key, total / days, total, days) for key, total in sums.items()]


def _window(query: Query, days: int, kept: range) -> datetime:
    """The period itself where it is about so long, else so many days up to its end."""
    length = round((query.end - query.start) / timedelta(days=1))
    return query.start if length in kept else query.end - timedelta(days=days)


def _measure_wau(db: ReadSession, query: Query) -> list[Row]:
    return _plain(_active(db, query, _window(query, 7, range(7, 8))))


def _measure_mau(db: ReadSession, query: Query) -> list[Row]:
    return _plain(_active(db, query, _window(query, 30, range(28, 32))))


def _measure_stickiness(db: ReadSession, query: Query) -> list[Row]:
    daily = {row.key: row.value or 0 for row in _measure_dau(db, query)}
    return _rate(daily, {row.key: row.value or 0 for row in _measure_mau(db, query)})


def _measure_peak(db: ReadSession, query: Query) -> list[Row]:
    if query.by is Dimension.COMMUNITY:
        groups = [(one, replace(query, communities=frozenset({one}), by=None)) for one in sorted(query.communities)]
        return [_measure_peak(db, inner)[0]._replace(key=key) for key, inner in groups]
    hours = _messages(db, replace(query, by=Dimension.HOUR))
    if not hours:
        return [Row(None, None)]
    best = min(hours, key=lambda hour: (-hours[hour], str(hour)))
    return [Row(None, int(str(best)), hours[best], sum(hours.values()))]


def _of_members(measure: Callable[[ReadSession, Where], list[Value]]) -> Callable[[ReadSession, Query], list[Row]]:
    """A figure about complaints or answers, whose members may be filtered."""

    def measured(db: ReadSession, query: Query) -> list[Row]:
        return [Row(*one) for one in measure(db, _where(db, query))]

    return measured


def _of_clocks(measure: Callable[[ReadSession, Where], list[Value]]) -> Callable[[ReadSession, Query], list[Row]]:
    """A figure about clocks, which belong to no member. Raises `ForModel` `metric_unavailable` where members are
    filtered."""

    def measured(db: ReadSession, query: Query) -> list[Row]:
        if query.sources or query.activities or query.joined_in_period:
            raise ForModel("metric_unavailable", metric=query.metric.value)
        return [Row(*one) for one in measure(db, _where(db, query))]

    return measured


def _where(db: ReadSession, query: Query) -> Where:
    return Where(query.communities, query.start, query.end, query.now, query.by, _who(db, query))


_MEASURES: Final[dict[Metric, Callable[[ReadSession, Query], list[Row]]]] = {
    Metric.MEMBERS: _measure_members,
    Metric.NEW_MEMBERS: lambda db, query: _plain(_moved(db, query, "came")),
    Metric.EXITED_MEMBERS: lambda db, query: _plain(_moved(db, query, "went")),
    Metric.NET_GROWTH: _measure_net,
    Metric.MESSAGES: lambda db, query: _plain(_messages(db, query)),
    Metric.SPEAKERS: lambda db, query: _plain(_speakers(db, query)),
    Metric.INTERACTION_RATE: _measure_interaction,
    Metric.MESSAGES_PER_SPEAKER: _measure_per_speaker,
    Metric.DAU: _measure_dau,
    Metric.WAU: _measure_wau,
    Metric.MAU: _measure_mau,
    Metric.STICKINESS: _measure_stickiness,
    Metric.RISK_FLAGS: lambda db, query: _plain(_flagged(db, query)),
    Metric.PEAK_HOUR: _measure_peak,
    Metric.COMPLAINTS: _of_members(complaint_figures.complaints),
    Metric.COMPLAINT_CLOSE_RATE: _of_members(complaint_figures.close_rate),
    Metric.NPS: _of_members(complaint_figures.nps),
    Metric.CSAT: _of_members(complaint_figures.csat),
    Metric.SLA_HIT_RATE: _of_clocks(complaint_figures.sla),
    Metric.FIRST_RESPONSE_MINUTES: _of_clocks(complaint_figures.first_response),
}
_PLACES: Final = frozenset({Dimension.COMMUNITY, Dimension.CHANNEL})
_CLOCK: Final = frozenset({Dimension.HOUR, Dimension.WEEKDAY})
_GROUPS: Final[dict[Metric, frozenset[Dimension]]] = {
    Metric.MEMBERS: _PLACES | {Dimension.SOURCE, Dimension.ACTIVITY},
    Metric.NEW_MEMBERS: _PLACES | _CLOCK | {Dimension.SOURCE},
    Metric.EXITED_MEMBERS: _PLACES | _CLOCK | {Dimension.SOURCE},
    Metric.NET_GROWTH: _PLACES | {Dimension.SOURCE},
    Metric.MESSAGES: _PLACES | _CLOCK,
    Metric.SPEAKERS: _PLACES | _CLOCK,
    Metric.INTERACTION_RATE: _PLACES,
    Metric.MESSAGES_PER_SPEAKER: _PLACES | _CLOCK,
    Metric.DAU: _PLACES | _CLOCK,
    Metric.WAU: _PLACES,
    Metric.MAU: _PLACES,
    Metric.STICKINESS: _PLACES,
    Metric.RISK_FLAGS: _PLACES | _CLOCK,
    Metric.PEAK_HOUR: _PLACES,
    Metric.COMPLAINTS: _PLACES | _CLOCK | {Dimension.COMPLAINT_CATEGORY},
    Metric.COMPLAINT_CLOSE_RATE: _PLACES | {Dimension.COMPLAINT_CATEGORY},
    Metric.NPS: _PLACES,
    Metric.CSAT: _PLACES,
    Metric.SLA_HIT_RATE: _PLACES | _CLOCK,
    Metric.FIRST_RESPONSE_MINUTES: _PLACES | _CLOCK,
}


class Talker(NamedTuple):
    member_id: str
    messages: int


def top_talkers(db: ReadSession, query: Query, limit: int) -> list[Talker]:
    """Who said most in the period, most first."""
    counted = sa.func.count()
    found = (
        sa.select(MessageRow.member_id, counted)
        .where(MessageRow.member_id.is_not(None), *_said(db, query))
        .group_by(MessageRow.member_id)
        .order_by(counted.desc(), MessageRow.member_id)
        .limit(limit)
    )
    return [Talker(member_id, number) for member_id, number in db.execute(found) if member_id is not None]


class Listed(NamedTuple):
    """A member in a list; moments are None for who left before or never was active."""

    member_id: str
    standing: Activity
    joined_at: datetime | None
    last_at: datetime | None
    messages: int


def listed(db: ReadSession, query: Query, limit: int) -> list[Listed]:
    """Members whom the filters leave at the period's end, the longest idle first."""
    limits = activity.limits(db)
    facts = activity.facts(query.communities, query.at, limits)
    standing = activity.axis(facts, query.at, limits).label("standing")
    conditions = _among(db, replace(query, activities=()), facts.c.member_id)
    wanted = query.activities or tuple(one for one in Activity if one is not Activity.EXITED)
    rows = (
        sa.select(facts.c.member_id, standing, facts.c.joined_at, facts.c.last_at, facts.c.messages)
        .where(standing.in_([one.value for one in wanted]), *conditions)
        .order_by(sa.func.coalesce(facts.c.last_at, facts.c.joined_at), facts.c.member_id)
        .limit(limit)
    )
    return [Listed(row[0], Activity(row[1]), row[2], row[3], int(row[4])) for row in db.execute(rows)]


def sources(db: ReadSession, communities: frozenset[str]) -> list[str]:
    """Where members of these communities came from, by name."""
    found = (
        sa.select(MembershipRow.source)
        .where(MembershipRow.community_id.in_(communities), MembershipRow.source.is_not(None))
        .distinct()
        .limit(MOST_GROUPS)
    )
    return sorted(source for source in db.execute(found).scalars() if source)
