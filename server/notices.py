"""Who waits for a message's result in this process is told as soon as a worker thread of this process has it.

Waiters of other processes poll: a notice only shortens their wait.
"""

import asyncio
import threading
from collections import defaultdict
from collections.abc import Iterable


class Notices:
    """Threads announce ids, coroutines wait for them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, set[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = defaultdict(set)

    def announce(self, ids: Iterable[str]) -> None:
        """Wake whoever waits for one of these."""
        with self._lock:
            woken = [waiter for id_ in ids for waiter in self._waiting.get(id_, ())]
        for loop, happened in woken:
            loop.call_soon_threadsafe(happened.set)

    async def wait(self, id_: str, seconds: float) -> bool:
        """Until the id is announced, at most `seconds`; whether it was."""
        waiter = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._waiting[id_].add(waiter)
        try:
            await asyncio.wait_for(waiter[1].wait(), seconds)
            return True
        except TimeoutError:
            return False
        finally:
            with self._lock:
                self._waiting[id_].discard(waiter)
                if not self._waiting[id_]:
                    del self._waiting[id_]
