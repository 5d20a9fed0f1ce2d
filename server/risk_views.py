"""Review items and alarms as the contract shows them (`docs/api.md`). The member's name goes in here, for whoever may
read the item; everything else was masked before it was stored."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel, Field

from agent.flows.outgoing import Words
from agent.services import Services
from agent.steps.risk import RiskHit
from agent.steps.risk_ladder import Why
from core.vocabulary import (
    AlarmStatus,
    Conversation,
    DeliveryKind,
    DeliveryState,
    MessageStage,
    MessageType,
    ModelSays,
    RiskAction,
    RiskLabel,
    RiskLevel,
    RiskOrigin,
    RiskStatus,
    SenderRole,
)
from store import communities, deliveries, messages, risks
from store.deliveries import DeliveryRow
from store.messages import MessageRow
from store.risk_alarms import RiskAlarmRow
from store.risks import RiskItemRow
from store.session import ReadSession

_AROUND = 6


class FlaggedView(BaseModel):
    """The message as it stands now, masked; the spans of the labels fit it unless it was `edited` since."""

    id: str
    revision: int
    text: str
    type: MessageType
    conversation: Conversation
    sent_at: datetime
    recalled: bool
    history: bool
    edited: bool
    stage: MessageStage


class WhoView(BaseModel):
    id: str | None
    name: str | None
    role: SenderRole


class ProposalView(BaseModel):
    action: RiskAction
    minutes: int | None
    offence: int | None = Field(description="which confirmed offence of the member it would be within the window")
    why: Why


class TakenView(BaseModel):
    action: RiskAction
    minutes: int | None


class SentView(BaseModel):
    id: str
    kind: DeliveryKind
    state: DeliveryState
    action: str | None
    minutes: int | None


class RiskView(BaseModel):
    """A flagged message for a person to decide on, or what they decided."""

    id: str
    version: int = Field(description="send it back with a decision")
    status: RiskStatus
    origin: RiskOrigin
    model: ModelSays | None = Field(description="what a language model said where the screening was unsure")
    level: RiskLevel
    urgent: bool = Field(description="somebody's life may be in danger")
    message: FlaggedView
    community_id: str
    community: str
    channel: str
    member: WhoView
    labels: list[RiskHit]
    proposal: ProposalView
    private_text: str | None
    rules_text: str | None
    sends_private: bool
    sends_rules: bool
    created_at: datetime
    alerted_at: datetime | None
    decided_at: datetime | None
    decided_by: str | None
    reason: str | None
    confirmed_labels: list[RiskLabel] | None
    taken: TakenView | None
    deliveries: list[SentView]
    undo_until: datetime | None


class SaidView(BaseModel):
    """A message before or after it, masked."""

    id: str
    role: SenderRole
    member: str | None
    text: str
    sent_at: datetime
    this: bool


class EarlierView(BaseModel):
    """Another item of the same member, in any community that the caller may see."""

    id: str
    status: RiskStatus
    labels: list[RiskLabel]
    community_id: str
    sent_at: datetime
    taken: TakenView | None


class RiskCase(RiskView):
    conversation: list[SaidView]
    history: list[EarlierView]


class AlarmView(BaseModel):
    """A group's mood that turned: `share` of negative messages when it went off, against the usual `baseline`."""

    id: str
    community_id: str
    community: str
    status: AlarmStatus
    opened_at: datetime
    closed_at: datetime | None
    share: float
    baseline: float
    negative: int
    messages: int
    peak: float


def risk_views(db: ReadSession, services: Services, rows: Sequence[RiskItemRow]) -> list[RiskView]:
    """Several items at once, with their messages and deliveries."""
    said = {row.id: row for row in messages.many(db, [row.message_id for row in rows])}
    sent = deliveries.of_risks(db, [row.id for row in rows])
    names = _names(db, {row.community_id for row in rows})
    words = Words(db, services)
    words.expect({row.member_id for row in rows if row.member_id is not None})
    now = services.clock.now()
    return [_view(row, said[row.message_id], sent[row.id], names, words, now) for row in rows]


def _names(db: ReadSession, community_ids: set[str]) -> dict[str, str]:
    return {row.id: row.name for row in communities.many(db, community_ids)}


def _view(
    row: RiskItemRow,
    message: MessageRow,
    sent: Sequence[DeliveryRow],
    names: dict[str, str],
    words: Words,
    now: datetime,
) -> RiskView:
    labels = [RiskHit.model_validate(hit) for hit in row.labels]
    held = [one.not_before for one in sent if one.state == DeliveryState.QUEUED and one.not_before > now]
    return RiskView(
        id=row.id,
        version=row.version,
        status=RiskStatus(row.status),
        origin=RiskOrigin(row.origin),
        model=ModelSays(row.model) if row.model else None,
        level=RiskLevel(row.level),
        urgent=any(hit.label == RiskLabel.SELF_HARM for hit in labels),
        message=_flagged(row, message),
        community_id=row.community_id,
        community=names.get(row.community_id, row.community_id),
        channel=row.channel,
        member=WhoView(id=row.member_id, name=words.name(row.member_id), role=SenderRole(row.sender_role)),
        labels=labels,
        proposal=ProposalView(
            action=RiskAction(row.action), minutes=row.minutes, offence=row.offence, why=Why(row.why)
        ),
        private_text=words.shown(row.member_id, row.private_text),
        rules_text=row.rules_text,
        sends_private=row.sends_private,
        sends_rules=row.sends_rules,
        created_at=row.created_at,
        alerted_at=row.alerted_at,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
        reason=row.reason,
        confirmed_labels=_confirmed(row),
        taken=_taken(row),
        deliveries=[sent_view(one) for one in sent],
        undo_until=min(held) if held and row.status == RiskStatus.CONFIRMED else None,
    )


def _flagged(row: RiskItemRow, message: MessageRow) -> FlaggedView:
    return FlaggedView(
        id=message.id,
        revision=message.revision,
        text=message.text,
        type=MessageType(message.type),
        conversation=Conversation(message.conversation),
        sent_at=message.sent_at,
        recalled=message.recalled,
        history=message.history,
        edited=message.revision > row.revision,
        stage=MessageStage(message.stage),
    )


def _confirmed(row: RiskItemRow) -> list[RiskLabel] | None:
    return None if row.confirmed is None else [RiskLabel(label) for label in risks.parted(row.confirmed)]


def _taken(row: RiskItemRow) -> TakenView | None:
    if row.taken_action is None:
        return None
    return TakenView(action=RiskAction(row.taken_action), minutes=row.taken_minutes)


def sent_view(row: DeliveryRow) -> SentView:
    return SentView(
        id=row.id,
        kind=DeliveryKind(row.kind),
        state=DeliveryState(row.state),
        action=row.action,
        minutes=row.minutes,
    )


def risk_case(db: ReadSession, services: Services, row: RiskItemRow, visible: frozenset[str] | None) -> RiskCase:
    """One item with what was said around it, and the member's other items in `visible` communities (None: all)."""
    view = risk_views(db, services, [row])[0]
    message = messages.get(db, row.message_id)
    assert message is not None
    words = Words(db, services)
    around = [
        *messages.conversation(db, message.lane, message.sent_at, _AROUND + 1),
        *messages.after(db, message.lane, message.sent_at, _AROUND),
    ]
    others = risks.of_member(db, row.member_id) if row.member_id is not None else []
    words.expect({one.member_id for one in around if one.member_id is not None})
    earlier = [_earlier(one) for one in others if one.id != row.id and (visible is None or one.community_id in visible)]
    said = [_said(one, words, message.id) for one in around]
    return RiskCase(**dict(view), conversation=said, history=earlier)


def _said(row: MessageRow, words: Words, this: str) -> SaidView:
    return SaidView(
        id=row.id,
        role=SenderRole(row.sender_role),
        member=words.name(row.member_id),
        text=row.text,
        sent_at=row.sent_at,
        this=row.id == this,
    )


def _earlier(row: RiskItemRow) -> EarlierView:
    return EarlierView(
        id=row.id,
        status=RiskStatus(row.status),
        labels=[RiskLabel(label) for label in risks.parted(row.label_names)],
        community_id=row.community_id,
        sent_at=row.sent_at,
        taken=_taken(row),
    )


def alarm_views(db: ReadSession, rows: Sequence[RiskAlarmRow]) -> list[AlarmView]:
    names = _names(db, {row.community_id for row in rows})
    return [
        AlarmView.model_validate(
            {field: getattr(row, field) for field in AlarmView.model_fields if field != "community"}
            | {"community": names.get(row.community_id, row.community_id)}
        )
        for row in rows
    ]
