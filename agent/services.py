"""What a flow works with. Made once a process, by the server's start or by a test."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from agent.steps.asking import Asking
from agent.steps.behaviour import Limits
from agent.steps.community_rules import CommunityRules
from agent.steps.risk_classifier import Classifier
from core.caller import Caller
from core.clock import Clock
from core.crypto import Keyring
from core.settings import Environment
from knowledge.base import KnowledgeBase
from knowledge.embeddings import Vector
from store.session import Database


def _nobody() -> None:
    """Where no worker runs in this process, waking it does nothing."""


class BurstWindow(NamedTuple):
    """A burst (连发) ends `pause` after its last message, and at the latest `most` after its first."""

    pause: timedelta
    most: timedelta


class Screening(NamedTuple):
    """What screening goes by in a community: its own rules, the limits of behaviour, how far back offences count, and
    since when the community is known."""

    rules: CommunityRules
    limits: Limits
    ladder_days: int
    founded: datetime | None


@dataclass(slots=True)
class Gathered:
    """What this process remembers between two gatherings of unanswered questions: at which count of changed drafts it
    last looked, the vectors of wordings, and what it found to be no question that counts."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    number: int = -1
    wordings: dict[str, str] = field(default_factory=dict)
    vectors: dict[str, Vector] = field(default_factory=dict)
    dismissed: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Services:
    """`model` is None in the embedded engine; `own_classifier` is there where one was fitted on what people decided.
    `message_due` and `delivery_due` ring this process's worker; other processes poll. `pace` is called between two
    messages of a batch and may rest there. `communities_seen` spares every message the question whether its community
    exists (they are archived, never deleted); `callers` are the keys seen within the last second. `cases_looked_at` are
    cases that this process compared with those near them to the end: what comes later has a look of its own."""

    env: Environment
    clock: Clock
    keyring: Keyring
    database: Database
    knowledge: KnowledgeBase
    model: Asking | None = None
    own_classifier: Classifier | None = None
    message_due: Callable[[], None] = field(default=_nobody)
    delivery_due: Callable[[], None] = field(default=_nobody)
    pace: Callable[[], None] = field(default=_nobody)
    communities_seen: set[str] = field(default_factory=set)
    burst_windows: dict[str, tuple[BurstWindow, datetime]] = field(default_factory=dict)
    screenings: dict[str, tuple[Screening, datetime]] = field(default_factory=dict)
    callers: dict[str, tuple[Caller, datetime]] = field(default_factory=dict)
    gathered: Gathered = field(default_factory=Gathered)
    cases_looked_at: set[str] = field(default_factory=set)
