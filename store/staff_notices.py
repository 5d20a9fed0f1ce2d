"""Notices for people of the staff, which an open console shows: ids only, one row a person."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.ids import new_id
from store.base import Base, Id, insert_new
from store.session import ReadSession, WriteSession


class NoticeRow(Base):
    """`kind` says what happened to the object (`object_kind`, `object_id`), `step` how often before. `over_at`: when
    the matter was settled, so that nobody needs to see it any more."""

    __tablename__ = "notices"
    __table_args__ = (
        UniqueConstraint("user_id", "kind", "cause_id", "step"),
        Index(
            "ix_notices_open",
            "user_id",
            "id",
            sqlite_where=sa.text("seen_at IS NULL AND over_at IS NULL"),
            postgresql_where=sa.text("seen_at IS NULL AND over_at IS NULL"),
        ),
        Index("ix_notices_object", "object_kind", "object_id"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    community_id: Mapped[str] = mapped_column(ForeignKey("communities.id"))
    kind: Mapped[str] = mapped_column(String(32))
    object_kind: Mapped[str] = mapped_column(String(32))
    object_id: Mapped[str] = mapped_column(Id)
    cause_id: Mapped[str] = mapped_column(Id)
    step: Mapped[int] = mapped_column(Integer, default=0)
    at: Mapped[datetime]
    seen_at: Mapped[datetime | None]
    over_at: Mapped[datetime | None]


def add(
    db: WriteSession,
    user_ids: Iterable[str],
    *,
    community_id: str,
    kind: str,
    object_kind: str,
    object_id: str,
    cause_id: str | None = None,
    step: int = 0,
) -> int:
    """Tell each of these people once; how many were told only now. `cause_id` is what makes it happen again for the
    same object (a clock, say), default the object."""
    values = {
        "community_id": community_id,
        "kind": kind,
        "object_kind": object_kind,
        "object_id": object_id,
        "cause_id": cause_id or object_id,
        "step": step,
        "at": db.now,
    }
    people = sorted(set(user_ids))
    return sum(insert_new(db, NoticeRow, values | {"id": new_id("ntc"), "user_id": one}) for one in people)


def get(db: ReadSession, notice_id: str) -> NoticeRow | None:
    return db.get(NoticeRow, notice_id, populate_existing=True)


class Readable(NamedTuple):
    """In which communities somebody may read of this kind of objects, and of all others (None: in all of them)."""

    object_kind: str
    within: frozenset[str] | None
    others: frozenset[str] | None


def open_of(db: ReadSession, user_id: str, limit: int, readable: Readable | None = None) -> list[NoticeRow]:
    """What a person has not seen, what is not settled and what they may read, the newest first."""
    query = sa.select(NoticeRow).where(
        NoticeRow.user_id == user_id, NoticeRow.seen_at.is_(None), NoticeRow.over_at.is_(None)
    )
    if readable is not None:
        own = NoticeRow.object_kind == readable.object_kind
        query = query.where(sa.or_(_within(own, readable.within), _within(~own, readable.others)))
    return list(db.execute(query.order_by(NoticeRow.id.desc()).limit(limit)).scalars())


def _within(kind: sa.ColumnElement[bool], places: frozenset[str] | None) -> sa.ColumnElement[bool]:
    return kind if places is None else sa.and_(kind, NoticeRow.community_id.in_(places))


def see(db: WriteSession, notice_id: str) -> bool:
    """Mark as seen; False where it was."""
    change = sa.update(NoticeRow).where(NoticeRow.id == notice_id, NoticeRow.seen_at.is_(None))
    seen = change.values(seen_at=db.now).returning(NoticeRow.id)
    return db.execute(seen.execution_options(synchronize_session=False)).first() is not None


def settle(db: WriteSession, object_kind: str, object_id: str) -> None:
    """The matter is over for everybody."""
    change = sa.update(NoticeRow).where(
        NoticeRow.object_kind == object_kind, NoticeRow.object_id == object_id, NoticeRow.over_at.is_(None)
    )
    db.execute(change.values(over_at=db.now).execution_options(synchronize_session=False))


def sweep(db: WriteSession, before: datetime, most: int) -> int:
    """Drop the oldest ones from before that were seen or settled; how many."""
    over = sa.or_(NoticeRow.seen_at.is_not(None), NoticeRow.over_at.is_not(None))
    old = sa.select(NoticeRow.id).where(over, NoticeRow.at < before).order_by(NoticeRow.id).limit(most)
    gone = sa.delete(NoticeRow).where(NoticeRow.id.in_(old)).returning(NoticeRow.id)
    return len(db.execute(gone.execution_options(synchronize_session=False)).all())
