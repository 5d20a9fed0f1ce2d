"""Deliveries: what a person decided to send, on its way to a bot. The id is the `webhook-id`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Boolean, ForeignKey, Index, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.vocabulary import DeliveryKind, DeliveryState
from store.base import Base, Id
from store.due import DueBase, index_of
from store.session import ReadSession, WriteSession

# What a bot that pulls still has to fetch and acknowledge. `sending` belongs to webhooks only.
OPEN_FOR_PULL = (DeliveryState.QUEUED,)
_WORDLESS = (DeliveryKind.MODERATION, DeliveryKind.PING)


class DeliveryRow(DueBase):
    """`due_at` is null for a pulled channel: nothing is sent by itself. `decision` names the decision that made it,
    and with the member it is unique, so that one decision never makes two deliveries to one member."""

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("decision", "kind", "member_id"),
        Index("ix_deliveries_pull", "state", "channel", "community_id", "id"),
        Index("ix_deliveries_draft", "draft_id"),
        Index("ix_deliveries_risk_id", "risk_id"),
        *index_of("deliveries"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    lane: Mapped[str] = mapped_column(String(90))
    kind: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    community_id: Mapped[str] = mapped_column(ForeignKey("communities.id"))
    channel: Mapped[str] = mapped_column(String(32))
    webhook_id: Mapped[str | None] = mapped_column(ForeignKey("webhooks.id"))
    member_id: Mapped[str | None] = mapped_column(ForeignKey("members.id"))
    draft_id: Mapped[str | None] = mapped_column(ForeignKey("drafts.id"))
    risk_id: Mapped[str | None] = mapped_column(Id)
    decision: Mapped[str] = mapped_column(String(90))
    reply_to: Mapped[str | None] = mapped_column(String(200))
    text: Mapped[str] = mapped_column(Text)
    original: Mapped[bytes | None] = mapped_column(LargeBinary)
    action: Mapped[str | None] = mapped_column(String(16))
    minutes: Mapped[int | None] = mapped_column(Integer)
    ai_generated: Mapped[bool] = mapped_column(Boolean)
    created_at: Mapped[datetime]
    not_before: Mapped[datetime]
    expires_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    settled_by: Mapped[str | None] = mapped_column(Id)


class WebhookRow(Base):
    """Where a community's deliveries are pushed. `idempotent`: the endpoint drops a `webhook-id` it has seen."""

    __tablename__ = "webhooks"
    __table_args__ = (
        Index(
            "uq_webhooks_active",
            "community_id",
            "channel",
            unique=True,
            sqlite_where=sa.text("removed_at IS NULL"),
            postgresql_where=sa.text("removed_at IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    community_id: Mapped[str] = mapped_column(ForeignKey("communities.id"))
    channel: Mapped[str] = mapped_column(String(32))
    url: Mapped[str] = mapped_column(Text)
    secret_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    idempotent: Mapped[bool] = mapped_column(Boolean)
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]


def get(db: ReadSession, delivery_id: str) -> DeliveryRow | None:
    return db.get(DeliveryRow, delivery_id, populate_existing=True)


def cleared(row: DeliveryRow) -> bool:
    """Whether the words that it carried are gone (retention, erasure): it would go out empty."""
    return not row.text and row.kind not in _WORDLESS


def of_draft(db: ReadSession, draft_id: str) -> list[DeliveryRow]:
    """All deliveries a draft ever made, newest first."""
    query = sa.select(DeliveryRow).where(DeliveryRow.draft_id == draft_id).order_by(DeliveryRow.id.desc())
    return list(db.execute(query).scalars())


def of_risks(db: ReadSession, risk_ids: Sequence[str]) -> dict[str, list[DeliveryRow]]:
    """All deliveries that decisions on these review items ever made, alerts left out, oldest first."""
    query = sa.select(DeliveryRow).where(DeliveryRow.risk_id.in_(risk_ids), DeliveryRow.kind != DeliveryKind.ALERT)
    found: dict[str, list[DeliveryRow]] = {risk_id: [] for risk_id in risk_ids}
    for row in db.execute(query.order_by(DeliveryRow.id).execution_options(populate_existing=True)).scalars():
        found[str(row.risk_id)].append(row)
    return found


def pullable(
    db: ReadSession,
    *,
    now: datetime,
    communities: frozenset[str] | None,
    channel: str | None,
    after: str | None,
    limit: int,
) -> list[DeliveryRow]:
    """Unacknowledged deliveries of pulled channels (or of one) that may go out now, oldest first; none whose words were
    cleared."""
    query = (
        sa.select(DeliveryRow)
        .where(
            DeliveryRow.webhook_id.is_(None),
            DeliveryRow.state.in_(OPEN_FOR_PULL),
            DeliveryRow.not_before <= now,
            DeliveryRow.expires_at > now,
            sa.or_(DeliveryRow.text != "", DeliveryRow.kind.in_(_WORDLESS)),
        )
        .order_by(DeliveryRow.id)
        .limit(limit)
    )
    if communities is not None:
        query = query.where(DeliveryRow.community_id.in_(communities))
    if channel is not None:
        query = query.where(DeliveryRow.channel == channel)
    if after is not None:
        query = query.where(DeliveryRow.id > after)
    return list(db.execute(query).scalars())


def page(
    db: ReadSession,
    *,
    states: Sequence[str],
    communities: frozenset[str] | None,
    before: str | None = None,
    limit: int = 50,
) -> list[DeliveryRow]:
    """Deliveries in these states, newest first, for a person's list."""
    query = sa.select(DeliveryRow).where(DeliveryRow.state.in_(states)).order_by(DeliveryRow.id.desc()).limit(limit)
    if communities is not None:
        query = query.where(DeliveryRow.community_id.in_(communities))
    if before is not None:
        query = query.where(DeliveryRow.id < before)
    return list(db.execute(query).scalars())


def move(db: WriteSession, delivery_id: str, *, frm: Sequence[str], **values: Any) -> bool:
    """Compare-and-set of the state; False where it is in none of `frm`."""
    change = sa.update(DeliveryRow).where(DeliveryRow.id == delivery_id, DeliveryRow.state.in_(frm))
    moved = change.values(**values).returning(DeliveryRow.id)
    return db.execute(moved.execution_options(synchronize_session=False)).first() is not None


def cancel_before(db: WriteSession, draft_id: str, now: datetime) -> list[str]:
    """Cancel what a draft has queued and nobody was handed yet; the cancelled ids."""
    change = sa.update(DeliveryRow).where(
        DeliveryRow.draft_id == draft_id, DeliveryRow.state == DeliveryState.QUEUED, DeliveryRow.not_before > now
    )
    moved = change.values(state=DeliveryState.CANCELLED, due_at=None).returning(DeliveryRow.id)
    return list(db.execute(moved.execution_options(synchronize_session=False)).scalars())


def cancel_of_risk(db: WriteSession, risk_id: str, after: datetime | None = None) -> list[str]:
    """Cancel what decisions on a review item have queued (only what is handed out later than `after`, where given);
    alerts to staff stay. The cancelled ids."""
    change = sa.update(DeliveryRow).where(
        DeliveryRow.risk_id == risk_id,
        DeliveryRow.state == DeliveryState.QUEUED,
        DeliveryRow.kind != DeliveryKind.ALERT,
    )
    if after is not None:
        change = change.where(DeliveryRow.not_before > after)
    moved = change.values(state=DeliveryState.CANCELLED, due_at=None).returning(DeliveryRow.id)
    return list(db.execute(moved.execution_options(synchronize_session=False)).scalars())


def expire_overdue(db: WriteSession) -> int:
    """Queued deliveries whose time is over become `expired`; how many."""
    change = sa.update(DeliveryRow).where(DeliveryRow.state == DeliveryState.QUEUED, DeliveryRow.expires_at <= db.now)
    moved = change.values(state=DeliveryState.EXPIRED, due_at=None).returning(DeliveryRow.id)
    return len(db.execute(moved.execution_options(synchronize_session=False)).all())


def webhook_for(db: ReadSession, community_ids: Sequence[str], channel: str) -> WebhookRow | None:
    """The active endpoint of the nearest of these communities (nearest first); None where they pull."""
    query = sa.select(WebhookRow).where(
        WebhookRow.community_id.in_(community_ids), WebhookRow.channel == channel, WebhookRow.removed_at.is_(None)
    )
    found = {row.community_id: row for row in db.execute(query).scalars()}
    return next((found[community_id] for community_id in community_ids if community_id in found), None)


def webhook(db: ReadSession, webhook_id: str) -> WebhookRow | None:
    return db.get(WebhookRow, webhook_id)


def webhooks(db: ReadSession, communities: frozenset[str] | None) -> list[WebhookRow]:
    query = sa.select(WebhookRow).where(WebhookRow.removed_at.is_(None)).order_by(WebhookRow.id)
    if communities is not None:
        query = query.where(WebhookRow.community_id.in_(communities))
    return list(db.execute(query).scalars())


def remove_webhook_of(db: WriteSession, community_id: str, channel: str) -> None:
    """Retire the active endpoint of a community and channel."""
    change = sa.update(WebhookRow).where(
        WebhookRow.community_id == community_id, WebhookRow.channel == channel, WebhookRow.removed_at.is_(None)
    )
    db.execute(change.values(removed_at=db.now).execution_options(synchronize_session=False))
