"""Column types and the insert that may lose a race."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import StatementError

from core.errors import BadInput, Conflict
from store import changes
from store.base import insert_new
from store.changes import ChangeRow
from store.session import Database
from store.settings import SettingRow
from store.users import UserRow
from tests.house import in_parallel


def test_insert_new_says_whether_it_wrote(database: Database) -> None:
    with database.write() as db:
        assert insert_new(db, ChangeRow, {"topic": "a", "number": 1}) is True
        assert insert_new(db, ChangeRow, {"topic": "a", "number": 2}) is False
        assert changes.number(db, "a") == 1


def test_racing_inserts_have_one_winner(database: Database) -> None:
    def insert() -> bool:
        with database.write() as db:
            return insert_new(db, ChangeRow, {"topic": "race", "number": 1})

    assert sorted(in_parallel(8, [insert] * 24)) == [False] * 23 + [True]


def test_racing_notes_lose_no_count(database: Database) -> None:
    def note() -> None:
        with database.write() as db:
            changes.note(db, changes.DRAFTS)

    in_parallel(8, [note] * 40)
    with database.read() as db:
        assert changes.number(db, changes.DRAFTS) == 40


def test_notes_in_opposite_orders_do_not_wait_for_each_other(database: Database) -> None:
    topics = [changes.DRAFTS, changes.DELIVERIES, changes.COMPLAINTS]

    def note(order: int) -> None:
        with database.write() as db:
            for topic in topics[::order]:
                changes.note(db, topic)
                changes.note(db, topic)

    assert in_parallel(8, [lambda order=order: note(order) for order in (1, -1)] * 20) == [None] * 40
    with database.read() as db:
        assert [changes.number(db, topic) for topic in topics] == [40, 40, 40]


def test_moments_come_back_aware_and_in_utc(database: Database) -> None:
    moment = datetime(2026, 11, 21, 10, 0, 0, 123456, tzinfo=timezone(timedelta(hours=8)))
    with database.write() as db:
        db.add(SettingRow(key="k", community_id="", value=1, version=1, by="x", at=moment))
    with database.read() as db:
        stored = db.execute(sa.select(SettingRow.at)).scalar_one()
    assert stored == moment
    assert stored.tzinfo == UTC


def test_naive_moment_is_refused(database: Database) -> None:
    naive = datetime(2026, 11, 21)  # noqa: DTZ001
    with pytest.raises(StatementError, match="naive"), database.write() as db:
        db.add(SettingRow(key="k", community_id="", value=1, version=1, by="x", at=naive))


def test_chinese_stays_readable_in_json(database: Database) -> None:
    with database.write() as db:
        db.add(SettingRow(key="k", community_id="", value={"a": "群助"}, version=1, by="x", at=db.now))
    with database.read() as db:
        raw = db.execute(sa.text("SELECT CAST(value AS TEXT) FROM settings")).scalar_one()
    assert "群助" in raw


def test_unique_key_taken_meanwhile_is_a_conflict(database: Database) -> None:
    def add() -> None:
        with database.write() as db:
            db.add(UserRow(id=f"usr_{id(object())}", login="same", name="x", created_at=db.now))

    add()
    with pytest.raises(Conflict, match="changed_meanwhile"), database.write() as db:
        db.add(UserRow(id="usr_other", login="same", name="x", created_at=db.now))


def test_nul_character_is_bad_input_where_the_database_refuses_it(database: Database) -> None:
    if database.is_sqlite:
        with database.read() as db:
            assert db.execute(sa.select(UserRow).where(UserRow.id == "\0")).first() is None
        return
    with pytest.raises(BadInput, match="value_not_storable"), database.read() as db:
        db.execute(sa.select(UserRow).where(UserRow.id == "\0"))
