"""`qunzhu backup`: writes the database to a file, while the service runs or not."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from core import log
from core.errors import Conflict, Unavailable
from core.settings import Environment
from server.cli import environment as here
from server.cli.lazy import Command
from server.cli.output import emit
from server.cli.progress import Bar
from server.cli.words import word

if TYPE_CHECKING:
    from store.backup import Manifest


@click.command("backup", cls=Command)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def command(file: Path) -> None:
    """备份数据库到一个文件，服务不用停。密钥不在里面。

    Write the database as of one moment to FILE (readable by you alone); the service may run. The secret is never in it,
    nor are vectors, which are made from the database.
    """
    env = here.environment()
    log.configure("warning", env.log_format)
    with _new(file) as target:
        manifest = _save(env, target)
    summary = {
        "file": str(file),
        "revision": manifest.revision,
        "rows": manifest.rows,
        "tables": {name: table.rows for name, table in manifest.tables.items()},
        "bytes": file.stat().st_size,
        "contains_secret": False,
    }
    emit(summary, lambda: word("saved", file=file, rows=manifest.rows, revision=manifest.revision))


def _save(env: Environment, target: BinaryIO) -> "Manifest":
    from core.clock import SystemClock
    from core.crypto import Keyring
    from store import backup
    from store.anchors import FILE
    from store.session import Database

    if env.database_url is None and not (env.data_dir / "qunzhu.db").exists():
        raise Unavailable("nothing_to_back_up")
    anchors = env.data_dir / FILE
    database = Database(env.sqlalchemy_url, SystemClock(), Keyring(env.secret), anchors=anchors)
    try:
        manifest = backup.save(database, target, Bar(word("saving")))
        database.note_audit()
        return manifest
    finally:
        database.close()


@contextmanager
def _new(file: Path) -> Iterator[BinaryIO]:
    """The file, there only once it is whole and on the disk. Raises `Conflict` `file_exists`."""
    if file.exists():
        raise Conflict("file_exists", path=file)
    partial = file.with_name(f"{file.name}.partial")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as target:
            yield target
            target.flush()
            os.fsync(target.fileno())
        os.replace(partial, file)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
