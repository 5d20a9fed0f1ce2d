"""Throw-away databases for measurements that need a whole deployment of their own."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

import sqlalchemy as sa

from evals.service import NotReady, free_port

_PROGRAMS: Final = ("/usr/lib/postgresql/17/bin", "/usr/lib/postgresql/16/bin", "/usr/lib/postgresql/15/bin")


@contextmanager
def own_database(server_url: str) -> Iterator[str]:
    """The URL of an empty database on the PostgreSQL that `server_url` names, dropped at the end.

    `server_url` must name a database to connect to and a user who may create others.
    """
    url = sa.make_url(server_url)
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    name = f"qunzhu_eval_{uuid4().hex[:12]}"
    admin = sa.create_engine(url, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 5})
    try:
        _run(admin, f'CREATE DATABASE "{name}"')
        try:
            yield url.set(database=name).render_as_string(hide_password=False)
        finally:
            _run(admin, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        admin.dispose()


def _run(admin: sa.Engine, statement: str) -> None:
    with admin.connect() as connection:
        connection.execute(sa.text(statement))


class Cluster:
    """A PostgreSQL server of our own that can be stopped and started, in `folder`, on a free port of the loopback.

    Raises `NotReady` where PostgreSQL's programs aren't installed, or, for root, its system user.
    """

    def __init__(self, folder: Path) -> None:
        self._data = folder / "postgres"
        self._port = free_port()
        self._programs = _programs()
        self.url = f"postgresql://postgres@127.0.0.1:{self._port}/postgres"
        self._data.mkdir(parents=True)
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root, and its user must get to its folder.
            folder.chmod(folder.stat().st_mode | 0o011)
            shutil.chown(self._data, "postgres", "postgres")
        self._call(
            "initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync", "-D", str(self._data)
        )

    def start(self) -> None:
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        self._call("pg_ctl", "start", "-w", "-D", str(self._data), "-l", str(self._data / "log"), "-o", options)

    def stop(self) -> None:
        """At once, as when its machine goes away: connections break, nothing is finished."""
        self._call("pg_ctl", "stop", "-m", "immediate", "-D", str(self._data))

    def _call(self, program: str, *arguments: str) -> None:
        command: Sequence[str] = [str(self._programs / program), *arguments]
        if os.geteuid() == 0:
            command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]
        # Not captured: the server that pg_ctl leaves behind would hold the pipe open.
        done = subprocess.run(command, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if done.returncode:
            raise NotReady(f"{program} ended with {done.returncode}")


def _programs() -> Path:
    found = next((Path(place) for place in _PROGRAMS if Path(place, "initdb").exists()), None)
    if found is None or (os.geteuid() == 0 and shutil.which("setpriv") is None):
        raise NotReady("PostgreSQL's programs are not installed here")
    return found
