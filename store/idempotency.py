"""`Idempotency-Key`: the same key with the same body gives the same answer, with another body it is refused."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from store.base import Base, Hash, Id, insert_new
from store.session import ReadSession, WriteSession


class IdempotencyRow(Base):
    __tablename__ = "idempotency_keys"

    caller_id: Mapped[str] = mapped_column(Id, primary_key=True)
    key_hash: Mapped[str] = mapped_column(Hash, primary_key=True)
    body_hash: Mapped[str] = mapped_column(Hash)
    object_id: Mapped[str | None] = mapped_column(String(90))
    at: Mapped[datetime]


def get(db: ReadSession, caller_id: str, key_hash: str) -> IdempotencyRow | None:
    return db.get(IdempotencyRow, (caller_id, key_hash), populate_existing=True)


def put(db: WriteSession, caller_id: str, key_hash: str, body_hash: str, object_id: str | None) -> bool:
    """Note the key with what it made; False where it is known."""
    return insert_new(
        db,
        IdempotencyRow,
        {
            "caller_id": caller_id,
            "key_hash": key_hash,
            "body_hash": body_hash,
            "object_id": object_id,
            "at": db.now,
        },
    )


def sweep(db: WriteSession, before: datetime) -> None:
    db.execute(sa.delete(IdempotencyRow).where(IdempotencyRow.at < before))
