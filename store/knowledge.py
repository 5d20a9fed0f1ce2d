"""The knowledge base: entries of two kinds (FAQ, script), each in versions. SQL is the truth, indexes follow."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Date, ForeignKey, Index, Integer, String, Text, orm
from sqlalchemy.orm import Mapped, mapped_column

from core.vocabulary import EntryStatus
from store.base import Base, Hash, Id
from store.session import ReadSession, WriteSession

Sort = Literal["id", "hits", "updated"]


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
    # Why it is in use in spite of a failed copy check, masked; the audit holds a hash of it.
    override_reason: Mapped[str | None] = mapped_column(Text)


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


class Mark(NamedTuple):
    """What tells one state of an entry from every other: each edit raises the version."""

    version: int
    content_hash: str


def marks(db: ReadSession) -> dict[str, Mark]:
    """The marks of what may be searched, by id, in the order of `approved`."""
    row = EntryRow
    query = sa.select(row.id, row.version, row.content_hash).where(row.status == EntryStatus.APPROVED).order_by(row.id)
    return {id_: Mark(number, hash_) for id_, number, hash_ in db.execute(query)}


def many(db: ReadSession, entry_ids: Sequence[str]) -> dict[str, EntryRow]:
    query = sa.select(EntryRow).where(EntryRow.id.in_(entry_ids))
    return {row.id: row for row in db.execute(query).scalars()}


def comparable(db: ReadSession, communities: frozenset[str] | None) -> Sequence[Any]:
    """Of every entry (of the given communities, and of all) what duplicates are found by: id, kind, title, phrasings,
    answer, community_id, audience, status, valid_from, valid_until."""
    row = EntryRow
    query = sa.select(
        row.id,
        row.kind,
        row.title,
        row.phrasings,
        row.answer,
        row.community_id,
        row.audience,
        row.status,
        row.valid_from,
        row.valid_until,
    )
    return db.execute(query.where(*seen_in(communities)).order_by(row.id)).all()


def count(db: ReadSession, communities: frozenset[str] | None, community: str | None = None) -> int:
    """How many entries there are, of every community or of those given, or of one community's own."""
    query = sa.select(sa.func.count()).select_from(EntryRow).where(*seen_in(communities))
    if community is not None:
        query = query.where(EntryRow.community_id == community)
    return db.execute(query).scalar_one()


def of_source(db: ReadSession, name: str, *, kind: str, status: str) -> list[EntryRow]:
    """Entries that were taken from the file `name` or a part of it."""
    place = EntryRow.source
    query = sa.select(EntryRow).where(sa.or_(place == name, place.startswith(f"{name} > ", autoescape=True)))
    query = query.where(EntryRow.kind == kind, EntryRow.status == status).order_by(EntryRow.id)
    return list(db.execute(query).scalars())


def page(
    db: ReadSession,
    *,
    communities: frozenset[str] | None,
    kind: str | None = None,
    scene: str | None = None,
    status: str | None = None,
    text: str | None = None,
    sort: Sort = "id",
    after: str | None = None,
    limit: int = 50,
) -> list[EntryRow]:
    """Entries of every community or of those given: by id, those used most first, or those changed last first. `text`
    stands in the id, the title, a phrasing, the answer or a tag; `after` is the last entry of the page before."""
    query = sa.select(EntryRow).where(*seen_in(communities)).limit(limit)
    for column, wanted in ((EntryRow.kind, kind), (EntryRow.scene, scene), (EntryRow.status, status)):
        if wanted is not None:
            query = query.where(column == wanted)
    if text:
        query = query.where(_holds(text))
    return list(db.execute(_in_order(query, sort, after)).scalars())


def seen_in(communities: frozenset[str] | None) -> list[ColumnElement[bool]]:
    """What holds for every community is seen in each."""
    if communities is None:
        return []
    return [sa.or_(EntryRow.community_id.is_(None), EntryRow.community_id.in_(communities))]


def _holds(text: str) -> ColumnElement[bool]:
    columns = (
        EntryRow.id,
        EntryRow.title,
        EntryRow.answer,
        sa.cast(EntryRow.phrasings, Text),
        sa.cast(EntryRow.tags, Text),
    )
    return sa.or_(*(column.icontains(text, autoescape=True) for column in columns))


def _in_order(query: sa.Select[Any], sort: Sort, after: str | None) -> sa.Select[Any]:
    if sort == "id":
        return query.order_by(EntryRow.id).where(*([EntryRow.id > after] if after is not None else []))
    column = EntryRow.hits if sort == "hits" else EntryRow.updated_at
    if after is not None:
        last = orm.aliased(EntryRow)
        there = sa.select(last.hits if sort == "hits" else last.updated_at).where(last.id == after).scalar_subquery()
        query = query.where(sa.or_(column < there, sa.and_(column == there, EntryRow.id > after)))
    return query.order_by(column.desc(), EntryRow.id)


def replace(db: WriteSession, entry_id: str, *, version: int, **values: Any) -> bool:
    """Compare-and-set of an entry's content to its next version; False where another edit was faster."""
    change = sa.update(EntryRow).where(EntryRow.id == entry_id, EntryRow.version == version)
    moved = change.values(version=version + 1, updated_at=db.now, **values).returning(EntryRow.id)
    return db.execute(moved.execution_options(synchronize_session=False)).first() is not None


def count_hits(db: WriteSession, entry_ids: Sequence[str]) -> None:
    change = sa.update(EntryRow).where(EntryRow.id.in_(entry_ids)).values(hits=EntryRow.hits + 1, last_hit_at=db.now)
    db.execute(change.execution_options(synchronize_session=False))
