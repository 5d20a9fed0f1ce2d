"""Campaigns (运营活动): proposals in versions, what a person decided, and who was in them.

A decision is a compare-and-set on one row; the members of an approved campaign are frozen in `campaign_members`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.vocabulary import CampaignStatus, DeliveryKind, DeliveryState
from store.base import Base, Id
from store.deliveries import DeliveryRow
from store.newest import newest_first
from store.session import ReadSession, WriteSession


class CampaignRow(Base):
    """`community_id` is where it belongs (its sub-groups included); `brief` is masked, its original sealed beside it.
    `proposal` is the newest version's (`tools/campaigns.py`)."""

    __tablename__ = "campaigns"
    __table_args__ = (Index("ix_campaigns_status", "status", "community_id", "created_at"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    community_id: Mapped[str] = mapped_column(ForeignKey("communities.id"))
    status: Mapped[str] = mapped_column(String(20))
    version: Mapped[int] = mapped_column(Integer, default=1)
    brief: Mapped[str] = mapped_column(Text)
    brief_original: Mapped[bytes | None] = mapped_column(LargeBinary)
    proposal: Mapped[dict[str, Any]]
    engine: Mapped[str] = mapped_column(String(16))
    created_by: Mapped[str] = mapped_column(Id)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    decided_by: Mapped[str | None] = mapped_column(Id)
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None] = mapped_column(Text)
    send_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]


class CampaignVersionRow(Base):
    """Every version that was on the table, and whose it is."""

    __tablename__ = "campaign_versions"

    campaign_id: Mapped[str] = mapped_column(ForeignKey("campaigns.id"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    status: Mapped[str] = mapped_column(String(20))
    proposal: Mapped[dict[str, Any]]
    by: Mapped[str] = mapped_column(Id)
    at: Mapped[datetime]


class CampaignMemberRow(Base):
    """A member of an approved campaign: `treated` gets a delivery, `control` (对照组) is only watched."""

    __tablename__ = "campaign_members"

    campaign_id: Mapped[str] = mapped_column(ForeignKey("campaigns.id"), primary_key=True)
    member_id: Mapped[str] = mapped_column(ForeignKey("members.id"), primary_key=True)
    arm: Mapped[str] = mapped_column(String(16))
    community_id: Mapped[str] = mapped_column(ForeignKey("communities.id"))


def get(db: ReadSession, campaign_id: str) -> CampaignRow | None:
    return db.get(CampaignRow, campaign_id, populate_existing=True)


def queue_up(db: WriteSession) -> None:
    """Decisions on campaigns are taken one after another: two approvals at once would each see a member whom the other
    has not written to yet, and the frequency cap would not hold. SQLite has one writer anyway."""
    if db.get_bind().dialect.name == "postgresql":
        db.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext("campaigns"))))


def page(
    db: ReadSession,
    *,
    communities: frozenset[str] | None,
    statuses: Sequence[str] = (),
    before: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> list[CampaignRow]:
    """Campaigns of these communities (None for all), newest first; `before` is the last one of the page before."""
    query = sa.select(CampaignRow)
    if communities is not None:
        query = query.where(CampaignRow.community_id.in_(communities))
    if statuses:
        query = query.where(CampaignRow.status.in_(statuses))
    query = newest_first(query, CampaignRow.created_at, CampaignRow.id, after=before, limit=limit)
    return list(db.execute(query).scalars())


def move(db: WriteSession, campaign_id: str, *, version: int, frm: Sequence[str], **values: Any) -> bool:
    """Compare-and-set of a campaign of exactly this version to its next version; False where somebody was faster."""
    change = sa.update(CampaignRow).where(
        CampaignRow.id == campaign_id, CampaignRow.version == version, CampaignRow.status.in_(frm)
    )
    moved = change.values(version=version + 1, **values).returning(CampaignRow.id)
    return db.execute(moved.execution_options(synchronize_session=False)).first() is not None


def decision(db: ReadSession, campaign_id: str) -> str | None:
    """The name that the deliveries of its approval bear; None where it was never approved."""
    query = sa.select(CampaignVersionRow.version).where(
        CampaignVersionRow.campaign_id == campaign_id, CampaignVersionRow.status == CampaignStatus.SCHEDULED
    )
    version = db.execute(query).scalar_one_or_none()
    return None if version is None else f"{campaign_id}:{version}"


def delivery_states(db: ReadSession, decision: str) -> dict[str, int]:
    """How many deliveries of an approval stand where."""
    query = (
        sa.select(DeliveryRow.state, sa.func.count())
        .where(DeliveryRow.decision == decision, DeliveryRow.kind == DeliveryKind.CAMPAIGN)
        .group_by(DeliveryRow.state)
    )
    return {state: number for state, number in db.execute(query)}


def cancel_queued(db: WriteSession, decision: str) -> int:
    """Take back what an approval has queued and nobody was handed; how many."""
    change = sa.update(DeliveryRow).where(
        DeliveryRow.decision == decision,
        DeliveryRow.kind == DeliveryKind.CAMPAIGN,
        DeliveryRow.state == DeliveryState.QUEUED,
    )
    moved = change.values(state=DeliveryState.CANCELLED, due_at=None).returning(DeliveryRow.id)
    return len(db.execute(moved.execution_options(synchronize_session=False)).all())


def anything_due(db: ReadSession, now: datetime) -> bool:
    """Whether a proposal is over or an approved campaign's time has come."""
    over = sa.and_(CampaignRow.status == CampaignStatus.PROPOSED, CampaignRow.expires_at <= now)
    begun = sa.and_(
        CampaignRow.status.in_((CampaignStatus.SCHEDULED, CampaignStatus.RUNNING)), CampaignRow.send_at <= now
    )
    query = sa.select(sa.literal(1)).where(sa.or_(over, begun)).select_from(CampaignRow).limit(1)
    return db.execute(query).first() is not None


def overdue(db: WriteSession) -> list[CampaignRow]:
    """Proposals that nobody decided on in time."""
    query = sa.select(CampaignRow).where(
        CampaignRow.status == CampaignStatus.PROPOSED, CampaignRow.expires_at <= db.now
    )
    return list(db.execute(query).scalars())


def under_way(db: ReadSession, now: datetime) -> list[CampaignRow]:
    """Approved ones whose time has come."""
    query = sa.select(CampaignRow).where(
        CampaignRow.status.in_((CampaignStatus.SCHEDULED, CampaignStatus.RUNNING)), CampaignRow.send_at <= now
    )
    return list(db.execute(query).scalars())


def arms(db: ReadSession, campaign_id: str) -> dict[str, int]:
    """How many members of it are in which arm."""
    query = (
        sa.select(CampaignMemberRow.arm, sa.func.count())
        .where(CampaignMemberRow.campaign_id == campaign_id)
        .group_by(CampaignMemberRow.arm)
    )
    return {arm: number for arm, number in db.execute(query)}
