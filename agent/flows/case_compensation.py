"""Compensation for a complaint: within the limit whoever proposes it approves it, above it a manager decides, and until
then no message promises it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agent.flows import case_drafts, case_moves, community, draft_store
from agent.flows.case_access import locked
from agent.flows.draft_store import Planned
from agent.services import Services
from agent.steps import case_reply
from agent.steps.case_reply import Manner, Matter
from agent.steps.reply import Reply
from core import tunables
from core.caller import Caller, system_caller
from core.errors import BadInput, Conflict, NotFound
from core.ids import new_id
from core.scopes import Scope
from core.vocabulary import (
    CaseState,
    CompensationKind,
    CompensationStatus,
    ComplaintCategory,
    DeliveryKind,
    ExpiredReason,
    RequiresCause,
    Severity,
)
from store import case_events, cases, changes, communities, drafts, messages, settings
from store.cases import CaseRow, CompensationRow
from store.drafts import DraftRow
from store.session import ReadSession, WriteSession

WORKER: Final = system_caller("cases")
OFFER: Final = "complaint_offer"
_DECIDABLE: Final = (CompensationStatus.APPROVED, CompensationStatus.REJECTED)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is offered, for a case seen in `version`: `cents` in fen, or `points`."""

    version: int
    kind: CompensationKind
    cents: int = 0
    points: int = 0


def propose(services: Services, caller: Caller, case_id: str, wanted: Proposal) -> tuple[CaseRow, CompensationRow]:
    """Offer compensation: approved at once within the limit of the case's severity, all that was offered before
    counted in, or by who may approve; else proposed.

    Raises `NotFound`, `Forbidden`, `BadInput` `compensation_amount`, `Conflict` (`case_changed`, `case_state`).
    """
    if (wanted.points > 0) == (wanted.cents > 0) or (wanted.kind is CompensationKind.POINTS) != (wanted.points > 0):
        raise BadInput("compensation_amount", extra={"field": "cents"})
    with services.database.write() as db:
        row = locked(db, caller, case_id, wanted.version)
        _unended(row)
        approved = caller.allows(Scope.COMPENSATION_APPROVE, row.community_id) or _within(db, row, wanted)
        made = _add(db, caller, row, wanted, approved=approved)
        details = {"compensation": made.id, "kind": made.kind, "status": made.status}
        details |= {"cents": str(made.cents), "points": str(made.points)}
        row = case_moves.change(db, caller, row, "compensation", details=dict(details))
        _redraft(db, services, row)
        _changed(db)
    return row, made


def _unended(row: CaseRow) -> None:
    if row.state in (CaseState.CLOSED, CaseState.DISMISSED):
        raise Conflict("case_state", extra=cases.state_of(row))


def _within(db: ReadSession, row: CaseRow, wanted: Proposal) -> bool:
    limits = settings.value(db, tunables.COMPLAINT_LIMITS, communities.lineage(db, row.community_id))
    limit = limits.get(row.severity)
    before = _standing(db, row.id)
    cents = sum(one.cents for one in before) + wanted.cents
    points = sum(one.points for one in before) + wanted.points
    return limit is not None and cents <= limit["cents"] and points <= limit["points"]


def _add(db: WriteSession, caller: Caller, row: CaseRow, wanted: Proposal, *, approved: bool) -> CompensationRow:
    made = CompensationRow(
        id=new_id("cmp"),
        case_id=row.id,
        kind=wanted.kind,
        cents=wanted.cents,
        points=wanted.points,
        status=CompensationStatus.APPROVED if approved else CompensationStatus.PROPOSED,
        proposed_by=caller.id,
        proposed_at=db.now,
        decided_by=caller.id if approved else None,
        decided_at=db.now if approved else None,
    )
    db.add(made)
    db.flush()
    return made


def decide(
    services: Services, caller: Caller, case_id: str, compensation_id: str, status: CompensationStatus, version: int
) -> tuple[CaseRow, CompensationRow]:
    """A manager approves or rejects what was proposed.

    Raises `NotFound` (`complaint_not_found`, `compensation_not_found`), `Forbidden`, `Conflict` (`case_changed`,
    `case_state`, `compensation_decided`).
    """
    if status not in _DECIDABLE:
        raise BadInput("compensation_amount", extra={"field": "status"})
    with services.database.write() as db:
        row = locked(db, caller, case_id, version)
        caller.require(Scope.COMPENSATION_APPROVE, row.community_id)
        _unended(row)
        known = case_events.compensation(db, compensation_id)
        if known is None or known.case_id != case_id:
            raise NotFound("compensation_not_found")
        if not case_events.decide(db, compensation_id, status, caller.id):
            raise Conflict("compensation_decided", extra={"id": known.id, "status": known.status})
        details = {"compensation": compensation_id, "status": status.value}
        row = case_moves.change(db, caller, row, "compensation_decided", details=dict(details))
        _redraft(db, services, row)
        _changed(db)
        made = case_events.compensation(db, compensation_id)
        assert made is not None
    return row, made


def released(db: WriteSession, caller: Caller, draft: DraftRow) -> None:
    """A manager let the message go out that offers what was proposed: that approves it."""
    if draft.case_id is None or draft.cause != RequiresCause.COMPENSATION:
        return
    for one in case_events.compensations(db, draft.case_id):
        if one.status == CompensationStatus.PROPOSED and case_events.decide(
            db, one.id, CompensationStatus.APPROVED, caller.id
        ):
            row = cases.lock(db, draft.case_id)
            assert row is not None
            details = {"compensation": one.id, "status": CompensationStatus.APPROVED.value, "draft": draft.id}
            case_moves.change(db, caller, row, "compensation_decided", details=dict(details))
            changes.note(db, changes.COMPLAINTS)


def withdrawn(db: WriteSession, caller: Caller, draft: DraftRow) -> None:
    """The decision that let the message go out was taken back, and what it approved with it. The case is locked
    already."""
    if draft.case_id is None or draft.cause != RequiresCause.COMPENSATION:
        return
    row = cases.get(db, draft.case_id)
    assert row is not None
    events = case_events.of_case(db, row.id)
    decided = [one.details for one in events if one.kind == "compensation_decided"]
    for offered in dict.fromkeys(one["compensation"] for one in decided if one.get("draft") == draft.id):
        if case_events.propose_again(db, offered):
            details = {"compensation": offered, "status": CompensationStatus.PROPOSED.value, "draft": draft.id}
            row = case_moves.change(db, caller, row, "compensation_decided", details=dict(details))
            changes.note(db, changes.COMPLAINTS)


def approved_words(db: ReadSession, case_id: str) -> str | None:
    """What was approved for a case, in words."""
    return _words(one for one in case_events.compensations(db, case_id) if one.status == CompensationStatus.APPROVED)


def kept(
    db: ReadSession, services: Services, row: CaseRow, before: DraftRow
) -> tuple[Reply, RequiresCause | None] | None:
    """The private message for the case as it is now, with what the one before it offers, and why a manager has to
    decide; None where that offers nothing."""
    if before.kind != DeliveryKind.PRIVATE:
        return None
    text = before.text or ""
    offers = [one for one in _standing(db, row.id) if case_reply.offered(one.kind, one.cents, one.points) in text]
    return (_words_with(db, services, row, _words(offers)), _cause(offers)) if offers else None


def _standing(db: ReadSession, case_id: str) -> list[CompensationRow]:
    return [one for one in case_events.compensations(db, case_id) if one.status != CompensationStatus.REJECTED]


def _cause(offers: Sequence[CompensationRow]) -> RequiresCause | None:
    unapproved = any(one.status == CompensationStatus.PROPOSED for one in offers)
    return RequiresCause.COMPENSATION if unapproved else None


def _words(found: object) -> str | None:
    texts = [case_reply.offered(one.kind, one.cents, one.points) for one in found]  # type: ignore[attr-defined]
    return "、".join(texts) or None


def _redraft(db: WriteSession, services: Services, row: CaseRow) -> None:
    """The private message anew, with what is offered now: that which tells the result where there is one. One that
    offers what nobody approved needs a manager."""
    message = messages.get(db, row.message_id)
    if message is None or row.member_id is None:
        return
    offers = _standing(db, row.id)
    for other in drafts.open_of_case(db, row.id):
        if other.kind == DeliveryKind.PRIVATE:
            drafts.expire(db, other.id, ExpiredReason.CONVERSATION_MOVED_ON, WORKER.id)
    made = _words_with(db, services, row, _words(offers))
    planned = Planned(
        DeliveryKind.PRIVATE,
        case_drafts.private_lane(row),
        [message],
        message.revision + message.releases + row.version,
        made,
        case_id=row.id,
        cause=_cause(offers),
    )
    draft_store.add(db, planned, WORKER.id)


def _words_with(db: ReadSession, services: Services, row: CaseRow, offer: str | None) -> Reply:
    if row.state == CaseState.RESOLVED:
        return case_drafts.result(db, services, row, offer)
    view = community.view(db, row.community_id)
    known = case_drafts.has_name(db, services, row.member_id)
    kept = frozenset({"member_name"}) if known else frozenset()
    manner = Manner(view.tone, view.values, kept, view.respond_minutes)
    matter = Matter(ComplaintCategory(row.category), Severity(row.severity), offer=offer)
    return case_reply.private(matter, manner, ())


def _changed(db: WriteSession) -> None:
    changes.note(db, changes.DRAFTS)
    changes.note(db, changes.COMPLAINTS)
