"""The knowledge base: entries of two kinds (FAQ, script), each in versions. SQL is the truth, indexes follow."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Date, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.vocabulary import EntryStatus
from store.base import Base, Hash, Id
from store.session import ReadSession, WriteSession


class EntryRow(Base):
    """`community_id` null: every community may use it. `hits` counts citations that were used in a draft."""

    __tablename__ = "knowledge_entries"
    __table_args__ = (Index("ix_knowledge_entries_status", "status", "kind"),)

    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16))
    version: Mapped[int] = mapped_column(Integer)
    title: Mapped[str] = mapped_column(String(200))
    phrasings: Mapped[list[Any]] = mapped_column(default=list)
    answer: Mapped[str] = mapped_column(Text)
    scene: Mapped[str | None] = mapped_column(String(32))
    variables: Mapped[list[Any]] = mapped_column(default=list)
    audience: Mapped[str] = mapped_column(String(16))
    tone: Mapped[str | None] = mapped_column(String(16))
    tags: Mapped[list[Any]] = mapped_column(default=list)
    owner: Mapped[str | None] = mapped_column(String(120))
    valid_from: Mapped[date | None] = mapped_column(Date)
    valid_until: Mapped[date | None] = mapped_column(Date)
    community_id: Mapped[str | None] = mapped_column(ForeignKey("communities.id"))
    content_hash: Mapped[str] = mapped_column(Hash)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    hits: Mapped[int] = mapped_column(Integer, default=0)
    last_hit_at: Mapped[datetime | None]
    group_types: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
    source: Mapped[str | None] = mapped_column(String(500))


class EntryVersionRow(Base):
    """The whole entry as it stood in one version; what a citation's quote is checked against."""

    __tablename__ = "knowledge_versions"

    entry_id: Mapped[str] = mapped_column(ForeignKey("knowledge_entries.id"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    content: Mapped[dict[str, Any]]
    by: Mapped[str] = mapped_column(Id)
    at: Mapped[datetime]


def get(db: ReadSession, entry_id: str) -> EntryRow | None:
    return db.get(EntryRow, entry_id, populate_existing=True)


def version(db: ReadSession, entry_id: str, number: int) -> EntryVersionRow | None:
    return db.get(EntryVersionRow, (entry_id, number))


def versions(db: ReadSession, entry_id: str) -> list[EntryVersionRow]:
    """All versions, newest first."""
    query = sa.select(EntryVersionRow).where(EntryVersionRow.entry_id == entry_id)
    return list(db.execute(query.order_by(EntryVersionRow.version.desc())).scalars())


def approved(db: ReadSession) -> list[EntryRow]:
    """What may be searched, by id; validity and scope are judged per question."""
    query = sa.select(EntryRow).where(EntryRow.status == EntryStatus.APPROVED).order_by(EntryRow.id)
    return list(db.execute(query).scalars())


def many(db: ReadSession, entry_ids: Sequence[str]) -> dict[str, EntryRow]:
    query = sa.select(EntryRow).where(EntryRow.id.in_(entry_ids))
    return {row.id: row for row in db.execute(query).scalars()}


def page(
    db: ReadSession,
    *,
    communities: frozenset[str] | None,
    kind: str | None = None,
    scene: str | None = None,
    status: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> list[EntryRow]:
    """Entries by id, of every community or of those given."""
    query = sa.select(EntryRow).order_by(EntryRow.id).limit(limit)
    if communities is not None:
        query = query.where(sa.or_(EntryRow.community_id.is_(None), EntryRow.community_id.in_(communities)))
    for column, wanted in ((EntryRow.kind, kind), (EntryRow.scene, scene), (EntryRow.status, status)):
        if wanted is not None:
            query = query.where(column == wanted)
    if after is not None:
        query = query.where(EntryRow.id > after)
    return list(db.execute(query).scalars())


def replace(db: WriteSession, entry_id: str, *, version: int, **values: Any) -> bool:
    """Compare-and-set of an entry's content to its next version; False where another edit was faster."""
    change = sa.update(EntryRow).where(EntryRow.id == entry_id, EntryRow.version == version)
    moved = change.values(version=version + 1, updated_at=db.now, **values).returning(EntryRow.id)
    return db.execute(moved.execution_options(synchronize_session=False)).first() is not None


def count_hits(db: WriteSession, entry_ids: Sequence[str]) -> None:
    change = sa.update(EntryRow).where(EntryRow.id.in_(entry_ids)).values(hits=EntryRow.hits + 1, last_hit_at=db.now)
    db.execute(change.execution_options(synchronize_session=False))
