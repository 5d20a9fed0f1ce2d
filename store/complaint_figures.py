"""What complaints, clocks and answers of members come to in numbers: rows for the report, counts for the metrics."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from statistics import median
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from core.metrics import Dimension
from core.vocabulary import CaseState, ClockKind, CompensationStatus, SurveyKind
from store.cases import CaseEventRow, CaseRow, CompensationRow
from store.clocks import ClockRow
from store.local_time import LocalHour, LocalWeekday
from store.session import ReadSession
from store.surveys import SurveyAnswerRow

ANSWERED: Final = ("answered", "acknowledged")
"""Why a clock stopped that was answered. What stopped otherwise (taken back, no complaint after all, found by the
asker) counts neither as kept nor as missed."""
PROMOTERS: Final = 9
DETRACTORS: Final = 6
SATISFIED: Final = 4
MOST_ROWS: Final = 100_000


class Where(NamedTuple):
    """What is counted: these communities, from `start` on, before `end`; up to `now`. `among` narrows to members."""

    communities: frozenset[str]
    start: datetime
    end: datetime
    now: datetime
    by: Dimension | None = None
    among: Any = None


class Value(NamedTuple):
    """Of one group; `value` None where there is nothing to reckon it from."""

    key: str | None
    value: float | int | None
    numerator: float | int | None = None
    denominator: float | int | None = None


def _key(where: Where, community: Any, moment: Any, category: Any = None) -> Any:
    keys: dict[Dimension | None, Any] = {
        Dimension.COMMUNITY: community,
        Dimension.HOUR: LocalHour(moment),
        Dimension.WEEKDAY: LocalWeekday(moment),
        Dimension.COMPLAINT_CATEGORY: category,
    }
    return keys.get(where.by)


def _grouped(db: ReadSession, key: Any, columns: list[Any], conditions: list[Any]) -> dict[str | None, tuple[Any, ...]]:
    if key is None:
        return {None: tuple(db.execute(sa.select(*columns).where(*conditions)).one())}
    query = sa.select(key.label("key"), *columns).where(*conditions).group_by(sa.text("1")).limit(500)
    return {row[0]: tuple(row[1:]) for row in db.execute(query)}


def _opened(where: Where) -> list[Any]:
    row = CaseRow
    found = [
        row.community_id.in_(where.communities),
        row.opened_at >= where.start,
        row.opened_at < where.end,
        row.state != CaseState.DISMISSED,
    ]
    return found if where.among is None else [*found, row.member_id.in_(where.among)]


def complaints(db: ReadSession, where: Where) -> list[Value]:
    """Cases opened, without those that were no complaints."""
    key = _key(where, CaseRow.community_id, CaseRow.opened_at, CaseRow.category)
    found = _grouped(db, key, [sa.func.count()], _opened(where))
    return [Value(name, number) for name, (number,) in found.items()]


def close_rate(db: ReadSession, where: Where) -> list[Value]:
    """Of the cases opened, those closed by now, or by the period's end where that is earlier."""
    key = _key(where, CaseRow.community_id, CaseRow.opened_at, CaseRow.category)
    closed = sa.func.count().filter(CaseRow.closed_at.is_not(None), CaseRow.closed_at < where.end)
    found = _grouped(db, key, [closed, sa.func.count()], _opened(where))
    return [_share(name, over, under) for name, (over, under) in found.items()]


def _share(key: str | None, over: int, under: int) -> Value:
    return Value(key, over / under if under else None, over, under)


def _due(where: Where) -> list[Any]:
    row = ClockRow
    until = min(where.end, where.now + timedelta(microseconds=1))
    return [
        row.community_id.in_(where.communities),
        row.respond_by >= where.start,
        row.respond_by < until,
        _counts(),
    ]


def _counts() -> sa.ColumnElement[bool]:
    return sa.or_(ClockRow.stopped_at.is_(None), ClockRow.why.in_(ANSWERED))


def _kept() -> sa.ColumnElement[bool]:
    return sa.and_(ClockRow.stopped_at.is_not(None), ClockRow.stopped_at <= ClockRow.respond_by)


def sla(db: ReadSession, where: Where) -> list[Value]:
    """Clocks that fell due, and those of them that were answered in time."""
    key = _key(where, ClockRow.community_id, ClockRow.respond_by)
    found = _grouped(db, key, [sa.func.count().filter(_kept()), sa.func.count()], _due(where))
    return [_share(name, over, under) for name, (over, under) in found.items()]


def first_response(db: ReadSession, where: Where) -> list[Value]:
    """The median minutes from a clock's start to the answer, of clocks that were answered; the number of these as
    the denominator."""
    row = ClockRow
    key = _key(where, row.community_id, row.stopped_at)
    conditions = [
        row.community_id.in_(where.communities),
        row.stopped_at >= where.start,
        row.stopped_at < where.end,
        row.why.in_(ANSWERED),
    ]
    columns = [sa.null() if key is None else key, row.started_at, row.stopped_at]
    found: dict[str | None, list[float]] = {}
    for name, started, stopped in db.execute(sa.select(*columns).where(*conditions).limit(MOST_ROWS)):
        found.setdefault(name, []).append(max(0.0, (stopped - started).total_seconds() / 60))
    if key is None and not found:
        return [Value(None, None, None, 0)]
    return [Value(name, round(median(each), 4), None, len(each)) for name, each in found.items()]


def _answers(db: ReadSession, where: Where, kind: SurveyKind) -> Mapping[str | None, dict[int, int]]:
    row = SurveyAnswerRow
    conditions = [
        row.kind == kind,
        row.community_id.in_(where.communities),
        row.at >= where.start,
        row.at < where.end,
    ]
    if where.among is not None:
        conditions.append(row.member_id.in_(where.among))
    key = _key(where, row.community_id, row.at)
    columns = [row.score, sa.func.count()] if key is None else [key.label("key"), row.score, sa.func.count()]
    grouping = [row.score] if key is None else [sa.text("1"), row.score]
    found: dict[str | None, dict[int, int]] = {None: {}} if key is None else {}
    for one in db.execute(sa.select(*columns).where(*conditions).group_by(*grouping)):
        name, score, number = (None, *one) if key is None else one
        found.setdefault(name, {})[score] = number
    return found


def nps(db: ReadSession, where: Where) -> list[Value]:
    """Percent of 9–10 less percent of 0–6: −100 to 100."""
    made = []
    for name, scores in _answers(db, where, SurveyKind.NPS).items():
        total = sum(scores.values())
        over = sum(n for score, n in scores.items() if score >= PROMOTERS)
        over -= sum(n for score, n in scores.items() if score <= DETRACTORS)
        made.append(Value(name, round(100 * over / total, 4) if total else None, over, total))
    return made


def csat(db: ReadSession, where: Where) -> list[Value]:
    """The share of 4–5 of 5."""
    made = []
    for name, scores in _answers(db, where, SurveyKind.CSAT).items():
        over = sum(n for score, n in scores.items() if score >= SATISFIED)
        made.append(_share(name, over, sum(scores.values())))
    return made


class ClockLine(NamedTuple):
    """A clock that fell due or was answered in the period; `owner_id` that of its case."""

    community_id: str
    owner_id: str | None
    kind: str
    started_at: datetime
    respond_by: datetime | None
    stopped_at: datetime | None


class CaseLine(NamedTuple):
    community_id: str
    owner_id: str | None
    category: str
    severity: str
    state: str
    breached: bool
    opened_at: datetime
    closed_at: datetime | None


class Moved(NamedTuple):
    """How often cases came into a state in the period."""

    community_id: str
    owner_id: str | None
    state: str
    number: int


class Paid(NamedTuple):
    """What was approved in the period."""

    community_id: str
    owner_id: str | None
    cents: int
    points: int


def clock_lines(db: ReadSession, where: Where) -> list[ClockLine]:
    row = ClockRow
    until = min(where.end, where.now + timedelta(microseconds=1))
    due = sa.and_(row.respond_by >= where.start, row.respond_by < until)
    answered = sa.and_(row.stopped_at >= where.start, row.stopped_at < where.end)
    case = sa.and_(row.kind == ClockKind.COMPLAINT, CaseRow.id == row.object_id)
    query = (
        sa.select(row.community_id, CaseRow.owner_id, row.kind, row.started_at, row.respond_by, row.stopped_at)
        .outerjoin(CaseRow, case)
        .where(row.community_id.in_(where.communities), sa.or_(due, answered))
        .where(_counts())
        .limit(MOST_ROWS)
    )
    return [ClockLine(*one) for one in db.execute(query)]


def case_lines(db: ReadSession, where: Where) -> list[CaseLine]:
    """Cases that were opened or closed in the period, or are open."""
    row = CaseRow
    opened = sa.and_(row.opened_at >= where.start, row.opened_at < where.end)
    closed = sa.and_(row.closed_at >= where.start, row.closed_at < where.end)
    open_ = row.state.not_in((CaseState.CLOSED, CaseState.DISMISSED))
    columns = [getattr(row, name) for name in CaseLine._fields]
    query = sa.select(*columns).where(row.community_id.in_(where.communities), sa.or_(opened, closed, open_))
    return [CaseLine(*one) for one in db.execute(query.limit(MOST_ROWS))]


def moved(db: ReadSession, where: Where) -> list[Moved]:
    event = CaseEventRow
    states = (CaseState.REOPENED, CaseState.DISMISSED)
    query = (
        sa.select(CaseRow.community_id, CaseRow.owner_id, event.to_state, sa.func.count())
        .join(CaseRow, CaseRow.id == event.case_id)
        .where(CaseRow.community_id.in_(where.communities), event.to_state.in_(states))
        .where(event.at >= where.start, event.at < where.end)
        .group_by(CaseRow.community_id, CaseRow.owner_id, event.to_state)
    )
    return [Moved(one[0], one[1], one[2] or "", one[3]) for one in db.execute(query)]


def paid(db: ReadSession, where: Where) -> list[Paid]:
    row = CompensationRow
    at = sa.func.coalesce(row.decided_at, row.proposed_at)
    sums = (sa.func.coalesce(sa.func.sum(row.cents), 0), sa.func.coalesce(sa.func.sum(row.points), 0))
    query = (
        sa.select(CaseRow.community_id, CaseRow.owner_id, *sums)
        .join(CaseRow, CaseRow.id == row.case_id)
        .where(CaseRow.community_id.in_(where.communities), row.status == CompensationStatus.APPROVED)
        .where(at >= sa.literal(where.start, row.proposed_at.type), at < sa.literal(where.end, row.proposed_at.type))
        .group_by(CaseRow.community_id, CaseRow.owner_id)
    )
    return [Paid(one[0], one[1], int(one[2]), int(one[3])) for one in db.execute(query)]
