"""Runs what is due: messages to think about, deliveries to push, clocks that run out, and the sweeping up. Threads of
the service process, or a process of their own; any number of either, since the rows say what is due and who has it."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Final

from agent.flows import (
    access,
    campaigns,
    case_ends,
    clock_alarms,
    clocks,
    copy_scan,
    deliveries,
    erasure,
    gathering,
    heat,
    inbox,
    incidents,
    intake,
    notices,
    retention,
    stuck,
)
from agent.services import Services
from core import log, tunables
from core.errors import Unavailable, Unusable
from server import metrics
from server.channels.webhook import WebhookSender
from store import due, notify, settings
from store.deliveries import DeliveryRow
from store.due import Claim, DueBase, Which
from store.messages import MessageRow
from store.timers import TimerRow

_log = log.get(__name__)
POLL_SECONDS: Final = 1.0
GATHER_SECONDS: Final = 0.05
SWEEP_SECONDS: Final = 30.0
_MESSAGES: Final = 16
_DELIVERIES: Final = 1
_CLOCKS: Final = 50
_PAUSE_AFTER_ERROR: Final = 2.0
_LONGEST_PAUSE: Final = 10.0
_OUTBOXES: Final = 4
_STOP_SECONDS: Final = 6.0
_MARGIN: Final = 15.0


class Worker:
    """`start` and `stop`; `message_due` and `delivery_due` ring it from any thread. `done` is told the ids of finished
    messages."""

    def __init__(self, services: Services, *, threads: int, done: Callable[[Iterable[str]], None]) -> None:
        self._services = services
        self._done = done
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._stopping = threading.Event()
        self._bells: dict[type[DueBase], list[threading.Event]] = {MessageRow: [], DeliveryRow: [], TimerRow: []}
        self._sender = WebhookSender()
        # Several for deliveries, so that endpoints that hang do not hold up the others; they wait, they don't compute.
        inboxes = [self._thread(MessageRow, self._messages, f"worker-messages-{n}") for n in range(threads)]
        waiting = services.env.worker_model_threads if services.model is not None else 0
        inboxes += [self._thread(MessageRow, self._model_messages, f"worker-model-{n}") for n in range(waiting)]
        outboxes = [self._thread(DeliveryRow, self._deliveries, f"worker-deliveries-{n}") for n in range(_OUTBOXES)]
        self._threads = [*inboxes, *outboxes, self._thread(TimerRow, self._clocks, "worker-clocks")]
        self._threads.append(threading.Thread(target=self._sweep, name="worker-sweep", daemon=True))

    def _thread(self, table: type[DueBase], job: Callable[[], bool], name: str) -> threading.Thread:
        bell = threading.Event()
        self._bells[table].append(bell)
        return threading.Thread(target=self._run, args=(job, bell), name=name, daemon=True)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def message_due(self) -> None:
        """A message became due just now."""
        self.due(MessageRow.__tablename__)

    def delivery_due(self) -> None:
        """A delivery became due just now."""
        self.due(DeliveryRow.__tablename__)

    def due(self, name: str) -> None:
        """Rows of the table of this name became due just now, here or in another process."""
        for table, bells in self._bells.items():
            if table.__tablename__ == name:
                for bell in bells:
                    bell.set()

    def is_alive(self) -> bool:
        """Whether all its threads run."""
        return all(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        """Finish what is in hand, then end; what is claimed and not begun is taken over when its lease runs out."""
        self._stopping.set()
        self.message_due()
        self.delivery_due()
        self.due(TimerRow.__tablename__)
        end = time.monotonic() + _STOP_SECONDS
        for thread in self._threads:
            thread.join(timeout=max(0.0, end - time.monotonic()))
        self._sender.close()

    def _run(self, job: Callable[[], bool], bell: threading.Event) -> None:
        pause = _PAUSE_AFTER_ERROR
        while not self._stopping.is_set():
            bell.clear()
            try:
                busy = job()
            except Exception as error:
                _tell(error, pause)
                self._stopping.wait(pause)
                pause = min(pause * 2, max(_LONGEST_PAUSE, _PAUSE_AFTER_ERROR))
                continue
            pause = _PAUSE_AFTER_ERROR
            if busy:
                # While work keeps coming, let a batch gather: what a batch costs is shared by all in it.
                self._stopping.wait(GATHER_SECONDS)
            else:
                bell.wait(POLL_SECONDS)

    def _claim(
        self, table: type[DueBase], most: int, *, which: Which | None = None, least: timedelta = timedelta(0)
    ) -> list[Claim]:
        """Rows of one queue with a lease of at least `least`; in order within a lane, but for what waits for the
        model, where an answer may take long."""
        with self._services.database.read() as db:
            moment = due.next_due(db, table, which)
            if moment is None or moment > self._services.clock.now():
                return []
            lease = max(timedelta(seconds=settings.value(db, tunables.LEASE_SECONDS)), least)
        worker, in_order = f"{self._name}:{threading.get_ident()}", which is not inbox.MODEL_QUEUE
        with self._services.database.write() as db:
            claims = due.claim(db, table, worker=worker, lease=lease, most=most, which=which, in_order=in_order)
        metrics.claimed(table.__tablename__, claims)
        return claims

    def _messages(self) -> bool:
        claims = self._claim(MessageRow, _MESSAGES, which=inbox.OWN_QUEUE)
        return self._handle(claims, with_model=False)

    def _model_messages(self) -> bool:
        """One at a time: others do the rest meanwhile. The lease outlasts two calls, the most that one takes."""
        lease = timedelta(seconds=2 * self._services.env.llm_timeout + _MARGIN)
        claims = self._claim(MessageRow, 1, which=inbox.MODEL_QUEUE, least=lease)
        return self._handle(claims, with_model=True)

    def _handle(self, claims: list[Claim], *, with_model: bool) -> bool:
        if claims:
            self._refresh()
            finished = inbox.handle(self._services, claims, with_model=with_model)
            self._done(finished)
            notify.announce(self._services.database, finished)
            # What was handed on or taken back waits for other threads.
            self.message_due()
        return bool(claims)

    def _refresh(self) -> None:
        """Newer knowledge, if it can be had: with the index away, messages that need none of it still get done."""
        try:
            self._services.knowledge.keep_up()
        except Unusable as error:
            _log.warning("knowledge_not_refreshed", code=error.code)

    def _deliveries(self) -> bool:
        claims = self._claim(DeliveryRow, _DELIVERIES)
        if claims:
            deliveries.push(self._services, claims, self._sender.send)
        return bool(claims)

    def _clocks(self) -> bool:
        claims = self._claim(TimerRow, _CLOCKS, which=clock_alarms.QUEUE)
        if claims:
            clock_alarms.handle(self._services, claims)
        # A second more or less is nothing to a clock of minutes, and what goes off within it shares a transaction.
        return len(claims) == _CLOCKS

    def _sweep(self) -> None:
        sweeps = (
            deliveries.sweep,
            campaigns.sweep,
            access.sweep,
            intake.sweep,
            inbox.sweep,
            stuck.sweep,
            clocks.sweep,
            _mend,
            gathering.sweep,
            copy_scan.sweep,
            heat.sweep,
            incidents.sweep,
            erasure.sweep,
            retention.sweep,
            case_ends.sweep,
            notices.sweep,
        )
        while not self._stopping.wait(SWEEP_SECONDS):
            for sweep in sweeps:
                try:
                    sweep(self._services)
                except Exception as error:
                    _tell(error, SWEEP_SECONDS)


def _mend(services: Services) -> None:
    services.knowledge.mend()


def _tell(error: Exception, pause: float) -> None:
    """A trace for what we did not expect, a line for something that is away."""
    if isinstance(error, Unavailable):
        _log.warning("worker_waits", code=error.code, again_in_seconds=pause)
    else:
        _log.error("worker_failed", again_in_seconds=pause, exc_info=error)
