"""A whole database in one file, and back: any of our databases into any other.

The file is a gzipped tar of JSON lines, a few MB each (`tables/<table>/<n>.jsonl`), and at its end `manifest.json`
with the schema's revision, rows and SHA-256 of each table, signed with a key of the deployment's secret. The secret
itself is never in it. What is sealed in the database stays sealed. Both ways run as streams: memory stays bounded.
"""

import base64
import gzip
import hashlib
import io
import json
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from itertools import chain, groupby
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import psycopg
import sqlalchemy as sa
from psycopg.sql import SQL, Identifier
from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import OperationalError

from core.crypto import Keyring
from core.errors import BadInput, Conflict, Unavailable
from core.vocabulary import DeliveryState
from store import migrate
from store.deliveries import DeliveryRow, WebhookRow
from store.session import Database

FORMAT: Final = 1
_MANIFEST: Final = "manifest.json"
_VERSIONS: Final = "alembic_version"
_CHUNK_BYTES: Final = 4 * 1024 * 1024
_MOST_CHUNK_BYTES: Final = 16 * _CHUNK_BYTES
"""A chunk ends with the row that fills it, and the largest row (an entry with all its parts) is far below this."""
_ROWS: Final = 1_000
_TOLD: Final = 5_000
Progress = Callable[[int, int], None]


class TableCopy(BaseModel):
    """`sha256` is over the table's lines, all chunks in a row."""

    rows: int
    sha256: str


class Manifest(BaseModel):
    """`secret` is a keyed hash by which a restore with another secret is refused before anything is written."""

    format: int
    revision: str
    made_at: datetime
    secret: str
    tables: dict[str, TableCopy]
    signature: str = ""

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables.values())

    def signed(self, keyring: Keyring) -> str:
        unsigned = self.model_dump(mode="json", exclude={"signature"})
        return keyring.lookup_hash("backup", json.dumps(unsigned, sort_keys=True))


def save(database: Database, target: BinaryIO, progress: Progress | None = None) -> Manifest:
    """Write a copy as of one moment; the service may go on meanwhile.

    Raises `Unavailable` (`nothing_to_back_up` where the database has no tables, `database_unavailable`).
    """
    revision = migrate.current(database)
    if revision is None:
        raise Unavailable("nothing_to_back_up")
    try:
        with database.snapshot() as connection:
            tables = _reflected(connection)
            counter = _Counter(sum(_count(connection, table) for table in tables), progress)
            with (
                gzip.GzipFile(fileobj=target, mode="wb", mtime=0) as packed,
                tarfile.open(fileobj=packed, mode="w|") as archive,
            ):
                copies = {table.name: _save_table(connection, table, archive, counter) for table in tables}
                manifest = _manifest(database, revision, copies)
                _add(archive, _MANIFEST, manifest.model_dump_json(indent=1).encode())
    except OperationalError as error:
        raise Unavailable("database_unavailable", why=type(error.orig).__name__) from error
    return manifest


def _manifest(database: Database, revision: str, copies: dict[str, TableCopy]) -> Manifest:
    secret = database.keyring.lookup_hash("backup", "secret")
    made = Manifest(format=FORMAT, revision=revision, made_at=database.clock.now(), secret=secret, tables=copies)
    return made.model_copy(update={"signature": made.signed(database.keyring)})


class _Counter:
    """Tells progress every few thousand rows."""

    def __init__(self, to_do: int, progress: Progress | None) -> None:
        self._to_do, self._progress, self._done = to_do, progress, 0

    def __call__(self) -> None:
        self._done += 1
        if self._progress is not None and (self._done % _TOLD == 0 or self._done == self._to_do):
            self._progress(self._done, self._to_do)


def _reflected(connection: sa.Connection) -> list[sa.Table]:
    """The tables as they are in this database (an older revision's too), those referred to first."""
    metadata = sa.MetaData()
    metadata.reflect(connection)
    return [table for table in metadata.sorted_tables if table.name != _VERSIONS]


def _count(connection: sa.Connection, table: sa.Table) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def _save_table(connection: sa.Connection, table: sa.Table, archive: tarfile.TarFile, counter: _Counter) -> TableCopy:
    digest, rows = hashlib.sha256(), 0
    for number, chunk in enumerate(_chunks(_lines(connection, table, counter))):
        content = b"".join(chunk)
        digest.update(content)
        rows += len(chunk)
        _add(archive, f"tables/{table.name}/{number:06}.jsonl", content)
    return TableCopy(rows=rows, sha256=digest.hexdigest())


def _chunks(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    chunk, size = [], 0
    for line in lines:
        chunk.append(line)
        size += len(line)
        if size >= _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _lines(connection: sa.Connection, table: sa.Table, counter: _Counter) -> Iterator[bytes]:
    query = sa.select(*[_readable(column, connection.dialect.name) for column in table.columns])
    names = [column.name for column in table.columns]
    plain = {column.name for column in table.columns if _is_json(column)}
    for row in connection.execution_options(yield_per=_ROWS).execute(query):
        values = {name: _encoded(name, value, plain) for name, value in zip(names, row, strict=True)}
        counter()
        yield json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass") + b"\n"


def _is_json(column: "sa.Column[Any]") -> bool:
    return isinstance(column.type, sa.JSON)


def _readable(column: "sa.Column[Any]", dialect: str) -> sa.ColumnElement[Any]:
    """JSON as text: only so SQL's NULL and JSON's null stay apart."""
    if not _is_json(column):
        return column
    text = sa.cast(column, sa.Text) if dialect == "postgresql" else sa.type_coerce(column, sa.Text)
    return text.label(column.name)


def _encoded(name: str, value: Any, json_columns: set[str]) -> Any:
    """Bytes as base64, moments as UTC, a JSON value as a list of one."""
    if value is None:
        return None
    if name in json_columns:
        # SQLite keeps a JSON number as a number.
        return [json.loads(value) if isinstance(value, str) else value]
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return aware.astimezone(UTC).isoformat(timespec="microseconds")
    return value.isoformat() if isinstance(value, date) else value


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), 0o600
    archive.addfile(member, io.BytesIO(content))


class _Chunk(NamedTuple):
    table: str
    content: bytes


def check(path: Path, keyring: Keyring) -> Manifest:
    """The manifest, after every byte was compared with it; writes nothing.

    Raises `BadInput` `backup_damaged`, `Unavailable` (`backup_newer`, `backup_secret_differs`).
    """
    digests: dict[str, Any] = {}
    rows: dict[str, int] = {}
    raw = b""
    for chunk in _members(path):
        if chunk.table == _MANIFEST:
            raw = chunk.content
            continue
        digests.setdefault(chunk.table, hashlib.sha256()).update(chunk.content)
        rows[chunk.table] = rows.get(chunk.table, 0) + chunk.content.count(b"\n")
    manifest = _read_manifest(path, raw)
    if manifest.secret != keyring.lookup_hash("backup", "secret"):
        raise Unavailable("backup_secret_differs")
    if manifest.signature != manifest.signed(keyring):
        raise BadInput("backup_damaged", file=path, why="signature")
    for name, copy in manifest.tables.items():
        found = digests.pop(name, hashlib.sha256()).hexdigest()
        if (found, rows.get(name, 0)) != (copy.sha256, copy.rows):
            raise BadInput("backup_damaged", file=path, why=name)
    if digests:
        raise BadInput("backup_damaged", file=path, why=", ".join(digests))
    if manifest.revision not in migrate.known():
        raise Unavailable("backup_newer", found=manifest.revision)
    return manifest


def _read_manifest(path: Path, raw: bytes) -> Manifest:
    try:
        given = json.loads(raw)["format"] if raw else None
        if isinstance(given, int) and given > FORMAT:
            raise Unavailable("backup_newer", found=f"format {given}")
        return Manifest.model_validate_json(raw)
    except (ValidationError, ValueError, KeyError, TypeError):
        raise BadInput("backup_damaged", file=path, why=_MANIFEST) from None


def _members(path: Path) -> Iterator[_Chunk]:
    try:
        with path.open("rb") as file, tarfile.open(fileobj=file, mode="r|gz") as archive:
            for member in archive:
                parts = member.name.split("/")
                content = archive.extractfile(member) if member.size <= _MOST_CHUNK_BYTES else None
                if content is None or not (member.name == _MANIFEST or (len(parts) == 3 and parts[0] == "tables")):
                    raise BadInput("backup_damaged", file=path, why=member.name[:80])
                yield _Chunk(parts[1] if len(parts) == 3 else _MANIFEST, content.read())
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadInput("backup_damaged", file=path, why=type(error).__name__) from None


def load(
    database: Database, path: Path, manifest: Manifest, *, moved: bool = False, progress: Progress | None = None
) -> int:
    """Fill an empty database from a file that `check` has passed, then bring it to this code's schema: all in one
    transaction. How many deliveries were under way: without `moved` they become `unknown`, since nobody can know
    whether they went out after the copy was made.

    Raises `Conflict` `database_not_empty`, `BadInput` `backup_damaged`, `Unavailable` `database_unavailable`.
    """
    try:
        with database.engine.execution_options(qunzhu_write=True).begin() as connection:
            migrate.lock(connection)
            _make_room(connection)
            migrate.to(connection, manifest.revision)
            _load_tables(connection, path, manifest, _Counter(manifest.rows, progress))
            migrate.to(connection, "head")
            return 0 if moved else _question_deliveries(connection, database.clock.now())
    except OperationalError as error:
        raise Unavailable("database_unavailable", why=type(error.orig).__name__) from error
    except (sa.exc.StatementError, psycopg.DataError, psycopg.IntegrityError) as error:
        raise BadInput("backup_damaged", file=path, why=type(error).__name__) from error


def _make_room(connection: sa.Connection) -> None:
    """Take away tables that hold nothing: their revision may not be the copy's."""
    tables = _reflected(connection)
    if any(connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first() for table in tables):
        raise Conflict("database_not_empty")
    metadata = sa.MetaData()
    metadata.reflect(connection)
    metadata.drop_all(connection)


def _load_tables(connection: sa.Connection, path: Path, manifest: Manifest, counter: _Counter) -> None:
    if connection.dialect.name == "sqlite":
        # A row may refer to one that comes later (a community to its parent): looked at when all are there.
        connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
    tables = {table.name: _Target(table, _kinds(table)) for table in _reflected(connection)}
    if not manifest.tables.keys() <= tables.keys():
        raise BadInput("backup_damaged", file=path, why="tables")
    chunks = (chunk for chunk in _members(path) if chunk.table != _MANIFEST)
    for name, some in groupby(chunks, key=lambda chunk: chunk.table):
        rows = chain.from_iterable(_rows(tables[name], chunk.content, counter) for chunk in some)
        (_copy_in if connection.dialect.name == "postgresql" else _insert)(connection, tables[name].table, rows)


_Kinds = dict[str, sa.types.TypeEngine[Any]]


class _Target(NamedTuple):
    """A table and its columns' types as they were found: `_insert` writes JSON as plain text."""

    table: sa.Table
    kinds: _Kinds


def _kinds(table: sa.Table) -> _Kinds:
    return {column.name: column.type for column in table.columns}


def _rows(target: _Target, content: bytes, counter: _Counter) -> Iterator[dict[str, Any]]:
    for line in content.splitlines():
        values: Mapping[str, Any] = json.loads(line)
        counter()
        yield {name: _decoded(kind, values[name]) for name, kind in target.kinds.items()}


def _decoded(kind: sa.types.TypeEngine[Any], value: Any) -> Any:
    if value is None:
        return None
    if isinstance(kind, sa.JSON):
        return json.dumps(value[0], ensure_ascii=False)
    if isinstance(kind, sa.LargeBinary):
        return base64.b64decode(value)
    if isinstance(kind, sa.DateTime):
        moment = datetime.fromisoformat(value)
        return moment if kind.timezone else moment.replace(tzinfo=None)
    return date.fromisoformat(value) if isinstance(kind, sa.Date) else value


def _insert(connection: sa.Connection, table: sa.Table, rows: Iterator[dict[str, Any]]) -> None:
    for column in table.columns:
        if _is_json(column):
            column.type = sa.Text()
    statement = sa.insert(table)
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == _ROWS:
            connection.execute(statement, batch)
            batch = []
    if batch:
        connection.execute(statement, batch)


def _copy_in(connection: sa.Connection, table: sa.Table, rows: Iterator[dict[str, Any]]) -> None:
    """COPY looks at references when all of it is in, and is ten times faster than INSERT."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    columns = SQL(", ").join(Identifier(column.name) for column in table.columns)
    statement = SQL("COPY {} ({}) FROM STDIN").format(Identifier(table.name), columns)
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(list(row.values()))


def _question_deliveries(connection: sa.Connection, now: datetime) -> int:
    """What is under way and may have gone out already: all but what an endpoint would drop a second time, and what was
    not to be handed out before now."""
    careful = sa.select(WebhookRow.id).where(WebhookRow.idempotent)
    under_way = sa.update(DeliveryRow).where(
        DeliveryRow.state.in_((DeliveryState.QUEUED, DeliveryState.SENDING)),
        DeliveryRow.not_before <= now,
        sa.or_(DeliveryRow.webhook_id.is_(None), DeliveryRow.webhook_id.not_in(careful)),
    )
    settled = {"state": DeliveryState.UNKNOWN, "due_at": None, "lease_until": None, "last_error": "restored"}
    return connection.execute(under_way.values(settled)).rowcount
