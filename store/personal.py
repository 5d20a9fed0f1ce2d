"""Where words of members stand: for every table the columns that hold them, and what stands there once they are gone.

A structure test fails for a new column of texts, JSON or bytes that is named nowhere here: whoever adds one says
whether it holds a member's words. `store/clearing.py` does the clearing.
"""

from typing import Any, Final

import sqlalchemy as sa

CLEARED: Final[dict[str, dict[str, Any]]] = {
    "members": {"name_sealed": sa.null(), "name_hash": sa.null(), "profile": {}, "source": sa.null()},
    "memberships": {"source": sa.null()},
    "messages": {
        "text": "",
        "original": sa.null(),
        "attachments": [],
        "mentions": [],
        "risk": {"action": "none", "labels": [], "level": "none", "reason": "nothing_found"},
        "triage": sa.null(),
        "fingerprint": sa.null(),
    },
    "message_revisions": {
        "text": "",
        "original": sa.null(),
        "attachments": [],
        "risk": {"action": "none", "labels": [], "level": "none", "reason": "nothing_found"},
    },
    "drafts": {
        "text": sa.null(),
        "alternatives": [],
        "confidence": {"band": "low", "reason": ""},
        "copy_check": [],
        "reason": sa.null(),
        "final_text": sa.null(),
        "final_original": sa.null(),
    },
    "draft_versions": {"text": sa.null(), "original": sa.null()},
    "deliveries": {"text": "", "original": sa.null()},
    "risk_items": {"labels": [], "private_text": sa.null(), "rules_text": sa.null(), "reason": sa.null()},
    "events": {"data": {}},
    "knowledge_candidates": {"question": "", "reason": sa.null()},
    "complaint_cases": {"quote": "", "result": sa.null(), "result_original": sa.null(), "topic": sa.null()},
    "complaint_case_events": {"note": sa.null(), "note_original": sa.null()},
    "suggestions": {"topic": sa.null()},
    "disclosures": {"reason": sa.null()},
    "erasures": {"reason": sa.null()},
}
"""Table, column, and what is written there."""

DROPPED: Final = frozenset({"member_keys", "member_identities", "member_contacts", "consents", "notices_shown"})
"""Tables whose rows go with the member."""

KEPT: Final[dict[str, dict[str, str]]] = {
    "api_keys": {"name": "a name for a bot", "communities": "ids"},
    "audit": {"object_id": "an id", "details": "ids, states and counts"},
    "breakers": {"name": "a name of ours", "failures": "moments"},
    "campaign_versions": {"proposal": "a proposal of ours to a segment: filters, counts, copy"},
    "campaigns": {
        "brief": "a task of the staff's about a segment, masked",
        "brief_original": "the same, sealed with the deployment's key",
        "proposal": "a proposal of ours to a segment: filters, counts, copy",
        "reason": "of the staff about a campaign, masked",
    },
    "communities": {"name": "of a group"},
    "complaint_case_events": {"details": "ids and states"},
    "complaint_cases": {"lane": "ids"},
    "deliveries": {
        "lane": "ids",
        "decision": "ids",
        "reply_to": "the channel's id of a message",
        "worker": "a process",
        "last_error": "a code",
    },
    "disclosures": {"fields": "names of fields"},
    "drafts": {
        "lane": "ids",
        "reply_to": "the channel's id of a message",
        "citations": "quotes of the knowledge base",
        "abstained": "a code and names of slots",
        "expired": "a code",
    },
    "events": {"external_id": "the channel's id of an event"},
    "idempotency_keys": {"object_id": "an id"},
    "incidents": {
        "checklist": "steps of ours",
        "result": "of the staff about a group's trouble, masked",
        "result_original": "the same, sealed",
    },
    "knowledge_candidates": {"entry_id": "an id"},
    "knowledge_checks": {"findings": "about entries"},
    "knowledge_column_maps": {"columns": "names of columns"},
    "knowledge_entries": {
        "id": "an id",
        "title": "approved by a person, masked",
        "phrasings": "approved by a person, masked",
        "answer": "approved by a person, masked",
        "variables": "names of slots",
        "tags": "of an entry",
        "owner": "of the staff",
        "group_types": "codes",
        "source": "where an entry came from",
    },
    "knowledge_versions": {
        "entry_id": "an id",
        "content": "as the entry",
        "override_reason": "of the staff about an entry",
    },
    "messages": {
        "lane": "ids",
        "external_id": "the channel's id of a message: a repeat must be known as one",
        "reply_to": "the channel's id of a message",
        "worker": "a process",
        "last_error": "a code",
    },
    "model_calls": {"model": "a name"},
    "risk_items": {"label_names": "codes", "confirmed": "codes"},
    "roles": {"scopes": "codes"},
    "settings": {"key": "a key", "value": "of the deployment"},
    "survey_answers": {"external_id": "the channel's id of an answer"},
    "survey_links": {"token": "random"},
    "timers": {
        "lane": "ids",
        "object_id": "an id",
        "arguments": "ids",
        "worker": "a process",
        "last_error": "a code",
    },
    "users": {"login": "of the staff", "name": "of the staff", "password_hash": "of the staff"},
    "webhooks": {"url": "of the deployment", "secret_sealed": "of the deployment"},
}
"""Table, column, and why it holds no member's words."""

_SHORT: Final = 64


def may_hold_words(column: "sa.Column[Any]") -> bool:
    """Whether a column is of a kind that could hold somebody's words: texts, JSON, bytes, strings above 64."""
    if isinstance(column.type, sa.JSON | sa.LargeBinary):
        return True
    return isinstance(column.type, sa.String) and (column.type.length or _SHORT + 1) > _SHORT


def unclassified(metadata: sa.MetaData) -> list[str]:
    """The columns that nobody said anything about, as `table.column`."""
    return [
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        if table.name not in DROPPED
        for column in table.columns
        if may_hold_words(column)
        and column.name not in CLEARED.get(table.name, {})
        and column.name not in KEPT.get(table.name, {})
    ]
