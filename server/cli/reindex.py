"""`qunzhu reindex`: makes every vector anew from the database."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from core.errors import QunzhuError
from core.settings import Environment
from server.cli import environment as here
from server.cli.api import Api, connect, in_process, opened
from server.cli.failure import Refused
from server.cli.lazy import Command
from server.cli.output import emit, note
from server.cli.words import word

if TYPE_CHECKING:
    from knowledge.filling import Filling

_LONG_SECONDS = 4 * 3_600.0
Look = Callable[[], dict[str, Any]]
"""How far it is: `done`, `total` and `state`, as `GET /v1/reindex` answers."""


@click.command("reindex", cls=Command)
def command() -> None:
    """从数据库重建向量索引；索引损坏时也可用，中断后再次运行会接着做。

    Build the vector index anew from the database, also where it is damaged. A running service answers meanwhile; run
    it again after an interruption and it goes on where it was.
    """
    env = here.environment()
    if here.find_running(env.data_dir) is None and (env.chroma_url is not None or not here.is_locked(env.data_dir)):
        done = _by_ourselves(env)
    else:
        with connect(env=env) as api:
            done = _rebuilt(api, lambda: api.get("/v1/reindex"))
    emit(done, lambda: word("reindexed", **done))


def _rebuilt(api: Api, look: Look) -> dict[str, int]:
    done: dict[str, int] = api.call("POST", "/v1/reindex", seconds=_LONG_SECONDS, text=_Watched(look))
    return done


class _Watched:
    """The line that tells how far it is, and how quickly it gets on."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._begun: tuple[float, int] | None = None

    def __call__(self) -> str:
        try:
            seen = self._look()
        except (QunzhuError, Refused):
            # Whether it goes well is told by the request itself.
            return word("rebuilding")
        if seen["state"] != "rebuilding" or not seen["total"]:
            return word("rebuilding")
        done, total, now = seen["done"], seen["total"], time.monotonic()
        begun, first = self._begun = self._begun or (now, done)
        rate = round((done - first) / (now - begun)) if now > begun else 0
        return word("rebuilding_at", percent=done * 100 // total, done=done, total=total, rate=rate)


def _seen(filling: "Filling | None") -> dict[str, Any]:
    return {"state": "at_rest"} if filling is None else filling._asdict()


def _by_ourselves(env: Environment) -> dict[str, int]:
    """No service runs. A damaged folder can't be opened, so it is emptied before; opening fills it."""
    from knowledge.index import IndexBroken, discard

    try:
        with opened(env) as services, in_process(services) as api:
            # Not by a request: this application answers one at a time.
            return _rebuilt(api, lambda: _seen(services.knowledge.filling()))
    except IndexBroken:
        note(word("broken_index_discarded"))
    discard(env.data_dir / here.INDEX_LOCK.parent)
    with opened(env) as services:
        return {"added": services.knowledge.passages, "changed": 0, "removed": 0, "kept": 0}
