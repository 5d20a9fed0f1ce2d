"""`qunzhu migrate`: brings the database to this program's schema."""

import click

from core import log
from server.cli import environment as here
from server.cli.lazy import Command
from server.cli.output import emit
from server.cli.progress import waiting
from server.cli.words import word


@click.command("migrate", cls=Command)
def command() -> None:
    """升级数据库结构；`serve` 启动时也会做。

    Bring the database to the newest schema; `serve` does so at its start too.
    """
    env = here.environment()
    log.configure("warning", env.log_format)
    with waiting(word("opening", path=env.data_dir)):
        from server.runtime import open_database
        from store.migrate import head

        open_database(env).close()
        revision = head()
    emit({"revision": revision}, lambda: word("migrated", revision=revision))
