"""Runs what is due: messages to think about, deliveries to push, and the sweeping up. Threads of the service process,
or a process of their own; any number of either, since the rows say what is due and who has it."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Final

from agent.flows import access, deliveries, inbox, intake
from agent.services import Services
from core import log, tunables
from server import metrics
from server.channels.webhook import WebhookSender
from store import due, settings
from store.deliveries import DeliveryRow
from store.due import Claim, DueBase
from store.messages import MessageRow

_log = log.get(__name__)
POLL_SECONDS: Final = 1.0
GATHER_SECONDS: Final = 0.05
SWEEP_SECONDS: Final = 30.0
_MESSAGES: Final = 16
_DELIVERIES: Final = 1
_PAUSE_AFTER_ERROR: Final = 2.0
_STOP_SECONDS: Final = 6.0


class Worker:
    """`start` and `stop`; `message_due` and `delivery_due` ring it from any thread. `done` is told the ids of finished
    messages."""

    def __init__(self, services: Services, *, threads: int, done: Callable[[Iterable[str]], None]) -> None:
        self._services = services
        self._done = done
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._stopping = threading.Event()
        self._bells: dict[type[DueBase], list[threading.Event]] = {MessageRow: [], DeliveryRow: []}
        self._sender = WebhookSender()
        # Two for deliveries, so that an endpoint that hangs does not hold up the others.
        inboxes = [self._thread(MessageRow, self._messages, f"worker-messages-{n}") for n in range(threads)]
        outboxes = [self._thread(DeliveryRow, self._deliveries, f"worker-deliveries-{n}") for n in range(2)]
        self._threads = [*inboxes, *outboxes]
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
        for bell in self._bells[MessageRow]:
            bell.set()

    def delivery_due(self) -> None:
        """A delivery became due just now."""
        for bell in self._bells[DeliveryRow]:
            bell.set()

    def stop(self) -> None:
        """Finish what is in hand, then end; what is claimed and not begun is taken over when its lease runs out."""
        self._stopping.set()
        self.message_due()
        self.delivery_due()
        end = time.monotonic() + _STOP_SECONDS
        for thread in self._threads:
            thread.join(timeout=max(0.0, end - time.monotonic()))
        self._sender.close()

    def _run(self, job: Callable[[], bool], bell: threading.Event) -> None:
        while not self._stopping.is_set():
            bell.clear()
            try:
                busy = job()
            except Exception:
                _log.exception("worker_failed")
                self._stopping.wait(_PAUSE_AFTER_ERROR)
                continue
            if busy:
                # While work keeps coming, let a batch gather: what a batch costs is shared by all in it.
                self._stopping.wait(GATHER_SECONDS)
            else:
                bell.wait(POLL_SECONDS)

    def _claim(self, table: type[DueBase], most: int) -> list[Claim]:
        with self._services.database.read() as db:
            moment = due.next_due(db, table)
            if moment is None or moment > self._services.clock.now():
                return []
            lease = timedelta(seconds=settings.value(db, tunables.LEASE_SECONDS))
        with self._services.database.write() as db:
            claims = due.claim(db, table, worker=f"{self._name}:{threading.get_ident()}", lease=lease, most=most)
        metrics.claimed(table.__tablename__, claims)
        return claims

    def _messages(self) -> bool:
        claims = self._claim(MessageRow, _MESSAGES)
        if claims:
            self._services.knowledge.refresh()
            self._done(inbox.handle(self._services, claims))
        return bool(claims)

    def _deliveries(self) -> bool:
        claims = self._claim(DeliveryRow, _DELIVERIES)
        if claims:
            deliveries.push(self._services, claims, self._sender.send)
        return bool(claims)

    def _sweep(self) -> None:
        while not self._stopping.wait(SWEEP_SECONDS):
            try:
                deliveries.sweep(self._services)
                access.sweep(self._services)
                intake.sweep(self._services)
            except Exception:
                _log.exception("sweep_failed")
