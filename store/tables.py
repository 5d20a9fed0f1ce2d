"""All tables in one place, for migrations and checks: importing this fills `Base.metadata`."""

from store import (
    audit,
    changes,
    communities,
    deliveries,
    drafts,
    events,
    idempotency,
    keys,
    knowledge,
    members,
    messages,
    settings,
    timers,
    users,
)
from store.base import Base

MODULES = (
    audit,
    changes,
    communities,
    deliveries,
    drafts,
    events,
    idempotency,
    keys,
    knowledge,
    members,
    messages,
    settings,
    timers,
    users,
)
METADATA = Base.metadata
