"""Complaint cases (客诉工单): one for what a member complains about, its messages, its history, what was offered.

Texts are masked; what a person typed keeps its original sealed with the member's key beside it.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Boolean, ForeignKey, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from store.base import Base, Id


class CaseRow(Base):
    """`message_id` is the message that opened it, `quote` the words of it that complain (masked). `respond_by` is its
    clock's, null where none runs. `routed_to` a department; `told_at`: when the member was told the result."""

    __tablename__ = "complaint_cases"
    __table_args__ = (
        Index("ix_complaint_cases_state", "state", "community_id", "opened_at"),
        Index("ix_complaint_cases_member", "member_id", "state"),
        Index("ix_complaint_cases_topic", "community_id", "opened_at"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    version: Mapped[int] = mapped_column(Integer, default=1)
    community_id: Mapped[str] = mapped_column(ForeignKey("communities.id"))
    channel: Mapped[str] = mapped_column(String(32))
    lane: Mapped[str] = mapped_column(String(90))
    member_id: Mapped[str | None] = mapped_column(ForeignKey("members.id"))
    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id"))
    state: Mapped[str] = mapped_column(String(16))
    category: Mapped[str] = mapped_column(String(32))
    severity: Mapped[str] = mapped_column(String(16))
    topic: Mapped[str | None] = mapped_column(String(64))
    quote: Mapped[str] = mapped_column(Text)
    score: Mapped[float] = mapped_column(sa.Float)
    engine: Mapped[str] = mapped_column(String(16))
    owner_id: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    routed_to: Mapped[str | None] = mapped_column(String(16))
    incident_id: Mapped[str | None] = mapped_column(Id, index=True)
    respond_by: Mapped[datetime | None]
    breached: Mapped[bool] = mapped_column(Boolean, default=False)
    opened_at: Mapped[datetime]
    acknowledged_at: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    answer: Mapped[str | None] = mapped_column(String(16))
    result: Mapped[str | None] = mapped_column(Text)
    result_original: Mapped[bytes | None] = mapped_column(LargeBinary)


class CaseMessageRow(Base):
    """The messages of members that belong to a case; a message belongs to one case at most."""

    __tablename__ = "complaint_case_messages"

    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id"), primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("complaint_cases.id"), index=True)


class CaseEventRow(Base):
    """The history of a case: each change of state, owner, severity, route; each note. `note` is masked."""

    __tablename__ = "complaint_case_events"
    __table_args__ = (Index("ix_complaint_case_events_case", "case_id", "id"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("complaint_cases.id"))
    at: Mapped[datetime]
    by: Mapped[str] = mapped_column(Id)
    kind: Mapped[str] = mapped_column(String(32))
    from_state: Mapped[str | None] = mapped_column(String(16))
    to_state: Mapped[str | None] = mapped_column(String(16))
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)
    note: Mapped[str | None] = mapped_column(Text)
    note_original: Mapped[bytes | None] = mapped_column(LargeBinary)


class CompensationRow(Base):
    """What was offered to a member: `cents` in fen of the deployment's currency, `points` where it is points."""

    __tablename__ = "compensations"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("complaint_cases.id"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    cents: Mapped[int] = mapped_column(Integer, default=0)
    points: Mapped[int] = mapped_column(Integer, default=0)
    status: Mapped[str] = mapped_column(String(16))
    proposed_by: Mapped[str] = mapped_column(Id)
    proposed_at: Mapped[datetime]
    decided_by: Mapped[str | None] = mapped_column(Id)
    decided_at: Mapped[datetime | None]
