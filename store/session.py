"""The database, its read and write sessions, and the one `commit()`.

A `WriteSession` is a `ReadSession` that may also write, so a query says by its parameter which of the two it needs.
Never hold a write session while a model runs: read, think, then write.
"""

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DataError, IntegrityError, OperationalError
from sqlalchemy.orm import ORMExecuteState, Session

from core.clock import Clock
from core.crypto import Keyring
from core.errors import BadInput, Bug, Conflict, ForPeople, Unavailable
from store import audit, audit_chain
from store.anchors import Anchors

_BUSY_SECONDS = 10
_SOON = timedelta(milliseconds=50)
DUE_CHANNEL = "qunzhu_due"


class ReadSession(Session):
    """Reads only: a flush or a writing statement raises `Bug` `write_in_read_session`."""

    writes = False


class WriteSession(ReadSession):
    """Reads and writes in one transaction, which `Database.write` commits.

    `at_end` runs what takes a row that many writers share, in the order of names: two transactions that took such rows
    in different orders would wait for each other for ever. `audit` rows are appended after that, since the chain's head
    is the one row that all writers share.
    `after_commit` runs things that must not happen before the rows can be seen (waking a worker). On PostgreSQL the
    workers of every process are told of the tables in `rung` as part of the commit.
    """

    writes = True

    def __init__(self, bind: sa.Engine, clock: Clock) -> None:
        super().__init__(bind, autoflush=True, expire_on_commit=False)
        self.now = clock.now()
        self.audited: list[audit.Deed] = []
        self.ends: dict[str, Callable[[], None]] = {}
        self.done: list[Callable[[], None]] = []
        self.rung: set[str] = set()

    def ring(self, table: str, due_at: datetime | None = None) -> None:
        """Rows of `table` become due with this transaction, at `due_at` (default: at once). Inserts and changed
        objects ring by themselves; a bulk UPDATE must say it. What is due later is found by the poll."""
        if due_at is None or due_at <= self.now + _SOON:
            self.rung.add(table)

    def audit(self, deed: audit.Deed) -> None:
        self.audited.append(deed)

    def at_end(self, name: str, call: Callable[[], None]) -> None:
        """Have something written right before the commit, once for each name."""
        self.ends[name] = call

    def after_commit(self, call: Callable[[], None]) -> None:
        self.done.append(call)


class Database:
    """One engine with its sessions. SQLite has one writer at a time: an in-process lock queues our threads fairly,
    `BEGIN IMMEDIATE` queues processes (a deferred BEGIN loses read-modify-writes to BUSY)."""

    def __init__(
        self, url: str, clock: Clock, keyring: Keyring, *, anchors: Path | None = None, pool_size: int = 20
    ) -> None:
        """`anchors`: the file in which the audit's heads are noted; without it none are."""
        self.clock = clock
        self.keyring = keyring
        self.anchors = Anchors(anchors, keyring.audit_key) if anchors is not None else None
        self.is_sqlite = url.startswith("sqlite")
        if self.is_sqlite and (path := sa.make_url(url).database):
            Path(path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.engine = _engine(url, pool_size, sqlite=self.is_sqlite)
        self._writing = _InTurn()
        self._writer = self.engine.execution_options(qunzhu_write=True)
        # One snapshot for all of a session's queries, as SQLite has it anyway: a walk over the audit chain must not
        # see a head that is newer than its rows.
        snapshot: dict[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        self._reader = self.engine if self.is_sqlite else self.engine.execution_options(**snapshot)

    @contextmanager
    def read(self) -> Iterator[ReadSession]:
        """A consistent view for reading. Raises `Unavailable` `database_unavailable`, `BadInput` `value_not_storable`
        for a condition that no value of the column can meet."""
        session = ReadSession(self._reader, autoflush=False, expire_on_commit=False)
        try:
            yield session
        except (OperationalError, DataError) as error:
            raise _for_people(error) from error
        finally:
            session.close()

    @contextmanager
    def write(self) -> Iterator[WriteSession]:
        """One transaction: all of the block, or nothing.

        Raises `Unavailable` `database_unavailable`, `BadInput` `value_not_storable` (a NUL character, a text too long
        for its column), `Conflict` `changed_meanwhile` where another transaction has just taken a unique key.
        """
        lock = self._writing if self.is_sqlite else _NO_LOCK
        with lock:
            session = WriteSession(self._writer, self.clock)
            try:
                yield session
                self._commit(session)
            except (OperationalError, DataError) as error:
                session.rollback()
                raise _for_people(error) from error
            except IntegrityError as error:
                session.rollback()
                if not _is_unique(error):
                    raise
                raise Conflict("changed_meanwhile") from error
            except BaseException:
                session.rollback()
                raise
            finally:
                session.close()
        for call in session.done:
            call()

    def _commit(self, session: WriteSession) -> None:
        session.flush()
        for name in sorted(session.ends):
            session.ends[name]()
        if session.audited:
            head = audit.append(session, session.audited, session.now, self.keyring.audit_key)
            if (anchors := self.anchors) is not None:
                session.after_commit(lambda: anchors.note(head))
        if session.rung and not self.is_sqlite:
            _notify(session)
        session.commit()

    def verify_audit(
        self, kept: Sequence[audit.Head] = (), progress: audit_chain.Progress | None = None
    ) -> audit_chain.Verified:
        """Walk the audit's chain, compared with the noted heads and those that somebody `kept` elsewhere. Raises
        `Unavailable` `audit_anchor_changed`."""
        # Before the walk's view of the database is taken: what is noted later may be newer than it.
        anchors = [*kept, *(self.anchors.read() if self.anchors is not None else ())]
        with self.read() as db:
            return audit_chain.verify(db, self.keyring.audit_key, anchors, progress)

    def note_audit(self, *, restored: bool = False) -> audit.Head:
        """The audit's head, noted so that it is on the disk when this returns; `restored` where the database was
        just filled from a backup. Raises `Unavailable` `audit_anchor_not_written`."""
        with self.read() as db:
            head = audit.head(db)
        if self.anchors is not None:
            note = self.anchors.restored if restored else self.anchors.note_safely
            note(head)
        return head

    @contextmanager
    def snapshot(self) -> Iterator[sa.Connection]:
        """A consistent view for walking whole tables, however long that takes; writers go on meanwhile."""
        with self._reader.connect() as connection:
            yield connection

    def ping(self) -> None:
        """Raises `Unavailable` where the database does not answer."""
        with self.read() as db:
            db.execute(sa.text("SELECT 1"))

    def close(self) -> None:
        self.engine.dispose()


class _InTurn:
    """A lock that goes to whoever has waited longest; `threading.Lock` lets the unlucky wait for seconds."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Lock] = deque()

    def __enter__(self) -> None:
        with self._guard:
            if not self._taken:
                self._taken = True
                return
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        turn.acquire()

    def __exit__(self, *_: object) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False


class _NoLock:
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...


_NO_LOCK = _NoLock()


def _for_people(error: OperationalError | DataError) -> ForPeople:
    if isinstance(error, DataError):
        return BadInput("value_not_storable")
    return Unavailable("database_unavailable", why=type(error.orig).__name__)


def _is_unique(error: IntegrityError) -> bool:
    return "unique" in f"{type(error.orig).__name__} {error.orig}".lower()


def _engine(url: str, pool_size: int, *, sqlite: bool) -> sa.Engine:
    # Parameters hold texts of members: they must not stand in an exception's message, which is logged.
    options: dict[str, Any] = {
        "json_serializer": lambda value: json.dumps(value, ensure_ascii=False),
        "hide_parameters": True,
    }
    if sqlite:
        options["connect_args"] = {"timeout": _BUSY_SECONDS, "check_same_thread": False}
    engine = sa.create_engine(url, pool_size=pool_size, max_overflow=pool_size, pool_pre_ping=not sqlite, **options)
    if sqlite:
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver must not open transactions by itself: `_begin_sqlite` does, and chooses which kind.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        # NORMAL would lose acknowledged rows at a power cut; the WAL is synced at every commit instead.
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={_BUSY_SECONDS * 1000}",
        # Erased rows must not stay readable in free pages.
        "secure_delete=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    write = connection.get_execution_options().get("qunzhu_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _notify(session: WriteSession) -> None:
    """One notification a table: PostgreSQL hands them out when the transaction commits, and never without it."""
    for table in sorted(session.rung):
        session.execute(sa.select(sa.func.pg_notify(DUE_CHANNEL, table)))


@event.listens_for(WriteSession, "before_flush")
def _ring_for_objects(session: Session, *_: object) -> None:
    assert isinstance(session, WriteSession)
    for row in (*session.new, *session.dirty):
        due_at = getattr(row, "due_at", None)
        if due_at is not None:
            session.ring(row.__tablename__, due_at)


@event.listens_for(ReadSession, "before_flush")
def _no_flush_in_read(session: Session, *_: object) -> None:
    changed = session.new or session.deleted or any(session.is_modified(row) for row in session.dirty)
    if isinstance(session, ReadSession) and not session.writes and changed:
        raise Bug("write_in_read_session")


@event.listens_for(ReadSession, "do_orm_execute")
def _no_writes_in_read(state: ORMExecuteState) -> None:
    session = state.session
    if isinstance(session, ReadSession) and not session.writes and not state.is_select and not _plain(state):
        raise Bug("write_in_read_session")


def _plain(state: ORMExecuteState) -> bool:
    return isinstance(state.statement, sa.TextClause)
