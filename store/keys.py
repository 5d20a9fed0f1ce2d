"""API keys of bots: hashed, scoped, rotatable."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from store.base import Base, Hash, Id
from store.session import ReadSession, WriteSession


class ApiKeyRow(Base):
    """`communities` null: all. A rotated key works until `expires_at`, so that the bot can be changed over."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    secret_hash: Mapped[str] = mapped_column(Hash)
    role: Mapped[str] = mapped_column(ForeignKey("roles.name"))
    communities: Mapped[list[Any] | None]
    created_by: Mapped[str] = mapped_column(Id)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    replaced_by: Mapped[str | None] = mapped_column(Id)


def get(db: ReadSession, key_id: str) -> ApiKeyRow | None:
    return db.get(ApiKeyRow, key_id)


def every(db: ReadSession) -> list[ApiKeyRow]:
    return list(db.execute(sa.select(ApiKeyRow).order_by(ApiKeyRow.id)).scalars())


def revoke(db: WriteSession, key_id: str) -> bool:
    """False where the key was revoked before or never was."""
    change = sa.update(ApiKeyRow).where(ApiKeyRow.id == key_id, ApiKeyRow.revoked_at.is_(None))
    done = change.values(revoked_at=db.now).returning(ApiKeyRow.id)
    return db.execute(done.execution_options(synchronize_session=False)).first() is not None
