"""Is the language model worth a call now, and what became of one: the breaker and the day's tokens, shared by all
processes through the database. Reads are cheap; a call costs one write, its booking."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple

from agent.flows.community import REPORTING_ZONE
from agent.steps.asking import Failure
from core.ids import new_id
from store import model_calls
from store.model_calls import BreakerRow, ModelCallRow
from store.session import Database, WriteSession

MOST_FAILURES: Final = 5
"""Failures in a row, within `WITHIN`, that open the breaker."""
WITHIN: Final = timedelta(seconds=30)
FIRST_WINDOW: Final = timedelta(seconds=30)
LONGEST_WINDOW: Final = timedelta(minutes=5)

Verdict = Literal["success", "failure", "neither"]
"""What a call says about the endpoint; a refusal of this one prompt says neither."""


class Standing(NamedTuple):
    """`clean`: no failure is noted, so that a success needs no write."""

    tokens_today: int
    clean: bool
    open_until: datetime | None
    probe_until: datetime | None

    def closed_for(self, now: datetime) -> bool:
        """Whether nobody should call at `now`: the window runs, or another is trying."""
        if self.open_until is None:
            return False
        return self.open_until > now or (self.probe_until is not None and self.probe_until > now)


@dataclass(frozen=True, slots=True)
class Booking:
    """One call as it is booked; `milliseconds` of waiting, retries included."""

    purpose: str
    object_id: str | None
    model: str
    outcome: str
    prompt_tokens: int
    completion_tokens: int
    milliseconds: int


def window(openings: int) -> timedelta:
    """How long a breaker stays open that opened for the `openings`-th time in a row."""
    doubled: int = 2 ** min(max(openings - 1, 0), 10)
    return min(FIRST_WINDOW * doubled, LONGEST_WINDOW)


def day_start(now: datetime) -> datetime:
    """When the reporting day began."""
    return now.astimezone(REPORTING_ZONE).replace(hour=0, minute=0, second=0, microsecond=0)


def standing(database: Database, name: str, now: datetime) -> Standing:
    """What is known of the endpoint `name` and of today's tokens."""
    with database.read() as db:
        row = model_calls.breaker(db, name)
        tokens = model_calls.tokens_since(db, day_start(now))
    if row is None:
        return Standing(tokens, True, None, None)
    return Standing(tokens, not row.failures and row.open_until is None, row.open_until, row.probe_until)


def take_probe(database: Database, name: str, lasting: timedelta) -> bool:
    """Whether this caller is the one who may try again. Where it dies over it, another may after the window."""
    with database.write() as db:
        row = model_calls.breaker(db, name)
        lease = max(lasting, window(row.openings)) if row else lasting
        return model_calls.take_probe(db, name, db.now + lease)


def settle(
    database: Database, name: str, booking: Booking, verdict: Verdict, *, clean: bool, within: timedelta
) -> None:
    """Book a call, and what it says about the endpoint, in one transaction. Raises `Unavailable`."""
    with database.write() as db:
        db.add(
            ModelCallRow(
                id=new_id("mcl"),
                at=db.now,
                purpose=booking.purpose,
                object_id=booking.object_id,
                model=booking.model[:120],
                outcome=booking.outcome,
                prompt_tokens=booking.prompt_tokens,
                completion_tokens=booking.completion_tokens,
                milliseconds=booking.milliseconds,
            )
        )
        if verdict == "failure":
            _fail(db, model_calls.locked_breaker(db, name), within)
        elif not clean:
            _close(model_calls.locked_breaker(db, name), verdict)


def _fail(db: WriteSession, row: BreakerRow, within: timedelta) -> None:
    """Note a failure. While the window runs it is one of a call that began before, which says nothing new."""
    if row.open_until is not None:
        if row.open_until <= db.now:
            _open(db, row)
        return
    recent = [moment for moment in row.failures if datetime.fromisoformat(moment) > db.now - within]
    row.failures = [*recent, db.now.isoformat()][-MOST_FAILURES:]
    if len(row.failures) >= MOST_FAILURES:
        _open(db, row)


def _open(db: WriteSession, row: BreakerRow) -> None:
    row.openings += 1
    row.open_until, row.probe_until = db.now + window(row.openings), None


def _close(row: BreakerRow, verdict: Verdict) -> None:
    """An endpoint that answers is there, even where it refuses this one prompt; only a success forgets failures."""
    if verdict == "success" or row.open_until is not None:
        row.failures = []
        row.open_until, row.probe_until, row.openings = None, None, 0


def verdict_of(reason: Failure | None, *, status: int | None = None) -> Verdict:
    """What an outcome says about the endpoint: a prompt that is refused as such (400, 413, 422) is no failure of it."""
    if reason is None:
        return "success"
    return "neither" if reason == Failure.HTTP_4XX and status in (400, 413, 422) else "failure"
