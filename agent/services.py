"""What a flow works with. Made once a process, by the server's start or by a test."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from agent.steps.asking import Asking
from core.caller import Caller
from core.clock import Clock
from core.crypto import Keyring
from core.settings import Environment
from knowledge.base import KnowledgeBase
from store.session import Database


def _nobody() -> None:
    """Where no worker runs in this process, waking it does nothing."""


class BurstWindow(NamedTuple):
    """A burst (连发) ends `pause` after its last message, and at the latest `most` after its first."""

    pause: timedelta
    most: timedelta


@dataclass(slots=True)
class Services:
    """`model` is None in the embedded engine. `message_due` and `delivery_due` ring this process's worker; other
    processes poll. `pace` is called between two messages of a batch and may rest there. `communities_seen` spares
    every message the question whether its community exists (they are archived, never deleted); `callers` are the keys
    seen within the last second."""

    env: Environment
    clock: Clock
    keyring: Keyring
    database: Database
    knowledge: KnowledgeBase
    model: Asking | None = None
    message_due: Callable[[], None] = field(default=_nobody)
    delivery_due: Callable[[], None] = field(default=_nobody)
    pace: Callable[[], None] = field(default=_nobody)
    communities_seen: set[str] = field(default_factory=set)
    burst_windows: dict[str, tuple[BurstWindow, datetime]] = field(default_factory=dict)
    callers: dict[str, tuple[Caller, datetime]] = field(default_factory=dict)
