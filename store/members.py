"""Members: who they are (encrypted), what they agreed to, and which communities they were in, when.

Names and contact ids are sealed with the member's own key; they are found by keyed hash. Erasing drops the key.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Boolean, ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.ids import new_id
from store.base import Base, Hash, Id, insert_new
from store.session import ReadSession, WriteSession
from store.users import UserIdentityRow, UserRow


class MemberRow(Base):
    __tablename__ = "members"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    name_hash: Mapped[str | None] = mapped_column(Hash, index=True)
    profile: Mapped[dict[str, Any]] = mapped_column(default=dict)
    source: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime]
    last_active_at: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]


class MemberKeyRow(Base):
    """The only place of a member's key, wrapped."""

    __tablename__ = "member_keys"

    member_id: Mapped[str] = mapped_column(Id, primary_key=True)
    wrapped: Mapped[bytes] = mapped_column(LargeBinary)


class MemberIdentityRow(Base):
    """A member's id on one channel. One member may have several."""

    __tablename__ = "member_identities"

    channel: Mapped[str] = mapped_column(String(32), primary_key=True)
    external_hash: Mapped[str] = mapped_column(Hash, primary_key=True)
    member_id: Mapped[str] = mapped_column(ForeignKey("members.id"), index=True)
    external_sealed: Mapped[bytes] = mapped_column(LargeBinary)


class MembershipRow(Base):
    """One stay in a community; a member who comes back has a second row."""

    __tablename__ = "memberships"
    __table_args__ = (
        Index("ix_memberships_member", "member_id"),
        Index(
            "uq_memberships_open",
            "community_id",
            "member_id",
            unique=True,
            sqlite_where=sa.text("left_at IS NULL"),
            postgresql_where=sa.text("left_at IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    community_id: Mapped[str] = mapped_column(ForeignKey("communities.id"))
    member_id: Mapped[str] = mapped_column(ForeignKey("members.id"))
    joined_at: Mapped[datetime]
    left_at: Mapped[datetime | None]
    source: Mapped[str | None] = mapped_column(String(64))


class ConsentRow(Base):
    """What a member agreed to or opted out of, over time; the newest row of a kind holds."""

    __tablename__ = "consents"
    __table_args__ = (UniqueConstraint("member_id", "kind", "community_id", "at"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    member_id: Mapped[str] = mapped_column(ForeignKey("members.id"))
    kind: Mapped[str] = mapped_column(String(32))
    community_id: Mapped[str | None] = mapped_column(ForeignKey("communities.id"))
    granted: Mapped[bool] = mapped_column(Boolean)
    source: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]


class Standing(NamedTuple):
    """What is known of a sender when a message comes in, in one query. `staff` is the user who writes under this id."""

    member_id: str
    name_hash: str | None
    last_active_at: datetime | None
    present: bool
    staff: str | None


def _standing() -> sa.Select[Any]:
    staff = sa.select(UserIdentityRow.user_id).where(
        UserIdentityRow.channel == sa.bindparam("channel"), UserIdentityRow.external_hash == sa.bindparam("hashed")
    )
    stay = sa.select(MembershipRow.id).where(
        MembershipRow.community_id == sa.bindparam("community_id"),
        MembershipRow.member_id == MemberIdentityRow.member_id,
        MembershipRow.left_at.is_(None),
    )
    who = sa.select(MemberRow.id, MemberRow.name_hash, MemberRow.last_active_at, stay.exists(), staff.scalar_subquery())
    return who.join_from(MemberIdentityRow, MemberRow, MemberRow.id == MemberIdentityRow.member_id).where(
        MemberIdentityRow.channel == sa.bindparam("channel"), MemberIdentityRow.external_hash == sa.bindparam("hashed")
    )


_STANDING = _standing()


def standing(db: ReadSession, channel: str, external_hash: str, community_id: str) -> Standing | None:
    """Where a sender stands; None for an unknown one. The busiest query: built once, run outside the ORM."""
    values = {"channel": channel, "hashed": external_hash, "community_id": community_id}
    row = db.connection().execute(_STANDING, values).first()
    return None if row is None else Standing(row[0], row[1], row[2], bool(row[3]), row[4])


def find(db: ReadSession, channel: str, external_hash: str) -> str | None:
    """The id of the member who has this identity."""
    query = sa.select(MemberIdentityRow.member_id).where(
        MemberIdentityRow.channel == channel, MemberIdentityRow.external_hash == external_hash
    )
    return db.execute(query).scalar_one_or_none()


def user_of(db: ReadSession, member_id: str, channel: str) -> str | None:
    """The enabled user who writes as this member on a channel."""
    query = (
        sa.select(UserRow.id)
        .join(UserIdentityRow, UserIdentityRow.user_id == UserRow.id)
        .join(
            MemberIdentityRow,
            sa.and_(
                MemberIdentityRow.channel == UserIdentityRow.channel,
                MemberIdentityRow.external_hash == UserIdentityRow.external_hash,
            ),
        )
        .where(
            MemberIdentityRow.member_id == member_id,
            MemberIdentityRow.channel == channel,
            UserRow.disabled_at.is_(None),
        )
    )
    return db.execute(query.limit(1)).scalar_one_or_none()


def get(db: ReadSession, member_id: str) -> MemberRow | None:
    return db.get(MemberRow, member_id)


def lock(db: WriteSession, member_id: str | None) -> None:
    """Whoever changes or reckons with what this member did waits here for the others. Taken before any lock on their
    messages and review items, else two could wait for each other; new rows that name the member don't wait."""
    if member_id is not None:
        query = sa.select(MemberRow.id).where(MemberRow.id == member_id)
        db.execute(query.with_for_update(key_share=True))


def stays_known(db: WriteSession, member_id: str) -> bool:
    """Whether the member was not erased; until this transaction ends none is. Others who say so don't wait, unlike for
    `lock`, which whoever needs both takes first."""
    query = sa.select(MemberRow.erased_at).where(MemberRow.id == member_id)
    return db.execute(query.with_for_update(read=True)).scalar_one() is None


def key(db: ReadSession, member_id: str) -> bytes | None:
    """The member's wrapped key; None after erasure."""
    return db.execute(sa.select(MemberKeyRow.wrapped).where(MemberKeyRow.member_id == member_id)).scalar_one_or_none()


def many(db: ReadSession, member_ids: Collection[str]) -> list[MemberRow]:
    return list(db.execute(sa.select(MemberRow).where(MemberRow.id.in_(member_ids))).scalars())


def keys(db: ReadSession, member_ids: Collection[str]) -> dict[str, bytes]:
    """The wrapped keys of these members, but for erased ones."""
    query = sa.select(MemberKeyRow.member_id, MemberKeyRow.wrapped).where(MemberKeyRow.member_id.in_(member_ids))
    return {member_id: wrapped for member_id, wrapped in db.execute(query)}


def identity(db: ReadSession, member_id: str, channel: str) -> MemberIdentityRow | None:
    query = sa.select(MemberIdentityRow).where(
        MemberIdentityRow.member_id == member_id, MemberIdentityRow.channel == channel
    )
    return db.execute(query).scalars().first()


def add_identity(db: WriteSession, *, channel: str, external_hash: str, member_id: str, sealed: bytes) -> bool:
    """False where a racing writer has just added it."""
    return insert_new(
        db,
        MemberIdentityRow,
        {"channel": channel, "external_hash": external_hash, "member_id": member_id, "external_sealed": sealed},
    )


def join(db: WriteSession, community_id: str, member_id: str, at: datetime, source: str | None = None) -> bool:
    """Open a stay; False where one is open."""
    return insert_new(
        db,
        MembershipRow,
        {
            "id": new_id("stay"),
            "community_id": community_id,
            "member_id": member_id,
            "joined_at": at,
            "left_at": None,
            "source": source,
        },
    )


def joined_at(db: ReadSession, member_id: str, communities: Sequence[str]) -> datetime | None:
    """Since when the member has been in any of these communities; None where in none of them now."""
    query = sa.select(sa.func.min(MembershipRow.joined_at)).where(
        MembershipRow.member_id == member_id,
        MembershipRow.community_id.in_(communities),
        MembershipRow.left_at.is_(None),
    )
    return db.execute(query).scalar_one()


def leave(db: WriteSession, community_id: str, member_id: str, at: datetime) -> bool:
    """Close the open stay; False where there was none."""
    change = sa.update(MembershipRow).where(
        MembershipRow.community_id == community_id,
        MembershipRow.member_id == member_id,
        MembershipRow.left_at.is_(None),
    )
    result = db.execute(change.values(left_at=at).returning(MembershipRow.id))
    return result.first() is not None


def touch(db: WriteSession, member_id: str, at: datetime) -> None:
    """Note activity; never moves backwards."""
    later = sa.or_(MemberRow.last_active_at.is_(None), MemberRow.last_active_at < at)
    db.execute(
        sa.update(MemberRow)
        .where(MemberRow.id == member_id, later)
        .values(last_active_at=at)
        .execution_options(synchronize_session=False)
    )
