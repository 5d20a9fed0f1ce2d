"""Due work lies in rows, and any worker may take it over from a dead one: the one mechanism for messages to think
about, deliveries to send, and timers.

A worker claims a batch, which gives each row a lease and a fresh fencing number, works outside any transaction, and
finishes in the transaction that also holds the effect. `finish` and `retry` only match while the fence is still the
one claimed, so a worker that was too slow changes nothing. A lease that ran out makes the row claimable again.

Claims of one table are taken one after another (SQLite's write lock; an advisory lock on PostgreSQL): they last a
few milliseconds, and it keeps "in order within a lane" true when several workers claim at once.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import ColumnElement, CursorResult, Integer, String
from sqlalchemy.orm import Mapped, aliased, mapped_column

from store.base import Base
from store.session import ReadSession, WriteSession

_BACKOFF_FIRST = 2.0
_BACKOFF_MOST = 600.0


class Due:
    """Columns of a table whose rows can be due. `due_at` null means: nothing (more) to do."""

    due_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    fence: Mapped[int] = mapped_column(Integer, default=0)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    worker: Mapped[str | None] = mapped_column(String(80))
    last_error: Mapped[str | None] = mapped_column(String(200))
    dead_at: Mapped[datetime | None]


class DueBase(Due, Base):
    """A due row has an id, and a lane: rows of one lane are worked on in the order of `due_at`, `id`."""

    __abstract__ = True

    id: Mapped[str]
    lane: Mapped[str]


class Claim(NamedTuple):
    """`taken_over` says that an earlier lease of this row ran out: its work may have been done in part."""

    id: str
    fence: int
    attempts: int
    taken_over: bool


Which = Callable[[type[DueBase]], ColumnElement[bool]]
"""A condition on the rows of a table (or an alias of it) that makes them a queue of their own."""


def claim(
    db: WriteSession,
    table: type[DueBase],
    *,
    worker: str,
    lease: timedelta,
    most: int,
    which: Which | None = None,
    in_order: bool = True,
) -> list[Claim]:
    """Take up to `most` rows that are due and unleased, oldest first. `which` makes a queue of some rows; `in_order`
    lets a lane wait in which another row of that queue is leased."""
    _queue_up(db, table)
    rows = db.execute(_claimable(table, db.now, which, in_order=in_order).limit(most)).all()
    if not rows:
        return []
    # Asked again: a worker that was late may have finished one since it was read (PostgreSQL sees that only here).
    still_due = (table.due_at <= db.now, _free(table, db.now))
    change = sa.update(table).where(table.id.in_([row.id for row in rows]), *still_due)
    values = {
        "lease_until": db.now + lease,
        "fence": table.fence + 1,
        "attempts": table.attempts + 1,
        "worker": worker,
    }
    taken = change.values(values).returning(table.id, table.fence, table.attempts)
    found = {row.id: row for row in db.execute(taken.execution_options(synchronize_session=False))}
    return [
        Claim(row.id, found[row.id].fence, found[row.id].attempts, row.lease_until is not None)
        for row in rows
        if row.id in found
    ]


def _claimable(
    table: type[DueBase], now: datetime, which: Which | None, *, in_order: bool
) -> sa.Select[*tuple[Any, ...]]:
    query = sa.select(table.id, table.fence, table.attempts, table.lease_until)
    query = query.where(table.due_at <= now, _free(table, now)).order_by(table.due_at, table.id)
    if which is not None:
        query = query.where(which(table))
    if not in_order:
        return query
    other = aliased(table)
    leased = sa.and_(other.lane == table.lane, other.lease_until > now, other.due_at.is_not(None))
    if which is not None:
        leased = sa.and_(leased, which(other))
    return query.where(~sa.select(sa.literal(1)).where(leased).exists())


def _free(table: type[DueBase], now: datetime) -> ColumnElement[bool]:
    return sa.or_(table.lease_until.is_(None), table.lease_until <= now)


def _queue_up(db: WriteSession, table: type[DueBase]) -> None:
    if db.get_bind().dialect.name == "postgresql":
        db.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(f"claim:{table.__tablename__}"))))


def finish(db: WriteSession, table: type[DueBase], claimed: Claim, **values: Any) -> bool:
    """Complete the row within the transaction that holds the effect; False where the claim was lost meanwhile, and
    then the caller must raise or write nothing else."""
    return _settle(db, table, claimed, {"due_at": None, "last_error": None} | values)


def held(db: WriteSession, table: type[DueBase], claims: Sequence[Claim]) -> list[Claim]:
    """Those of `claims` that are still ours, their rows locked until the transaction ends."""
    query = sa.select(table.id, table.fence).where(table.id.in_([claim.id for claim in claims]))
    query = query.where(table.due_at.is_not(None)).with_for_update()
    fences = {row.id: row.fence for row in db.execute(query)}
    return [claim for claim in claims if fences.get(claim.id) == claim.fence]


def finish_many(db: WriteSession, table: type[DueBase], done: Sequence[tuple[Claim, Mapping[str, Any]]]) -> None:
    """`finish` for a batch of rows that `held` has just returned; every mapping has the same columns."""
    if done:
        rows = [{"claimed": claim.id, **values} for claim, values in done]
        db.connection().execute(_finishing(table, tuple(done[0][1])), rows)


@cache
def _finishing(table: type[DueBase], columns: tuple[str, ...]) -> sa.Update:
    # Built once: with a fresh statement for every row, making it costs more than running it.
    released: dict[str, Any] = {"due_at": None, "last_error": None, "lease_until": None, "worker": None}
    values = released | {column: sa.bindparam(column) for column in columns}
    return sa.update(table).where(table.id == sa.bindparam("claimed")).values(values)


def retry(db: WriteSession, table: type[DueBase], claimed: Claim, *, error: str, tries: int, **values: Any) -> bool:
    """Give the row back with backoff, or, after `tries`, mark it dead (shown to a person, never lost). `error` is a
    code, no text. Returns whether it is dead now."""
    dead = claimed.attempts >= tries
    if dead:
        values = {"due_at": None, "dead_at": db.now} | values
    else:
        values = {"due_at": db.now + backoff(claimed.attempts)} | values
    _settle(db, table, claimed, values | {"last_error": error[:200]})
    return dead


def _settle(db: WriteSession, table: type[DueBase], claimed: Claim, values: dict[str, Any]) -> bool:
    # What is finished stays so, whatever a claim still says.
    mine = (table.id == claimed.id, table.fence == claimed.fence, table.due_at.is_not(None))
    change = sa.update(table).where(*mine)
    released = {"lease_until": None, "worker": None} | values
    result = db.execute(change.values(released).execution_options(synchronize_session=False))
    return isinstance(result, CursorResult) and result.rowcount == 1


def renew(db: WriteSession, table: type[DueBase], claimed: Claim, lease: timedelta) -> bool:
    """A fresh lease from now for a row whose work begins only now; False where the claim was lost meanwhile."""
    held = (table.id == claimed.id, table.fence == claimed.fence, table.lease_until.is_not(None))
    change = sa.update(table).where(*held)
    result = db.execute(change.values(lease_until=db.now + lease).execution_options(synchronize_session=False))
    return isinstance(result, CursorResult) and result.rowcount == 1


def release(
    db: WriteSession, table: type[DueBase], claims: Sequence[Claim], *, wait: timedelta = timedelta(0), **values: Any
) -> None:
    """Give back what can't be worked on now, as if it had never been claimed; due again after `wait`."""
    for claimed in claims:
        _settle(db, table, claimed, {"attempts": claimed.attempts - 1, "due_at": db.now + wait} | values)


def backoff(attempts: int) -> timedelta:
    """2 s after the first failure, doubled each time, at most 10 min."""
    return timedelta(seconds=min(_BACKOFF_FIRST * 2 ** (attempts - 1), _BACKOFF_MOST))


class Backlog(NamedTuple):
    """`oldest_seconds` is how long the oldest row has been due."""

    due: int
    leased: int
    dead: int
    oldest_seconds: float


def backlog(db: ReadSession, table: type[DueBase], now: datetime) -> Backlog:
    waiting = table.due_at <= now
    leased = sa.and_(table.due_at.is_not(None), table.lease_until > now)
    query = sa.select(
        sa.func.count().filter(waiting, _free(table, now)),
        sa.func.count().filter(leased),
        sa.func.count().filter(table.dead_at.is_not(None)),
        sa.func.min(table.due_at).filter(waiting, _free(table, now)),
    ).where(sa.or_(table.due_at.is_not(None), table.dead_at.is_not(None)))
    due, held, dead, oldest = db.execute(query).one()
    return Backlog(due, held, dead, (now - oldest).total_seconds() if oldest else 0.0)


def next_due(db: ReadSession, table: type[DueBase], which: Which | None = None) -> datetime | None:
    """When the next row falls due, so that an idle worker sleeps no longer than that."""
    query = sa.select(sa.func.min(table.due_at))
    return db.execute(query if which is None else query.where(which(table))).scalar_one_or_none()


def index_of(table: str) -> tuple[sa.Index, ...]:
    """The two partial indexes that keep `claim` quick however many finished rows there are."""
    is_due = sa.text("due_at IS NOT NULL")
    return (
        sa.Index(f"ix_{table}_due", "due_at", "id", postgresql_where=is_due, sqlite_where=is_due),
        sa.Index(f"ix_{table}_lane", "lane", "lease_until", postgresql_where=is_due, sqlite_where=is_due),
    )


def unstick(db: WriteSession, table: type[DueBase], horizon: timedelta, *, retries_only: bool) -> int:
    """After a clock was set back, leases and retries lie further ahead than anything that is ever written: take them as
    over; how many. `retries_only` leaves alone what was never tried, since it may rightly be planned for later."""
    late = db.now + horizon
    free = sa.update(table).where(table.due_at.is_not(None), table.lease_until > late).values(lease_until=None)
    again = sa.update(table).where(table.due_at > late, table.lease_until.is_(None)).values(due_at=db.now)
    if retries_only:
        again = again.where(table.attempts > 0)
    found = [db.execute(change.execution_options(synchronize_session=False)) for change in (free, again)]
    return sum(result.rowcount for result in found if isinstance(result, CursorResult))


def dead(db: ReadSession, table: type[DueBase], limit: int) -> list[Any]:
    """Rows that ran out of tries, oldest first."""
    query = sa.select(table).where(table.dead_at.is_not(None)).order_by(table.dead_at, table.id).limit(limit)
    return list(db.execute(query).scalars())


def revive(db: WriteSession, table: type[DueBase], row_id: str, **values: Any) -> bool:
    """Start a row anew that ran out of tries; False where it did not (any more)."""
    fresh = {"due_at": db.now, "dead_at": None, "attempts": 0, "last_error": None} | values
    change = sa.update(table).where(table.id == row_id, table.dead_at.is_not(None)).values(fresh)
    result = db.execute(change.execution_options(synchronize_session=False))
    db.ring(table.__tablename__)
    return isinstance(result, CursorResult) and result.rowcount == 1
