"""Bring a database to the newest schema, or say that it is not there yet."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from core.errors import Unavailable
from store.session import Database

_SCRIPTS = Path(__file__).parent / "migrations"
_LOCK = 7_200_301


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    return config


def head() -> str:
    """The newest revision that this code knows."""
    found = ScriptDirectory.from_config(_config()).get_current_head()
    assert found is not None
    return found


@contextmanager
def _reached() -> Iterator[None]:
    try:
        yield
    except sa.exc.DatabaseError as error:
        # Of the plain kind is a file that is no database; its other kinds are mistakes in a migration.
        if type(error) not in (sa.exc.OperationalError, sa.exc.DatabaseError):
            raise
        raise Unavailable("database_unavailable", why=type(error.orig).__name__) from error


def current(database: Database) -> str | None:
    """The database's revision; None where it is empty. Raises `Unavailable` `database_unavailable`."""
    with _reached(), database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def known() -> set[str]:
    """All revisions of this code."""
    return {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def lock(connection: sa.Connection) -> None:
    """Nobody else migrates until this transaction ends (SQLite's write lock already sees to that)."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def to(connection: sa.Connection, revision: str) -> None:
    """Run what is missing up to `revision`, within the caller's transaction."""
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def upgrade(database: Database) -> bool:
    """Run what is missing, in one transaction; several processes may call it at once. Returns whether anything was
    done. Raises `Unavailable`: `database_newer` where the database is of a later version than this code,
    `database_unavailable`."""
    with _reached(), database.engine.execution_options(qunzhu_write=True).begin() as connection:
        lock(connection)
        before = MigrationContext.configure(connection).get_current_revision()
        if before == head():
            return False
        if before is not None and before not in known():
            raise Unavailable("database_newer", found=before)
        to(connection, "head")
    return True
