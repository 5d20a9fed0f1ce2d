"""Timers: clocks, schedules and phases that fall due at a moment. Their arguments are ids, never text."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import ColumnElement, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.base import Id, insert_new
from store.due import DueBase, Which, index_of
from store.session import ReadSession, WriteSession


class TimerRow(DueBase):
    """`kind` names what is done when it falls due, (`kind`, `object_id`) is unique: setting it twice sets it once."""

    __tablename__ = "timers"
    __table_args__ = (UniqueConstraint("kind", "object_id"), *index_of("timers"))

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    lane: Mapped[str] = mapped_column(String(90))
    kind: Mapped[str] = mapped_column(String(32))
    object_id: Mapped[str] = mapped_column(String(90))
    community_id: Mapped[str | None] = mapped_column(ForeignKey("communities.id"))
    arguments: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime]


def put(
    db: WriteSession,
    *,
    timer_id: str,
    kind: str,
    object_id: str,
    due_at: datetime,
    lane: str | None = None,
    community_id: str | None = None,
) -> bool:
    """Set a timer; False where it is set already. Timers of one `lane` (default: a lane of its own) go off in order."""
    values: dict[str, Any] = {
        "id": timer_id,
        "lane": lane or f"{kind}:{object_id}",
        "kind": kind,
        "object_id": object_id,
        "community_id": community_id,
        "arguments": {},
        "created_at": db.now,
        "due_at": due_at,
        "fence": 0,
        "attempts": 0,
    }
    return insert_new(db, TimerRow, values)


def many(db: ReadSession, timer_ids: Collection[str]) -> list[TimerRow]:
    """These timers, the first due first."""
    query = sa.select(TimerRow).where(TimerRow.id.in_(list(timer_ids))).order_by(TimerRow.due_at, TimerRow.id)
    return list(db.execute(query.execution_options(populate_existing=True)).scalars())


def drop_lane(db: WriteSession, lane: str) -> None:
    """Nothing of this lane goes off any more, whoever may have claimed it."""
    gone = sa.delete(TimerRow).where(TimerRow.lane == lane, TimerRow.due_at.is_not(None))
    db.execute(gone.execution_options(synchronize_session=False))


def drop(db: WriteSession, timer_ids: Collection[str]) -> None:
    """Done with: the effects stand in rows of their own. The caller has made sure of the claims (`due.held`)."""
    gone = sa.delete(TimerRow).where(TimerRow.id.in_(list(timer_ids)))
    db.execute(gone.execution_options(synchronize_session=False))


def of_kinds(kinds: Collection[str]) -> Which:
    """The queue of the timers of these kinds."""
    wanted = list(kinds)

    def which(table: type[DueBase]) -> ColumnElement[bool]:
        row = cast("type[TimerRow]", table)
        # Said once more, so that the index of what is due serves the question when the next one is.
        return sa.and_(row.kind.in_(wanted), row.due_at.is_not(None))

    return which
