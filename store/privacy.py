"""What privacy needs beside the members themselves: their sealed contacts, who was shown what, which notice was shown,
and which members were erased. Reasons are masked and go with the member; the audit holds ids alone."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.ids import new_id
from store.base import Base, Hash, Id, insert_new
from store.members import MemberRow
from store.messages import MessageRow
from store.session import ReadSession, WriteSession


class ContactRow(Base):
    """A direct identifier of a member (phone, address …), sealed with their key and found by keyed hash."""

    __tablename__ = "member_contacts"
    __table_args__ = (Index("ix_member_contacts_hash", "kind", "value_hash"),)

    member_id: Mapped[str] = mapped_column(ForeignKey("members.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    value_hash: Mapped[str] = mapped_column(Hash, primary_key=True)
    value_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[datetime]


class DisclosureRow(Base):
    """Somebody of the staff was shown (`reveal`) or handed out (`export`) what is sealed. `fields` are names of
    fields, never values; `message_id` where it was one message's original."""

    __tablename__ = "disclosures"
    __table_args__ = (Index("ix_disclosures_member", "member_id", "id"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    member_id: Mapped[str | None] = mapped_column(ForeignKey("members.id"))
    message_id: Mapped[str | None] = mapped_column(ForeignKey("messages.id"))
    kind: Mapped[str] = mapped_column(String(16))
    fields: Mapped[list[Any]] = mapped_column(default=list)
    reason: Mapped[str | None] = mapped_column(Text)
    by: Mapped[str] = mapped_column(Id)
    at: Mapped[datetime]


class NoticeShownRow(Base):
    """A member was shown the privacy notice (告知) of a community, in this version of the setting."""

    __tablename__ = "notices_shown"
    __table_args__ = (Index("ix_notices_shown_member", "member_id", "id"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    member_id: Mapped[str] = mapped_column(ForeignKey("members.id"))
    community_id: Mapped[str] = mapped_column(ForeignKey("communities.id"))
    notice_hash: Mapped[str] = mapped_column(Hash)
    source: Mapped[str] = mapped_column(String(16))
    by: Mapped[str] = mapped_column(Id)
    at: Mapped[datetime]


class ErasureRow(Base):
    """A member is being erased (`done_at` null: texts are still being blanked, and the sweeper goes on) or was."""

    __tablename__ = "erasures"
    __table_args__ = (Index("ix_erasures_open", "done_at"),)

    member_id: Mapped[str] = mapped_column(ForeignKey("members.id"), primary_key=True)
    why: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(Text)
    by: Mapped[str] = mapped_column(Id)
    begun_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    rows: Mapped[int] = mapped_column(Integer, default=0)


def contacts(db: ReadSession, member_ids: Collection[str]) -> dict[str, list[ContactRow]]:
    """The contacts of these members, by member, the oldest first."""
    query = sa.select(ContactRow).where(ContactRow.member_id.in_(member_ids)).order_by(ContactRow.kind, ContactRow.at)
    found: dict[str, list[ContactRow]] = {member_id: [] for member_id in member_ids}
    for row in db.execute(query).scalars():
        found[row.member_id].append(row)
    return found


def add_contact(db: WriteSession, *, member_id: str, kind: str, value_hash: str, sealed: bytes, at: datetime) -> bool:
    """False where the member has it already."""
    values = {"member_id": member_id, "kind": kind, "value_hash": value_hash, "value_sealed": sealed, "at": at}
    return insert_new(db, ContactRow, values)


def drop_contacts(db: WriteSession, member_id: str, kind: str) -> None:
    gone = sa.delete(ContactRow).where(ContactRow.member_id == member_id, ContactRow.kind == kind)
    db.execute(gone.execution_options(synchronize_session=False))


def with_contact(db: ReadSession, kinds: Sequence[tuple[str, str]]) -> list[str]:
    """The members who have one of these (kind, hash)."""
    wanted = sa.or_(*(sa.and_(ContactRow.kind == kind, ContactRow.value_hash == hashed) for kind, hashed in kinds))
    return list(db.execute(sa.select(ContactRow.member_id).where(wanted).distinct()).scalars())


def disclose(db: WriteSession, **values: Any) -> str:
    """Note a disclosure; its id."""
    row = DisclosureRow(id=new_id("dsc"), at=db.now, **values)
    db.add(row)
    return row.id


def disclosures(
    db: ReadSession, member_id: str, limit: int = 50, communities: Collection[str] | None = None
) -> list[DisclosureRow]:
    """Who was shown this member's data, newest first; of messages, those in these communities (None: all)."""
    query = sa.select(DisclosureRow).where(DisclosureRow.member_id == member_id).order_by(DisclosureRow.id.desc())
    if communities is not None:
        theirs = sa.select(MessageRow.id).where(MessageRow.community_id.in_(communities))
        query = query.where(sa.or_(DisclosureRow.message_id.is_(None), DisclosureRow.message_id.in_(theirs)))
    return list(db.execute(query.limit(limit)).scalars())


def note_shown(db: WriteSession, **values: Any) -> str:
    row = NoticeShownRow(id=new_id("ntc"), at=db.now, **values)
    db.add(row)
    return row.id


def shown(db: ReadSession, member_id: str) -> list[NoticeShownRow]:
    """Which notices the member was shown, newest first."""
    query = sa.select(NoticeShownRow).where(NoticeShownRow.member_id == member_id).order_by(NoticeShownRow.id.desc())
    return list(db.execute(query).scalars())


def erasure(db: ReadSession, member_id: str) -> ErasureRow | None:
    return db.get(ErasureRow, member_id, populate_existing=True)


def unfinished(db: ReadSession, limit: int = 20) -> list[str]:
    """Members whose erasure was begun and not finished, oldest first."""
    query = sa.select(ErasureRow.member_id).where(ErasureRow.done_at.is_(None)).order_by(ErasureRow.begun_at)
    return list(db.execute(query.limit(limit)).scalars())


def member_ids(db: ReadSession) -> list[str]:
    """Every member there is."""
    return list(db.execute(sa.select(MemberRow.id)).scalars())
