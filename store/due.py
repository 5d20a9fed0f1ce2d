"""Due work lies in rows, and any worker may take it over from a dead one: the one mechanism for messages to think
about, deliveries to send, and timers.

A worker claims a batch, which gives each row a lease and a fresh fencing number, works outside any transaction, and
finishes in the transaction that also holds the effect. `finish` and `retry` only match while the fence is still the
one claimed, so a worker that was too slow changes nothing. A lease that ran out makes the row claimable again.

Claims of one table are taken one after another (SQLite's write lock; an advisory lock on PostgreSQL): they last a
few milliseconds, and it keeps "in order within a lane" true when several workers claim at once.
"""

from collections.abc import Mapping, Sequence
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


def claim(db: WriteSession, table: type[DueBase], *, worker: str, lease: timedelta, most: int) -> list[Claim]:
    """Take up to `most` rows that are due and unleased, oldest first; a lane in which another row is leased waits."""
    _queue_up(db, table)
    other = aliased(table)
    lane_busy = (
        sa.select(sa.literal(1))
        .where(other.lane == table.lane, other.lease_until > db.now, other.due_at.is_not(None))
        .exists()
    )
    query = (
        sa.select(table.id, table.fence, table.attempts, table.lease_until)
        .where(table.due_at <= db.now, _free(table, db.now), ~lane_busy)
        .order_by(table.due_at, table.id)
        .limit(most)
    )
    rows = db.execute(query).all()
    if not rows:
        return []
    change = sa.update(table).where(table.id.in_([row.id for row in rows]))
    values = {
        "lease_until": db.now + lease,
        "fence": table.fence + 1,
        "attempts": table.attempts + 1,
        "worker": worker,
    }
    db.execute(change.values(values).execution_options(synchronize_session=False))
    return [Claim(row.id, row.fence + 1, row.attempts + 1, row.lease_until is not None) for row in rows]


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
    query = sa.select(table.id, table.fence).where(table.id.in_([claim.id for claim in claims])).with_for_update()
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
    change = sa.update(table).where(table.id == claimed.id, table.fence == claimed.fence)
    released = {"lease_until": None, "worker": None} | values
    result = db.execute(change.values(released).execution_options(synchronize_session=False))
    return isinstance(result, CursorResult) and result.rowcount == 1


def renew(db: WriteSession, table: type[DueBase], claimed: Claim, lease: timedelta) -> bool:
    """A fresh lease from now for a row whose work begins only now; False where the claim was lost meanwhile."""
    held = (table.id == claimed.id, table.fence == claimed.fence, table.lease_until.is_not(None))
    change = sa.update(table).where(*held)
    result = db.execute(change.values(lease_until=db.now + lease).execution_options(synchronize_session=False))
    return isinstance(result, CursorResult) and result.rowcount == 1


def release(db: WriteSession, table: type[DueBase], claims: Sequence[Claim]) -> None:
    """Give back what a stopping worker has not begun, as if it had never been claimed."""
    for claimed in claims:
        _settle(db, table, claimed, {"attempts": claimed.attempts - 1})


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


def next_due(db: ReadSession, table: type[DueBase]) -> datetime | None:
    """When the next row falls due, so that an idle worker sleeps no longer than that."""
    return db.execute(sa.select(sa.func.min(table.due_at))).scalar_one_or_none()


def index_of(table: str) -> tuple[sa.Index, ...]:
    """The two partial indexes that keep `claim` quick however many finished rows there are."""
    is_due = sa.text("due_at IS NOT NULL")
    return (
        sa.Index(f"ix_{table}_due", "due_at", "id", postgresql_where=is_due, sqlite_where=is_due),
        sa.Index(f"ix_{table}_lane", "lane", "lease_until", postgresql_where=is_due, sqlite_where=is_due),
    )
