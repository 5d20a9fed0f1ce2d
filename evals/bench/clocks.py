"""`python -m evals.bench.clocks`: what open reply clocks cost a service that has nothing else to do, in shares of one
core: none, then 10,000 that run, then as many of them going off each second as if nobody ever answered."""

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click

from agent.flows import clocks
from agent.services import Services
from core.clock import SystemClock
from core.crypto import Keyring
from core.settings import Environment
from core.vocabulary import ClockKind
from evals.bench.figures import ratio
from evals.databases import own_database
from evals.service import Service, asked, lay_down_demo
from store import clocks as stored
from store.session import Database

BAR: Final = 0.05
CLOCKS: Final = 10_000
_COMMUNITY: Final = "hemiao-mama"
_LIMIT: Final = timedelta(minutes=600)
_BATCH: Final = 500
_WAIT: Final = timedelta(minutes=30)
"""The longest of the two clocks: 10,000 open ones that nobody answers are 10,000 breaches in that time."""


def measure(folder: Path, number: int, seconds: float, database_url: str | None = None) -> dict[str, Any]:
    """Shares of one core, and whether each clock that fell due went off once."""
    service = Service(folder, database_url=database_url)
    service.start()
    try:
        lay_down_demo(service)
        _settings(service)
        _settle(service)
        found: dict[str, Any] = {"clocks": number, "seconds": seconds, "none": _share(service, seconds)}
        with _opened(folder, service, database_url) as database:
            _start(database, number, lambda now, _: now)
            found["open"] = _share(service, seconds)
            rate = number / _WAIT.total_seconds()
            falling = round(rate * seconds)
            _start(database, falling, lambda now, n: now - _LIMIT + timedelta(seconds=2 + n / rate), begin=number)
            found["going_off"] = _share(service, seconds + 2)
            found["due"], found["went_off"] = falling, _went_off(database, falling)
    finally:
        service.stop()
    found["open / none"] = ratio(found["open"], found["none"])
    found["cost_of_open"] = round(found["open"] - found["none"], 4)
    found["passed"] = found["cost_of_open"] <= BAR and found["went_off"] == falling
    return found


def _settings(service: Service) -> None:
    """Open round the clock, so that the hour at which this runs makes no difference."""
    with service.client() as owner:
        wanted = {
            "clocks.hours": {"daily": ["00:00-24:00"]},
            "clocks.complaint_minutes": int(_LIMIT.total_seconds() // 60),
        }
        for key, value in wanted.items():
            asked(owner, "PUT", f"/v1/settings/{key}", {"value": value})


@contextmanager
def _opened(folder: Path, service: Service, database_url: str | None) -> Iterator[Database]:
    env = Environment(data_dir=folder, database_url=database_url, port=service.port)
    database = Database(env.sqlalchemy_url, SystemClock(), Keyring(env.secret))
    try:
        yield database
    finally:
        database.close()


def _start(database: Database, number: int, since: Any, *, begin: int = 0) -> None:
    """Start clocks that have waited since `since(now, n)`."""
    # The flow asks its services for nothing; a whole deployment beside the one that is measured would cost as much.
    nobody: Services = None  # type: ignore[assignment]
    for first in range(0, number, _BATCH):
        with database.write() as db:
            for n in range(first, min(first + _BATCH, number)):
                moment: datetime = since(db.now, n)
                made = clocks.start(
                    db,
                    nobody,
                    kind=ClockKind.COMPLAINT,
                    object_id=f"case_{begin + n}",
                    community_id=_COMMUNITY,
                    since=moment,
                )
                assert made is not None


def _settle(service: Service) -> None:
    """Until the service has nothing to do any more (its index was still being filled, say), two minutes at most."""
    quiet = 0
    for _ in range(60):
        quiet = quiet + 1 if _share(service, 2) < BAR else 0
        if quiet == 2:
            return


def _share(service: Service, seconds: float) -> float:
    """CPU time of the service while this much time passes, as a share of one core."""
    before, begun = service.cpu_seconds(), time.perf_counter()
    time.sleep(seconds)
    return round((service.cpu_seconds() - before) / (time.perf_counter() - begun), 4)


def _went_off(database: Database, expected: int) -> int:
    """How many are overdue and were told so; waits for the last ones."""
    for _ in range(20):
        with database.read() as db:
            late = stored.breached(db)
        if late >= expected:
            break
        time.sleep(0.5)
    return late


@click.command()
@click.option("--clocks", "number", default=CLOCKS, show_default=True)
@click.option("--seconds", default=30.0, show_default=True, help="how long each of the three is watched")
@click.option("--database-url", help="a PostgreSQL to make a throw-away database on; default: SQLite")
def main(number: int, seconds: float, database_url: str | None) -> None:
    """Print the figures as JSON."""
    with (
        tempfile.TemporaryDirectory() as folder,
        own_database(database_url) if database_url else nullcontext() as url,
    ):
        click.echo(json.dumps(measure(Path(folder), number, seconds, url), indent=2))


if __name__ == "__main__":
    main()
