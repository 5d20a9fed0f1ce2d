"""Read sessions only read, write sessions are one transaction, and members' texts stay out of error messages."""

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from core.caller import system_caller
from core.clock import ManualClock
from core.errors import BadInput, Bug, QunzhuError, Unavailable
from store.audit import AuditRow, Deed
from store.changes import ChangeRow
from store.session import Database
from store.users import UserRow
from tests.house import row_counts

DEED = Deed(system_caller("test"), "thing.done", "thing", "t-1", None, {"n": 1})


def test_read_session_refuses_a_flush(database: Database) -> None:
    with pytest.raises(Bug, match="write_in_read_session"), database.read() as db:
        db.add(ChangeRow(topic="a", number=1))
        db.flush()
    assert row_counts(database)["changes"] == 0


def test_read_session_refuses_a_changed_row(database: Database) -> None:
    with database.write() as db:
        db.add(ChangeRow(topic="a", number=1))
    with pytest.raises(Bug, match="write_in_read_session"), database.read() as db:
        db.get_one(ChangeRow, "a").number = 2
        db.flush()


@pytest.mark.parametrize("statement", ["insert", "update", "delete"])
def test_read_session_refuses_core_statements(database: Database, statement: str) -> None:
    table = ChangeRow.__table__
    assert isinstance(table, sa.Table)
    made = {
        "insert": sa.insert(table).values(topic="a", number=1),
        "update": sa.update(table).values(number=2),
        "delete": sa.delete(table),
    }[statement]
    with pytest.raises(Bug, match="write_in_read_session"), database.read() as db:
        db.execute(made)


def test_plain_text_that_writes_in_a_read_session_leaves_nothing(database: Database) -> None:
    try:
        with database.read() as db:
            db.execute(sa.text("INSERT INTO changes (topic, number) VALUES ('a', 1)"))
    except (QunzhuError, sa.exc.DBAPIError):
        assert not database.is_sqlite
    assert row_counts(database)["changes"] == 0


def test_reading_session_sees_one_moment(database: Database) -> None:
    """PostgreSQL would otherwise show each query of a session another state."""
    with database.write() as db:
        db.add(ChangeRow(topic="a", number=1))
    with database.read() as db:
        before = db.execute(sa.select(sa.func.count()).select_from(ChangeRow)).scalar_one()
        with database.write() as writing:
            writing.add(ChangeRow(topic="b", number=1))
        assert db.execute(sa.select(sa.func.count()).select_from(ChangeRow)).scalar_one() == before


def test_failed_block_leaves_nothing(database: Database) -> None:
    calls: list[str] = []
    with pytest.raises(RuntimeError), database.write() as db:
        db.add(ChangeRow(topic="a", number=1))
        db.flush()
        db.audit(DEED)
        db.after_commit(lambda: calls.append("woken"))
        raise RuntimeError
    counts = row_counts(database)
    assert (counts["changes"], counts["audit"], calls) == (0, 0, [])


def test_audit_is_part_of_the_transaction(database: Database) -> None:
    with database.write() as db:
        db.add(ChangeRow(topic="a", number=1))
        db.audit(DEED)
    with pytest.raises(IntegrityError), database.write() as db:
        db.audit(DEED)
        db.add(UserRow(id="u", login=None, name="x", created_at=db.now))
    counts = row_counts(database)
    assert (counts["changes"], counts["audit"]) == (1, 1)
    with database.read() as db:
        row = db.execute(sa.select(AuditRow)).scalar_one()
        assert (row.number, row.action, row.object_id, row.details, row.at) == (
            1,
            "thing.done",
            "t-1",
            {"n": 1},
            database.clock.now(),
        )
    assert database.verify_audit().broken_at is None


def test_after_commit_runs_when_the_rows_can_be_seen(database: Database) -> None:
    seen: list[int] = []
    with database.write() as db:
        db.add(ChangeRow(topic="a", number=1))
        db.after_commit(lambda: seen.append(row_counts(database)["changes"]))
        assert seen == []
    assert seen == [1]


def test_values_never_stand_in_an_error_message(database: Database) -> None:
    # scope: 35
    with pytest.raises(IntegrityError) as caught, database.write() as db:
        db.add(UserRow(id="u", login=None, name="小满妈妈", created_at=db.now))
    assert "小满妈妈" not in str(caught.value).partition("DETAIL")[0]


def test_too_long_for_its_column_is_bad_input(database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite takes texts of any length")
    with pytest.raises(BadInput, match="value_not_storable"), database.write() as db:
        db.add(ChangeRow(topic="x" * 41, number=1))


def test_database_that_is_gone_is_unavailable(clock: ManualClock, database: Database) -> None:
    url = "sqlite:////nonexistent/none.db" if database.is_sqlite else "postgresql+psycopg://x@127.0.0.1:1/none"
    if database.is_sqlite:
        url = "sqlite:////proc/none.db"
    gone = Database(url, clock, database.keyring)
    with pytest.raises(Unavailable, match="database_unavailable"):
        gone.ping()
    gone.close()
