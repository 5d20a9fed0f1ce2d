"""Whatever takes longer than a second says so on stderr: on one line of a terminal, else in few lines."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

_QUIET_SECONDS = 1.0
_LINE_SECONDS = 10.0


@contextmanager
def waiting(text: str | Callable[[], str]) -> Iterator[None]:
    """Tells that something goes on, from the first second on; a function is asked anew for every line, by a thread."""
    ended = threading.Event()
    thread = threading.Thread(target=_tell, args=(text, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _tell(text: str | Callable[[], str], ended: threading.Event) -> None:
    begun = time.monotonic()
    told = False
    pause = _QUIET_SECONDS
    while not ended.wait(pause):
        said = text if isinstance(text, str) else text()
        _show(f"{said} … {time.monotonic() - begun:.0f} s")
        told = True
        pause = 1.0 if sys.stderr.isatty() else _LINE_SECONDS
    if told:
        _finish()


class Bar:
    """`bar(done, to_do)` as often as one likes; a line at most every tenth."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._told = -1

    def __call__(self, done: int, to_do: int) -> None:
        tenth = done * 10 // to_do if to_do else 10
        if tenth > self._told or sys.stderr.isatty():
            self._told = tenth
            _show(f"{self._text} {done}/{to_do}")
        if done >= to_do:
            _finish()


def _show(text: str) -> None:
    # On a terminal the line is written over; a log gets a line each.
    click.echo(f"\r\x1b[K{text}" if sys.stderr.isatty() else text, nl=not sys.stderr.isatty(), err=True)


def _finish() -> None:
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", nl=False, err=True)
