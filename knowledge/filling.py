"""How far the filling of an index is: for those who wait, and for the log."""

import time
from typing import Final, Literal, NamedTuple

from core import log

_log = log.get(__name__)
LINE_SECONDS: Final = 10.0


class Filling(NamedTuple):
    """Passages that are in, and that are to be in; `rebuilding` where they are made anew beside those that answer."""

    done: int
    total: int
    state: Literal["filling", "rebuilding"]


class Pace:
    """A line in the log every ten seconds while something lasts; nothing for what is done before."""

    def __init__(self, event: str) -> None:
        self._event = event
        self._begun: tuple[float, int] | None = None
        self._told = time.monotonic()

    def tell(self, done: int, total: int) -> None:
        """`done` of `total` passages are in by now."""
        now = time.monotonic()
        begun, first = self._begun = self._begun or (now, done)
        if now - self._told >= LINE_SECONDS and now > begun:
            self._told = now
            rate = round((done - first) / (now - begun), 1)
            _log.info(self._event, done=done, total=total, passages_per_second=rate)
