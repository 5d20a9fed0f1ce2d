"""`python -m evals.bench.scaled --database-url URL`: how much faster two APIs and two workers are than one of each, on
messages that each wait for a language model. JSON on stdout, progress on stderr.

The model is a stub that answers after `--latency` seconds, so what is measured is how many calls wait at the same time,
not a model.
"""

import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import click

from evals.databases import own_database
from evals.fleet import Fleet, scaled
from evals.service import asked, lay_down_demo, new_key
from evals.stub_model import StubModel

_SENDERS: Final = 4
_POLL: Final = 0.1
_MOST_SECONDS: Final = 600.0
_QUESTIONS: Final = ("请问会员积分在哪里查？", "请问怎么退款？", "请问几天能发货呀？", "请问怎么开发票？")
GROUP: Final = {"channel": "feishu", "community_id": "hemiao-service"}


@click.command()
@click.option("--database-url", required=True, help="a PostgreSQL on which databases of its own are made and dropped")
@click.option("--messages", default=120, show_default=True, help="questions sent at once")
@click.option("--latency", default=1.0, show_default=True, help="seconds that the model takes for an answer")
@click.option("--threads", default=4, show_default=True, help="calls that one worker may wait for at a time")
def main(database_url: str, messages: int, latency: float, threads: int) -> None:
    """Work off the same messages with one of each and with two of each."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    found = {}
    for count in (1, 2):
        with _deployment(database_url, count, latency, threads) as (fleet, stub):
            found[count] = _figures(fleet, stub, messages)
        click.echo(f"{count} APIs, {count} workers: {found[count]}", err=True)
    ratio = round(found[2]["per_second"] / found[1]["per_second"], 2)
    click.echo(f"two of each / one of each: {ratio}", err=True)
    settings = {"messages": messages, "latency": latency, "threads": threads}
    click.echo(json.dumps(settings | {"one": found[1], "two": found[2], "ratio": ratio}))


@contextmanager
def _deployment(server_url: str, count: int, latency: float, threads: int) -> Iterator[tuple[Fleet, StubModel]]:
    stub = StubModel(latency=latency)
    model = {
        "QUNZHU_LLM_BASE_URL": stub.start(),
        "QUNZHU_LLM_MODEL": "stub",
        "QUNZHU_WORKER_MODEL_THREADS": str(threads),
    }
    with tempfile.TemporaryDirectory(prefix="qunzhu-scaled-") as folder, own_database(server_url) as url:
        fleet = scaled(Path(folder), url, apis=count, workers=count, environ=model)
        try:
            fleet.start()
            lay_down_demo(fleet.first)
            with fleet.first.client() as owner:
                asked(owner, "PUT", "/v1/settings/inbox.burst_seconds", {"value": 0})
                asked(owner, "PUT", "/v1/settings/model.cascade", {"value": False})
            yield fleet, stub
        finally:
            fleet.kill()
            stub.stop()


def _figures(fleet: Fleet, stub: StubModel, messages: int) -> dict[str, Any]:
    key = new_key(fleet.first, "bench", "bot")
    before = stub.count
    begun = time.perf_counter()
    _send(fleet, key, messages)
    sent = time.perf_counter() - begun
    left = _wait_until_done(lambda: _backlog(fleet))
    seconds = time.perf_counter() - begun
    return {
        "seconds": round(seconds, 1),
        "sending_seconds": round(sent, 1),
        "per_second": round((messages - left) / seconds, 2),
        "left": left,
        "model_calls": stub.count - before,
    }


def _send(fleet: Fleet, key: str, messages: int) -> None:
    """Each from a member of its own, over all APIs."""

    def share(number: int) -> None:
        with fleet.apis[number % len(fleet.apis)].client(key, timeout=60) as bot:
            for question in islice(cycle(_QUESTIONS), number, messages, _SENDERS):
                asked(bot, "POST", "/v1/messages", _message(question))

    with ThreadPoolExecutor(_SENDERS) as pool:
        list(pool.map(share, range(_SENDERS)))


def _message(text: str) -> dict[str, Any]:
    sender = {"id": f"bench-{uuid4().hex[:12]}", "name": "路人"}
    said = {"message_id": uuid4().hex, "text": text, "sent_at": datetime.now(UTC).isoformat(), "sender": sender}
    return GROUP | said


def _backlog(fleet: Fleet) -> int:
    """Messages that are due or being worked on."""
    with fleet.first.client() as owner:
        lines = owner.get("/metrics").text.splitlines()
    wanted = [line for line in lines if line.startswith("qunzhu_backlog{") and 'table="messages"' in line]
    return int(sum(float(line.rsplit(" ", 1)[1]) for line in wanted if 'state="dead"' not in line))


def _wait_until_done(backlog: Callable[[], int]) -> int:
    end = time.monotonic() + _MOST_SECONDS
    while (left := backlog()) and time.monotonic() < end:
        time.sleep(_POLL)
    return left


if __name__ == "__main__":
    main()
