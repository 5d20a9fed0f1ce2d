"""Prometheus figures of this process, and of the backlog that all processes share."""

from collections.abc import Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from agent.flows import model_guard
from agent.services import Services
from core.vocabulary import OPEN_DRAFT_STATUSES
from store import clocks, drafts, due, model_calls
from store.deliveries import DeliveryRow
from store.due import Claim
from store.messages import MessageRow
from store.session import ReadSession
from store.timers import TimerRow

REGISTRY = CollectorRegistry()
REQUESTS = Counter("qunzhu_requests", "HTTP requests", ["route", "method", "status"], registry=REGISTRY)
SECONDS = Histogram(
    "qunzhu_request_seconds",
    "Seconds to answer",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30),
    registry=REGISTRY,
)
CLAIMS = Counter("qunzhu_claims", "Due rows claimed", ["table"], registry=REGISTRY)
TAKEN_OVER = Counter("qunzhu_claims_taken_over", "Claims of rows whose lease ran out", ["table"], registry=REGISTRY)
_BACKLOG = Gauge("qunzhu_backlog", "Due rows", ["table", "state"], registry=REGISTRY)
_LAG = Gauge("qunzhu_backlog_oldest_seconds", "Seconds the oldest due row has waited", ["table"], registry=REGISTRY)
_DRAFTS = Gauge("qunzhu_drafts_open", "Drafts that wait for a person", registry=REGISTRY)
_CLOCKS = Gauge("qunzhu_clocks_open", "Reply clocks that run", ["kind", "state"], registry=REGISTRY)
_MODEL_CALLS = Gauge(
    "qunzhu_model_calls_today", "Model calls since the reporting day began", ["purpose", "outcome"], registry=REGISTRY
)
_MODEL_TOKENS = Gauge(
    "qunzhu_model_tokens_today", "Tokens since the reporting day began", ["purpose", "kind"], registry=REGISTRY
)
_BREAKER = Gauge("qunzhu_model_breaker_open", "1 while nobody calls this endpoint", ["endpoint"], registry=REGISTRY)
_ENTRIES = Gauge("qunzhu_knowledge_entries", "Searchable entries", registry=REGISTRY)


def claimed(table: str, claims: Sequence[Claim]) -> None:
    """Count claims and take-overs."""
    if claims:
        CLAIMS.labels(table).inc(len(claims))
        TAKEN_OVER.labels(table).inc(sum(claim.taken_over for claim in claims))


def render(services: Services) -> bytes:
    """The exposition text, with the shared figures read now."""
    now = services.clock.now()
    with services.database.read() as db:
        for table in (MessageRow, DeliveryRow, TimerRow):
            figures = due.backlog(db, table, now)
            for state in ("due", "leased", "dead"):
                _BACKLOG.labels(table.__tablename__, state).set(getattr(figures, state))
            _LAG.labels(table.__tablename__).set(figures.oldest_seconds)
        _DRAFTS.set(drafts.count(db, statuses=OPEN_DRAFT_STATUSES, communities=None))
        for (kind, state), number in clocks.tally(db, now).items():
            _CLOCKS.labels(kind, state).set(number)
        _read_model(db, now)
    _ENTRIES.set(services.knowledge.size)
    return generate_latest(REGISTRY)


def _read_model(db: ReadSession, now: datetime) -> None:
    """What all processes called, from the shared table: each sees the same figures."""
    for gauge in (_MODEL_CALLS, _MODEL_TOKENS, _BREAKER):
        gauge.clear()
    for usage in model_calls.usage_since(db, model_guard.day_start(now)):
        _MODEL_CALLS.labels(usage.purpose, usage.outcome).set(usage.calls)
        _MODEL_TOKENS.labels(usage.purpose, "prompt").inc(usage.prompt_tokens)
        _MODEL_TOKENS.labels(usage.purpose, "completion").inc(usage.completion_tokens)
    for row in model_calls.breakers(db):
        _BREAKER.labels(row.name).set(row.open_until is not None and row.open_until > now)
