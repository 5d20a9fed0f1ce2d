"""How the columns of somebody's table were read last time, so that the next import of the same table need not ask."""

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from store.base import Base, Hash, Id
from store.session import ReadSession, WriteSession


class ColumnMapRow(Base):
    """`signature` is the hash of the header row; `columns` maps a column's name to a field of an entry."""

    __tablename__ = "knowledge_column_maps"

    signature: Mapped[str] = mapped_column(Hash, primary_key=True)
    columns: Mapped[dict[str, Any]]
    by: Mapped[str] = mapped_column(Id)
    at: Mapped[datetime]
    format: Mapped[str] = mapped_column(String(16))


def get(db: ReadSession, signature: str) -> ColumnMapRow | None:
    return db.get(ColumnMapRow, signature, populate_existing=True)


def put(db: WriteSession, signature: str, columns: dict[str, Any], format: str, by: str) -> None:
    """Remember, or replace what was remembered."""
    row = db.get(ColumnMapRow, signature)
    if row is None:
        db.add(ColumnMapRow(signature=signature, columns=columns, format=format, by=by, at=db.now))
    else:
        row.columns, row.format, row.by, row.at = columns, format, by, db.now
