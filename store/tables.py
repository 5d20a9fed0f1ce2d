"""All tables in one place, for migrations and checks: importing this fills `Base.metadata`."""

from store import (
    audit,
    campaigns,
    candidates,
    changes,
    column_maps,
    communities,
    deliveries,
    drafts,
    events,
    idempotency,
    keys,
    knowledge,
    members,
    messages,
    model_calls,
    risk_alarms,
    risks,
    settings,
    timers,
    users,
)
from store.base import Base

MODULES = (
    audit,
    campaigns,
    candidates,
    changes,
    column_maps,
    communities,
    deliveries,
    drafts,
    events,
    idempotency,
    keys,
    knowledge,
    members,
    messages,
    model_calls,
    risk_alarms,
    risks,
    settings,
    timers,
    users,
)
METADATA = Base.metadata
