"""The chain: whole where nobody touched it, and broken in a named place where somebody did."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from core.caller import system_caller
from core.crypto import Keyring
from store import audit
from store.audit import GENESIS, AuditHead, AuditRow, Deed, Verified
from store.session import Database, WriteSession
from store.users import UserRow
from tests.house import in_parallel

CALLER = system_caller("test")


def _deed(number: int) -> Deed:
    return Deed(CALLER, "thing.done", "thing", f"t-{number}", None, {"n": number, "词": "值"})


@pytest.fixture
def chain(database: Database) -> Database:
    """Ten rows, over several transactions."""
    for block in range(5):
        with database.write() as db:
            db.audit(_deed(2 * block))
            db.audit(_deed(2 * block + 1))
    return database


def _verify(database: Database) -> Verified:
    with database.read() as db:
        return audit.verify(db, database.keyring.audit_key)


def _tamper(database: Database, change: Callable[[WriteSession], object]) -> Verified:
    with database.write() as db:
        change(db)
    return _verify(database)


def test_untouched_chain_is_whole(chain: Database) -> None:
    assert _verify(chain) == Verified(10, None, None)


def test_empty_deployment_is_whole(database: Database) -> None:
    assert _verify(database) == Verified(0, None, None)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("actor_id", "'somebody'"),
        ("actor_kind", "'user'"),
        ("action", "'thing.undone'"),
        ("object_id", "'t-99'"),
        ("object_kind", "'other'"),
        ("community_id", "'mama'"),
        ("at", "'2020-01-01 00:00:00.000000'"),
        ("details", "'{}'"),
    ],
)
def test_edit_of_any_column_is_found(chain: Database, column: str, value: str) -> None:
    change = sa.text(f"UPDATE audit SET {column} = {value} WHERE number = 4")
    assert _tamper(chain, lambda db: db.execute(change)) == Verified(4, 4, "row_changed")


def test_edit_with_a_fitting_hash_breaks_the_next_row(chain: Database) -> None:
    def change(db: WriteSession) -> None:
        row = db.get_one(AuditRow, 4)
        row.object_id = "t-99"
        row.hash = audit.row_hash(row)

    assert _tamper(chain, change) == Verified(5, 5, "row_missing")


def test_deleted_row_is_found(chain: Database) -> None:
    found = _tamper(chain, lambda db: db.execute(sa.delete(AuditRow).where(AuditRow.number == 6)))
    assert found == Verified(6, 6, "row_missing")


def test_deleted_first_row_is_found(chain: Database) -> None:
    found = _tamper(chain, lambda db: db.execute(sa.delete(AuditRow).where(AuditRow.number == 1)))
    assert (found.broken_at, found.why) == (1, "row_missing")


def test_swapped_rows_are_found(chain: Database) -> None:
    def swap(db: WriteSession) -> None:
        for old, new in ((3, 99), (4, 3), (99, 4)):
            db.execute(sa.text(f"UPDATE audit SET number = {new} WHERE number = {old}"))

    found = _tamper(chain, swap)
    assert (found.broken_at, found.why) == (3, "row_missing")


def test_cut_off_end_is_found(chain: Database) -> None:
    found = _tamper(chain, lambda db: db.execute(sa.delete(AuditRow).where(AuditRow.number > 8)))
    assert found == Verified(8, 9, "end_missing")


def test_cut_off_end_with_a_forged_head_is_found(chain: Database) -> None:
    def cut(db: WriteSession) -> None:
        db.execute(sa.delete(AuditRow).where(AuditRow.number > 8))
        last = db.get_one(AuditRow, 8)
        db.execute(sa.update(AuditHead).values(number=8, hash=last.hash))

    assert _tamper(chain, cut) == Verified(8, 8, "head_not_signed")


def test_head_signed_with_another_secret_is_found(chain: Database) -> None:
    with chain.read() as db:
        found = audit.verify(db, Keyring(b"x" * 32).audit_key)
    assert found == Verified(10, 10, "head_not_signed")


def test_missing_head_is_found(chain: Database) -> None:
    found = _tamper(chain, lambda db: db.execute(sa.delete(AuditHead)))
    assert (found.broken_at, found.why) == (11, "end_missing")


def test_emptied_chain_of_a_used_deployment_is_found(chain: Database) -> None:
    def empty(db: WriteSession) -> None:
        db.add(UserRow(id="u", login="u", name="u", created_at=db.now))
        db.execute(sa.delete(AuditRow))
        db.execute(sa.delete(AuditHead))

    assert _tamper(chain, empty) == Verified(0, 1, "end_missing")


def test_chain_goes_on_after_genesis(database: Database) -> None:
    with database.write() as db:
        db.audit(_deed(1))
    with database.read() as db:
        row = db.execute(sa.select(AuditRow)).scalar_one()
    assert (row.number, row.previous) == (1, GENESIS)


def test_concurrent_writers_never_fork_the_chain(database: Database) -> None:
    def write(number: int) -> None:
        with database.write() as db:
            db.audit(_deed(number))
            if number % 3 == 0:
                db.audit(_deed(number))

    failed = [one for one in in_parallel(8, [lambda n=n: write(n) for n in range(60)]) if one is not None]
    assert failed == []
    assert _verify(database) == Verified(80, None, None)


def test_verifying_while_others_write_finds_nothing_wrong(chain: Database) -> None:
    """The walk and the head must be of one moment."""

    def write(number: int) -> None:
        with chain.write() as db:
            db.audit(_deed(number))

    calls = [lambda n=n: write(n) if n % 2 else _verify(chain) for n in range(60)]
    found = [one for one in in_parallel(6, calls) if one is not None]
    assert len(found) == 30
    assert all(isinstance(one, Verified) and one.broken_at is None for one in found)


def test_page_is_newest_first_and_of_the_given_communities(database: Database) -> None:
    with database.write() as db:
        for number, community in enumerate(["a", "b", None, "a"]):
            db.audit(Deed(CALLER, "thing.done", "thing", f"t-{number}", community))
    with database.read() as db:
        assert [row.number for row in audit.page(db, communities=None)] == [4, 3, 2, 1]
        assert [row.number for row in audit.page(db, communities=frozenset({"a"}))] == [4, 1]
        assert [row.number for row in audit.page(db, communities=None, before=3, limit=1)] == [2]
        assert [row.number for row in audit.page(db, communities=None, object_id="t-2")] == [3]
        assert audit.page(db, communities=None, actor_id="nobody") == []
