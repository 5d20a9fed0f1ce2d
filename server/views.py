"""Rows as the contract shows them (`docs/api.md`). The member's name goes into a text here, for whoever may read the
item; everything else was masked before it was stored."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from agent.flows.outgoing import Words
from agent.services import Services
from agent.steps.reply import Abstained, Alternative, Citation, Confidence
from agent.steps.risk import RiskVerdict
from agent.steps.triage import Triage
from core.copy_hits import CopyHit
from core.vocabulary import (
    CaseState,
    ClockKind,
    ComplaintCategory,
    DeliveryKind,
    DeliveryState,
    DraftStatus,
    Engine,
    ExpiredReason,
    MessageStage,
    NoDraftReason,
    Requires,
    SenderRole,
    Severity,
)
from store import cases, clocks, drafts, messages, users
from store.clocks import ClockRow
from store.deliveries import DeliveryRow
from store.drafts import DraftRow
from store.messages import MessageRow
from store.session import ReadSession


class Expired(BaseModel):
    reason: ExpiredReason


class DraftView(BaseModel):
    """A suggestion. `text` is null exactly where `abstained` is set."""

    id: str
    kind: DeliveryKind
    version: int = Field(description="send it back with a decision")
    community_id: str
    channel: str
    message_ids: list[str]
    case_id: str | None = None
    status: DraftStatus
    expired: Expired | None = None
    requires: Requires
    text: str | None
    citations: list[Citation]
    alternatives: list[Alternative]
    confidence: Confidence
    engine: Engine
    degraded: bool
    copy_check: list[CopyHit] = Field(serialization_alias="copy")
    abstained: Abstained | None = None
    created_at: datetime
    respond_by: datetime | None = Field(
        None, description="until when its question has to be answered; null: no clock runs"
    )
    decided_at: datetime | None = None
    decided_by: str | None = None
    reason: str | None = None
    final_text: str | None = Field(None, description="what was decided on, personal data masked")


class NoDraft(BaseModel):
    reason: NoDraftReason


class ComplaintView(BaseModel):
    """The case that a message belongs to. `owner` is a user's name."""

    case_id: str
    category: ComplaintCategory
    severity: Severity
    quote: str
    state: CaseState
    owner: str | None = None
    respond_by: datetime | None


class MessageView(BaseModel):
    """`risk` is there from the first answer; the rest once a worker has seen the message."""

    id: str
    status: MessageStage
    revision: int
    risk: RiskVerdict
    triage: Triage | None = None
    complaint: ComplaintView | None = None
    draft: DraftView | None = None
    no_draft: NoDraft | None = None


class DeliveryView(BaseModel):
    """What was approved, to be posted by the bot. `to` and names are in clear: this is where they leave."""

    id: str = Field(description="the `webhook-id`")
    kind: DeliveryKind
    community_id: str
    channel: str
    to: str | None
    reply_to: str | None
    text: str
    action: str | None
    minutes: int | None
    ai_generated: bool
    not_before: datetime
    expires_at: datetime


class DeliveryStateView(BaseModel):
    """A delivery as staff see it: where it stands, its text masked."""

    id: str
    kind: DeliveryKind
    community_id: str
    channel: str
    draft_id: str | None
    action: str | None
    minutes: int | None
    state: DeliveryState
    attempts: int
    last_error: str | None
    text: str
    created_at: datetime
    not_before: datetime
    delivered_at: datetime | None


def draft_views(db: ReadSession, services: Services, rows: list[DraftRow]) -> list[DraftView]:
    """Several drafts at once, with the messages that they answer."""
    words = Words(db, services)
    answering = drafts.message_ids(db, [row.id for row in rows])
    running = clocks_of(db, answering)
    return [_draft_view(row, words, answering[row.id], running.get(row.id)) for row in rows]


def clocks_of(db: ReadSession, answering: Mapping[str, list[str]]) -> dict[str, ClockRow]:
    """The clock that runs for the question of each draft; `answering` are the messages of the drafts."""
    asked = [message_id for ids in answering.values() for message_id in ids]
    found = clocks.newest_of(db, ClockKind.GROUP_QUESTION, asked)
    running = {key: row for key, row in found.items() if row.stopped_at is None}
    # A burst has the clock of its first message.
    return {draft_id: running[one] for draft_id, ids in answering.items() for one in reversed(ids) if one in running}


def _draft_view(row: DraftRow, words: Words, message_ids: list[str], clock: ClockRow | None) -> DraftView:
    values: dict[str, Any] = {name: getattr(row, name) for name in DraftView.model_fields if hasattr(row, name)}
    values["text"] = words.shown(row.member_id, row.text)
    values["final_text"] = words.shown(row.member_id, row.final_text)
    values["respond_by"] = clock.respond_by if clock is not None else None
    return DraftView.model_validate(values | {"message_ids": message_ids})


def message_view(db: ReadSession, services: Services, row: MessageRow) -> MessageView:
    """A message with the newest draft that answers it."""
    draft = drafts.of_message(db, row.id, "private" if row.conversation == "private" else "reply")
    shown = draft_views(db, services, [draft])[0] if draft is not None else None
    # A superseded revision's draft belongs to its history; the message now stands as a worker left it.
    return MessageView(
        id=row.id,
        status=MessageStage(row.stage),
        revision=row.revision,
        risk=RiskVerdict.model_validate(row.risk),
        triage=Triage.model_validate(row.triage) if row.triage else None,
        complaint=_complaint(db, row),
        draft=shown,
        no_draft=_no_draft(db, services, row),
    )


def _complaint(db: ReadSession, row: MessageRow) -> ComplaintView | None:
    case = cases.of_message(db, row.id)
    if case is None:
        return None
    owner = users.get(db, case.owner_id) if case.owner_id is not None else None
    return ComplaintView(
        case_id=case.id,
        category=ComplaintCategory(case.category),
        severity=Severity(case.severity),
        quote=case.quote,
        state=CaseState(case.state),
        owner=owner.name if owner is not None else None,
        respond_by=case.respond_by,
    )


def _no_draft(db: ReadSession, services: Services, row: MessageRow) -> NoDraft | None:
    """Why there is none; while its sender may still be writing, `burst_not_finished`."""
    if row.no_draft:
        return NoDraft(reason=NoDraftReason(row.no_draft))
    if row.stage != MessageStage.RECEIVED or row.sender_role != SenderRole.MEMBER:
        return None
    head = messages.get(db, row.burst_id) if row.burst_id else None
    if head is None or head.attempts or head.due_at is None or head.due_at <= services.clock.now():
        return None
    return NoDraft(reason=NoDraftReason.BURST_NOT_FINISHED)


def delivery_state_view(db: ReadSession, services: Services, row: DeliveryRow) -> DeliveryStateView:
    values = {name: getattr(row, name) for name in DeliveryStateView.model_fields}
    values["text"] = Words(db, services).shown(row.member_id, row.text)
    return DeliveryStateView.model_validate(values)


def conversation_of(db: ReadSession, draft: DraftRow, limit: int = 12) -> list[MessageRow]:
    """What was said before and after the messages that a draft answers."""
    ids = drafts.message_ids(db, [draft.id])[draft.id]
    asked = messages.many(db, ids)
    if not asked:
        return []
    last = max(row.sent_at for row in asked)
    return [*messages.conversation(db, draft.lane, last, limit), *messages.after(db, draft.lane, last, limit)]
