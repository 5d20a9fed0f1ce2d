"""What happened in communities besides messages: joins, clicks, orders. Natural key (channel, community, event id)."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.ids import new_id
from store.base import Base, Hash, Id, insert_new
from store.session import ReadSession, WriteSession


class EventRow(Base):
    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("channel", "community_id", "external_id"),
        Index("ix_events_kind", "community_id", "type", "at"),
        Index("ix_events_member", "member_id", "at"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    channel: Mapped[str] = mapped_column(String(32))
    community_id: Mapped[str] = mapped_column(ForeignKey("communities.id"))
    external_id: Mapped[str] = mapped_column(String(200))
    body_hash: Mapped[str] = mapped_column(Hash)
    type: Mapped[str] = mapped_column(String(32))
    member_id: Mapped[str | None] = mapped_column(ForeignKey("members.id"))
    at: Mapped[datetime]
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    received_at: Mapped[datetime]


def add(db: WriteSession, **values: Any) -> bool:
    """Insert one event; False where its key exists already."""
    return insert_new(db, EventRow, {"id": new_id("evt"), "received_at": db.now} | values)


def body_hash(db: ReadSession, channel: str, community_id: str, external_id: str) -> str | None:
    """The hash of the body that came in under this key."""
    query = sa.select(EventRow.body_hash).where(
        EventRow.channel == channel, EventRow.community_id == community_id, EventRow.external_id == external_id
    )
    return db.execute(query).scalar_one_or_none()
