"""Prometheus figures of this process, and of the backlog that all processes share."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from agent.services import Services
from core.vocabulary import OPEN_DRAFT_STATUSES
from store import drafts, due
from store.deliveries import DeliveryRow
from store.due import Claim
from store.messages import MessageRow

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
        for table in (MessageRow, DeliveryRow):
            figures = due.backlog(db, table, now)
            for state in ("due", "leased", "dead"):
                _BACKLOG.labels(table.__tablename__, state).set(getattr(figures, state))
            _LAG.labels(table.__tablename__).set(figures.oldest_seconds)
        _DRAFTS.set(drafts.count(db, statuses=OPEN_DRAFT_STATUSES, communities=None))
    _ENTRIES.set(services.knowledge.size)
    return generate_latest(REGISTRY)
