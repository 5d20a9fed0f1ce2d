"""The load generator, a process of its own: `python -m evals.bench.load --url … --rate 150 --seconds 60`.

Open loop: message n is due at n / rate, whether or not earlier ones were answered, and its time counts from when it
was due, so that a service which stalls can't hide it. HTTP is spoken by hand over kept connections, because a full
client would take the cores that the service is measured on.
"""

import asyncio
import json
import os
import random
import resource
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

import click
import uvloop

from agent.steps.triage import classify
from evals.bench.figures import spread
from evals.texts import WANTING, everyday

CONNECTIONS: Final = 64
ONE_IN: Final = 5
"""One message in five wants a draft."""
_SENDERS: Final = 500
_GROUPS: Final = (("hemiao-mama", "wecom"), ("hemiao-vip", "wechat"), ("hemiao-service", "feishu"))


@dataclass(slots=True)
class Outcome:
    """`milliseconds` from when a message was due until its answer was read."""

    milliseconds: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    last: float = 0.0


class Connection:
    """One kept connection; opened again after an error."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._head = (
            f"POST /v1/messages HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {key}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, body: bytes) -> str:
        """The status, or the name of what went wrong."""
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection(self._host, self._port)
            reader, writer = self._streams
            writer.write(self._head + str(len(body)).encode() + b"\r\n\r\n" + body)
            return await _status(reader)
        except (OSError, EOFError, ValueError) as error:
            await self.close()
            return type(error).__name__

    async def close(self) -> None:
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].close()
            with suppress(OSError):
                await streams[1].wait_closed()


async def _status(reader: asyncio.StreamReader) -> str:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    lengths = [line for line in head.lower().split("\r\n") if line.startswith("content-length:")]
    await reader.readexactly(int(lengths[0].partition(":")[2]))
    return head.split(" ", 2)[1]


class Texts:
    """What is said: one in five wants a draft, the others don't. Same seed, same texts."""

    def __init__(self) -> None:
        kinds = {text: classify(text).kind for text in everyday()}
        self._wanting = [text for text, kind in kinds.items() if kind in WANTING]
        self._others = [text for text, kind in kinds.items() if kind not in WANTING]
        self._chance = random.Random(1)
        self._run = uuid4().hex[:8]

    def body(self, number: int) -> bytes:
        sender = self._chance.randrange(_SENDERS)
        community, channel = _GROUPS[sender % len(_GROUPS)]
        message = {
            "channel": channel,
            "community_id": community,
            "message_id": f"load-{self._run}-{number}",
            "sender": {"id": f"load-{sender}", "name": "路人"},
            "text": self._chance.choice(self._wanting if number % ONE_IN == 0 else self._others),
            "sent_at": datetime.now(UTC).isoformat(),
        }
        return json.dumps(message, ensure_ascii=False).encode()


async def fire(url: str, key: str, rate: float, seconds: float) -> dict[str, Any]:
    """Send `rate × seconds` messages; the figures."""
    texts, outcome = Texts(), Outcome()
    waiting: asyncio.Queue[tuple[int, float] | None] = asyncio.Queue()
    connections = [Connection(url, key) for _ in range(CONNECTIONS)]
    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for connection in connections:
            group.create_task(_serve(connection, texts, waiting, outcome))
        for number in range(int(rate * seconds)):
            due = begun + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            waiting.put_nowait((number, due))
        for _ in connections:
            waiting.put_nowait(None)
    return _figures(outcome, rate, begun)


async def _serve(
    connection: Connection, texts: Texts, waiting: "asyncio.Queue[tuple[int, float] | None]", outcome: Outcome
) -> None:
    while (wanted := await waiting.get()) is not None:
        number, due = wanted
        status = await connection.post(texts.body(number))
        outcome.last = time.perf_counter()
        outcome.milliseconds.append((outcome.last - due) * 1000)
        outcome.statuses[status] += 1
    await connection.close()


def _figures(outcome: Outcome, rate: float, begun: float) -> dict[str, Any]:
    answered = outcome.statuses["200"] + outcome.statuses["202"]
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "rate": rate,
        "seconds": round(outcome.last - begun, 2),
        "answered": answered,
        "failed": len(outcome.milliseconds) - answered,
        "per_second": round(answered / max(outcome.last - begun, 1 / rate), 1),
        "statuses": dict(outcome.statuses),
        **spread(outcome.milliseconds),
        "generator_cpu_seconds": round(used.ru_utime + used.ru_stime, 2),
    }


@click.command()
@click.option("--url", required=True)
@click.option("--rate", type=float, required=True)
@click.option("--seconds", type=float, required=True)
def main(url: str, rate: float, seconds: float) -> None:
    """Send messages at a rate; JSON on stdout. The bot's key is read from QUNZHU_KEY."""
    click.echo(json.dumps(uvloop.run(fire(url, os.environ.get("QUNZHU_KEY", ""), rate, seconds))))


if __name__ == "__main__":
    main()
