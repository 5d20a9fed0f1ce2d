"""People of the staff: users, their roles (bundles of scopes, as data), sessions and one-time login links."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Boolean, ForeignKey, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.base import Base, Hash, Id, insert_new
from store.session import ReadSession, WriteSession


class UserRow(Base):
    __tablename__ = "users"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    login: Mapped[str] = mapped_column(String(80), unique=True)
    name: Mapped[str] = mapped_column(String(80))
    password_hash: Mapped[str | None] = mapped_column(String(200))
    locale: Mapped[str | None] = mapped_column(String(16))
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class UserIdentityRow(Base):
    """A user's id on a channel: who writes under it is staff."""

    __tablename__ = "user_identities"

    channel: Mapped[str] = mapped_column(String(32), primary_key=True)
    external_hash: Mapped[str] = mapped_column(Hash, primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)


class RoleRow(Base):
    __tablename__ = "roles"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    scopes: Mapped[list[Any]]
    builtin: Mapped[bool] = mapped_column(Boolean)


class UserRoleRow(Base):
    """A role of a user, in one community with its sub-groups, or (null) in all."""

    __tablename__ = "user_roles"
    __table_args__ = (UniqueConstraint("user_id", "role", "community_id"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    role: Mapped[str] = mapped_column(ForeignKey("roles.name"))
    community_id: Mapped[str | None] = mapped_column(ForeignKey("communities.id"))


class SessionRow(Base):
    """A console session; the cookie's token is kept as a keyed hash only."""

    __tablename__ = "sessions"

    token_hash: Mapped[str] = mapped_column(Hash, primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    csrf: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class LoginLinkRow(Base):
    """A link that signs a user in once."""

    __tablename__ = "login_links"

    token_hash: Mapped[str] = mapped_column(Hash, primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class LoginFailureRow(Base):
    """Failed logins of the last minutes, shared by all processes."""

    __tablename__ = "login_failures"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    login_hash: Mapped[str] = mapped_column(Hash, index=True)
    at: Mapped[datetime]


def get(db: ReadSession, user_id: str) -> UserRow | None:
    return db.get(UserRow, user_id)


def by_login(db: ReadSession, login: str) -> UserRow | None:
    return db.execute(sa.select(UserRow).where(UserRow.login == login)).scalar_one_or_none()


def every(db: ReadSession) -> list[UserRow]:
    return list(db.execute(sa.select(UserRow).order_by(UserRow.created_at, UserRow.id)).scalars())


def first_owner(db: ReadSession) -> UserRow | None:
    """The oldest enabled owner of the whole deployment."""
    query = (
        sa.select(UserRow)
        .join(UserRoleRow, UserRoleRow.user_id == UserRow.id)
        .where(UserRoleRow.role == "owner", UserRoleRow.community_id.is_(None), UserRow.disabled_at.is_(None))
        .order_by(UserRow.created_at, UserRow.id)
        .limit(1)
    )
    return db.execute(query).scalar_one_or_none()


def roles(db: ReadSession) -> dict[str, list[str]]:
    """Every role with its scopes."""
    return {row.name: list(row.scopes) for row in db.execute(sa.select(RoleRow)).scalars()}


def role(db: ReadSession, name: str) -> RoleRow | None:
    return db.get(RoleRow, name)


def add_role(db: WriteSession, name: str, scopes: Iterable[str], *, builtin: bool) -> bool:
    return insert_new(db, RoleRow, {"name": name, "scopes": sorted(scopes), "builtin": builtin})


def roles_of(db: ReadSession, user_id: str) -> list[tuple[str, list[str], str | None]]:
    """(role, scopes, community or None for all) of a user."""
    query = (
        sa.select(UserRoleRow.role, RoleRow.scopes, UserRoleRow.community_id)
        .join(RoleRow, RoleRow.name == UserRoleRow.role)
        .where(UserRoleRow.user_id == user_id)
    )
    return [(name, list(scopes), community_id) for name, scopes, community_id in db.execute(query)]


def with_roles(db: ReadSession, names: Collection[str], lineage: Collection[str]) -> dict[str, list[str]]:
    """Who holds each of these roles in a community with this lineage, disabled people left out; ids in order."""
    query = (
        sa.select(UserRoleRow.role, UserRoleRow.user_id)
        .join(UserRow, UserRow.id == UserRoleRow.user_id)
        .where(
            UserRow.disabled_at.is_(None),
            UserRoleRow.role.in_(list(names)),
            sa.or_(UserRoleRow.community_id.is_(None), UserRoleRow.community_id.in_(list(lineage))),
        )
        .distinct()
        .order_by(UserRoleRow.role, UserRoleRow.user_id)
    )
    found: dict[str, list[str]] = {}
    for role_name, user_id in db.execute(query):
        found.setdefault(role_name, []).append(user_id)
    return found


def names(db: ReadSession, user_ids: Collection[str]) -> dict[str, str]:
    """What these people are called; disabled people are left out."""
    query = sa.select(UserRow.id, UserRow.name).where(UserRow.id.in_(list(user_ids)), UserRow.disabled_at.is_(None))
    return {user_id: name for user_id, name in db.execute(query)}


def staff_identity(db: ReadSession, channel: str, external_hash: str) -> str | None:
    """The user who writes under this id on the channel."""
    row = db.get(UserIdentityRow, (channel, external_hash))
    return row.user_id if row else None


def session(db: ReadSession, token_hash: str) -> SessionRow | None:
    return db.get(SessionRow, token_hash)


def drop_session(db: WriteSession, token_hash: str) -> None:
    db.execute(sa.delete(SessionRow).where(SessionRow.token_hash == token_hash))


def drop_sessions(db: WriteSession, user_id: str, kept: str | None) -> None:
    """End a user's sessions but the one whose hash is `kept`."""
    db.execute(sa.delete(SessionRow).where(SessionRow.user_id == user_id, SessionRow.token_hash != (kept or "")))


def use_link(db: WriteSession, token_hash: str) -> str | None:
    """Use up a login link; the user's id, or None where it was used, has expired or never was."""
    change = sa.update(LoginLinkRow).where(
        LoginLinkRow.token_hash == token_hash, LoginLinkRow.used_at.is_(None), LoginLinkRow.expires_at > db.now
    )
    used = change.values(used_at=db.now).returning(LoginLinkRow.user_id)
    return db.execute(used.execution_options(synchronize_session=False)).scalar_one_or_none()


def queue_logins(db: WriteSession, login_hash: str) -> None:
    """Let parallel tries of one login count one after another (SQLite's write lock does it already)."""
    if db.get_bind().dialect.name == "postgresql":
        db.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(f"login:{login_hash}"))))


def failures_since(db: ReadSession, login_hash: str, since: datetime) -> int:
    query = sa.select(sa.func.count()).where(LoginFailureRow.login_hash == login_hash, LoginFailureRow.at > since)
    return db.execute(query).scalar_one()


def sweep(db: WriteSession, failures_before: datetime) -> None:
    """Drop sessions and links that are over, and old failures."""
    db.execute(sa.delete(SessionRow).where(SessionRow.expires_at <= db.now))
    db.execute(sa.delete(LoginLinkRow).where(LoginLinkRow.expires_at <= db.now))
    db.execute(sa.delete(LoginFailureRow).where(LoginFailureRow.at <= failures_before))
