"""What every table file builds on: the declarative base, column types that both databases agree on, and inserts
that a race can lose without an error."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, ClassVar

from sqlalchemy import JSON, DateTime, Dialect, Executable, MetaData, String, Table, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import DeclarativeBase, Session

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """Aware datetimes in UTC, on SQLite too, which knows no zones. A naive value is a bug and raises ValueError."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime may not be stored")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# JSON is written without ASCII escapes by the engine's serializer, so that Chinese stays readable in the database.
Json = JSON().with_variant(JSONB(), "postgresql")
Id = String(40)
Hash = String(64)


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=_NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: UtcDateTime(), dict[str, Any]: Json, list[Any]: Json}


def insert_new(session: Session, table: type[Base], values: Mapping[str, Any]) -> bool:
    """Insert one row; False, and nothing written, where a unique key already holds it."""
    target = table.__table__
    assert isinstance(target, Table)
    result = session.connection().execute(_insert(target, session.get_bind().dialect.name), values)
    if result.rowcount != 1:
        return False
    # A `WriteSession`, which can't be imported here: whoever waits for due rows hears of them at the commit.
    ring = getattr(session, "ring", None)
    if ring is not None and values.get("due_at") is not None:
        ring(target.name, values["due_at"])
    return True


@cache
def _insert(table: Table, dialect: str) -> Executable:
    # Built once: making and hashing the statement costs more than running it.
    make = postgresql_insert if dialect == "postgresql" else sqlite_insert
    # Without this the number of rows of an INSERT is -1 on PostgreSQL, which would read as a row that was written.
    return make(table).on_conflict_do_nothing().execution_options(preserve_rowcount=True)
