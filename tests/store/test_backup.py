"""A copy of the database holds all of it, to the byte, and comes back on either kind of database."""

import gzip
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from core.clock import ManualClock
from core.crypto import Keyring
from core.errors import BadInput, Conflict, ForPeople, Unavailable
from core.vocabulary import DeliveryState
from store import audit, audit_chain, backup, migrate
from store.session import Database
from tests.house import ASKS_COURIER, ASKS_POINTS, ASKS_REFUND, House

Make = Callable[[str], Database]


@pytest.fixture
def empty(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock, keyring: Keyring) -> Iterator[Make]:
    """Makes databases without any table, of a kind."""
    opened: list[Database] = []

    def make(kind: str) -> Database:
        url = f"sqlite:///{tmp_path / uuid4().hex}.db"
        if kind == "postgresql":
            url = new_postgres(request.getfixturevalue("postgres_url"))
        opened.append(Database(url, clock, keyring))
        return opened[-1]

    yield make
    for database in opened:
        database.close()
        if not database.is_sqlite:
            drop = f'DROP DATABASE "{database.engine.url.database}" WITH (FORCE)'
            run_admin(request.getfixturevalue("postgres_url"), drop)


def new_postgres(near: str) -> str:
    name = f"qunzhu_test_{uuid4().hex[:12]}"
    run_admin(near, f'CREATE DATABASE "{name}"')
    return sa.make_url(near).set(database=name).render_as_string(hide_password=False)


def run_admin(near: str, statement: str) -> None:
    engine = sa.create_engine(near, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(statement))
    engine.dispose()


@pytest.fixture
def lived_in(house: House) -> House:
    """Members with sealed names and texts, drafts, decisions, a delivery, an audit chain."""
    house.learn()
    house.say("我电话13812345678，帮我查下订单😂", "m-0", sender={"id": "wx-0", "name": "王芳"})
    draft = house.ask(ASKS_REFUND, "m-1")
    house.decide(draft.id)
    house.ask(ASKS_POINTS, "m-2", sender={"id": "wx-2", "name": "李雷 e\u0301 臺灣"})
    house.ask(ASKS_COURIER, "m-3", sender={"id": "wx-3", "name": "韩梅梅"})
    return house


def _saved(database: Database, path: Path) -> backup.Manifest:
    with path.open("wb") as target:
        return backup.save(database, target)


def _rows(database: Database) -> dict[str, set[str]]:
    """Everything as the copy has it, whatever the order."""
    with database.snapshot() as connection:
        return {
            table.name: {
                json.dumps(json.loads(line), sort_keys=True)
                for line in backup._lines(connection, table, backup._Counter(0, None))
            }
            for table in backup._reflected(connection)
        }


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_copy_is_the_same_on_either_database(lived_in: House, empty: Make, tmp_path: Path, kind: str) -> None:
    source, path = lived_in.services.database, tmp_path / "copy"
    made = _saved(source, path)
    assert made.revision == migrate.head()
    assert made.tables["messages"].rows == 4
    target = empty(kind)
    assert backup.load(target, path, backup.check(path, source.keyring), moved=True) == 0
    assert _rows(target) == _rows(source)
    assert migrate.current(target) == migrate.head()
    assert _audited(target) == _audited(source)


def _audited(database: Database) -> tuple[audit_chain.Verified, str]:
    with database.read() as db:
        head = db.execute(sa.select(audit.AuditHead)).scalar_one()
        return audit_chain.verify(db, database.keyring.audit_key), head.hash


def test_what_may_have_gone_out_is_left_to_a_person(lived_in: House, empty: Make, tmp_path: Path) -> None:
    source, path = lived_in.services.database, tmp_path / "copy"
    _saved(source, path)
    target = empty("sqlite")
    assert backup.load(target, path, backup.check(path, source.keyring)) == 1
    with target.read() as db:
        states = db.execute(sa.text("SELECT state, last_error FROM deliveries")).all()
    assert [tuple(row) for row in states] == [(DeliveryState.UNKNOWN, "restored")]


def test_sealed_things_stay_sealed_and_the_secret_is_not_in_it(lived_in: House, tmp_path: Path) -> None:
    path = tmp_path / "copy"
    _saved(lived_in.services.database, path)
    content = gzip.decompress(path.read_bytes())
    assert b"13812345678" not in content
    assert "小满妈妈".encode() not in content
    assert b"0123456789abcdef0123456789abcdef" not in content
    assert "帮我查下订单😂".encode() in content, "texts are masked, not hidden"


class _Interrupting(io.BytesIO):
    """Something happens once the first bytes are written."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        super().__init__()
        self._meanwhile: Callable[[], object] | None = meanwhile

    def write(self, content: Any, /) -> int:
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return super().write(content)


def test_writers_go_on_and_the_copy_is_of_one_moment(lived_in: House, tmp_path: Path) -> None:
    database, path = lived_in.services.database, tmp_path / "copy"
    target = _Interrupting(lambda: lived_in.say("备份的时候来了一条", "m-late"))
    made = backup.save(database, target)
    path.write_bytes(target.getvalue())
    with database.read() as db:
        assert db.execute(sa.text("SELECT count(*) FROM messages")).scalar_one() == 5
    assert made.tables["messages"].rows == 4
    assert backup.check(path, database.keyring).rows == made.rows


def test_a_database_in_use_is_not_written_over(lived_in: House, tmp_path: Path) -> None:
    database, path = lived_in.services.database, tmp_path / "copy"
    _saved(database, path)
    before = _rows(database)
    with pytest.raises(Conflict) as caught:
        backup.load(database, path, backup.check(path, database.keyring))
    assert caught.value.code == "database_not_empty"
    assert _rows(database) == before


def test_tables_without_rows_make_room(lived_in: House, empty: Make, tmp_path: Path, database_url: str) -> None:
    path = tmp_path / "copy"
    _saved(lived_in.services.database, path)
    target = empty("sqlite" if database_url.startswith("sqlite") else "postgresql")
    migrate.upgrade(target)
    backup.load(target, path, backup.check(path, target.keyring))
    assert _audited(target) == _audited(lived_in.services.database)


def _repacked(path: Path, change: Callable[[str, bytes], bytes | None]) -> None:
    """Rewrite each member; None leaves it out."""
    out = io.BytesIO()
    with tarfile.open(path, "r:gz") as old, tarfile.open(fileobj=out, mode="w:gz") as new:
        for member in old:
            file = old.extractfile(member)
            assert file is not None
            content = change(member.name, file.read())
            if content is not None:
                member.size = len(content)
                new.addfile(member, io.BytesIO(content))
    path.write_bytes(out.getvalue())


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def _changed(path: Path) -> None:
    _repacked(path, lambda name, content: content.replace(b"pending", b"decided") if "drafts" in name else content)


def _left_out(path: Path) -> None:
    _repacked(path, lambda name, content: None if name.startswith("tables/audit/") else content)


def _forged(path: Path) -> None:
    _repacked(
        path, lambda name, content: content.replace(migrate.head().encode(), b"0001") if "manifest" in name else content
    )


def _without_manifest(path: Path) -> None:
    _repacked(path, lambda name, content: None if name == "manifest.json" else content)


def _no_archive(path: Path) -> None:
    path.write_bytes(b"not a backup at all")


@pytest.mark.parametrize("damage", [_cut, _changed, _left_out, _forged, _without_manifest, _no_archive])
def test_a_damaged_copy_is_refused(
    house: House, keyring: Keyring, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    path = tmp_path / "copy"
    house.make_drafts(3)
    _saved(house.services.database, path)
    damage(path)
    with pytest.raises(BadInput) as caught:
        backup.check(path, keyring)
    assert caught.value.code == "backup_damaged"


def test_a_copy_of_another_secret_or_a_later_program_is_refused(
    house: House, keyring: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "copy"
    _saved(house.services.database, path)
    assert _code(lambda: backup.check(path, Keyring(b"another secret, 32 bytes long ..."))) == "backup_secret_differs"
    monkeypatch.setattr(migrate, "known", lambda: {"0001"})
    assert _code(lambda: backup.check(path, keyring)) == "backup_newer"


def _code(call: Callable[[], object]) -> str:
    with pytest.raises(ForPeople) as caught:
        call()
    return caught.value.code


def test_nothing_to_back_up(empty: Make) -> None:
    with pytest.raises(Unavailable, match="nothing_to_back_up"):
        backup.save(empty("sqlite"), io.BytesIO())


def test_chunks_are_bounded_and_come_back_whole(
    house: House, empty: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "_CHUNK_BYTES", 2_000)
    monkeypatch.setattr(backup, "_ROWS", 7)
    house.make_drafts(40)
    source, path = house.services.database, tmp_path / "copy"
    made = _saved(source, path)
    with tarfile.open(path, "r:gz") as archive:
        sizes = [member.size for member in archive if member.name.startswith("tables/drafts/")]
    assert len(sizes) > 5
    target = empty("sqlite" if source.is_sqlite else "postgresql")
    told: list[tuple[int, int]] = []
    manifest = backup.check(path, source.keyring)
    backup.load(target, path, manifest, moved=True, progress=lambda done, of: told.append((done, of)))
    assert told[-1] == (made.rows, made.rows)
    assert _rows(target) == _rows(source)
