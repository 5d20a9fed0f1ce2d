"""Processes on one PostgreSQL wake each other: which table has become due, which messages are finished.

Only words of ours and ids travel. A notification may be lost (a connection breaks, a pooler swallows it): whoever
listens polls too, so that one is late then and nothing is missing. On SQLite there is one process and nothing to say.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import psycopg
import sqlalchemy as sa

from core import log
from store.session import DUE_CHANNEL, Database

_log = log.get(__name__)
DONE_CHANNEL: Final = "qunzhu_done"
_IDS: Final = 100
"""In one notification, which holds at most 8,000 bytes."""
_LISTEN_SECONDS: Final = 0.2
"""How long it takes to notice that it should stop."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0
# Else a server that vanished without a word would be listened to for hours.
_ALIVE: Final = {"connect_timeout": 5, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}


def announce(database: Database, message_ids: Iterable[str]) -> None:
    """Tell all processes that these messages are finished. Raises `Unavailable` `database_unavailable`."""
    if database.is_sqlite:
        return
    every = list(message_ids)
    for start in range(0, len(every), _IDS):
        with database.write() as db:
            db.execute(sa.select(sa.func.pg_notify(DONE_CHANNEL, " ".join(every[start : start + _IDS]))))


class Listener:
    """A thread with a connection of its own. `due` is called with a table's name, `done` with message ids; after each
    connect `due` is called for all `tables`, since what came before was not heard."""

    def __init__(
        self,
        database: Database,
        *,
        due: Callable[[str], None] | None = None,
        tables: Sequence[str] = (),
        done: Callable[[Sequence[str]], None] | None = None,
    ) -> None:
        self._database = database
        self._due = due
        self._tables = tables
        self._done = done
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="listener", daemon=True)
        self.connected = threading.Event()

    def start(self) -> None:
        """Does nothing on SQLite."""
        if not self._database.is_sqlite:
            self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=_LISTEN_SECONDS + 5)

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stopping.is_set():
            try:
                with _connected(self._database) as connection:
                    pause = _FIRST_PAUSE
                    self._listen(connection)
            except psycopg.Error as error:
                self.connected.clear()
                _log.warning("listener_cut_off", error=type(error).__name__, again_in_seconds=pause)
                self._stopping.wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    def _listen(self, connection: "psycopg.Connection[Any]") -> None:
        if self._due is not None:
            connection.execute(f"LISTEN {DUE_CHANNEL}")
        if self._done is not None:
            connection.execute(f"LISTEN {DONE_CHANNEL}")
        self.connected.set()
        for table in self._tables:
            self._hear(DUE_CHANNEL, table)
        while not self._stopping.is_set():
            for heard in connection.notifies(timeout=_LISTEN_SECONDS):
                self._hear(heard.channel, heard.payload)

    def _hear(self, channel: str, payload: str) -> None:
        if channel == DUE_CHANNEL and self._due is not None:
            self._due(payload)
        elif channel == DONE_CHANNEL and self._done is not None:
            self._done(payload.split())


def _connected(database: Database) -> "psycopg.Connection[Any]":
    """Outside the pool: this one is never given back."""
    places, words = database.engine.dialect.create_connect_args(database.engine.url)
    return psycopg.connect(*places, **{**_ALIVE, **words}, autocommit=True)
