"""Migrations and models say the same, and starting several processes at once is safe."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from core.clock import ManualClock
from core.crypto import Keyring
from core.errors import Unavailable
from store import migrate
from store.session import Database
from store.tables import METADATA
from tests.house import in_parallel


@pytest.fixture
def empty_url(request: pytest.FixtureRequest, database_url: str) -> Iterator[str]:
    """A database without any table."""
    if database_url.startswith("sqlite"):
        yield database_url
        return
    name = f"qunzhu_test_{uuid4().hex[:12]}"
    admin = sa.create_engine(request.getfixturevalue("postgres_url"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f'CREATE DATABASE "{name}"'))
    yield sa.make_url(database_url).set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(sa.text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    admin.dispose()


def test_migrations_make_exactly_the_models(database: Database) -> None:
    with database.engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        differences = compare_metadata(MigrationContext.configure(connection, opts=options), METADATA)
    assert differences == []


def test_upgrade_from_empty_then_nothing_to_do(empty_url: str, clock: ManualClock, keyring: Keyring) -> None:
    database = Database(empty_url, clock, keyring)
    assert migrate.current(database) is None
    assert migrate.upgrade(database) is True
    assert migrate.current(database) == migrate.head()
    assert migrate.upgrade(database) is False
    database.close()


def test_processes_that_start_together_migrate_once(empty_url: str, clock: ManualClock, keyring: Keyring) -> None:
    opened = [Database(empty_url, clock, keyring) for _ in range(3)]
    done = in_parallel(3, [lambda d=d: migrate.upgrade(d) for d in opened])
    assert sorted(map(str, done)) == ["False", "False", "True"]
    assert set(sa.inspect(opened[0].engine).get_table_names()) == {*METADATA.tables, "alembic_version"}
    for database in opened:
        database.close()


def test_newer_database_is_left_alone(empty_url: str, clock: ManualClock, keyring: Keyring) -> None:
    database = Database(empty_url, clock, keyring)
    migrate.upgrade(database)
    with database.engine.execution_options(qunzhu_write=True).begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999_from_the_future'"))
    with pytest.raises(Unavailable) as caught:
        migrate.upgrade(database)
    assert (caught.value.code, caught.value.params) == ("database_newer", {"found": "9999_from_the_future"})
    assert migrate.current(database) == "9999_from_the_future"
    database.close()
