"""One at a time over all processes on PostgreSQL, and whoever lost the lock can know it."""

import threading

import pytest
import sqlalchemy as sa

from store.alone import alone
from store.session import Database

SECONDS = 20.0
ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@ON_POSTGRESQL
def test_the_second_waits_for_the_first(database: Database) -> None:
    order: list[str] = []
    inside = threading.Event()

    def second() -> None:
        inside.wait(SECONDS)
        with alone(database, "thing"):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with alone(database, "thing") as still:
        inside.set()
        thread.join(timeout=0.5)
        order.append("first")
        assert still()
        with alone(database, "another thing") as other:
            assert other()
    thread.join(SECONDS)
    assert order == ["first", "second"]


@ON_POSTGRESQL
def test_a_lock_that_went_with_its_connection(database: Database) -> None:
    with alone(database, "thing") as still:
        assert still()
        cut_locks(database)
        assert not still()
        with alone(database, "thing") as other:
            assert other()


def cut_locks(database: Database) -> None:
    """End the connections of this database that hold a lock of a session."""
    cut = sa.text(
        "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
        " WHERE l.locktype = 'advisory' AND l.granted AND d.datname = current_database() AND l.pid <> pg_backend_pid()"
    )
    with database.write() as db:
        assert db.execute(cut).all()


@ON_SQLITE
def test_on_sqlite_there_is_nobody_to_wait_for(database: Database) -> None:
    with alone(database, "thing") as still, alone(database, "thing"):
        assert still()
