"""The duty roster (值班表): who is called when a clock runs out, by community, weekly or for single days."""

from collections.abc import Collection, Sequence
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy import Date, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from store.base import Base, Id
from store.session import ReadSession, WriteSession


class DutyRow(Base):
    """A shift of a user: each week on `weekday` (0 Monday), or once on `day`; one of the two is null. `shift` is
    `HH:MM-HH:MM` in the zone of the hours and belongs to the day on which it begins."""

    __tablename__ = "duty"
    __table_args__ = (Index("ix_duty_community", "community_id", "day"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    community_id: Mapped[str] = mapped_column(ForeignKey("communities.id"))
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    weekday: Mapped[int | None] = mapped_column(Integer)
    day: Mapped[date | None] = mapped_column(Date)
    shift: Mapped[str] = mapped_column(String(11))
    added_by: Mapped[str] = mapped_column(Id)
    added_at: Mapped[datetime]


def get(db: ReadSession, duty_id: str) -> DutyRow | None:
    return db.get(DutyRow, duty_id)


def of(db: ReadSession, community_ids: Collection[str] | None, *, since: date | None = None) -> list[DutyRow]:
    """The rosters of these communities (None: of all): weekly shifts, and those of single days from `since` on."""
    query = sa.select(DutyRow).order_by(DutyRow.community_id, DutyRow.day, DutyRow.weekday, DutyRow.shift, DutyRow.id)
    if community_ids is not None:
        query = query.where(DutyRow.community_id.in_(list(community_ids)))
    if since is not None:
        query = query.where(sa.or_(DutyRow.day.is_(None), DutyRow.day >= since))
    return list(db.execute(query).scalars())


def add(db: WriteSession, rows: Sequence[DutyRow]) -> None:
    db.add_all(rows)
    db.flush()


def remove(db: WriteSession, row: DutyRow) -> None:
    db.delete(row)
    db.flush()


def clear(db: WriteSession, community_id: str) -> None:
    """Drop a community's whole roster."""
    gone = sa.delete(DutyRow).where(DutyRow.community_id == community_id)
    db.execute(gone.execution_options(synchronize_session=False))
