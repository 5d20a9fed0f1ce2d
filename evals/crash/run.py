"""One run: a fresh deployment under traffic, one of its processes killed again and again, then left to finish its work
and checked."""

import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from core.clock import SystemClock
from core.crypto import Keyring
from evals.crash.book import NOT_READY, Book
from evals.crash.checks import Places, check, drained
from evals.crash.endpoints import endpoint
from evals.crash.traffic import Group, World, decider, puller, running, sender, wait_until
from evals.fleet import Fleet, embedded, scaled
from evals.service import NotReady, Service, asked, lay_down_demo, new_key
from evals.texts import everyday, gate_questions
from store.session import Database

LEASE_SECONDS: Final = 5
BURST_SECONDS: Final = 0.5
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
    """`seconds` is about how long traffic lasts; `rate` messages a second over all senders; `gap` the average seconds
    from ready to the next kill (None: as `seconds` allows). Without `workers` it is the one embedded process."""

    kills: int
    seconds: float
    rate: float = 40.0
    gap: float | None = None
    apis: int = 1
    workers: int = 0
    drain_seconds: float = 180.0
    restart_seconds: float = 8.0


def run(plan: Plan, data_dir: Path, database_url: str | None, tell: Tell) -> dict[str, Any]:
    """The summary of a run in an empty data folder; `violations` is empty where all promises were kept."""
    book = Book()
    fleet = _fleet(plan, data_dir, database_url)
    with ExitStack() as stack:
        stack.callback(fleet.kill)
        tell(f"first start: {fleet.start():.1f} s")
        world = _prepared(fleet, book, stack)
        with running([puller(world), *[decider(world)] * DECIDERS]):
            _under_fire(plan, fleet, world, tell)
            database = stack.enter_context(_closing(_opened(fleet)))
            tell("traffic over, waiting until all is worked off")
            begun = time.monotonic()
            if not wait_until(lambda: drained(database), plan.drain_seconds):
                book.violated("not_drained", f"work is left after {plan.drain_seconds:.0f} s")
            drain = time.monotonic() - begun
        fleet.stop()
        check(database, book, PLACES)
    return _summary(plan, book, drain)


def _fleet(plan: Plan, data_dir: Path, database_url: str | None) -> Fleet:
    if not plan.workers:
        return embedded(data_dir, database_url)
    assert database_url is not None, "several processes need PostgreSQL"
    return scaled(data_dir, database_url, apis=plan.apis, workers=plan.workers)


def _prepared(fleet: Fleet, book: Book, stack: ExitStack) -> World:
    """The demo, a short lease, short bursts, an endpoint for each of two groups, and keys."""
    service = fleet.first
    lay_down_demo(service)
    with service.client() as owner:
        asked(owner, "PUT", "/v1/settings/due.lease_seconds", {"value": LEASE_SECONDS})
        asked(owner, "PUT", "/v1/settings/inbox.burst_seconds", {"value": BURST_SECONDS})
        for group, idempotent in ((PLAIN, False), (IDEMPOTENT, True)):
            url = stack.enter_context(endpoint(book, group.community))
            hook = {"community_id": group.community, "channel": group.channel, "url": url, "idempotent": idempotent}
            asked(owner, "POST", "/v1/webhooks", hook)
    return World(
        urls=fleet.urls,
        bot_key=new_key(service, "crash bot", "bot"),
        decider_key=new_key(service, "crash decider", "supervisor"),
        groups=(PLAIN, IDEMPOTENT, PULLED),
        texts=[*everyday(), *gate_questions()],
        book=book,
    )


def _under_fire(plan: Plan, fleet: Fleet, world: World, tell: Tell) -> None:
    """Kill one process after another while messages come in; of several, half may be down at a time."""
    book = world.book
    end = time.monotonic() + plan.seconds
    most_down = max(1, len(fleet.services) // 2)
    with (
        running([sender(world, plan.rate / SENDERS) for _ in range(SENDERS)]),
        ThreadPoolExecutor(most_down) as pool,
    ):
        down: dict[Service, Future[None]] = {}
        while len(book.kills) < plan.kills and not book.gave_up():
            if len(down) == most_down:
                wait(down.values(), return_when=FIRST_COMPLETED)
            time.sleep(_pause(plan, plan.kills - len(book.kills), end))
            down = {service: back for service, back in down.items() if not back.done()}
            if len(down) == most_down or len(book.kills) >= plan.kills:
                continue
            service = random.choice([one for one in fleet.services if one not in down])
            down[service] = pool.submit(_killed_and_back, plan, service, fleet.sends(service), book, tell)
        wait(down.values())
        time.sleep(2.0 if plan.gap else max(1.0, min(5.0, end - time.monotonic())))


def _pause(plan: Plan, left: int, end: float) -> float:
    average = plan.gap or max(2.0, (end - time.monotonic()) / (left + 1) - 4)
    return random.uniform(0.2, 1.8) * average


def _killed_and_back(plan: Plan, service: Service, sends: bool, book: Book, tell: Tell) -> None:
    """Kill a process, some of them once more while they start, and wait until it is back."""
    _kill(service, sends, book)
    if len(book.kills) < plan.kills and random.random() < STILL_STARTING:
        service.spawn()
        time.sleep(random.uniform(0.2, 4))
        _kill(service, sends, book)
    try:
        took = service.start()
    except NotReady as error:
        book.violated(NOT_READY, str(error))
        return
    book.restarts.append(took)
    book.restarts_cpu.append(service.cpu_seconds())
    tell(
        f"kill {len(book.kills)}/{plan.kills} ({service.data_dir.name}), ready after {took:.1f} s, "
        f"{len(book.taken)} messages, {len(book.decided)} decisions"
    )


def _kill(service: Service, sends: bool, book: Book) -> None:
    with book.lock:
        book.kills.append(time.monotonic())
        if sends:
            book.sender_kills.append(time.time())
    service.kill()


def _opened(fleet: Fleet) -> Database:
    return Database(fleet.env.sqlalchemy_url, SystemClock(), Keyring(fleet.env.secret))


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
        "processes": {"apis": plan.apis, "workers": plan.workers},
        "kills": len(book.kills),
        "kills_of_senders": len(book.sender_kills),
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
