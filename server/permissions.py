"""Which route needs which scope, and where it must hold: one line a route, from which the tests call every route as
every role, and `docs/roles.md` has its table. A route without a line here fails `tests/server/test_matrix.py`.

Flows check permissions themselves; this is what they are held to.
"""

from enum import StrEnum
from typing import Final, NamedTuple

from core.scopes import Scope


class Reach(StrEnum):
    """Where a scope must hold."""

    OBJECT = "object"
    """In the community that the object of the address belongs to."""
    NAMED = "named"
    """In the community that the request names."""
    ANYWHERE = "anywhere"
    """Anywhere; the answer is narrowed to where it holds."""
    EVERYWHERE = "everywhere"
    """In the whole deployment."""
    SIGNED_IN = "signed_in"
    """Whoever is signed in, or has a key."""
    PUBLIC = "public"


class Need(NamedTuple):
    """Any one of `scopes`."""

    reach: Reach
    scopes: tuple[Scope, ...] = ()


def _object(*scopes: Scope) -> Need:
    return Need(Reach.OBJECT, scopes)


def _named(*scopes: Scope) -> Need:
    return Need(Reach.NAMED, scopes)


def _anywhere(*scopes: Scope) -> Need:
    return Need(Reach.ANYWHERE, scopes)


def _everywhere(*scopes: Scope) -> Need:
    return Need(Reach.EVERYWHERE, scopes)


_SIGNED_IN: Final = Need(Reach.SIGNED_IN)
_PUBLIC: Final = Need(Reach.PUBLIC)
_S = Scope

_API: Final = {
    "GET /healthz": _PUBLIC,
    "GET /readyz": _PUBLIC,
    "GET /metrics": _PUBLIC,
    "GET /openapi.json": _PUBLIC,
    "GET /docs": _PUBLIC,
    "GET /docs/start.js": _PUBLIC,
    "GET /": _PUBLIC,
    # The token in the address is the permission.
    "GET /s/{token}": _PUBLIC,
    "POST /s/{token}": _PUBLIC,
    "POST /v1/messages": _named(_S.MESSAGES_WRITE),
    "GET /v1/messages/{message_id}": _object(_S.MESSAGES_READ, _S.DRAFTS_READ),
    # Each message is looked at by itself; those of other groups are named as errors.
    "POST /v1/messages:batch": _anywhere(_S.MESSAGES_WRITE, _S.DRAFTS_DECIDE),
    "GET /v1/messages:failed": _anywhere(_S.DRAFTS_DECIDE),
    "POST /v1/messages:requeue": _anywhere(_S.DRAFTS_DECIDE),
    "POST /v1/messages/{message_id}/risk": _object(_S.RISKS_DECIDE, _S.DRAFTS_DECIDE),
    "POST /v1/messages/{message_id}/reveal": _object(_S.MEMBERS_REVEAL),
    "POST /v1/events": _named(_S.EVENTS_WRITE),
    "GET /v1/members": _anywhere(_S.MEMBERS_READ),
    "POST /v1/members/find": _anywhere(_S.MEMBERS_READ),
    "POST /v1/members/import": _anywhere(_S.MEMBERS_EDIT),
    "GET /v1/members/{member_id}": _object(_S.MEMBERS_READ),
    "POST /v1/members/{member_id}/reveal": _object(_S.MEMBERS_REVEAL),
    "POST /v1/members/{member_id}/export": _object(_S.MEMBERS_REVEAL),
    "DELETE /v1/members/{member_id}": _object(_S.MEMBERS_ERASE),
    "PUT /v1/members/{member_id}/contacts/{kind}": _object(_S.MEMBERS_EDIT),
    "POST /v1/members/{member_id}/consents": _object(_S.MEMBERS_EDIT),
    "POST /v1/members/{member_id}/notices": _object(_S.MEMBERS_EDIT),
    "GET /v1/privacy/notice": _SIGNED_IN,
    "GET /v1/drafts": _anywhere(_S.DRAFTS_READ),
    "GET /v1/drafts/{draft_id}": _object(_S.DRAFTS_READ),
    "POST /v1/drafts/{draft_id}/decision": _object(_S.DRAFTS_DECIDE),
    "POST /v1/drafts/{draft_id}/undo": _object(_S.DRAFTS_DECIDE),
    "POST /v1/drafts/{draft_id}/pick": _object(_S.DRAFTS_DECIDE),
    "POST /v1/risks/test": _anywhere(_S.RISKS_READ),
    "GET /v1/risks/rules": _named(_S.RISKS_READ),
    "PUT /v1/risks/rules": _named(_S.SETTINGS_EDIT),
    "POST /v1/risks/rules:dry-run": _named(_S.RISKS_READ),
    "GET /v1/risks": _anywhere(_S.RISKS_READ),
    "GET /v1/risks/figures": _anywhere(_S.RISKS_READ),
    "GET /v1/risks/export": _anywhere(_S.RISKS_READ),
    "GET /v1/risks/alarms": _anywhere(_S.RISKS_READ),
    "GET /v1/risks/{risk_id}": _object(_S.RISKS_READ),
    "POST /v1/risks/{risk_id}/decision": _object(_S.RISKS_DECIDE),
    "POST /v1/risks/{risk_id}/undo": _object(_S.RISKS_DECIDE),
    "GET /v1/complaints": _anywhere(_S.COMPLAINTS_READ),
    "GET /v1/complaints/{case_id}": _object(_S.COMPLAINTS_READ),
    "POST /v1/complaints/{case_id}/actions": _object(_S.COMPLAINTS_OWN),
    "POST /v1/complaints/{case_id}/compensation": _object(_S.COMPLAINTS_OWN),
    "POST /v1/complaints/{case_id}/compensation/{compensation_id}/decision": _object(_S.COMPENSATION_APPROVE),
    "GET /v1/incidents": _anywhere(_S.COMPLAINTS_READ),
    "GET /v1/incidents/{incident_id}": _object(_S.COMPLAINTS_READ),
    "POST /v1/incidents/{incident_id}/actions": _object(_S.COMPLAINTS_OWN),
    "GET /v1/suggestions": _anywhere(_S.COMPLAINTS_READ),
    "GET /v1/suggestions/{suggestion_id}": _object(_S.COMPLAINTS_READ),
    "POST /v1/suggestions/{suggestion_id}/status": _object(_S.COMPLAINTS_OWN),
    "POST /v1/surveys/answers": _named(_S.EVENTS_WRITE),
    "POST /v1/surveys/links": _named(_S.EVENTS_WRITE),
    "GET /v1/reports/complaints": _anywhere(_S.REPORTS_READ),
    "GET /v1/clocks": _anywhere(_S.DRAFTS_READ),
    "GET /v1/duty": _named(_S.DRAFTS_READ),
    "PUT /v1/duty": _named(_S.SETTINGS_EDIT),
    "POST /v1/duty": _named(_S.SETTINGS_EDIT),
    "DELETE /v1/duty/{duty_id}": _object(_S.SETTINGS_EDIT),
    "GET /v1/notices": _SIGNED_IN,
    "POST /v1/notices/{notice_id}/seen": _SIGNED_IN,
    "GET /v1/deliveries": _anywhere(_S.DELIVERIES_PULL),
    "GET /v1/deliveries:states": _anywhere(_S.DRAFTS_READ),
    "GET /v1/deliveries/{delivery_id}": _object(_S.DRAFTS_READ, _S.DELIVERIES_PULL),
    "POST /v1/deliveries/{delivery_id}/ack": _object(_S.DELIVERIES_PULL),
    "POST /v1/deliveries/{delivery_id}/resolve": _object(_S.DRAFTS_DECIDE),
    "POST /v1/webhooks": _named(_S.SETTINGS_EDIT),
    "GET /v1/webhooks": _anywhere(_S.SETTINGS_READ),
    "DELETE /v1/webhooks/{webhook_id}": _object(_S.SETTINGS_EDIT),
    "POST /v1/webhooks/{webhook_id}/ping": _object(_S.SETTINGS_EDIT),
    "POST /v1/segments/preview": _anywhere(_S.CAMPAIGNS_READ),
    "POST /v1/campaigns/propose": _named(_S.CAMPAIGNS_PROPOSE),
    "GET /v1/campaigns": _anywhere(_S.CAMPAIGNS_READ),
    "GET /v1/campaigns/{campaign_id}": _object(_S.CAMPAIGNS_READ),
    "POST /v1/campaigns/{campaign_id}/decision": _object(_S.CAMPAIGNS_APPROVE),
    "POST /v1/campaigns/{campaign_id}/cancel": _object(_S.CAMPAIGNS_APPROVE),
    "POST /v1/copy/check": _anywhere(_S.COPY_CHECK),
    "GET /v1/knowledge/entries": _anywhere(_S.KNOWLEDGE_READ),
    "GET /v1/knowledge/entries/{entry_id}": _object(_S.KNOWLEDGE_READ),
    "GET /v1/knowledge/entries/{entry_id}/versions": _object(_S.KNOWLEDGE_READ),
    "GET /v1/knowledge/entries/{entry_id}/diff": _object(_S.KNOWLEDGE_READ),
    "POST /v1/knowledge/entries": _named(_S.KNOWLEDGE_EDIT),
    "PUT /v1/knowledge/entries/{entry_id}": _object(_S.KNOWLEDGE_EDIT),
    "POST /v1/knowledge/entries/{entry_id}/phrasings:propose": _object(_S.KNOWLEDGE_EDIT),
    "POST /v1/knowledge/search": _anywhere(_S.KNOWLEDGE_READ),
    "POST /v1/knowledge/import": _anywhere(_S.KNOWLEDGE_EDIT),
    "GET /v1/knowledge/export": _anywhere(_S.KNOWLEDGE_READ),
    "GET /v1/knowledge/stale": _anywhere(_S.KNOWLEDGE_READ),
    "GET /v1/knowledge/unanswered": _anywhere(_S.KNOWLEDGE_READ),
    "POST /v1/knowledge/check": _anywhere(_S.KNOWLEDGE_EDIT),
    "GET /v1/knowledge/checks": _anywhere(_S.KNOWLEDGE_READ),
    "GET /v1/knowledge/candidates": _anywhere(_S.KNOWLEDGE_READ),
    "GET /v1/knowledge/candidates/{candidate_id}": _object(_S.KNOWLEDGE_READ),
    "POST /v1/knowledge/candidates/{candidate_id}/decision": _object(_S.KNOWLEDGE_EDIT),
    "POST /v1/knowledge/candidates:gather": _anywhere(_S.KNOWLEDGE_EDIT),
    "POST /v1/knowledge/packs": _named(_S.KNOWLEDGE_READ),
    "POST /v1/scripts/suggest": _named(_S.KNOWLEDGE_READ),
    "POST /v1/scripts/render": _named(_S.KNOWLEDGE_READ),
    "POST /v1/questions": _anywhere(_S.QUESTIONS_ASK),
    "GET /v1/communities": _SIGNED_IN,
    "POST /v1/communities": _everywhere(_S.SETTINGS_EDIT),
    "GET /v1/keys": _anywhere(_S.KEYS_READ),
    "POST /v1/keys": _named(_S.KEYS_MANAGE),
    "POST /v1/keys/{key_id}/rotate": _object(_S.KEYS_MANAGE),
    "DELETE /v1/keys/{key_id}": _object(_S.KEYS_MANAGE),
    "POST /v1/users": _everywhere(_S.USERS_MANAGE),
    "POST /v1/login-links": _everywhere(_S.USERS_MANAGE),
    "GET /v1/settings": _anywhere(_S.SETTINGS_READ),
    "PUT /v1/settings/{key}": _named(_S.SETTINGS_EDIT),
    "POST /v1/demo": _everywhere(*Scope),
    "GET /v1/reindex": _anywhere(_S.KNOWLEDGE_EDIT),
    "POST /v1/reindex": _anywhere(_S.KNOWLEDGE_EDIT),
    "GET /v1/audit": _anywhere(_S.AUDIT_READ),
    "POST /v1/audit:verify": _anywhere(_S.AUDIT_READ),
    "GET /v1/audit:head": _anywhere(_S.AUDIT_READ),
}

_CONSOLE: Final = {
    "GET /console": _SIGNED_IN,
    "GET /console/login": _PUBLIC,
    "POST /console/login": _PUBLIC,
    "GET /console/link/{token}": _PUBLIC,
    "POST /console/link/{token}": _PUBLIC,
    "POST /console/sign-out": _SIGNED_IN,
    "POST /console/locale": _PUBLIC,
    "POST /console/community": _SIGNED_IN,
    "GET /console/account": _SIGNED_IN,
    "POST /console/account/password": _SIGNED_IN,
    "GET /console/changes": _SIGNED_IN,
    "GET /console/{path}": _SIGNED_IN,
    "GET /console/drafts": _anywhere(_S.DRAFTS_READ),
    "GET /console/drafts/list": _anywhere(_S.DRAFTS_READ),
    "GET /console/drafts/{draft_id}": _object(_S.DRAFTS_READ),
    "GET /console/drafts/{draft_id}/panel": _object(_S.DRAFTS_READ),
    "GET /console/drafts/{draft_id}/scripts": _object(_S.DRAFTS_READ),
    "POST /console/api/drafts/{draft_id}/decision": _object(_S.DRAFTS_DECIDE),
    "POST /console/api/drafts/{draft_id}/snooze": _object(_S.DRAFTS_READ),
    "GET /console/paste": _anywhere(_S.DRAFTS_DECIDE),
    "GET /console/paste/list": _anywhere(_S.DRAFTS_DECIDE),
    "GET /console/paste/{message_id}/panel": _object(_S.DRAFTS_DECIDE),
    "POST /console/api/paste": _named(_S.DRAFTS_DECIDE, _S.MESSAGES_WRITE),
    "GET /console/deliveries": _anywhere(_S.DRAFTS_READ),
    "GET /console/deliveries/list": _anywhere(_S.DRAFTS_READ),
    "GET /console/copy": _anywhere(_S.COPY_CHECK),
    "POST /console/copy": _anywhere(_S.COPY_CHECK),
    "GET /console/knowledge": _anywhere(_S.KNOWLEDGE_READ),
    "GET /console/knowledge/new": _anywhere(_S.KNOWLEDGE_EDIT),
    "POST /console/knowledge/new": _anywhere(_S.KNOWLEDGE_EDIT),
    "GET /console/knowledge/check": _anywhere(_S.KNOWLEDGE_READ),
    "POST /console/knowledge/check": _anywhere(_S.KNOWLEDGE_EDIT),
    "GET /console/knowledge/import": _anywhere(_S.KNOWLEDGE_READ),
    "POST /console/api/knowledge/import": _anywhere(_S.KNOWLEDGE_EDIT),
    "GET /console/knowledge/test": _anywhere(_S.KNOWLEDGE_READ),
    "POST /console/knowledge/test": _anywhere(_S.KNOWLEDGE_READ),
    "POST /console/knowledge/test/phrasing": _object(_S.KNOWLEDGE_EDIT),
    "GET /console/knowledge/candidates": _anywhere(_S.KNOWLEDGE_READ),
    "GET /console/knowledge/candidates/{candidate_id}": _object(_S.KNOWLEDGE_READ),
    "POST /console/knowledge/candidates/{candidate_id}/entry": _object(_S.KNOWLEDGE_EDIT),
    "POST /console/knowledge/candidates/{candidate_id}/phrasing": _object(_S.KNOWLEDGE_EDIT),
    "POST /console/knowledge/candidates/{candidate_id}/reject": _object(_S.KNOWLEDGE_EDIT),
    "GET /console/knowledge/entries/{entry_id}": _object(_S.KNOWLEDGE_READ),
    "POST /console/knowledge/entries/{entry_id}": _object(_S.KNOWLEDGE_EDIT),
    # An old address; leads on to the one above.
    "GET /console/knowledge/{entry_id}": _SIGNED_IN,
    "GET /console/complaints": _anywhere(_S.COMPLAINTS_READ),
    "GET /console/complaints/board": _anywhere(_S.COMPLAINTS_READ),
    "GET /console/complaints/figures": _anywhere(_S.REPORTS_READ),
    "GET /console/complaints/{case_id}": _object(_S.COMPLAINTS_READ),
    "POST /console/complaints/{case_id}/act": _object(_S.COMPLAINTS_OWN),
    "POST /console/complaints/{case_id}/compensation": _object(_S.COMPLAINTS_OWN),
    "POST /console/complaints/{case_id}/compensation/{compensation_id}": _object(_S.COMPENSATION_APPROVE),
    "GET /console/incidents": _anywhere(_S.COMPLAINTS_READ),
    "GET /console/incidents/{incident_id}": _object(_S.COMPLAINTS_READ),
    "POST /console/incidents/{incident_id}/act": _object(_S.COMPLAINTS_OWN),
    "GET /console/suggestions": _anywhere(_S.COMPLAINTS_READ),
    "GET /console/suggestions/{suggestion_id}": _object(_S.COMPLAINTS_READ),
    "POST /console/suggestions/{suggestion_id}/status": _object(_S.COMPLAINTS_OWN),
    "GET /console/notices": _SIGNED_IN,
    "GET /console/audit": _anywhere(_S.AUDIT_READ),
    "POST /console/audit/verify": _anywhere(_S.AUDIT_READ),
    "GET /console/members": _anywhere(_S.MEMBERS_READ),
    "POST /console/members": _anywhere(_S.MEMBERS_READ),
    "GET /console/members/{member_id}": _object(_S.MEMBERS_READ),
    "POST /console/members/{member_id}/reveal": _object(_S.MEMBERS_REVEAL),
    "POST /console/members/{member_id}/export": _object(_S.MEMBERS_REVEAL),
    "POST /console/members/{member_id}/consent": _object(_S.MEMBERS_EDIT),
    "POST /console/members/{member_id}/erase": _object(_S.MEMBERS_ERASE),
    "GET /console/risks": _anywhere(_S.RISKS_READ),
    "GET /console/risks/list": _anywhere(_S.RISKS_READ),
    "GET /console/risks/figures": _anywhere(_S.RISKS_READ),
    "GET /console/risks/test": _anywhere(_S.RISKS_READ),
    "POST /console/risks/test": _anywhere(_S.RISKS_READ),
    "GET /console/risks/rules": _anywhere(_S.RISKS_READ),
    "POST /console/risks/rules": _named(_S.SETTINGS_EDIT),
    "POST /console/risks/rules/try": _anywhere(_S.RISKS_READ),
    "GET /console/risks/{risk_id}": _object(_S.RISKS_READ),
    "GET /console/risks/{risk_id}/panel": _object(_S.RISKS_READ),
    "POST /console/api/risks/{risk_id}/decision": _object(_S.RISKS_DECIDE),
    "GET /console/api/risks/{risk_id}/texts": _object(_S.RISKS_READ),
}

NEEDS: Final = _API | _CONSOLE
