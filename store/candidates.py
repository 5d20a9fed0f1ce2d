"""Candidates (候选) of the knowledge base: what a person may make an entry or a phrasing of, and what they rest on."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from store.base import Base, Id


class CandidateRow(Base):
    """`question` is the wording that stands for the others, masked; `count` how many messages asked it. `entry_id` is
    the entry that a phrasing is for, or that a candidate became."""

    __tablename__ = "knowledge_candidates"
    __table_args__ = (Index("ix_knowledge_candidates_status", "status", "community_id", "count"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    community_id: Mapped[str] = mapped_column(ForeignKey("communities.id"))
    kind: Mapped[str] = mapped_column(String(16))
    origin: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16))
    version: Mapped[int] = mapped_column(Integer)
    question: Mapped[str] = mapped_column(Text)
    count: Mapped[int] = mapped_column(Integer)
    entry_id: Mapped[str | None] = mapped_column(String(80))
    created_at: Mapped[datetime]
    last_asked_at: Mapped[datetime]
    decided_by: Mapped[str | None] = mapped_column(Id)
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None] = mapped_column(Text)


class CandidateAskedRow(Base):
    """A message that asked what the candidate is about; a message asks for at most one."""

    __tablename__ = "knowledge_candidate_asked"
    __table_args__ = (Index("ix_knowledge_candidate_asked_candidate_id", "candidate_id"),)

    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id"), primary_key=True)
    candidate_id: Mapped[str] = mapped_column(ForeignKey("knowledge_candidates.id"))


class CandidateAnswerRow(Base):
    """What a person answered: `source_id` is a decided draft or a message of staff, `message_id` the one it answers."""

    __tablename__ = "knowledge_candidate_answers"

    candidate_id: Mapped[str] = mapped_column(ForeignKey("knowledge_candidates.id"), primary_key=True)
    source_id: Mapped[str] = mapped_column(Id, primary_key=True)
    source: Mapped[str] = mapped_column(String(16))
    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id"))
    at: Mapped[datetime]
