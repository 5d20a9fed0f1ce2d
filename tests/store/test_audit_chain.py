"""The chain: whole where nobody touched it, and broken in a named place where somebody did."""

import itertools
import random
from contextlib import suppress
from typing import Any

import pytest
import sqlalchemy as sa

from core.caller import system_caller
from core.crypto import Keyring
from core.errors import Unavailable
from store import audit, audit_chain
from store.anchors import Anchors
from store.audit import GENESIS, AuditHead, AuditRow, Deed, Head
from store.audit_chain import Broken, Verified, Walk
from store.session import Database
from store.users import UserRow
from tests.house import in_parallel

CALLER = system_caller("test")
ROWS = 10
_COLUMNS = [column.name for column in AuditRow.__table__.columns]


def _deed(number: int) -> Deed:
    community = "mama" if number % 2 else None
    return Deed(CALLER, "thing.done", "thing", f"t-{number}", community, {"n": number, "states": ["a", "b"]})


@pytest.fixture
def chain(database: Database) -> Database:
    """Ten rows, over several transactions."""
    for block in range(5):
        with database.write() as db:
            db.audit(_deed(2 * block))
            db.audit(_deed(2 * block + 1))
    return database


def _as_attacker(database: Database, *statements: Any) -> None:
    """By somebody who owns the database, and so may take its triggers away."""
    with database.engine.begin() as connection:
        if database.is_sqlite:
            names = connection.execute(sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars()
            for name in list(names):
                connection.execute(sa.text(f"DROP TRIGGER {name}"))
        else:
            connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            connection.execute(sa.text(statement) if isinstance(statement, str) else statement)


def _without_anchors(database: Database) -> Verified:
    with database.read() as db:
        return audit_chain.verify(db, database.keyring.audit_key)


def _tamper(database: Database, *statements: Any) -> tuple[int | None, str | None]:
    """What the chain alone tells, the file of anchors not looked at."""
    _as_attacker(database, *statements)
    found = _without_anchors(database)
    return found.broken_at, found.why


def test_untouched_chain_is_whole(chain: Database) -> None:
    found = chain.verify_audit()
    assert (found.rows, found.broken_at, found.why, found.anchors) == (ROWS, None, None, 5)
    with chain.read() as db:
        assert audit.head(db) == (ROWS, found.head)


def test_empty_deployment_is_whole(database: Database) -> None:
    assert database.verify_audit() == Verified(0, None, None)


def test_progress_is_told_block_by_block(chain: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_chain, "_BLOCK", 4)
    told: list[tuple[int, int]] = []
    chain.verify_audit(progress=lambda done, to_do: told.append((done, to_do)))
    assert told == [(4, 10), (8, 10), (10, 10)]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("actor_id", "'somebody'"),
        ("actor_kind", "'user'"),
        ("action", "'thing.undone'"),
        ("object_id", "'t-99'"),
        ("object_kind", "'other'"),
        ("community_id", "'mama'"),
        ("community_id", "''"),
        ("at", "'2020-01-01 00:00:00.000000'"),
        ("details", "'{}'"),
        ("details", "'null'"),
        ("details", """'{"n": 3, "states": ["b", "a"]}'"""),
        ("details", """'{"n": 3.5, "states": ["a", "b"]}'"""),
        ("hash", "upper(hash)"),
    ],
)
def test_edit_of_any_column_is_found(chain: Database, column: str, value: str) -> None:
    assert _tamper(chain, f"UPDATE audit SET {column} = {value} WHERE number = 5") == (5, "row_changed")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("details", "details || ' '"),
        ("details", "'{\"n\": 4'"),
        ("details", '\'{"n": 9, "n": 4, "states": ["a", "b"]}\''),
        ("details", "x'7b7d'"),
        ("details", f"'{'[' * 9000}'"),
        ("at", "substr(at, 1, 19)"),
        ("at", "'yesterday'"),
        ("at", "5"),
        ("action", "CAST(x'ff' AS TEXT)"),
        ("action", "x'746869'"),
        ("actor_id", "5"),
    ],
)
def test_what_sqlite_lets_pass_for_a_value_is_found(chain: Database, column: str, value: str) -> None:
    if not chain.is_sqlite:
        pytest.skip("PostgreSQL holds the types")
    assert _tamper(chain, f"UPDATE audit SET {column} = {value} WHERE number = 5") == (5, "row_changed")


@pytest.mark.parametrize("value", ["hash = CAST(x'ff' AS TEXT)", "hash = x'ff'", "number = 'abc'", "number = x'ff'"])
def test_a_head_of_another_type_is_found(chain: Database, value: str) -> None:
    if not chain.is_sqlite:
        pytest.skip("PostgreSQL holds the types")
    _as_attacker(chain, f"UPDATE audit_head SET {value}")
    with chain.read() as db:
        found = audit_chain.verify(db, chain.keyring.audit_key, progress=lambda *_: None)
    assert (found.broken_at, found.why) == (ROWS + 1, "end_missing")


def test_every_edit_at_every_place_is_found(chain: Database) -> None:
    """Each column of each row takes the value of every other row, and one that no row has, in turn."""
    with chain.read() as db:
        rows = [dict(row._mapping) for row in db.execute(sa.select(AuditRow.__table__).order_by("number"))]
    whole = _in_memory(rows)
    assert whole == (None, None)
    for place, column in itertools.product(range(ROWS), _COLUMNS):
        others = {repr(row[column]): row[column] for row in rows} | {"new": _strange(rows[place][column])}
        for value in others.values():
            if value == rows[place][column]:
                continue
            edited = [*rows[:place], rows[place] | {column: value}, *rows[place + 1 :]]
            found = _in_memory(edited)
            assert found[0] == place + 1, (place, column)


def test_every_order_and_every_gap_is_found(chain: Database) -> None:
    with chain.read() as db:
        rows = [dict(row._mapping) for row in db.execute(sa.select(AuditRow.__table__).order_by("number"))]
    for one, other in itertools.combinations(range(ROWS), 2):
        swapped = list(rows)
        swapped[one], swapped[other] = rows[other], rows[one]
        assert _in_memory(swapped)[0] == one + 1
        numbered = [row | {"number": place + 1} for place, row in enumerate(swapped)]
        assert _in_memory(numbered)[0] == one + 1
    for gap in range(1, 2**ROWS):
        kept = [row for place, row in enumerate(rows) if not gap >> place & 1]
        first = (gap & -gap).bit_length()
        assert _in_memory(kept)[0] == first
    shuffled = random.Random(1).sample(rows, ROWS)
    assert _in_memory([*rows[:3], shuffled[0], *rows[3:]])[0] == 4


def _in_memory(rows: list[dict[str, Any]]) -> tuple[int | None, str | None]:
    """The walk over rows that no database holds, without a look at the head."""
    walk = Walk()
    try:
        walk.rows([tuple(row[name] for name in _COLUMNS) for row in rows])
    except Broken as broken:
        return broken.number, broken.why
    return (None, None) if walk.number == ROWS else (walk.number + 1, "end_missing")


def _strange(value: Any) -> Any:
    return {int: 77, str: "x"}.get(type(value), "x")


def test_edit_with_a_fitting_hash_breaks_the_next_row(chain: Database) -> None:
    with chain.read() as db:
        row = db.get_one(AuditRow, 4)
        row.object_id = "t-99"
        forged = audit.row_hash(row)
        db.expunge_all()
    found = _tamper(chain, f"UPDATE audit SET object_id = 't-99', hash = '{forged}' WHERE number = 4")
    assert found == (5, "row_missing")


@pytest.mark.parametrize("number", [1, 6, 9])
def test_deleted_row_is_found(chain: Database, number: int) -> None:
    assert _tamper(chain, f"DELETE FROM audit WHERE number = {number}") == (number, "row_missing")


def test_inserted_row_is_found_wherever_it_stands(chain: Database) -> None:
    columns = ", ".join(name for name in _COLUMNS if name != "number")
    for number in (0, -5):
        copied = f"INSERT INTO audit (number, {columns}) SELECT {number}, {columns} FROM audit WHERE number = 1"
        assert _tamper(chain, copied) == (1, "row_missing")
        _as_attacker(chain, f"DELETE FROM audit WHERE number = {number}")
    behind = f"INSERT INTO audit (number, {columns}) SELECT 11, {columns} FROM audit WHERE number = 10"
    assert _tamper(chain, behind) == (11, "row_missing")


def test_swapped_rows_are_found(chain: Database) -> None:
    moves = [f"UPDATE audit SET number = {new} WHERE number = {old}" for old, new in ((3, 99), (4, 3), (99, 4))]
    assert _tamper(chain, *moves) == (3, "row_missing")


def test_cut_off_end_is_found(chain: Database) -> None:
    assert _tamper(chain, "DELETE FROM audit WHERE number > 8") == (9, "end_missing")


def test_cut_off_end_with_a_forged_head_is_found(chain: Database) -> None:
    last = "(SELECT hash FROM audit WHERE number = 8)"
    found = _tamper(chain, "DELETE FROM audit WHERE number > 8", f"UPDATE audit_head SET number = 8, hash = {last}")
    assert found == (8, "head_not_signed")


def test_head_signed_with_another_secret_is_found(chain: Database) -> None:
    with chain.read() as db:
        found = audit_chain.verify(db, Keyring(b"x" * 32).audit_key)
    assert (found.broken_at, found.why) == (ROWS, "head_not_signed")


def test_missing_and_second_heads_are_found(chain: Database) -> None:
    second = "INSERT INTO audit_head SELECT 2, number, hash, signature FROM audit_head"
    assert _tamper(chain, second) == (ROWS + 1, "end_missing")
    assert _tamper(chain, "DELETE FROM audit_head") == (ROWS + 1, "end_missing")


def test_emptied_chain_of_a_used_deployment_is_found(chain: Database) -> None:
    with chain.write() as db:
        db.add(UserRow(id="u", login="u", name="u", created_at=db.now))
    assert _tamper(chain, "DELETE FROM audit", "DELETE FROM audit_head") == (1, "end_missing")


def _replayed(chain: Database) -> None:
    """The head of the fourth transaction, rightly signed, put back together with the rows of that time."""
    with chain.read() as db:
        last = db.get_one(AuditRow, 8).hash
    signature = audit.sign(chain.keyring.audit_key, 8, last)
    head = sa.update(AuditHead).values(number=8, hash=last, signature=signature)
    _as_attacker(chain, "DELETE FROM audit WHERE number > 8", head)


def test_an_old_head_with_a_fitting_cut_is_found_by_the_noted_heads(chain: Database) -> None:
    _replayed(chain)
    assert _without_anchors(chain).broken_at is None
    found = chain.verify_audit()
    assert (found.broken_at, found.why) == (9, "anchor_differs")


def test_an_old_head_with_other_rows_after_it_is_found_by_the_noted_heads(chain: Database) -> None:
    _replayed(chain)
    for number in (100, 101):
        with Database.write(chain) as db:
            db.audit(_deed(number))
    found = chain.verify_audit()
    assert (found.broken_at, found.why) == (10, "anchor_differs")


def test_a_head_that_an_operator_kept_finds_it_without_the_file(chain: Database) -> None:
    kept = Head(ROWS, chain.verify_audit().head)
    assert chain.anchors is not None
    _replayed(chain)
    chain.anchors.path.unlink()
    assert chain.verify_audit().broken_at is None
    assert chain.verify_audit([kept]).why == "anchor_differs"
    assert chain.verify_audit([Head(3, "f" * 64)]).broken_at == 3
    assert chain.verify_audit([Head(0, GENESIS)]).anchors == 1


def test_a_restore_says_from_where_the_chain_goes_on(chain: Database) -> None:
    _replayed(chain)
    assert chain.note_audit(restored=True).number == 8
    assert chain.verify_audit().broken_at is None
    with chain.write() as db:
        db.audit(_deed(100))
    found = chain.verify_audit()
    assert (found.rows, found.broken_at, found.anchors) == (9, None, 5)


def test_lines_that_we_did_not_write_are_found_and_torn_ones_left_out(chain: Database) -> None:
    assert chain.anchors is not None
    path = chain.anchors.path
    with path.open("a") as file:
        file.write("head 10 abc")
    chain.note_audit()
    assert chain.verify_audit().broken_at is None
    assert path.stat().st_mode & 0o777 == 0o600
    with path.open("a") as file:
        file.write(f"restored 0 {GENESIS} {'0' * 64}\n")
    with pytest.raises(Unavailable) as caught:
        chain.verify_audit()
    assert caught.value.code == "audit_anchor_changed"


@pytest.mark.parametrize("line", [b"head 10 abc " + b"\xff" * 64, b"head " + b"9" * 5_000 + b" abc " + b"0" * 64])
def test_lines_of_garbage_do_not_stop_the_walk_half_way(chain: Database, line: bytes) -> None:
    assert chain.anchors is not None
    with chain.anchors.path.open("ab") as file:
        file.write(line + b"\n")
    # Taken for changed, or for torn: whoever asks is answered.
    with suppress(Unavailable):
        assert chain.verify_audit().broken_at is None


def test_a_folder_that_cannot_be_written_does_not_stop_the_work(chain: Database) -> None:
    assert chain.anchors is not None
    chain.anchors = Anchors(chain.anchors.path.parent / "nowhere" / "audit.anchor", chain.keyring.audit_key)
    with chain.write() as db:
        db.audit(_deed(100))
    assert chain.verify_audit().rows == ROWS + 1
    with pytest.raises(Unavailable) as caught:
        chain.note_audit()
    assert caught.value.code == "audit_anchor_not_written"


def test_verifying_while_others_write_finds_nothing_wrong(chain: Database) -> None:
    """The walk, the head and the noted heads must be of one moment."""

    def write(number: int) -> Any:
        with chain.write() as db:
            db.audit(_deed(number))

    def call(number: int) -> Any:
        return write(number) if number % 2 else chain.verify_audit()

    calls = [lambda n=n: call(n) for n in range(60)]
    found = [one for one in in_parallel(6, calls) if one is not None]
    assert len(found) == 30
    assert all(isinstance(one, Verified) and one.broken_at is None for one in found)
