"""Scopes, and the roles a deployment starts with. Roles are rows afterwards; these are only their first values."""

from collections.abc import Iterable
from enum import StrEnum


class Scope(StrEnum):
    MESSAGES_WRITE = "messages:write"
    MESSAGES_READ = "messages:read"
    EVENTS_WRITE = "events:write"
    DELIVERIES_PULL = "deliveries:pull"
    KNOWLEDGE_READ = "knowledge:read"
    KNOWLEDGE_EDIT = "knowledge:edit"
    DRAFTS_READ = "drafts:read"
    DRAFTS_DECIDE = "drafts:decide"
    DRAFTS_DECIDE_ESCALATED = "drafts:decide_escalated"
    RISKS_READ = "risks:read"
    RISKS_DECIDE = "risks:decide"
    COMPLAINTS_READ = "complaints:read"
    COMPLAINTS_OWN = "complaints:own"
    CRISIS_RELEASE = "crisis:release"
    COMPENSATION_APPROVE = "compensation:approve"
    REPORTS_READ = "reports:read"
    QUESTIONS_ASK = "questions:ask"
    AUDIT_READ = "audit:read"
    COPY_CHECK = "copy:check"
    COPY_OVERRIDE = "copy:override"
    CAMPAIGNS_READ = "campaigns:read"
    CAMPAIGNS_PROPOSE = "campaigns:propose"
    CAMPAIGNS_APPROVE = "campaigns:approve"
    MEMBERS_READ = "members:read"
    MEMBERS_REVEAL = "members:reveal"
    MEMBERS_EDIT = "members:edit"
    MEMBERS_ERASE = "members:erase"
    POINTS_ADJUST = "points:adjust"
    SETTINGS_READ = "settings:read"
    SETTINGS_EDIT = "settings:edit"
    USERS_READ = "users:read"
    USERS_MANAGE = "users:manage"
    KEYS_READ = "keys:read"
    KEYS_MANAGE = "keys:manage"


# Who decides on pasted messages of the channel `manual` also writes them and acknowledges their deliveries, but that
# holds on that one channel only and is therefore checked where the channel is known, not implied here.
_ALSO = {Scope.DRAFTS_READ: (Scope.KNOWLEDGE_READ,)}


def with_implied(scopes: Iterable[Scope]) -> frozenset[Scope]:
    """The scopes with all they include: any verb on a noun includes its `:read`; `drafts:read` the knowledge's."""
    known = {scope.value: scope for scope in Scope}
    full: set[Scope] = set(scopes)
    for scope in list(full):
        read = known.get(f"{scope.value.partition(':')[0]}:read")
        if read is not None:
            full.add(read)
    for scope, more in _ALSO.items():
        if scope in full:
            full.update(more)
    return frozenset(full)


_SUPERVISOR = (
    Scope.DRAFTS_READ,
    Scope.DRAFTS_DECIDE,
    Scope.DRAFTS_DECIDE_ESCALATED,
    Scope.RISKS_DECIDE,
    Scope.COMPLAINTS_OWN,
    Scope.CRISIS_RELEASE,
    Scope.COMPENSATION_APPROVE,
    Scope.REPORTS_READ,
    Scope.QUESTIONS_ASK,
    Scope.AUDIT_READ,
)

BUILTIN_ROLES: dict[str, tuple[Scope, ...]] = {
    "owner": tuple(Scope),
    "admin": tuple(scope for scope in Scope if scope not in (Scope.KEYS_MANAGE, Scope.MEMBERS_ERASE)),
    "supervisor": _SUPERVISOR,
    "content": (
        Scope.KNOWLEDGE_EDIT,
        Scope.COPY_CHECK,
        Scope.CAMPAIGNS_PROPOSE,
        Scope.DRAFTS_READ,
        Scope.QUESTIONS_ASK,
    ),
    "service": (
        Scope.COMPLAINTS_OWN,
        Scope.DRAFTS_READ,
        Scope.DRAFTS_DECIDE,
        Scope.MEMBERS_READ,
        Scope.MEMBERS_REVEAL,
    ),
    "answerer": (Scope.DRAFTS_READ, Scope.DRAFTS_DECIDE, Scope.KNOWLEDGE_READ),
    "auditor": tuple(scope for scope in Scope if scope.value.endswith(":read")),
    "bot": (Scope.MESSAGES_WRITE, Scope.EVENTS_WRITE, Scope.DELIVERIES_PULL, Scope.KNOWLEDGE_READ),
}
