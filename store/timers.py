"""Timers: clocks, schedules and phases that fall due at a moment. Their arguments are ids, never text."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.base import Id, insert_new
from store.due import DueBase, index_of
from store.session import WriteSession


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


def put(db: WriteSession, *, timer_id: str, kind: str, object_id: str, due_at: datetime) -> bool:
    """Set a timer; False where it is set already."""
    values: dict[str, Any] = {
        "id": timer_id,
        "lane": f"{kind}:{object_id}",
        "kind": kind,
        "object_id": object_id,
        "community_id": None,
        "arguments": {},
        "created_at": db.now,
        "due_at": due_at,
        "fence": 0,
        "attempts": 0,
    }
    return insert_new(db, TimerRow, values)
