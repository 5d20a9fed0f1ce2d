"""A person decides on a draft. A decision is a compare-and-set on the draft's row, and in the same transaction the
delivery it means becomes due: there is no other way from a draft to a member."""

from dataclasses import dataclass, replace
from datetime import timedelta

from agent.flows import case_compensation, consents, copy_review, crisis, outgoing, picking
from agent.flows.copy_review import Override, Passed
from agent.services import Services
from agent.steps.reply import same_text
from core import tunables
from core.caller import Caller
from core.copy_hits import CopyHit
from core.errors import BadInput, Conflict, NotFound
from core.scopes import Scope
from core.vocabulary import OPEN_DRAFT_STATUSES, Decision, DraftStatus, Requires, RequiresCause
from knowledge.slots import slots
from store import cases, changes, communities, deliveries, drafts, settings
from store.audit import Deed
from store.drafts import DraftRow, DraftSnoozeRow, DraftVersionRow
from store.session import ReadSession, WriteSession
from store.vault import MemberKeys, Protected

MOST_TEXT = 4_000
_HANDOVER = timedelta(seconds=1)
_STATUS = {
    Decision.APPROVE: DraftStatus.APPROVED,
    Decision.MODIFY: DraftStatus.MODIFIED,
    Decision.REJECT: DraftStatus.REJECTED,
    Decision.ESCALATE: DraftStatus.ESCALATED,
}
_SENT = (DraftStatus.APPROVED, DraftStatus.MODIFIED)


@dataclass(frozen=True, slots=True)
class Decided:
    """`delivery_id` is None where nothing goes out; `undo_seconds` is 0 where it can't be undone; `copy` are the finds
    of the copy check that the text went out with."""

    draft_id: str
    version: int
    status: DraftStatus
    delivery_id: str | None
    undo_seconds: int
    copy: tuple[CopyHit, ...] = ()


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a person wants done with a draft that they saw in `version`."""

    decision: Decision
    version: int
    text: str | None = None
    reason: str | None = None
    override_copy: bool = False


def decide(services: Services, caller: Caller, draft_id: str, ruling: Ruling, *, undoable: bool) -> Decided:
    """Carry out a decision; `undoable` decisions are not handed out before the undo window is over.

    Raises `NotFound` `draft_not_found`, `Forbidden`, `BadInput` (`nothing_to_approve`, `text_missing`,
    `text_too_long`, `text_not_expected`, `slot_unfilled`, `copy_blocked`, `reason_missing`), `Conflict`
    `draft_decided` with the state that won.
    """
    with services.database.write() as db:
        draft = _visible(db, caller, draft_id)
        _may_decide(db, caller, draft, ruling.decision)
        if draft.status not in OPEN_DRAFT_STATUSES:
            raise Conflict("draft_decided", extra=drafts.state_of(draft))
        ruling = _checked(db, services, draft, ruling)
        passed = _fit(db, caller, draft, ruling)
        decided = replace(_apply(db, services, caller, draft, ruling, undoable=undoable), copy=passed.hits)
        _note_override(db, caller, draft, ruling, passed)
        db.audit(Deed(caller, f"draft.{decided.status}", "draft", draft_id, draft.community_id, _details(decided)))
        changes.note(db, changes.DRAFTS)
        if decided.delivery_id:
            db.after_commit(services.delivery_due)
    return decided


def undo(services: Services, caller: Caller, draft_id: str, version: int) -> Decided:
    """Take back a decision whose delivery nobody was handed yet: the delivery is cancelled, the draft pending again.

    Raises `Conflict` `undo_too_late` or `draft_decided`.
    """
    with services.database.write() as db:
        draft = _visible(db, caller, draft_id)
        _may_decide(db, caller, draft, Decision.APPROVE)
        if draft.case_id is not None:
            # A case is locked before its drafts, wherever both change.
            cases.lock(db, draft.case_id)
        # A bot that pulls may be reading while this commits: the last moment before the hand-over is too late.
        cancelled = deliveries.cancel_before(db, draft_id, services.clock.now() + _HANDOVER)
        was_sent = draft.status in _SENT
        if was_sent and not cancelled:
            raise Conflict("undo_too_late", extra=drafts.state_of(draft))
        reopened = drafts.reopen(db, draft_id, version=version, statuses=(*_SENT, DraftStatus.REJECTED))
        if not reopened:
            raise Conflict("draft_decided", extra=drafts.state_of(draft))
        _keep_version(db, draft_id, version + 1, DraftStatus.PENDING, Protected("", None), caller, text=draft.text)
        picking.forget(db, draft)
        if was_sent:
            case_compensation.withdrawn(db, caller, draft)
        details = {"version": version + 1, "cancelled": cancelled}
        db.audit(Deed(caller, "draft.undone", "draft", draft_id, draft.community_id, details))
        changes.note(db, changes.DRAFTS)
    return Decided(draft_id, version + 1, DraftStatus.PENDING, None, 0)


def snooze(services: Services, caller: Caller, draft_id: str, minutes: int) -> None:
    """Hide an open draft from this person's own list for some time; nothing else changes."""
    with services.database.write() as db:
        _visible(db, caller, draft_id)
        until = db.now + timedelta(minutes=minutes)
        db.merge(DraftSnoozeRow(draft_id=draft_id, user_id=caller.id, hidden_until=until))


def _visible(db: ReadSession, caller: Caller, draft_id: str) -> DraftRow:
    draft = drafts.get(db, draft_id)
    if draft is None:
        raise NotFound("draft_not_found")
    caller.require_seen(Scope.DRAFTS_READ, draft.community_id, "draft")
    return draft


def release_needs(db: ReadSession, draft: DraftRow) -> tuple[Scope, ...]:
    """The scopes without which nobody lets this draft go out, besides those that decide: a crisis text that offers
    what nobody approved needs both."""
    if draft.requires != Requires.MANAGER:
        return ()
    if draft.cause != RequiresCause.COMPENSATION:
        return (Scope.CRISIS_RELEASE,)
    if crisis.is_text(db, draft):
        return (Scope.CRISIS_RELEASE, Scope.COMPENSATION_APPROVE)
    return (Scope.COMPENSATION_APPROVE,)


def _may_decide(db: ReadSession, caller: Caller, draft: DraftRow, decision: Decision) -> None:
    caller.require(Scope.DRAFTS_DECIDE, draft.community_id)
    if draft.status == DraftStatus.ESCALATED:
        caller.require(Scope.DRAFTS_DECIDE_ESCALATED, draft.community_id)
    if decision in (Decision.APPROVE, Decision.MODIFY):
        for scope in release_needs(db, draft):
            caller.require(scope, draft.community_id)


def _checked(db: ReadSession, services: Services, draft: DraftRow, ruling: Ruling) -> Ruling:
    """The ruling with its text as it is to be kept. Text equal to the draft's is an approval, whatever it is called:
    else the edit rate would count clicks."""
    if ruling.decision != Decision.MODIFY:
        if ruling.text is not None:
            raise BadInput("text_not_expected", extra={"field": "text"})
        if ruling.decision == Decision.APPROVE and draft.text is None:
            raise BadInput("nothing_to_approve", extra={"field": "decision"})
        return ruling
    text = (ruling.text or "").strip()
    if not text:
        raise BadInput("text_missing", extra={"field": "text"})
    if len(text) > MOST_TEXT:
        raise BadInput("text_too_long", extra={"field": "text"}, most=MOST_TEXT)
    kept = outgoing.name_to_slot(db, services, draft.member_id, text)
    unfilled = [name for name in slots(kept) if name != outgoing.MEMBER_NAME]
    if unfilled:
        raise BadInput("slot_unfilled", extra={"field": "text"}, slot=unfilled[0])
    if draft.text is not None and same_text(kept, draft.text):
        return replace(ruling, decision=Decision.APPROVE, text=None)
    return replace(ruling, text=kept)


def _fit(db: ReadSession, caller: Caller, draft: DraftRow, ruling: Ruling) -> Passed:
    """The words that would go out, through the copy check."""
    if ruling.decision not in (Decision.APPROVE, Decision.MODIFY):
        return Passed()
    consents.require_private(db, draft)
    text = ruling.text if ruling.text is not None else draft.text or ""
    override = Override(ruling.override_copy, ruling.reason)
    return copy_review.require_fit(db, caller, draft, text, typed=ruling.text is not None, override=override)


def _note_override(db: WriteSession, caller: Caller, draft: DraftRow, ruling: Ruling, passed: Passed) -> None:
    """The reason stands in the draft."""
    if passed.overridden:
        labels = sorted({hit.label.value for hit in passed.overridden})
        details = {"version": ruling.version + 1, "labels": labels}
        db.audit(Deed(caller, "draft.copy_overridden", "draft", draft.id, draft.community_id, details))


def _apply(
    db: WriteSession, services: Services, caller: Caller, draft: DraftRow, ruling: Ruling, *, undoable: bool
) -> Decided:
    if draft.case_id is not None:
        # A case is locked before its drafts, wherever both change.
        cases.lock(db, draft.case_id)
    keys = MemberKeys(db, services.keyring)
    final = Protected(draft.text or "", None)
    if ruling.text is not None:
        final = keys.protect(draft.member_id, ruling.text, "draft")
    status = _STATUS[ruling.decision]
    ruling = replace(ruling, reason=outgoing.kept_reason(db, services, draft.member_id, ruling.reason))
    _set(db, caller, draft, ruling, status, final)
    _keep_version(db, draft.id, ruling.version + 1, status, final, caller, text=final.masked or None)
    if status not in _SENT:
        return Decided(draft.id, ruling.version + 1, status, None, 0)
    window = settings.value(db, tunables.UNDO_SECONDS, communities.lineage(db, draft.community_id)) if undoable else 0
    decision = f"{draft.id}:{ruling.version + 1}"
    picking.note_picked(db, draft, final.masked)
    case_compensation.released(db, caller, draft)
    delivery = outgoing.queue_reply(db, draft, final, decision=decision, wait=timedelta(seconds=window))
    return Decided(draft.id, ruling.version + 1, status, delivery, window)


def _set(
    db: WriteSession, caller: Caller, draft: DraftRow, ruling: Ruling, status: DraftStatus, final: Protected
) -> None:
    sent = status in _SENT
    moved = drafts.decide(
        db,
        draft.id,
        version=ruling.version,
        status=status,
        decided_by=None if status == DraftStatus.ESCALATED else caller.id,
        decided_at=None if status == DraftStatus.ESCALATED else db.now,
        reason=ruling.reason,
        final_text=final.masked if sent else None,
        final_original=final.sealed if sent else None,
    )
    if not moved or (status == DraftStatus.ESCALATED and draft.status == DraftStatus.ESCALATED):
        current = drafts.get(db, draft.id)
        assert current is not None
        code = "draft_decided" if current.status not in OPEN_DRAFT_STATUSES else "draft_changed"
        raise Conflict(code, extra=drafts.state_of(current))


def _keep_version(
    db: WriteSession,
    draft_id: str,
    version: int,
    status: DraftStatus,
    final: Protected,
    caller: Caller,
    *,
    text: str | None,
) -> None:
    db.add(
        DraftVersionRow(
            draft_id=draft_id,
            version=version,
            status=status,
            text=text,
            original=final.sealed,
            by=caller.id,
            at=db.now,
        )
    )


def _details(decided: Decided) -> dict[str, object]:
    return {"version": decided.version, "delivery": decided.delivery_id}
