"""What only one process at a time may do, whichever machine it is on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, OperationalError

from core.errors import Unavailable
from store.session import Database

WAIT_SECONDS: Final = 600
"""Longer than embedding some 100,000 passages takes; who waits longer waits for a process that hangs."""
StillAlone = Callable[[], bool]


@contextmanager
def alone(database: Database, what: str) -> Iterator[StillAlone]:
    """Hold the lock called `what`; on SQLite there is one process anyway. The block can ask whether it still has the
    lock, which goes with the connection. Raises `Unavailable` `database_unavailable`."""
    if database.is_sqlite:
        yield _always
        return
    try:
        connection = database.engine.execution_options(isolation_level="AUTOCOMMIT").connect()
    except OperationalError as error:
        raise Unavailable("database_unavailable", why=type(error.orig).__name__) from error
    try:
        _lock(connection, what)
        yield lambda: _holds(connection, what)
    finally:
        # The pool gives connections back as they are, and a session's lock would go with it to the next user.
        connection.invalidate()
        connection.close()


def _always() -> bool:
    return True


def _lock(connection: sa.Connection, what: str) -> None:
    try:
        connection.execute(sa.text(f"SET lock_timeout = '{WAIT_SECONDS}s'"))
        connection.execute(sa.select(sa.func.pg_advisory_lock(sa.func.hashtext(what))))
    except OperationalError as error:
        raise Unavailable("database_unavailable", why=type(error.orig).__name__) from error


def _holds(connection: sa.Connection, what: str) -> bool:
    """The server is asked: after it went away the connection, and with it the lock, is another's."""
    held = sa.text(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted"
        " AND objid::bigint = (hashtext(:what)::bigint & 4294967295)"
    )
    try:
        return bool(connection.execute(held, {"what": what}).scalar_one())
    except DBAPIError:
        return False
