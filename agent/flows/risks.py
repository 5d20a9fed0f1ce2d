"""A person decides on a flagged message. A decision is a compare-and-set on the item's row, and in the same transaction
the deliveries that it means become due: there is no other way from a flag to a member.

To agree never forces a penalty, and to disagree puts back what the flag took: the reply that was held is drafted, the
offence leaves the ladder, what is still queued is cancelled. What went out already is named, for a person to put right.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from agent.flows import intake, outgoing, risk_items
from agent.flows.outgoing import Effect
from agent.flows.risk_ruling import Choice, Ruling, completed, fit
from agent.services import Services
from agent.steps.risk_policy import STANCES
from core import tunables
from core.caller import Caller
from core.errors import BadInput, Conflict, NotFound
from core.scopes import Scope
from core.vocabulary import (
    DeliveryKind,
    DeliveryState,
    ExpiredReason,
    RiskAction,
    RiskLabel,
    RiskLevel,
    RiskOrigin,
    RiskStatus,
    SenderRole,
)
from store import changes, communities, deliveries, drafts, members, messages, risks, settings
from store.audit import Deed
from store.deliveries import DeliveryRow
from store.messages import MessageRow
from store.risks import UNDECIDED, RiskItemRow
from store.session import ReadSession, WriteSession
from store.vault import MemberKeys, Protected

__all__ = ["Choice", "Decided", "Ruling", "decide", "flag", "undo"]

_HANDOVER: Final = timedelta(seconds=1)
_GONE: Final = (DeliveryState.SENDING, DeliveryState.DELIVERED, DeliveryState.UNKNOWN)
_MODERATES: Final = (RiskAction.MUTE, RiskAction.REMOVE)


@dataclass(frozen=True, slots=True)
class Decided:
    """`not_undone` are deliveries that had gone out before the item was dismissed."""

    row: RiskItemRow
    undo_seconds: int = 0
    cancelled: tuple[str, ...] = ()
    not_undone: tuple[DeliveryRow, ...] = ()


def decide(services: Services, caller: Caller, risk_id: str, ruling: Ruling, *, undoable: bool) -> Decided:
    """Carry out a decision; what an `undoable` one sends is not handed out before the undo window is over.

    Raises `NotFound` `risk_not_found`, `Forbidden`, `BadInput` (`risk_fields_not_expected`, `minutes_not_expected`,
    `risk_no_penalty`, `risk_no_member`, `text_missing`, `text_too_long`, `slot_unfilled`, `rules_name_member`,
    `copy_blocked`, `reason_missing`),
    `Conflict` (`risk_decided`, `risk_changed`) with the state that won.
    """
    with services.database.write() as db:
        item = _locked(db, caller, risk_id)
        if ruling.choice is Choice.CONFIRM:
            decided = _confirm(db, services, caller, item, ruling, undoable=undoable)
        else:
            decided = _dismiss(db, services, caller, item, ruling)
        risk_items.reckon_again(db, item.member_id)
        details = {"version": decided.row.version, "labels": risks.parted(decided.row.confirmed)}
        details |= {"action": decided.row.taken_action, "cancelled": list(decided.cancelled)}
        db.audit(Deed(caller, f"risk.{decided.row.status}", "risk", risk_id, item.community_id, details))
        changes.note(db, changes.RISKS)
    return decided


def _visible(db: ReadSession, caller: Caller, risk_id: str) -> RiskItemRow:
    item = risks.get(db, risk_id)
    if item is None:
        raise NotFound("risk_not_found")
    caller.require_seen(Scope.RISKS_READ, item.community_id, "risk")
    return item


def _locked(db: WriteSession, caller: Caller, risk_id: str) -> RiskItemRow:
    """The item for whoever may decide on it. Decisions about one member wait for each other, since each moves the
    others' proposals; edits of the message wait too, and the worker, which begins with the first of a burst."""
    item = _visible(db, caller, risk_id)
    caller.require(Scope.RISKS_DECIDE, item.community_id)
    members.lock(db, item.member_id)
    messages.lock(db, _message(db, item).burst_id or item.message_id)
    messages.lock(db, item.message_id)
    again = risks.get(db, risk_id)
    assert again is not None
    return again


def _message(db: ReadSession, item: RiskItemRow) -> MessageRow:
    row = messages.get(db, item.message_id)
    assert row is not None
    return row


def _move(db: WriteSession, item: RiskItemRow, version: int, statuses: Sequence[str], **values: Any) -> RiskItemRow:
    """The item in its next version. Raises `Conflict` with what stands now."""
    moved = risks.decide(db, item.id, version=version, statuses=statuses, **values)
    current = risks.get(db, item.id)
    assert current is not None
    if not moved:
        code = "risk_changed" if current.status in statuses else "risk_decided"
        raise Conflict(code, extra=risks.state_of(current))
    return current


def _confirm(
    db: WriteSession, services: Services, caller: Caller, item: RiskItemRow, ruling: Ruling, *, undoable: bool
) -> Decided:
    if item.status != RiskStatus.PENDING:
        raise Conflict("risk_decided", extra=risks.state_of(item))
    message = _message(db, item)
    full = completed(db, services, item, message, ruling)
    overridden = fit(caller, item, full, ruling)
    keys = MemberKeys(db, services.keyring)
    private = keys.protect(item.member_id, full.private_text or "", "draft")
    rules = keys.protect(None, full.rules_text or "", "draft")
    effects = _effects(item, message, full, ruling, private, rules)
    moved = _move(
        db,
        item,
        ruling.version,
        (RiskStatus.PENDING,),
        status=RiskStatus.CONFIRMED,
        decided_by=caller.id,
        decided_at=db.now,
        reason=_reason(db, services, item, ruling),
        confirmed=risks.joined(full.labels or ()),
        taken_action=full.action,
        taken_minutes=full.minutes,
        private_text=private.masked or None,
        rules_text=rules.masked or None,
        sends_private=full.send_private,
        sends_rules=full.send_rules,
    )
    window = settings.value(db, tunables.UNDO_SECONDS, communities.lineage(db, item.community_id)) if undoable else 0
    outgoing.queue_effects(
        db,
        (item.community_id, item.channel),
        effects,
        risk_id=item.id,
        decision=f"{item.id}:{moved.version}",
        wait=timedelta(seconds=window),
    )
    if overridden:
        details = {"version": moved.version, "labels": overridden}
        db.audit(Deed(caller, "risk.copy_overridden", "risk", item.id, item.community_id, details))
    db.after_commit(services.delivery_due)
    return Decided(moved, window)


def _reason(db: ReadSession, services: Services, item: RiskItemRow, ruling: Ruling) -> str | None:
    return outgoing.kept_reason(db, services, item.member_id, ruling.reason)


def _effects(
    item: RiskItemRow, message: MessageRow, full: Ruling, ruling: Ruling, private: Protected, rules: Protected
) -> list[Effect]:
    found = []
    if full.send_private:
        drafted = not ruling.private_text
        found.append(Effect(DeliveryKind.PRIVATE, private, drafted=drafted, member_id=item.member_id))
    if full.send_rules:
        found.append(Effect(DeliveryKind.ANNOUNCEMENT, rules, drafted=not ruling.rules_text))
    if full.action in _MODERATES:
        found.append(
            Effect(
                DeliveryKind.MODERATION,
                Protected("", None),
                member_id=item.member_id,
                reply_to=message.external_id,
                action=full.action,
                minutes=full.minutes,
            )
        )
    return found


def _dismiss(db: WriteSession, services: Services, caller: Caller, item: RiskItemRow, ruling: Ruling) -> Decided:
    given = (ruling.labels, ruling.action, ruling.minutes, ruling.private_text, ruling.rules_text)
    if ruling.override_copy or any(value is not None for value in (*given, ruling.send_private, ruling.send_rules)):
        raise BadInput("risk_fields_not_expected", extra={"field": "decision"})
    moved = _move(
        db,
        item,
        ruling.version,
        (RiskStatus.PENDING, RiskStatus.CONFIRMED),
        **UNDECIDED
        | {
            "status": RiskStatus.DISMISSED,
            "decided_by": caller.id,
            "decided_at": db.now,
            "reason": _reason(db, services, item, ruling),
        },
    )
    cancelled = deliveries.cancel_of_risk(db, item.id)
    if cancelled:
        changes.note(db, changes.DELIVERIES)
    gone = [row for row in deliveries.of_risks(db, [item.id])[item.id] if row.state in _GONE]
    _clear(db, services, item, cleared=True)
    return Decided(moved, cancelled=tuple(cancelled), not_undone=tuple(gone))


def _clear(db: WriteSession, services: Services, item: RiskItemRow, *, cleared: bool) -> None:
    """Whether the message still counts as risky; a reply that was held back for it is drafted then (or held again)."""
    row = messages.lock(db, item.message_id)
    assert row is not None
    if row.risk_cleared == cleared:
        return
    row.risk_cleared = cleared
    mattered = RiskLevel(row.risk["level"]).at_least(RiskLevel.MEDIUM) and row.sender_role == SenderRole.MEMBER
    if not mattered or row.recalled or row.history:
        return
    draft = drafts.of_message(db, row.id, "private" if row.conversation == "private" else "reply")
    if draft is not None and draft.decided_at is not None:
        return  # a person answered it meanwhile
    row.releases += 1
    db.flush()
    if drafts.expire_of_message(db, row.id, ExpiredReason.RISK_DECIDED, intake.WORKER.id):
        changes.note(db, changes.DRAFTS)
    intake.think_again(db, row)
    db.ring(MessageRow.__tablename__)
    db.after_commit(services.message_due)


def undo(services: Services, caller: Caller, risk_id: str, version: int) -> Decided:
    """Take a decision back while nothing of it was handed out: its deliveries are cancelled, the item is open again.

    Raises `Conflict` (`undo_too_late`, `risk_decided`, `risk_changed`).
    """
    with services.database.write() as db:
        item = _locked(db, caller, risk_id)
        was = item.status
        if was not in (RiskStatus.CONFIRMED, RiskStatus.DISMISSED):
            raise Conflict("risk_decided", extra=risks.state_of(item))
        # A bot that pulls may be reading while this commits: the last moment before the hand-over is too late.
        cancelled = deliveries.cancel_of_risk(db, risk_id, services.clock.now() + _HANDOVER)
        mine = [row for row in deliveries.of_risks(db, [risk_id])[risk_id] if row.decision == f"{risk_id}:{version}"]
        if any(row.state != DeliveryState.CANCELLED for row in mine):
            raise Conflict("undo_too_late", extra=risks.state_of(item))
        message = _message(db, item)
        labels = [RiskLabel(label) for label in risks.parted(item.label_names)]
        again = UNDECIDED | risk_items.reckoned(db, message, labels, item.id)
        moved = _move(db, item, version, (was,), **again | {"status": RiskStatus.PENDING})
        if cancelled:
            changes.note(db, changes.DELIVERIES)
        if was == RiskStatus.DISMISSED:
            _clear(db, services, item, cleared=False)
        risk_items.reckon_again(db, item.member_id)
        details = {"version": moved.version, "was": was, "cancelled": cancelled}
        db.audit(Deed(caller, "risk.undone", "risk", risk_id, item.community_id, details))
        changes.note(db, changes.RISKS)
    return Decided(moved, cancelled=tuple(cancelled))


def flag(
    services: Services, caller: Caller, message_id: str, labels: Sequence[RiskLabel], reason: str | None
) -> RiskItemRow:
    """A person flags what the screening missed: a pending item of origin `person`, or the message's old one again.

    Raises `NotFound` `message_not_found`, `Forbidden`, `Conflict` `risk_exists` where one is open already.
    """
    with services.database.write() as db:
        found = messages.get(db, message_id)
        if found is None:
            raise NotFound("message_not_found")
        _may_flag(caller, found)
        members.lock(db, found.member_id)
        row = messages.lock(db, message_id)
        assert row is not None
        hits = [_hit(label) for label in dict.fromkeys(labels)]
        level = max((STANCES[label].level for label in labels), key=list(RiskLevel).index)
        item = risks.lock_of_message(db, message_id)
        if item is None:
            item_id = risk_items.add(db, services, row, hits, level, RiskOrigin.PERSON)
        elif item.status == RiskStatus.PENDING:
            raise Conflict("risk_exists", extra=risks.state_of(item))
        else:
            item_id = item.id
            risk_items.reopen(db, services, item, row, hits, level, origin=RiskOrigin.PERSON)
        details = {"message": message_id, "labels": [label.value for label in labels]}
        db.audit(Deed(caller, "risk.flagged", "risk", item_id, row.community_id, details))
        made = risks.get(db, item_id)
        assert made is not None
        made.reason = outgoing.kept_reason(db, services, made.member_id, reason)
        changes.note(db, changes.RISKS)
        db.flush()
        return made


def _hit(label: RiskLabel) -> dict[str, Any]:
    return {"label": label.value, "score": 1.0, "spans": [], "evidence": "", "layer": RiskOrigin.PERSON.value}


def _may_flag(caller: Caller, row: MessageRow) -> None:
    """Whoever decides on risks or on drafts sees what was missed."""
    if caller.allows(Scope.DRAFTS_DECIDE, row.community_id):
        return
    caller.require_seen(Scope.RISKS_DECIDE, row.community_id, "message")
