"""How a complaint case ends: the result is drafted for the member, who is told and answers, or says nothing for long
enough; or it was no complaint."""

from datetime import datetime, timedelta
from itertools import takewhile
from typing import Final

from agent.flows import case_compensation, case_drafts, case_moves, case_routes, clock_rules, draft_store, surveys
from agent.flows.draft_store import Planned
from agent.services import Services
from core import tunables
from core.caller import Caller, system_caller
from core.errors import Conflict
from core.office_hours import NeverOpen
from core.vocabulary import OPEN_CASE_STATES, CaseAnswer, CaseState, DeliveryKind, ExpiredReason
from store import cases, changes, communities, drafts, messages, settings
from store.cases import CaseRow
from store.drafts import DraftRow
from store.session import ReadSession, WriteSession
from store.vault import Protected

SWEEPER: Final = system_caller("cases")
ERASED: Final = "member_erased"
_MOST: Final = 200


def draft_result(db: WriteSession, services: Services, row: CaseRow, result: Protected | None) -> None:
    """The private message that tells the member what came of it, for a person to decide on. Personal data in the
    result stays out of it."""
    message = messages.get(db, row.message_id)
    if message is None or row.member_id is None or result is None:
        return
    for other in drafts.open_of_case(db, row.id):
        drafts.expire(db, other.id, ExpiredReason.CONVERSATION_MOVED_ON, SWEEPER.id)
    made = case_drafts.result(db, services, row, case_compensation.approved_words(db, row.id))
    lane = case_drafts.private_lane(row)
    revision = message.revision + message.releases + row.version
    draft_store.add(db, Planned(DeliveryKind.PRIVATE, lane, [message], revision, made, case_id=row.id), SWEEPER.id)
    changes.note(db, changes.DRAFTS)


def told(
    db: WriteSession, by: Caller, row: CaseRow, at: datetime, *, note: Protected | None = None, draft: str | None = None
) -> CaseRow:
    """The member was told the result. Raises `Conflict` `case_state` for a case without one."""
    if row.state != CaseState.RESOLVED:
        raise Conflict("case_state", extra=cases.state_of(row))
    details = {} if draft is None else {"draft": draft}
    return case_moves.change(db, by, row, "told", note=note, details=details, told_at=row.told_at or at)


def told_by(db: WriteSession, by: Caller, row: CaseRow, draft: DraftRow) -> None:
    """A draft of the case reached the member: the one with the result tells them of it. One from before the case was
    opened again tells of no other result."""
    if draft.confidence.get("reason") != case_moves.RESULT or row.state != CaseState.RESOLVED:
        return
    assert row.resolved_at is not None
    if row.told_at is None and draft.created_at >= row.resolved_at:
        told(db, by, row, db.now, draft=draft.id)


def answered(
    db: WriteSession, by: Caller, row: CaseRow, answer: CaseAnswer, *, note: Protected | None = None
) -> CaseRow:
    """What the member said to the result. Raises `Conflict` (`case_state`, `case_not_told`, `case_needs_answer`)."""
    if row.state not in (CaseState.RESOLVED, CaseState.CLOSED):
        raise Conflict("case_state", extra=cases.state_of(row))
    if row.told_at is None:
        raise Conflict("case_not_told", extra=cases.state_of(row))
    if answer is CaseAnswer.NO_ANSWER:
        _require_silence(db, row)
    return case_moves.change(db, by, row, "answered_by_member", note=note, details={"answer": answer}, answer=answer)


def close(
    db: WriteSession,
    services: Services,
    by: Caller,
    row: CaseRow,
    answer: CaseAnswer | None,
    *,
    note: Protected | None = None,
) -> CaseRow:
    """End a case with a result that the member was told and answered. Raises `Conflict` as `case_moves.move` does."""
    if answer is CaseAnswer.NO_ANSWER and row.told_at is not None:
        _require_silence(db, row)
    values = {"answer": answer} if answer is not None else {}
    moved = case_moves.move(db, by, row, CaseState.CLOSED, note=note, details=dict(values), **values)
    _put_away(db, row)
    case_moves.stop_clock(db, services, moved, by.id, db.now, "closed")
    case_routes.over(db, row)
    surveys.ask(db, services, moved)
    return moved


def _require_silence(db: ReadSession, row: CaseRow) -> None:
    """`no_answer` is no answer to be typed: the time has to have passed."""
    until = silent_until(db, row)
    if until is None or until > row_now(db):
        raise Conflict("case_needs_answer", extra=cases.state_of(row))


def row_now(db: ReadSession) -> datetime:
    """The moment of a write session."""
    assert isinstance(db, WriteSession)
    return db.now


def silent_until(db: ReadSession, row: CaseRow) -> datetime | None:
    """When a member who was told has said nothing for long enough; None where they were not told."""
    if row.told_at is None:
        return None
    hours = settings.value(db, tunables.COMPLAINT_ANSWER_HOURS, communities.lineage(db, row.community_id))
    try:
        return clock_rules.hours(db, row.community_id).after(row.told_at, timedelta(hours=hours))
    except NeverOpen:
        return None


def dismiss(
    db: WriteSession,
    services: Services,
    by: Caller,
    row: CaseRow,
    *,
    note: Protected | None = None,
    why: str | None = None,
) -> CaseRow:
    """It was no complaint, a person says why: a false alarm. Its clock stops, its open drafts go. `why` is a code."""
    details = {"category": row.category, "severity": row.severity} | ({"why": why} if why else {})
    moved = case_moves.move(db, by, row, CaseState.DISMISSED, note=note, details=details)
    case_moves.stop_clock(db, services, moved, by.id, db.now, "dismissed")
    _put_away(db, row)
    case_routes.over(db, row)
    return moved


def _put_away(db: WriteSession, row: CaseRow) -> None:
    put = [
        drafts.expire(db, draft.id, ExpiredReason.CONVERSATION_MOVED_ON, SWEEPER.id)
        for draft in drafts.open_of_case(db, row.id)
    ]
    if any(put):
        changes.note(db, changes.DRAFTS)


def sweep(services: Services) -> int:
    """Close cases whose members were told and said nothing for 72 business hours, and put away those whose members were
    erased: nobody is left to be answered; how many."""
    now = services.clock.now()
    with services.database.read() as db:
        waiting = _silent(db, now)
        orphaned = cases.of_erased(db, _MOST)
    # Those first: what the member was told has been erased with them, and no case is closed without a result.
    put_away = sum(_put_away_erased(services, case_id) for case_id in orphaned)
    return put_away + sum(_close_silent(services, case_id) for case_id in waiting)


def _silent(db: ReadSession, now: datetime) -> list[str]:
    """Cases whose members have said nothing for long enough. Each community goes by its own hours, so that one that
    never opens holds up no other."""
    found: list[str] = []
    for place in cases.told_and_silent_in(db):
        rows = cases.told_and_silent(db, place, _MOST - len(found))
        # Whoever was told later has longer to answer.
        found += [row.id for row in takewhile(lambda row: (silent_until(db, row) or now) < now, rows)]
        if len(found) == _MOST:
            break
    return found


def _put_away_erased(services: Services, case_id: str) -> bool:
    with services.database.write() as db:
        row = cases.lock(db, case_id)
        if row is None or row.state not in OPEN_CASE_STATES:
            return False
        dismiss(db, services, SWEEPER, row, why=ERASED)
        changes.note(db, changes.COMPLAINTS)
    return True


def _close_silent(services: Services, case_id: str) -> bool:
    with services.database.write() as db:
        row = cases.lock(db, case_id)
        until = silent_until(db, row) if row is not None else None
        if row is None or row.state != CaseState.RESOLVED or row.answer is not None or until is None or until > db.now:
            return False
        close(db, services, SWEEPER, row, CaseAnswer.NO_ANSWER)
        changes.note(db, changes.COMPLAINTS)
    return True
