"""One run: a fresh deployment under traffic, killed again and again, then left to finish its work and checked."""

import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from core.clock import SystemClock
from core.crypto import Keyring
from core.settings import Environment
from evals.crash.book import Book
from evals.crash.checks import Places, check, drained
from evals.crash.endpoints import endpoint
from evals.crash.traffic import Group, World, decider, puller, running, sender, wait_until
from evals.service import NotReady, Service, asked, lay_down_demo, new_key
from evals.texts import everyday, gate_questions
from store.session import Database

LEASE_SECONDS: Final = 5
SENDERS: Final = 4
DECIDERS: Final = 2
STILL_STARTING: Final = 0.2
"""Share of kills that hit a service which has not become ready yet."""
PLAIN, IDEMPOTENT, PULLED = (
    Group("hemiao-mama", "wecom"),
    Group("hemiao-vip", "wechat"),
    Group("hemiao-service", "feishu"),
)
PLACES: Final = Places(PLAIN.community, IDEMPOTENT.community, PULLED.community)
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """`seconds` is about how long traffic lasts; `rate` messages a second over all senders."""

    kills: int
    seconds: float
    rate: float = 40.0
    drain_seconds: float = 180.0
    restart_seconds: float = 8.0


def run(plan: Plan, data_dir: Path, database_url: str | None, tell: Tell) -> dict[str, Any]:
    """The summary of a run in an empty data folder; `violations` is empty where all promises were kept."""
    book = Book()
    service = Service(data_dir, database_url=database_url)
    with ExitStack() as stack:
        stack.callback(service.kill)
        tell(f"first start: {service.start():.1f} s")
        world = _prepared(service, book, stack)
        with running([puller(world), *[decider(world)] * DECIDERS]):
            _under_fire(plan, service, world, tell)
            database = stack.enter_context(_closing(_opened(data_dir, database_url)))
            tell("traffic over, waiting until all is worked off")
            begun = time.monotonic()
            if not wait_until(lambda: drained(database), plan.drain_seconds):
                book.violated("not_drained", f"work is left after {plan.drain_seconds:.0f} s")
            drain = time.monotonic() - begun
        service.stop()
        check(database, book, PLACES)
    return _summary(plan, book, drain)


def _prepared(service: Service, book: Book, stack: ExitStack) -> World:
    """The demo, a short lease, an endpoint for each of two groups, and keys."""
    lay_down_demo(service)
    with service.client() as owner:
        asked(owner, "PUT", "/v1/settings/due.lease_seconds", {"value": LEASE_SECONDS})
        for group, idempotent in ((PLAIN, False), (IDEMPOTENT, True)):
            url = stack.enter_context(endpoint(book, group.community))
            hook = {"community_id": group.community, "channel": group.channel, "url": url, "idempotent": idempotent}
            asked(owner, "POST", "/v1/webhooks", hook)
    return World(
        url=service.url,
        bot_key=new_key(service, "crash bot", "bot"),
        decider_key=new_key(service, "crash decider", "supervisor"),
        groups=(PLAIN, IDEMPOTENT, PULLED),
        texts=[*everyday(), *gate_questions()],
        book=book,
    )


def _under_fire(plan: Plan, service: Service, world: World, tell: Tell) -> None:
    """Kill and restart while messages come in."""
    end = time.monotonic() + plan.seconds
    with running([sender(world, plan.rate / SENDERS) for _ in range(SENDERS)]):
        while len(world.book.kills) < plan.kills:
            left = plan.kills - len(world.book.kills)
            time.sleep(random.uniform(0.2, 1.8) * max(2.0, (end - time.monotonic()) / (left + 1) - 4))
            _kill(service, world.book)
            if len(world.book.kills) < plan.kills and random.random() < STILL_STARTING:
                service.spawn()
                time.sleep(random.uniform(0.2, 4))
                _kill(service, world.book)
            try:
                world.book.restarts.append(service.start())
                world.book.restarts_cpu.append(service.cpu_seconds())
            except NotReady as error:
                world.book.violated("not_ready", str(error))
                return
            tell(
                f"kill {len(world.book.kills)}/{plan.kills}, ready after {world.book.restarts[-1]:.1f} s, "
                f"{len(world.book.taken)} messages, {len(world.book.decided)} decisions"
            )
        time.sleep(max(1.0, min(5.0, end - time.monotonic())))


def _kill(service: Service, book: Book) -> None:
    with book.lock:
        book.kills.append(time.monotonic())
    service.kill()


def _opened(data_dir: Path, database_url: str | None) -> Database:
    env = Environment(data_dir=data_dir, database_url=database_url)
    return Database(env.sqlalchemy_url, SystemClock(), Keyring(env.secret))


class _closing:
    """`contextlib.closing` for a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __enter__(self) -> Database:
        return self._database

    def __exit__(self, *_: object) -> None:
        self._database.close()


def _summary(plan: Plan, book: Book, drain: float) -> dict[str, Any]:
    slow = [seconds for seconds in book.restarts if seconds > plan.restart_seconds]
    for seconds in slow:
        book.violated("restart_slow", f"{seconds:.1f} s > {plan.restart_seconds:.0f} s")
    return {
        "kills": len(book.kills),
        "restart_seconds": _median_and_most(book.restarts),
        "restart_cpu_seconds": _median_and_most(book.restarts_cpu),
        "drain_seconds": round(drain, 1),
        "messages_acknowledged": len(book.taken),
        "decisions_acknowledged": len(book.decided),
        "decisions_whose_answer_was_lost": len(book.lost_answers),
        "webhook_requests": len(book.arrivals),
        "pulled": len(book.posted),
        **dict(sorted(book.counts.items())),
        "violations_by_name": dict(Counter(line.split(":")[0] for line in book.violations)),
        "violations": book.violations,
    }


def _median_and_most(values: Sequence[float]) -> dict[str, float]:
    return {"median": round(statistics.median(values), 2), "max": round(max(values), 2)} if values else {}
