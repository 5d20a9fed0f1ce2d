"""What the world outside was told and what it saw: the record that the database is held against afterwards.

All moments are `time.monotonic()` of this process, but where it is said otherwise.
"""

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Final, NamedTuple

NOT_READY: Final = "not_ready"


class Arrival(NamedTuple):
    """One request at an endpoint. `answered` is when its answer was about to be written."""

    community: str
    webhook_id: str
    reply_to: str | None
    begun: float
    answered: float
    status: int


class Decided(NamedTuple):
    """A decision that was answered with 200."""

    status: str
    delivery_id: str | None


@dataclass(slots=True)
class Book:
    """Threads write into it under `lock`."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    taken: dict[str, str] = field(default_factory=dict)
    """External message id → our id, of every message that was answered with 200 or 202."""
    decided: dict[str, Decided] = field(default_factory=dict)
    lost_answers: set[str] = field(default_factory=set)
    """Drafts whose decision was carried out although its answer never came."""
    arrivals: list[Arrival] = field(default_factory=list)
    posted: dict[str, str | None] = field(default_factory=dict)
    """Pulled delivery id → the external id of the message it answers, None where it quotes none."""
    kills: list[float] = field(default_factory=list)
    sender_kills: list[float] = field(default_factory=list)
    """Kills of processes that push deliveries, by the clock on the wall (`time.time()`)."""
    restarts: list[float] = field(default_factory=list)
    restarts_cpu: list[float] = field(default_factory=list)
    """Processor seconds until ready: what a restart costs on a machine that does other things too."""
    counts: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def count(self, what: str) -> None:
        with self.lock:
            self.counts[what] += 1

    def violated(self, name: str, detail: str) -> None:
        """A promise was seen broken; `detail` holds ids, no texts."""
        with self.lock:
            self.violations.append(f"{name}: {detail}")

    def gave_up(self) -> bool:
        """Whether a process did not come back, after which more kills tell nothing."""
        return any(line.startswith(NOT_READY) for line in self.violations)

    def took(self, external_id: str, our_id: str) -> None:
        """A message was acknowledged; a repeat must be answered with the same id."""
        with self.lock:
            before = self.taken.setdefault(external_id, our_id)
        if before != our_id:
            self.violated("replay_made_another_message", external_id)

    def carried_out(self, draft_id: str, decided: Decided) -> None:
        with self.lock:
            twice = draft_id in self.decided
            self.decided[draft_id] = decided
        if twice:
            self.violated("decided_twice", draft_id)
