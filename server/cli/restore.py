"""`qunzhu restore`: fills an empty database from a backup, then brings schema and index up to date."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core import log
from core.errors import Unavailable
from core.settings import Environment
from server.cli import environment as here
from server.cli.api import opened
from server.cli.lazy import Command
from server.cli.output import emit
from server.cli.progress import Bar, waiting
from server.cli.words import word

if TYPE_CHECKING:
    from store.session import Database


@click.command("restore", cls=Command)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option(
    "--moved",
    is_flag=True,
    help="备份后服务就停了，没有再发出过 / the service has been stopped since the backup: keep deliveries as they were",
)
@click.option("--no-index", is_flag=True, help="先不建向量索引 / leave the vectors to the first start")
def command(file: Path, moved: bool, no_index: bool) -> None:
    """从备份恢复到空数据库；备份当时的密钥要先放好。

    Fill an empty database from FILE, which is checked before anything is written; an older backup is brought to this
    program's schema. Needs the secret of that time. Deliveries that were under way become `unknown`, for a person to
    settle, since they may have gone out after the backup.
    """
    env = here.environment()
    log.configure("warning", env.log_format)
    _refuse_running(env)
    done = _restore(env, file, moved=moved)
    if not no_index:
        # Opening the services reconciles the index.
        with opened(env):
            pass
    emit(done, lambda: _told(done))


def _refuse_running(env: Environment) -> None:
    if env.database_url is not None:
        return
    running = here.find_running(env.data_dir)
    if running is not None:
        raise Unavailable("index_locked", why=word("running_at", url=running.url, pid=running.pid))
    if here.is_locked(env.data_dir):
        raise Unavailable("index_locked", why=word("waiting_for_lock"))


def _restore(env: Environment, file: Path, *, moved: bool) -> dict[str, Any]:
    from agent.flows import erasure
    from core.clock import SystemClock
    from core.crypto import Keyring
    from store import backup, erasure_log
    from store.anchors import FILE
    from store.session import Database

    if env.secret_key is None and not (env.data_dir / "secret.key").exists():
        raise Unavailable("backup_secret_differs")
    keyring = Keyring(env.secret)
    with waiting(word("checking", file=file)):
        manifest = backup.check(file, keyring)
    database = Database(env.sqlalchemy_url, SystemClock(), keyring, anchors=env.data_dir / FILE)
    try:
        questioned = backup.load(database, file, manifest, moved=moved, progress=Bar(word("loading")))
        database.note_audit(restored=True)
        erased = erasure.apply_log(database, env.data_dir / erasure_log.FILE)
        done = {"file": str(file), "rows": manifest.rows, "questioned": questioned, "erased": erased}
        return done | _state(database)
    finally:
        database.close()


def _state(database: "Database") -> dict[str, Any]:
    from store import migrate

    found = database.verify_audit()
    return {
        "revision": migrate.current(database),
        "audit": {"rows": found.rows, "broken_at": found.broken_at, "anchors": found.anchors},
    }


def _told(done: dict[str, Any]) -> str:
    lines = [word("restored", rows=done["rows"], revision=done["revision"])]
    found = done["audit"]
    if found["broken_at"] is None:
        lines.append(word("audit_whole", **found))
    else:
        lines.append(word("audit_broken", broken_at=found["broken_at"], why="restore"))
    if done["erased"]:
        lines.append(word("erased_again", count=done["erased"]))
    if done["questioned"]:
        lines.append(word("questioned", count=done["questioned"]))
    return "\n".join(lines)
