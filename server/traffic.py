"""Lets requests go first: Python runs one thread at a time, so while bots send many messages the worker's thinking
would make them wait. Drafts may come a little later; an acknowledgement may not."""

import threading
import time
from typing import Final

WINDOW_SECONDS: Final = 0.5
BUSY: Final = 30.0
"""Requests a second above which the worker holds back."""
REST: Final = 3.0
"""Seconds of rest for each second of work, while it is busy: the worker keeps two fifths of the time."""
LONGEST_REST: Final = 0.1


class Traffic:
    """Counts requests as they begin; `pace` is called by the worker between two pieces of work."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._level = 0.0
        self._at = time.monotonic()
        self._own = threading.local()

    def note(self) -> None:
        """A request has begun."""
        with self._lock:
            self._level = self._decayed() + 1

    def rate(self) -> float:
        """Requests a second, about, over the last moments."""
        with self._lock:
            self._level = self._decayed()
            return self._level / WINDOW_SECONDS

    def _decayed(self) -> float:
        now = time.monotonic()
        left = max(0.0, 1 - (now - self._at) / WINDOW_SECONDS) * self._level
        self._at = now
        return left

    def pace(self) -> None:
        """Rest in proportion to the work since the last call, where many requests come in; else go on at once."""
        began = getattr(self._own, "began", None)
        if began is not None and self.rate() > BUSY:
            time.sleep(min(REST * (time.monotonic() - began), LONGEST_REST))
        self._own.began = time.monotonic()
