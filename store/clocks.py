"""Reply clocks (响应时钟): how long a member has waited for a first answer, in business time.

What falls due lies in `timers`; a clock's row says what of it has happened. All moments follow from the hours as they
were when the clock was started or resumed.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Float, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, aliased, mapped_column

from core.vocabulary import ClockKind
from store.base import Base, Id, insert_new
from store.cases import CaseRow
from store.members import MemberRow
from store.messages import MessageRow
from store.session import ReadSession, WriteSession

STATES: Final = ("running", "warned", "overdue", "paused", "stopped")


class ClockRow(Base):
    """`object_id` is the message (group question) or the case (complaint). `since`: when the member asked; `started_at`
    the first business moment from then on. `warn_at` is null where there is no warning, `respond_by` while paused
    before the breach. The three lengths are the settings at the start; `used_seconds` of business time had passed when
    it was last paused, `runs_since` is where it went on. `step`: how far up it was reported, 0 where not at all."""

    __tablename__ = "reply_clocks"
    __table_args__ = (
        Index(
            "uq_reply_clocks_running",
            "kind",
            "object_id",
            unique=True,
            sqlite_where=sa.text("stopped_at IS NULL"),
            postgresql_where=sa.text("stopped_at IS NULL"),
        ),
        Index("ix_reply_clocks_object", "kind", "object_id", "id"),
        Index(
            "ix_reply_clocks_open",
            "respond_by",
            "id",
            sqlite_where=sa.text("stopped_at IS NULL"),
            postgresql_where=sa.text("stopped_at IS NULL"),
        ),
        Index("ix_reply_clocks_started", "started_at", "community_id"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    object_id: Mapped[str] = mapped_column(Id)
    community_id: Mapped[str] = mapped_column(ForeignKey("communities.id"))
    since: Mapped[datetime]
    started_at: Mapped[datetime]
    runs_since: Mapped[datetime]
    warn_seconds: Mapped[int] = mapped_column(Integer)
    limit_seconds: Mapped[int] = mapped_column(Integer)
    step_seconds: Mapped[int] = mapped_column(Integer)
    used_seconds: Mapped[float] = mapped_column(Float, default=0.0)
    warn_at: Mapped[datetime | None]
    respond_by: Mapped[datetime | None]
    paused_at: Mapped[datetime | None]
    warned_at: Mapped[datetime | None]
    breached_at: Mapped[datetime | None]
    step: Mapped[int] = mapped_column(Integer, default=0)
    stepped_at: Mapped[datetime | None]
    stopped_at: Mapped[datetime | None]
    stopped_by: Mapped[str | None] = mapped_column(Id)
    why: Mapped[str | None] = mapped_column(String(32))

    def state(self, now: datetime) -> str:
        """One of `STATES`."""
        if self.stopped_at is not None:
            return "stopped"
        if self.paused_at is not None:
            return "paused"
        if self.respond_by is not None and self.respond_by <= now:
            return "overdue"
        return "warned" if self.warn_at is not None and self.warn_at <= now else "running"

    def kept(self) -> bool | None:
        """Whether it was answered in time; None while that is open."""
        if self.breached_at is not None:
            return False
        return None if self.stopped_at is None else True


def get(db: ReadSession, clock_id: str) -> ClockRow | None:
    return db.get(ClockRow, clock_id, populate_existing=True)


def newest(db: ReadSession, kind: str, object_id: str) -> ClockRow | None:
    """The latest clock of an object, running or not."""
    query = sa.select(ClockRow).where(ClockRow.kind == kind, ClockRow.object_id == object_id)
    order = (ClockRow.stopped_at.is_not(None), ClockRow.id.desc())
    return db.execute(query.order_by(*order).limit(1)).scalar_one_or_none()


def newest_of(db: ReadSession, kind: str, object_ids: Collection[str]) -> dict[str, ClockRow]:
    """The latest clock of each object that has one."""
    query = sa.select(ClockRow).where(ClockRow.kind == kind, ClockRow.object_id.in_(list(object_ids)))
    order = (ClockRow.stopped_at.is_(None), ClockRow.id)
    return {row.object_id: row for row in db.execute(query.order_by(*order)).scalars()}


def running(db: WriteSession, kind: str, object_id: str) -> ClockRow | None:
    """The clock of an object that has not stopped, locked until the transaction ends."""
    query = sa.select(ClockRow).where(
        ClockRow.kind == kind, ClockRow.object_id == object_id, ClockRow.stopped_at.is_(None)
    )
    fresh = query.with_for_update().execution_options(populate_existing=True)
    return db.execute(fresh).scalar_one_or_none()


def lock(db: WriteSession, clock_ids: Collection[str]) -> dict[str, ClockRow]:
    """These clocks, locked until the transaction ends."""
    query = sa.select(ClockRow).where(ClockRow.id.in_(list(clock_ids))).order_by(ClockRow.id)
    fresh = query.with_for_update().execution_options(populate_existing=True)
    return {row.id: row for row in db.execute(fresh).scalars()}


def lock_cases(db: WriteSession, case_ids: Collection[str]) -> dict[str, CaseRow]:
    """The cases of clocks, locked before these are: whoever works on a case stops its clock after it."""
    query = sa.select(CaseRow).where(CaseRow.id.in_(list(case_ids))).order_by(CaseRow.id)
    fresh = query.with_for_update().execution_options(populate_existing=True)
    return {row.id: row for row in db.execute(fresh).scalars()}


class Needless(NamedTuple):
    """A question clock that nobody waits for any more: since when, and why."""

    message_id: str
    at: datetime
    why: str


def needless(db: ReadSession, limit: int) -> list[Needless]:
    """Questions with a clock that runs, whose message was taken back, or edited to ask nothing, or whose member was
    erased. One that is still to be thought about, or in whose burst another message asks, is none of them."""
    follower = aliased(MessageRow)
    asks = sa.and_(
        follower.burst_id == MessageRow.id,
        follower.id != MessageRow.id,
        follower.recalled.is_(False),
        follower.no_draft.is_(None),
    )
    nothing = sa.and_(MessageRow.done_at.is_not(None), MessageRow.no_draft.is_not(None), ~sa.exists().where(asks))
    query = (
        sa.select(MessageRow.id, MessageRow.recalled, MessageRow.done_at, MemberRow.erased_at)
        .join(ClockRow, sa.and_(ClockRow.object_id == MessageRow.id, ClockRow.kind == ClockKind.GROUP_QUESTION))
        .outerjoin(MemberRow, MemberRow.id == MessageRow.member_id)
        .where(ClockRow.stopped_at.is_(None), sa.or_(nothing, MemberRow.erased_at.is_not(None)))
        .order_by(MessageRow.id)
        .limit(limit)
    )
    found = []
    for message_id, recalled, done_at, erased_at in db.execute(query):
        why = "message_recalled" if recalled else "message_edited"
        at, why = (done_at, why) if erased_at is None else (erased_at, "member_erased")
        if at is not None:
            found.append(Needless(message_id, at, why))
    return found


def ever_breached(db: ReadSession, kind: str, object_id: str) -> bool:
    """Whether any clock of an object was too late."""
    query = sa.select(sa.literal(1)).where(
        ClockRow.kind == kind, ClockRow.object_id == object_id, ClockRow.breached_at.is_not(None)
    )
    return db.execute(query.limit(1)).first() is not None


def many(db: ReadSession, clock_ids: Collection[str]) -> list[ClockRow]:
    return list(db.execute(sa.select(ClockRow).where(ClockRow.id.in_(list(clock_ids)))).scalars())


def add(db: WriteSession, values: Mapping[str, Any]) -> bool:
    """Start a clock; False where the object has one that runs."""
    return insert_new(db, ClockRow, values)


class Wanted(NamedTuple):
    """Which clocks a list is about: of each kind, in which communities (None: all of them)."""

    places: Mapping[str, frozenset[str] | None]
    state: str | None = None


def page(
    db: ReadSession, wanted: Wanted, *, now: datetime, after: tuple[datetime, str] | None = None, limit: int = 50
) -> list[ClockRow]:
    """Clocks that have not stopped, the first due first; paused ones are listed when asked for by their state."""
    row = ClockRow
    query = sa.select(row).where(
        row.stopped_at.is_(None), sa.or_(*_places(wanted.places)), _in_state(wanted.state, now)
    )
    # A paused clock has no moment to answer by: it stands where it was paused.
    moment = sa.func.coalesce(row.respond_by, row.paused_at, type_=row.started_at.type)
    if after is not None:
        bound = (sa.literal(after[0], row.started_at.type), sa.literal(after[1]))
        query = query.where(sa.tuple_(moment, row.id) > sa.tuple_(*bound))
    return list(db.execute(query.order_by(moment, row.id).limit(limit)).scalars())


def _places(places: Mapping[str, frozenset[str] | None]) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = [sa.false()]
    for kind, within in places.items():
        here = ClockRow.kind == kind
        found.append(here if within is None else sa.and_(here, ClockRow.community_id.in_(within)))
    return found


def _in_state(state: str | None, now: datetime) -> sa.ColumnElement[bool]:
    runs, late, warned = ClockRow.paused_at.is_(None), ClockRow.respond_by <= now, ClockRow.warn_at <= now
    if state == "paused":
        return ClockRow.paused_at.is_not(None)
    if state == "overdue":
        return sa.and_(runs, late)
    if state == "warned":
        return sa.and_(runs, ~late, warned)
    return runs


def tally(db: ReadSession, now: datetime) -> dict[tuple[str, str], int]:
    """How many clocks of each kind run, and how many of these are overdue."""
    late = sa.func.count().filter(ClockRow.respond_by <= now)
    query = sa.select(ClockRow.kind, sa.func.count(), late).where(ClockRow.stopped_at.is_(None))
    found = {(kind.value, state): 0 for kind in ClockKind for state in ("running", "overdue")}
    for kind, running_, overdue in db.execute(query.where(ClockRow.paused_at.is_(None)).group_by(ClockRow.kind)):
        found[kind, "running"], found[kind, "overdue"] = running_, overdue
    return found


def count(db: ReadSession, wanted: Wanted, now: datetime) -> int:
    """How many clocks `page` would list in all."""
    query = sa.select(sa.func.count()).select_from(ClockRow)
    query = query.where(ClockRow.stopped_at.is_(None), sa.or_(*_places(wanted.places)), _in_state(wanted.state, now))
    return db.execute(query).scalar_one()


def breached(db: ReadSession) -> int:
    """How many of the clocks that have not stopped were too late."""
    query = sa.select(sa.func.count()).where(ClockRow.stopped_at.is_(None), ClockRow.breached_at.is_not(None))
    return db.execute(query).scalar_one()
