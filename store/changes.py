"""Counters that say "something of this kind changed": live pages poll them, and each process sees by them that its
copy of the knowledge is old."""

import sqlalchemy as sa
from sqlalchemy import Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from store.base import Base, insert_new
from store.session import ReadSession, WriteSession

DRAFTS = "drafts"
DELIVERIES = "deliveries"
KNOWLEDGE = "knowledge"
RISKS = "risks"
COMPLAINTS = "complaints"
NOTICES = "notices"


class ChangeRow(Base):
    __tablename__ = "changes"

    topic: Mapped[str] = mapped_column(String(40), primary_key=True)
    number: Mapped[int] = mapped_column(Integer)


def note(db: WriteSession, topic: str) -> None:
    """Count one change, right before the transaction commits, since all writers of a topic share the row."""
    db.at_end(f"changes:{topic}", lambda: _count(db, topic))


def _count(db: WriteSession, topic: str) -> None:
    change = sa.update(ChangeRow).where(ChangeRow.topic == topic).values(number=ChangeRow.number + 1)
    counted = db.execute(change.returning(ChangeRow.number).execution_options(synchronize_session=False)).first()
    if counted is None and not insert_new(db, ChangeRow, {"topic": topic, "number": 1}):
        db.execute(change.execution_options(synchronize_session=False))


def number(db: ReadSession, topic: str) -> int:
    """How many changes there were; 0 where there was none."""
    return db.execute(sa.select(ChangeRow.number).where(ChangeRow.topic == topic)).scalar_one_or_none() or 0
