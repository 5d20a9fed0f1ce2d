"""Appending and finding rows of the audit: ids alone, never forked, never changed."""

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from core.caller import Caller, system_caller
from core.clock import ManualClock
from core.vocabulary import RiskLabel
from store import audit, audit_chain
from store.audit import GENESIS, AuditHead, AuditRow, Deed, Search
from store.session import Database
from tests.house import in_parallel

CALLER = system_caller("test")
SECRET_WORDS = "张三要求退款，电话13912345678"


def _deed(number: int) -> Deed:
    return Deed(CALLER, "thing.done", "thing", f"t-{number}", None, {"n": number})


def _only_row(database: Database) -> AuditRow:
    with database.read() as db:
        return db.execute(sa.select(AuditRow)).scalar_one()


def test_chain_goes_on_after_genesis(database: Database) -> None:
    with database.write() as db:
        db.audit(_deed(1))
    row = _only_row(database)
    assert (row.number, row.previous) == (1, GENESIS)


@pytest.mark.parametrize(
    "value",
    [
        SECRET_WORDS,
        "two words",
        "13912345678",
        13912345678,
        "110101199003077774",
        "11010519491231002X",
        "11010519491231002x",
        "139-1234-5678",
        "139.1234.5678",
        "lin@example.com",
        "https://example.com/x",
        "好",
        "\ud800",
        "x" * 201,
    ],
)
@pytest.mark.usefixtures("words_in_deeds")
def test_words_and_long_numbers_are_kept_as_a_keyed_hash(database: Database, value: object) -> None:
    with database.write() as db:
        db.audit(Deed(CALLER, "thing.done", "thing", "t-1", None, {"said": [value], "of": {"all": value}}))
    row = _only_row(database)
    hashed = audit.text_hash(database.keyring.audit_key, str(value))
    assert row.details == {"said": [hashed], "of": {"all": hashed}}
    assert len(hashed) == 33
    assert hashed != audit.text_hash(b"another", str(value))
    assert database.verify_audit().broken_at is None


@pytest.mark.usefixtures("words_in_deeds")
def test_words_as_a_name_or_an_id_are_hashed_too(database: Database) -> None:
    with database.write() as db:
        db.audit(Deed(CALLER, "thing.done", "thing", SECRET_WORDS, None, {SECRET_WORDS: 1}))
    row = _only_row(database)
    assert "张三" not in f"{row.object_id} {row.details}"
    assert "139" not in f"{row.object_id} {row.details}"


def test_ids_states_counts_and_moments_are_kept_as_they_are(database: Database) -> None:
    details = {
        "id": "msg_01JABCDEFGHJKMNPQRSTVWXYZ0",
        "label": RiskLabel.AD_SPAM,
        "key": "risk.heat_share",
        "hash": "0123456789" * 6 + "abcd",
        "none": None,
        "yes": True,
        "empty": "",
        "share": -0.0,
        "days": {3, 1},
        "at": database.clock.now(),
        "decision": "drf_01JABC:2",
    }
    with database.write() as db:
        db.audit(Deed(CALLER, "thing.done", "thing", "t-1", None, details))
    changed = {"label": "ad_spam", "share": 0.0, "days": [1, 3], "at": database.clock.now().isoformat()}
    assert _only_row(database).details == details | changed
    assert database.verify_audit().broken_at is None


def test_numbers_that_json_does_not_have_are_kept_as_words(database: Database) -> None:
    with database.write() as db:
        db.audit(Deed(CALLER, "thing.done", "thing", "t-1", None, {"amount": Decimal("99.50"), "rate": float("nan")}))
    assert _only_row(database).details == {"amount": "99.50", "rate": "nan"}
    assert database.verify_audit().broken_at is None


_REFUSED = (
    "UPDATE audit SET action = 'x'",
    "UPDATE audit SET number = number + 100",
    "DELETE FROM audit WHERE number = 1",
    "DELETE FROM audit",
    "DELETE FROM audit_head",
    "UPDATE audit_head SET number = 0",
)


@pytest.mark.parametrize("statement", _REFUSED)
def test_the_database_refuses_to_change_or_delete_rows(database: Database, statement: str) -> None:
    with database.write() as db:
        db.audit(_deed(1))
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), database.engine.begin() as connection:
        connection.execute(sa.text(statement))
    assert database.verify_audit().rows == 1


def test_postgresql_refuses_to_truncate(database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite has no TRUNCATE")
    for table in ("audit", "audit_head"):
        with pytest.raises(sa.exc.DBAPIError, match="append-only"), database.engine.begin() as connection:
            connection.execute(sa.text(f"TRUNCATE {table}"))


def test_concurrent_threads_never_fork_the_chain(database: Database) -> None:
    def write(number: int) -> None:
        with database.write() as db:
            db.audit(_deed(number))
            if number % 3 == 0:
                db.audit(_deed(number))

    failed = [one for one in in_parallel(8, [lambda n=n: write(n) for n in range(60)]) if one is not None]
    assert failed == []
    found = database.verify_audit()
    assert (found.rows, found.broken_at, found.anchors) == (80, None, 60)


_WRITER = """
import sys
from pathlib import Path
from core.caller import system_caller
from core.clock import SystemClock
from core.crypto import Keyring
from store import tables
from store.audit import Deed
from store.session import Database

database = Database(sys.argv[1], SystemClock(), Keyring(sys.argv[2].encode()), anchors=Path(sys.argv[3]))
sys.stdin.readline()
for number in range(40):
    with database.write() as db:
        db.audit(Deed(system_caller(sys.argv[4]), "thing.done", "thing", f"t-{number}"))
"""


def test_concurrent_processes_never_fork_the_chain(database: Database, database_url: str) -> None:
    from tests.conftest import SECRET

    assert database.anchors is not None
    command = [sys.executable, "-c", _WRITER, database_url, SECRET.decode(), str(database.anchors.path)]
    started = [subprocess.Popen([*command, f"w{n}"], stdin=subprocess.PIPE) for n in range(3)]
    for process in started:
        process.communicate(b"go\n", timeout=60)
    assert [process.returncode for process in started] == [0, 0, 0]
    found = database.verify_audit()
    assert (found.rows, found.broken_at, found.anchors) == (120, None, 120)
    with database.read() as db:
        assert {row.actor_id for row in audit.search(db, Search(), 200)} == {f"system:w{n}" for n in range(3)}


def test_a_transaction_that_fails_leaves_no_row_and_no_anchor(database: Database) -> None:
    with pytest.raises(RuntimeError), database.write() as db:
        db.audit(_deed(1))
        raise RuntimeError
    assert database.verify_audit() == audit_chain.Verified(0, None, None)
    with database.read() as db:
        assert audit.head(db) == (0, GENESIS)
        assert db.execute(sa.select(AuditHead)).first() is None


@pytest.fixture
def searched(database: Database, clock: ManualClock) -> Callable[..., list[int]]:
    """Six rows, one an hour; the numbers that a search finds."""
    lin = Caller("user", "usr_lin", "林", ())
    for who, action, about, community in (
        (CALLER, "draft.approved", ("draft", "d1"), "a"),
        (lin, "draft.rejected", ("draft", "d2"), "b"),
        (lin, "drafts.swept", ("thing", "d1"), None),
        (CALLER, "risk.confirmed", ("risk", "r1"), "a"),
        (lin, "draft.approved", ("draft", "d1"), "a"),
        (lin, "risk.confirmed", ("risk", "r2"), "b"),
    ):
        with database.write() as db:
            db.audit(Deed(who, action, *about, community))
        clock.advance(hours=1)

    def find(limit: int = 50, **wanted: object) -> list[int]:
        with database.read() as db:
            return [row.number for row in audit.search(db, Search(**wanted), limit)]  # type: ignore[arg-type]

    return find


def test_search_is_newest_first_and_by_every_condition(searched: Callable[..., list[int]], clock: ManualClock) -> None:
    begun = clock.now() - timedelta(hours=6)
    assert searched() == [6, 5, 4, 3, 2, 1]
    assert searched(actor_id="usr_lin") == [6, 5, 3, 2]
    assert searched(object_id="d1") == [5, 3, 1]
    assert searched(object_kind="draft", object_id="d1") == [5, 1]
    assert searched(action="draft.approved") == [5, 1]
    assert searched(action="draft.") == [5, 2, 1]
    assert searched(action="draft") == []
    assert searched(action="%.") == []
    assert searched(since=begun + timedelta(hours=1), until=begun + timedelta(hours=3)) == [3, 2]
    assert searched(actor_id="usr_lin", action="risk.", communities=frozenset({"b"})) == [6]
    assert searched(actor_id="nobody") == []


def test_search_is_limited_to_communities_and_pages_by_number(searched: Callable[..., list[int]]) -> None:
    assert searched(communities=frozenset({"a"})) == [5, 4, 1]
    assert searched(communities=frozenset()) == []
    assert searched(limit=2) == [6, 5]
    assert searched(limit=2, before=5) == [4, 3]
