"""Suggestions (建议) of members. Their words stay in the messages: a suggestion holds the ids of those."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from core.vocabulary import SuggestionStatus
from store.base import Base, Id, insert_new
from store.messages import MessageRow
from store.newest import newest_first
from store.session import ReadSession, WriteSession


class SuggestionRow(Base):
    """`department` is who it was routed to; `draft_id` the newest note to the member about its status."""

    __tablename__ = "suggestions"
    __table_args__ = (
        Index("ix_suggestions_status", "status", "community_id", "created_at"),
        Index("ix_suggestions_newest", "created_at", "id"),
        Index("ix_suggestions_member", "member_id"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    version: Mapped[int] = mapped_column(Integer, default=1)
    community_id: Mapped[str] = mapped_column(ForeignKey("communities.id"))
    channel: Mapped[str] = mapped_column(String(32))
    member_id: Mapped[str | None] = mapped_column(ForeignKey("members.id"))
    topic: Mapped[str | None] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(16))
    department: Mapped[str | None] = mapped_column(String(16))
    said_at: Mapped[datetime]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime | None]
    changed_by: Mapped[str | None] = mapped_column(Id)
    draft_id: Mapped[str | None] = mapped_column(ForeignKey("drafts.id"))


class SuggestionMessageRow(Base):
    """What a suggestion was said in; a message makes one suggestion at most."""

    __tablename__ = "suggestion_messages"

    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id"), primary_key=True)
    suggestion_id: Mapped[str] = mapped_column(ForeignKey("suggestions.id"), index=True)


def get(db: ReadSession, suggestion_id: str) -> SuggestionRow | None:
    return db.get(SuggestionRow, suggestion_id, populate_existing=True)


def of_messages(db: ReadSession, message_ids: Sequence[str]) -> str | None:
    """The suggestion that one of these messages made."""
    query = sa.select(SuggestionMessageRow.suggestion_id).where(SuggestionMessageRow.message_id.in_(message_ids))
    return db.execute(query.limit(1)).scalar_one_or_none()


def of_burst(db: ReadSession, burst_id: str) -> str | None:
    """The suggestion that a message of this burst made."""
    query = (
        sa.select(SuggestionMessageRow.suggestion_id)
        .join(MessageRow, MessageRow.id == SuggestionMessageRow.message_id)
        .where(sa.or_(MessageRow.id == burst_id, MessageRow.burst_id == burst_id))
    )
    return db.execute(query.limit(1)).scalar_one_or_none()


def attach(db: WriteSession, suggestion_id: str, message_id: str) -> bool:
    """False where the message made a suggestion already."""
    values = {"message_id": message_id, "suggestion_id": suggestion_id}
    return insert_new(db, SuggestionMessageRow, values)


def messages_of(db: ReadSession, suggestion_ids: Sequence[str]) -> dict[str, list[MessageRow]]:
    """The messages of each suggestion, the oldest first."""
    found: dict[str, list[MessageRow]] = {suggestion_id: [] for suggestion_id in suggestion_ids}
    query = (
        sa.select(SuggestionMessageRow.suggestion_id, MessageRow)
        .join(MessageRow, MessageRow.id == SuggestionMessageRow.message_id)
        .where(SuggestionMessageRow.suggestion_id.in_(suggestion_ids))
        .order_by(MessageRow.sent_at, MessageRow.id)
    )
    for suggestion_id, row in db.execute(query):
        found[suggestion_id].append(row)
    return found


def advance(db: WriteSession, suggestion_id: str, *, version: int, **values: Any) -> bool:
    """Move a suggestion of exactly this version on to its next version; False where somebody was faster."""
    change = sa.update(SuggestionRow).where(SuggestionRow.id == suggestion_id, SuggestionRow.version == version)
    moved = change.values(version=SuggestionRow.version + 1, **values).returning(SuggestionRow.id)
    return db.execute(moved.execution_options(synchronize_session=False)).first() is not None


def page(
    db: ReadSession,
    *,
    statuses: Sequence[str],
    communities: frozenset[str] | None,
    department: str | None = None,
    after: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> list[SuggestionRow]:
    """The newest first."""
    row = SuggestionRow
    query = sa.select(row).where(row.status.in_(statuses))
    if communities is not None:
        query = query.where(row.community_id.in_(communities))
    if department is not None:
        query = query.where(row.department == department)
    return list(db.execute(newest_first(query, row.created_at, row.id, after=after, limit=limit)).scalars())


def state_of(row: SuggestionRow) -> dict[str, object]:
    """What the loser of a race is told."""
    return {"id": row.id, "status": SuggestionStatus(row.status), "version": row.version}
