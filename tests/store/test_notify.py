"""Processes on one PostgreSQL hear of each other's work as part of the commit, and again after a broken connection."""

import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest
import sqlalchemy as sa

from store import due, notify
from store.messages import MessageRow
from store.notify import Listener
from store.session import Database
from tests.house import House

SECONDS = 20.0
ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Ears:
    """What a listener heard."""

    def __init__(self, database: Database) -> None:
        self.tables: list[str] = []
        self.ids: list[str] = []
        self._more = threading.Condition()
        self.listener = Listener(database, due=self._due, tables=("everything",), done=self._done)

    def _due(self, table: str) -> None:
        with self._more:
            self.tables.append(table)
            self._more.notify_all()

    def _done(self, ids: Sequence[str]) -> None:
        with self._more:
            self.ids += ids
            self._more.notify_all()

    def until(self, tables: Sequence[str] = (), ids: Sequence[str] = ()) -> bool:
        """Whether all of it was heard in time."""
        with self._more:
            return self._more.wait_for(lambda: set(tables) <= {*self.tables} and set(ids) <= {*self.ids}, SECONDS)


@pytest.fixture
def ears(house: House) -> Iterator[Ears]:
    """Listening to the house's database."""
    made = Ears(house.services.database)
    made.listener.start()
    assert made.listener.connected.wait(SECONDS)
    assert made.until(["everything"]), "what came before was not heard"
    yield made
    made.listener.stop()


@ON_POSTGRESQL
def test_a_message_that_is_due_is_heard(house: House, ears: Ears) -> None:
    house.without_bursts()
    house.say("请问怎么退款")
    assert ears.until(["messages"])


@ON_POSTGRESQL
def test_an_approval_is_heard_once_it_is_committed(house: House, ears: Ears) -> None:
    house.decide(house.make_drafts(1)[0])
    with house.services.database.write() as db:
        db.ring("deliveries")
    assert ears.until(["deliveries"])


@ON_POSTGRESQL
def test_what_is_due_later_and_what_was_rolled_back_rings_nobody(house: House, ears: Ears) -> None:
    database = house.services.database
    with database.write() as db:
        db.ring("later", db.now + timedelta(seconds=6))
    with pytest.raises(ZeroDivisionError), database.write() as db:
        db.ring("rolled_back")
        raise ZeroDivisionError
    with database.write() as db:
        db.ring("end")
    assert ears.until(["end"])
    assert {"later", "rolled_back"} & {*ears.tables} == set()


@ON_POSTGRESQL
def test_revived_rows_ring(house: House, ears: Ears) -> None:
    with house.services.database.write() as db:
        due.revive(db, MessageRow, "msg_none")
    assert ears.until(["messages"])


@ON_POSTGRESQL
def test_finished_ids_are_heard_however_many(ears: Ears, house: House) -> None:
    ids = [f"msg_{number:026}" for number in range(450)]
    notify.announce(house.services.database, ids)
    assert ears.until(ids=ids)


@ON_POSTGRESQL
def test_a_broken_connection_is_made_again_and_everything_rung(
    house: House, ears: Ears, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "_FIRST_PAUSE", 0.05)
    ears.tables.clear()
    with house.services.database.write() as db:
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = :name"
        assert db.execute(sa.text(cut), {"name": house.services.database.engine.url.database}).all()
    assert ears.until(["everything"])
    with house.services.database.write() as db:
        db.ring("after")
    assert ears.until(["after"])


@ON_SQLITE
def test_on_sqlite_nothing_is_said_and_nobody_listens(house: House) -> None:
    made = Ears(house.services.database)
    made.listener.start()
    notify.announce(house.services.database, ["msg_1"])
    house.without_bursts()
    house.say("请问怎么退款")
    made.listener.stop()
    assert (made.tables, made.ids) == ([], [])
