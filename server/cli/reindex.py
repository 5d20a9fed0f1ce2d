"""`qunzhu reindex`: makes every vector anew from the database."""

import click

from core.settings import Environment
from server.cli import environment as here
from server.cli.api import Api, connect, in_process, opened
from server.cli.lazy import Command
from server.cli.output import emit, note
from server.cli.words import word

_LONG_SECONDS = 3_600.0


@click.command("reindex", cls=Command)
def command() -> None:
    """从数据库重建向量索引；索引损坏时也可用。

    Build the vector index anew from the database, also where it is damaged. A running service goes on meanwhile.
    """
    env = here.environment()
    if env.chroma_url is None and here.find_running(env.data_dir) is None and not here.is_locked(env.data_dir):
        done = _by_ourselves(env)
    else:
        with connect(env=env) as api:
            done = _rebuilt(api)
    emit(done, lambda: word("reindexed", **done))


def _rebuilt(api: Api) -> dict[str, int]:
    done: dict[str, int] = api.call("POST", "/v1/reindex", seconds=_LONG_SECONDS, text=word("rebuilding"))
    return done


def _by_ourselves(env: Environment) -> dict[str, int]:
    """No service holds the folder. A damaged index can't be opened, so it is emptied before."""
    from knowledge.index import IndexBroken, discard

    try:
        with opened(env) as services, in_process(services) as api:
            return _rebuilt(api)
    except IndexBroken:
        note(word("broken_index_discarded"))
    discard(env.data_dir / here.INDEX_LOCK.parent)
    with opened(env) as services, in_process(services) as api:
        return _rebuilt(api)
