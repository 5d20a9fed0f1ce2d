"""Reports of the regular check of the knowledge base's own wording (定期合规自查), newest kept longest."""

from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from core.ids import new_id
from store.base import Base, Id, insert_new
from store.session import ReadSession, WriteSession

_KEPT: Final = 60


class KnowledgeCheckRow(Base):
    """`slot` names the occasion, so that two workers make one report of it; `findings` are per entry."""

    __tablename__ = "knowledge_checks"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    by: Mapped[str] = mapped_column(Id)
    slot: Mapped[str] = mapped_column(String(40), unique=True)
    entries: Mapped[int] = mapped_column(Integer)
    findings: Mapped[list[Any]] = mapped_column(default=list)


def add(db: WriteSession, *, by: str, slot: str | None, entries: int, findings: list[dict[str, Any]]) -> str | None:
    """Keep a report; its id, or None where the occasion has one already."""
    made = new_id("chk")
    values = {"id": made, "at": db.now, "by": by, "slot": slot or made, "entries": entries, "findings": findings}
    if not insert_new(db, KnowledgeCheckRow, values):
        return None
    old = sa.select(KnowledgeCheckRow.id).order_by(KnowledgeCheckRow.at.desc(), KnowledgeCheckRow.id).offset(_KEPT)
    gone = list(db.execute(old).scalars())
    db.execute(sa.delete(KnowledgeCheckRow).where(KnowledgeCheckRow.id.in_(gone)))
    return made


def get(db: ReadSession, check_id: str) -> KnowledgeCheckRow | None:
    return db.get(KnowledgeCheckRow, check_id)


def latest(db: ReadSession, limit: int = 1) -> list[KnowledgeCheckRow]:
    """Newest first."""
    query = sa.select(KnowledgeCheckRow).order_by(KnowledgeCheckRow.at.desc(), KnowledgeCheckRow.id.desc()).limit(limit)
    return list(db.execute(query).scalars())
