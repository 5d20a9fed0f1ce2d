"""Review items come into being here, follow the edits of their messages, and have their proposals reckoned: the
member's confirmed offences decide on which step of the ladder the next one stands."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Final

from agent.flows import outgoing
from agent.services import Services
from agent.steps import risk_ladder, risk_texts
from agent.steps.risk import RiskVerdict
from agent.steps.risk_ladder import ALERTING, Ladder, Proposal
from core import log, tunables
from core.ids import new_id
from core.vocabulary import (
    Conversation,
    ModelSays,
    RiskAction,
    RiskLabel,
    RiskLevel,
    RiskOrigin,
    RiskStatus,
    SenderRole,
)
from store import communities, messages, risks, settings
from store.messages import MessageRow
from store.risks import UNDECIDED, RiskItemRow
from store.session import ReadSession, WriteSession

_log = log.get(__name__)
LAST: Final = 3
"""The last rank of the queue."""
_ONE_FLOOD: Final = timedelta(hours=1)


def note(db: WriteSession, services: Services, message_id: str, verdict: RiskVerdict) -> bool:
    """Make the item of a message that has just been stored, where its verdict has a label; alert the staff where
    somebody may be in danger. Whether there is a new one: the caller notes the change, last of all."""
    if not verdict.labels:
        return False
    row = messages.get(db, message_id)
    assert row is not None
    hits = [hit.model_dump(mode="json") for hit in verdict.labels]
    labels = _labels(hits)
    if labels == [RiskLabel.FLOODING] and _is_told(db, row):
        return False
    add(db, services, row, hits, verdict.level, RiskOrigin.SCREEN)
    return True


def _is_told(db: ReadSession, row: MessageRow) -> bool:
    since = row.sent_at - _ONE_FLOOD
    return row.member_id is not None and risks.has_open_flood(db, row.member_id, row.community_id, since)


def add(
    db: WriteSession,
    services: Services,
    row: MessageRow,
    hits: Sequence[dict[str, Any]],
    level: RiskLevel,
    origin: RiskOrigin,
    *,
    model: ModelSays | None = None,
) -> str:
    """A new pending item of a message that has none; its id. `model` is what a language model said."""
    item_id = new_id("rsk")
    values = _flagged(db, row, hits, level, item_id) | {
        "id": item_id,
        "model": model,
        "message_id": row.id,
        "community_id": row.community_id,
        "channel": row.channel,
        "member_id": row.member_id,
        "sender_role": row.sender_role,
        "origin": origin,
        "version": 1,
        "created_at": db.now,
        "alerted_at": _alert(db, services, row, _labels(hits), item_id, row.revision),
    }
    risks.add(db, values | UNDECIDED)
    return item_id


def _flagged(
    db: ReadSession, row: MessageRow, hits: Sequence[dict[str, Any]], level: RiskLevel, item_id: str
) -> dict[str, Any]:
    """The columns of an open item that follow from the message and its labels."""
    labels = _labels(hits)
    return {
        "status": RiskStatus.PENDING,
        "model": None,
        "revision": row.revision,
        "sent_at": row.sent_at,
        "rank": _rank(labels, level, history=row.history),
        "level": level,
        "labels": list(hits),
        "label_names": risks.joined(labels),
    } | reckoned(db, row, labels, item_id)


def _labels(hits: Iterable[dict[str, Any]]) -> list[RiskLabel]:
    return [RiskLabel(hit["label"]) for hit in hits]


def _rank(labels: Sequence[RiskLabel], level: RiskLevel, *, history: bool) -> int:
    """Danger to life first; what was imported from long ago last, and what nobody could judge."""
    if history or not labels:
        return LAST
    if RiskLabel.SELF_HARM in labels:
        return 0
    return 1 if level == RiskLevel.HIGH else 2


def reckoned(db: ReadSession, row: MessageRow, labels: Sequence[RiskLabel], item_id: str) -> dict[str, Any]:
    """The columns of the proposal and its texts, as things stand now."""
    proposal = proposed(db, row, labels, item_id)
    texts = drafted(db, row, labels, proposal)
    return {
        "action": proposal.action,
        "minutes": proposal.minutes,
        "offence": proposal.offence,
        "why": proposal.why,
        "private_text": texts.private if row.member_id is not None else None,
        "rules_text": texts.rules,
        "sends_private": texts.sends_private and row.member_id is not None,
        "sends_rules": texts.sends_rules,
    }


def drafted(db: ReadSession, row: MessageRow, labels: Sequence[RiskLabel], proposal: Proposal) -> risk_texts.Texts:
    return risk_texts.drafted(
        labels, proposal, community_name(db, row.community_id), in_group=row.conversation == Conversation.GROUP
    )


def community_name(db: ReadSession, community_id: str) -> str:
    found = communities.get(db, community_id)
    return found.name if found is not None else community_id


def proposed(db: ReadSession, row: MessageRow, labels: Sequence[RiskLabel], item_id: str) -> Proposal:
    before = 0
    if row.member_id is not None:
        since = row.sent_at - timedelta(days=settings.value(db, tunables.LADDER_DAYS))
        earlier = risks.offences(db, row.member_id, since, row.sent_at)
        others = [one for one in earlier if one.risk_id != item_id]
        before = sum(risk_ladder.punishable([RiskLabel(label) for label in one.labels]) for one in others)
    return risk_ladder.propose(labels, SenderRole(row.sender_role), before, ladder(db, row.community_id))


def ladder(db: ReadSession, community_id: str) -> Ladder:
    """The ladder of a community, by its settings."""
    lineage = communities.lineage(db, community_id)
    steps = settings.value(db, tunables.LADDER_STEPS, lineage)
    worst = settings.value(db, tunables.LADDER_WORST, lineage)
    return Ladder(
        steps=tuple(RiskAction(step) for step in steps),
        worst=frozenset(RiskLabel(label) for label in worst),
        mute_minutes=settings.value(db, tunables.MUTE_MINUTES, lineage),
    )


def revise(db: WriteSession, services: Services, row: MessageRow, verdict: RiskVerdict) -> bool:
    """An edit or recall of a message: what nobody decided on follows it, what was decided opens again where the new
    text is another case. Whether anything changed: the caller notes it, last of all."""
    item = risks.lock_of_message(db, row.id)
    if item is None:
        return not row.recalled and note(db, services, row.id, verdict)
    hits = [hit.model_dump(mode="json") for hit in verdict.labels]
    if row.recalled or not hits:
        return _withdraw(db, item)
    if not _is_another_case(item, _labels(hits)):
        return False
    reopen(db, services, item, row, hits, verdict.level)
    return True


def _withdraw(db: WriteSession, item: RiskItemRow) -> bool:
    """Who said they want to die is in danger whether or not they took it back: that item stays."""
    if item.status != RiskStatus.PENDING or RiskLabel.SELF_HARM in risks.parted(item.label_names):
        return False
    item.status = RiskStatus.WITHDRAWN
    item.version += 1
    db.flush()
    return True


def _is_another_case(item: RiskItemRow, labels: Sequence[RiskLabel]) -> bool:
    if item.status != RiskStatus.CONFIRMED:
        return True
    return not set(labels) <= {*risks.parted(item.label_names), *risks.parted(item.confirmed)}


def reopen(
    db: WriteSession,
    services: Services,
    item: RiskItemRow,
    row: MessageRow,
    hits: Sequence[dict[str, Any]],
    level: RiskLevel,
    **values: Any,
) -> None:
    """Make an item (again) one to decide on, by these labels."""
    fresh = [label for label in _labels(hits) if label not in risks.parted(item.label_names)]
    alerted_at = _alert(db, services, row, fresh, item.id, f"{row.revision}.{item.version + 1}")
    changed = _flagged(db, row, hits, level, item.id) | UNDECIDED | values
    for name, value in changed.items():
        setattr(item, name, value)
    item.version += 1
    item.alerted_at = alerted_at or item.alerted_at
    db.flush()


def _alert(
    db: WriteSession, services: Services, row: MessageRow, labels: Sequence[RiskLabel], item_id: str, turn: object
) -> Any:
    """Tell the staff's group at once, where one is set and there is something to tell; when it was told."""
    told = [label for label in labels if label in ALERTING]
    if not told or row.history:
        return None
    text = risk_texts.alert(told, community_name(db, row.community_id), item_id)
    return send_alert(db, services, row.community_id, text, decision=f"{item_id}:alert:{turn}", risk_id=item_id)


def send_alert(
    db: WriteSession, services: Services, about: str, text: str, *, decision: str, risk_id: str | None = None
) -> Any:
    """An alert about a community into its staff's group; when, or None where no such group is set."""
    target = settings.value(db, tunables.ALERT_COMMUNITY, communities.lineage(db, about))
    place = communities.get(db, target) if target else None
    if place is None:
        if target:
            _log.warning("alert_community_missing", community=target)
        return None
    outgoing.queue_alert(db, place.id, place.channel, text, decision=decision, risk_id=risk_id)
    db.after_commit(services.delivery_due)
    return db.now


def reckon_again(db: WriteSession, member_id: str | None) -> None:
    """After a decision: the member's open proposals, which may now stand on another step."""
    if member_id is None:
        return
    for item in risks.pending_of_member(db, member_id):
        row = messages.get(db, item.message_id)
        assert row is not None
        new = reckoned(db, row, [RiskLabel(label) for label in risks.parted(item.label_names)], item.id)
        if all(getattr(item, name) == new[name] for name in ("action", "minutes", "offence", "why")):
            continue
        for name, value in new.items():
            setattr(item, name, value)
        item.version += 1
    db.flush()
