"""On PostgreSQL processes wake each other: a worker hears what another process made due, and who waits for a message's
result hears that another process has it."""

from collections.abc import Iterator
from contextlib import contextmanager

from agent.services import Services
from server.notices import Notices
from server.worker import Worker
from store.deliveries import DeliveryRow
from store.messages import MessageRow
from store.notify import Listener
from store.timers import TimerRow

_TABLES = (MessageRow.__tablename__, DeliveryRow.__tablename__, TimerRow.__tablename__)


@contextmanager
def listening(
    services: Services, *, worker: Worker | None = None, notices: Notices | None = None
) -> Iterator[Listener]:
    """Listen until the block ends: ring the worker, tell who waits. On SQLite there is nobody to listen to."""
    listener = Listener(
        services.database,
        due=worker.due if worker else None,
        tables=_TABLES if worker else (),
        done=notices.announce if notices else None,
    )
    listener.start()
    try:
        yield listener
    finally:
        listener.stop()
