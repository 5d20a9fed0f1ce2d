"""What members answer when they are asked: would you recommend us (NPS, 0–10), are you satisfied (CSAT, 1–5); and the
links by which they answer, each good for one answer."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.ids import new_id
from core.vocabulary import DraftStatus, ExpiredReason
from store import drafts
from store.base import Base, Id, insert_new
from store.drafts import DraftRow
from store.session import ReadSession, WriteSession


class SurveyAnswerRow(Base):
    """One answer. `external_id` is the bot's, the event's or the link's own id: the same one counts once."""

    __tablename__ = "survey_answers"
    __table_args__ = (
        UniqueConstraint("channel", "community_id", "external_id"),
        Index("ix_survey_answers_kind", "community_id", "kind", "at"),
        Index("ix_survey_answers_member", "member_id"),
        Index("ix_survey_answers_case", "case_id"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    channel: Mapped[str] = mapped_column(String(32))
    community_id: Mapped[str] = mapped_column(ForeignKey("communities.id"))
    external_id: Mapped[str] = mapped_column(String(220))
    kind: Mapped[str] = mapped_column(String(16))
    score: Mapped[int] = mapped_column(Integer)
    source: Mapped[str] = mapped_column(String(16))
    member_id: Mapped[str | None] = mapped_column(ForeignKey("members.id"))
    case_id: Mapped[str | None] = mapped_column(ForeignKey("complaint_cases.id"))
    at: Mapped[datetime]
    received_at: Mapped[datetime]


class SurveyLinkRow(Base):
    """A link for one member, of one case where it asks about one. `token` is what the link ends in."""

    __tablename__ = "survey_links"
    __table_args__ = (Index("ix_survey_links_case", "case_id", "kind"), Index("ix_survey_links_draft", "draft_id"))

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    token: Mapped[str] = mapped_column(String(120), unique=True)
    kind: Mapped[str] = mapped_column(String(16))
    channel: Mapped[str] = mapped_column(String(32))
    community_id: Mapped[str] = mapped_column(ForeignKey("communities.id"))
    member_id: Mapped[str | None] = mapped_column(ForeignKey("members.id"))
    case_id: Mapped[str | None] = mapped_column(ForeignKey("complaint_cases.id"))
    draft_id: Mapped[str | None] = mapped_column(ForeignKey("drafts.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]


def add(db: WriteSession, **values: Any) -> str | None:
    """Store an answer; its id, or None where this one came in before."""
    row_id = new_id("ans")
    added = insert_new(db, SurveyAnswerRow, {"id": row_id, "received_at": db.now} | values)
    return row_id if added else None


def of_key(db: ReadSession, channel: str, community_id: str, external_id: str) -> SurveyAnswerRow | None:
    """The answer that came in under this key."""
    query = sa.select(SurveyAnswerRow).where(
        SurveyAnswerRow.channel == channel,
        SurveyAnswerRow.community_id == community_id,
        SurveyAnswerRow.external_id == external_id,
    )
    return db.execute(query).scalar_one_or_none()


def link(db: ReadSession, token: str) -> SurveyLinkRow | None:
    query = sa.select(SurveyLinkRow).where(SurveyLinkRow.token == token)
    return db.execute(query.execution_options(populate_existing=True)).scalar_one_or_none()


def link_of_case(db: ReadSession, case_id: str, kind: str) -> SurveyLinkRow | None:
    """The newest link that asks about a case."""
    query = sa.select(SurveyLinkRow).where(SurveyLinkRow.case_id == case_id, SurveyLinkRow.kind == kind)
    return db.execute(query.order_by(SurveyLinkRow.id.desc()).limit(1)).scalar_one_or_none()


def link_of_draft(db: ReadSession, draft_id: str) -> SurveyLinkRow | None:
    """The link that a draft sends."""
    query = sa.select(SurveyLinkRow).where(SurveyLinkRow.draft_id == draft_id)
    return db.execute(query.limit(1)).scalar_one_or_none()


def sent_to(db: ReadSession, member_id: str, community_id: str, kind: str, before: datetime) -> SurveyLinkRow | None:
    """The newest link without an answer whose message to this member was approved before a moment."""
    query = sa.select(SurveyLinkRow).join(DraftRow, DraftRow.id == SurveyLinkRow.draft_id)
    query = query.where(
        SurveyLinkRow.member_id == member_id,
        SurveyLinkRow.community_id == community_id,
        SurveyLinkRow.kind == kind,
        SurveyLinkRow.answered_at.is_(None),
        DraftRow.status.in_((DraftStatus.APPROVED, DraftStatus.MODIFIED)),
        DraftRow.decided_at < before,
    )
    return db.execute(query.order_by(SurveyLinkRow.id.desc()).limit(1)).scalar_one_or_none()


def use(db: WriteSession, link_id: str) -> bool:
    """Take the one answer of a link that is not over yet; False where it was taken or the time is up."""
    change = sa.update(SurveyLinkRow).where(
        SurveyLinkRow.id == link_id, SurveyLinkRow.answered_at.is_(None), SurveyLinkRow.expires_at > db.now
    )
    used = change.values(answered_at=db.now).returning(SurveyLinkRow.id)
    return db.execute(used.execution_options(synchronize_session=False)).first() is not None


def withdraw(db: WriteSession, case_id: str, by: str) -> int:
    """A case that is open again asks nobody whether they are satisfied: the drafts that would, and wait; how many."""
    query = sa.select(SurveyLinkRow.draft_id).where(
        SurveyLinkRow.case_id == case_id, SurveyLinkRow.answered_at.is_(None), SurveyLinkRow.draft_id.is_not(None)
    )
    waiting = [draft_id for draft_id in db.execute(query).scalars() if draft_id is not None]
    return sum(drafts.expire(db, one, ExpiredReason.CONVERSATION_MOVED_ON, by) for one in waiting)


def scores(db: ReadSession, kind: str, communities: frozenset[str], start: datetime, end: datetime) -> dict[int, int]:
    """How often each score was given in these communities from `start` on, before `end`."""
    row = SurveyAnswerRow
    query = sa.select(row.score, sa.func.count()).where(
        row.kind == kind, row.community_id.in_(communities), row.at >= start, row.at < end
    )
    return {score: number for score, number in db.execute(query.group_by(row.score))}
