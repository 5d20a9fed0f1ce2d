"""`qunzhu demo`: an invented organisation to try things on, and a bot's key for it."""

from pathlib import Path
from typing import Any

import click

from core.settings import write_private
from server.cli import environment as here
from server.cli.api import Api, connect
from server.cli.failure import Refused
from server.cli.lazy import Command
from server.cli.output import emit
from server.cli.words import word

_LONG_SECONDS = 600.0
KEY_FILE = "demo-bot.key"


@click.command("demo", cls=Command)
def command() -> None:
    """铺设演示社群、知识库、成员与一周消息，可重复执行。

    Lay down the demo community; idempotent. The bot's key is kept in the data folder (demo-bot.key).
    """
    env = here.environment()
    with connect(env=env) as api:
        done = lay_down(api)
        path = env.data_dir / KEY_FILE
        if not _key_works(api, path):
            _make_key(api, path)
    words = [word("demo_done", **done), word("demo_key", path=path)]
    emit(done | {"key_file": str(path)}, lambda: "\n".join(words))


def lay_down(api: Api) -> dict[str, Any]:
    """Make what is missing of the demo."""
    done: dict[str, Any] = api.call("POST", "/v1/demo", seconds=_LONG_SECONDS, text=word("laying_demo"))
    return done


def ensure(api: Api, data_dir: Path) -> Path:
    """The demo at the first start, with a key in the returned file. Not laid down again as long as the key works, so
    that what people edited in the demo stays."""
    path = data_dir / KEY_FILE
    if not _key_works(api, path):
        lay_down(api)
        _make_key(api, path)
    return path


def _make_key(api: Api, path: Path) -> None:
    made = api.post("/v1/keys", {"name": "demo-bot", "role": "bot"})
    write_private(path, made["key"].encode("ascii"))


def _key_works(api: Api, path: Path) -> bool:
    """Whether the kept key is known to this database, which may be another than the last time."""
    if not path.exists():
        return False
    key = path.read_text("ascii").strip()
    try:
        api.call("GET", "/v1/communities", headers={"authorization": f"Bearer {key}"})
    except Refused as refused:
        if refused.status == 401:
            return False
        raise
    return True
