"""Alarms about the mood of a group: how many of its messages are negative, against what is usual there."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Float, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from core.vocabulary import AlarmStatus, Conversation, MessageKind, RiskLabel, RiskStatus, SenderRole
from store.base import Base, Id, insert_new
from store.messages import MessageRow
from store.newest import newest_first
from store.risks import RiskItemRow
from store.session import ReadSession, WriteSession

NEGATIVE_LABELS = (RiskLabel.ABUSE, RiskLabel.CRISIS)


class RiskAlarmRow(Base):
    """One breach: open until the share fell below `threshold`, which stays as it was when the alarm went off."""

    __tablename__ = "risk_alarms"
    __table_args__ = (
        Index("ix_risk_alarms_opened", "opened_at", "id"),
        Index(
            "uq_risk_alarms_open",
            "community_id",
            unique=True,
            sqlite_where=sa.text("status = 'open'"),
            postgresql_where=sa.text("status = 'open'"),
        ),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    community_id: Mapped[str] = mapped_column(ForeignKey("communities.id"))
    status: Mapped[str] = mapped_column(String(16))
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    share: Mapped[float] = mapped_column(Float)
    baseline: Mapped[float] = mapped_column(Float)
    threshold: Mapped[float] = mapped_column(Float)
    negative: Mapped[int] = mapped_column(Integer)
    messages: Mapped[int] = mapped_column(Integer)
    peak: Mapped[float] = mapped_column(Float)


class Mood(NamedTuple):
    """Messages of members in a group within a time, and how many of them were negative."""

    messages: int
    negative: int

    @property
    def share(self) -> float:
        return self.negative / self.messages if self.messages else 0.0


def _negative() -> sa.ColumnElement[bool]:
    named = [RiskItemRow.label_names.contains(f",{label},", autoescape=True) for label in NEGATIVE_LABELS]
    flagged = sa.select(sa.literal(1)).where(
        RiskItemRow.message_id == MessageRow.id, RiskItemRow.status != RiskStatus.DISMISSED, sa.or_(*named)
    )
    complains = MessageRow.triage["kind"].as_string() == MessageKind.COMPLAINT.value
    return sa.or_(flagged.exists(), sa.and_(MessageRow.triage.is_not(None), complains))


def moods(db: ReadSession, community_ids: Sequence[str], since: datetime, until: datetime) -> dict[str, Mood]:
    """The mood of each of these groups after `since`, up to `until`, by the time at which things were said; what was
    imported, recalled or said by staff is left out. Groups where nothing was said are missing."""
    query = (
        sa.select(MessageRow.lane, sa.func.count(), sa.func.count().filter(_negative()))
        # A group's lane is its own id, and that is what the index begins with.
        .where(MessageRow.lane.in_(community_ids), MessageRow.sent_at > since, MessageRow.sent_at <= until)
        .where(
            MessageRow.conversation == Conversation.GROUP,
            MessageRow.sender_role == SenderRole.MEMBER,
            MessageRow.recalled.is_(False),
            MessageRow.history.is_(False),
        )
        .group_by(MessageRow.lane)
    )
    return {lane: Mood(total, negative) for lane, total, negative in db.execute(query)}


def baseline(db: ReadSession, community_id: str, since: datetime, until: datetime) -> Mood:
    """The group's mood in the time before; what was imported counts here too."""
    query = sa.select(sa.func.count(), sa.func.count().filter(_negative())).where(
        MessageRow.lane == community_id,
        MessageRow.sent_at > since,
        MessageRow.sent_at <= until,
        MessageRow.sender_role == SenderRole.MEMBER,
        MessageRow.recalled.is_(False),
    )
    total, negative = db.execute(query).one()
    return Mood(total, negative)


def open_by_community(db: ReadSession) -> dict[str, RiskAlarmRow]:
    query = sa.select(RiskAlarmRow).where(RiskAlarmRow.status == AlarmStatus.OPEN)
    return {row.community_id: row for row in db.execute(query).scalars()}


def add(db: WriteSession, values: dict[str, Any]) -> bool:
    """Open an alarm; False where the group has an open one."""
    return insert_new(db, RiskAlarmRow, values)


def close(db: WriteSession, alarm_id: str) -> bool:
    """False where it is closed already."""
    change = sa.update(RiskAlarmRow).where(RiskAlarmRow.id == alarm_id, RiskAlarmRow.status == AlarmStatus.OPEN)
    moved = change.values(status=AlarmStatus.CLOSED, closed_at=db.now).returning(RiskAlarmRow.id)
    return db.execute(moved.execution_options(synchronize_session=False)).first() is not None


def note_peak(db: WriteSession, alarm_id: str, share: float) -> None:
    change = sa.update(RiskAlarmRow).where(RiskAlarmRow.id == alarm_id, RiskAlarmRow.peak < share)
    db.execute(change.values(peak=share).execution_options(synchronize_session=False))


def page(
    db: ReadSession,
    *,
    statuses: Sequence[str],
    communities: frozenset[str] | None,
    after: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> list[RiskAlarmRow]:
    """The newest first."""
    row = RiskAlarmRow
    query = sa.select(row).where(row.status.in_(statuses))
    if communities is not None:
        query = query.where(row.community_id.in_(communities))
    return list(db.execute(newest_first(query, row.opened_at, row.id, after=after, limit=limit)).scalars())
