"""What a settled turn means for complaint cases and reply clocks: cases come into being with their drafts, and a first
answer of staff acknowledges them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from agent.flows import (
    case_compensation,
    case_drafts,
    case_ends,
    case_intake,
    case_moves,
    case_owners,
    case_routes,
    clocks,
    draft_store,
    incidents,
)
from agent.flows.case_intake import WORKER, Filed, Grievance
from agent.flows.draft_store import Planned
from agent.flows.turns import Turn
from agent.services import Services
from agent.steps.reply import Reply
from core.caller import Caller
from core.vocabulary import (
    OPEN_CASE_STATES,
    CaseAnswer,
    CaseState,
    ClockKind,
    Conversation,
    DeliveryKind,
    ExpiredReason,
)
from store import case_events, cases, drafts, messages
from store.cases import CaseRow
from store.drafts import DraftRow
from store.messages import MessageRow
from store.session import WriteSession

_SOLVED: Final = (ExpiredReason.ASKER_RESOLVED, ExpiredReason.ASKER_FOUND_ANSWER)
_MOVED_ON: Final = ExpiredReason.CONVERSATION_MOVED_ON


def file(
    db: WriteSession,
    services: Services,
    turn: Turn,
    found: Sequence[Grievance],
    answered: ExpiredReason | None,
    first: datetime | None,
) -> bool:
    """Store what a turn complains about; whether any case changed. `answered`: why it wants no words of ours any more;
    `first`: when staff answered it, before it was read."""
    marked = case_intake.overtaken(db, turn, found)
    filed = case_intake.file(db, services, turn, found)
    for one in filed:
        _started(db, services, one)
        if one.fresh:
            case_routes.tell(db, services, one.row)
        _store_drafts(db, services, turn, one)
        incidents.note_case(db, services, one.row)
        said = _said_at(db, turn, first) if first is not None else None
        current = cases.get(db, one.row.id)
        assert current is not None
        if answered in _SOLVED and answered is not None:
            _solved(db, services, current, turn.rows[-1], answered)
        elif first is not None:
            author = _author(db, said) if said is not None else None
            acknowledge(db, services, current, author, first, message=said.id if said is not None else "")
    return bool(marked or filed)


def _started(db: WriteSession, services: Services, filed: Filed) -> None:
    """The clock of a case that waits for its first answer, from when the member said it."""
    row, since = filed.row, filed.grievance.said_in.sent_at
    # Who says it again while the case waits gets no more time to be answered in.
    wanted = {"kind": ClockKind.COMPLAINT, "object_id": row.id, "community_id": row.community_id}
    if row.state == CaseState.NEW:
        clocks.start(db, services, since=since, **wanted)  # type: ignore[arg-type]
    elif filed.reopened:
        clocks.restart(db, services, since=since, by=WORKER.id, **wanted)  # type: ignore[arg-type]


def _store_drafts(db: WriteSession, services: Services, turn: Turn, filed: Filed) -> None:
    """Drafts for a fresh or graver complaint; one that only says it again is added to those that are open. What is
    offered stays offered. A case that has a result wants none: its message was only edited."""
    if filed.row.state in (CaseState.RESOLVED, CaseState.CLOSED):
        return
    rows = filed.grievance.rows
    standing = {draft.kind: draft for draft in drafts.open_of_case(db, filed.row.id)}
    for kind, made in case_drafts.kinds(filed):
        before = standing.get(kind)
        if before is not None and not _is_graver(filed, before):
            drafts.attach(db, before.id, draft_store.answered(rows, kind, turn.revision))
            continue
        if before is not None:
            drafts.expire(db, before.id, _MOVED_ON, WORKER.id)
        kept = case_compensation.kept(db, services, filed.row, before) if before is not None and made.text else None
        made, cause = kept or (made, None)
        lane = case_drafts.lane_of(rows[-1], kind)
        degraded = filed.grievance.degraded
        planned = Planned(kind, lane, rows, turn.revision, made, degraded=degraded, case_id=filed.row.id, cause=cause)
        draft_store.add(db, planned, WORKER.id)


def _is_graver(filed: Filed, before: DraftRow) -> bool:
    """Whether what was drafted doesn't do any more."""
    return before.text is None or filed.rose


def responded(db: WriteSession, services: Services, turn: Turn, first: Mapping[str, datetime]) -> bool:
    """Staff's first answers to complaints, by their drafts or cases: those are acknowledged. Whether any case
    changed."""
    changed = False
    for key, at in first.items():
        draft = drafts.get(db, key)
        row = cases.lock(db, draft.case_id or "" if draft is not None else key)
        if row is not None and row.state in (CaseState.NEW, CaseState.REOPENED):
            said = _said_at(db, turn, at)
            author = _author(db, said) if said is not None else None
            changed |= acknowledge(db, services, row, author, at, message=said.id if said is not None else "")
    return changed


def _said_at(db: WriteSession, turn: Turn, at: datetime) -> MessageRow | None:
    own = next((row for row in turn.rows if turn.is_staff and row.sent_at == at), None)
    return own or messages.of_staff_at(db, turn.head.lane, at)


def ended(db: WriteSession, services: Services, turn: Turn, reasons: Mapping[str, ExpiredReason]) -> bool:
    """What the end of open questions means, by their drafts or cases: who needs nothing any more has said so to their
    case, the answer to a question stops its clock. Whether any case changed."""
    return any([_ended(db, services, turn, key, reason) for key, reason in reasons.items()])


def _ended(db: WriteSession, services: Services, turn: Turn, key: str, reason: ExpiredReason) -> bool:
    draft = drafts.get(db, key)
    if draft is not None and draft.case_id is None:
        _stop_question(db, services, draft, turn.head, reason)
        return False
    row = cases.lock(db, draft.case_id or "" if draft is not None else key)
    if row is None or row.state not in OPEN_CASE_STATES or reason not in _SOLVED:
        return False
    _put_away(db, row)
    return _solved(db, services, row, turn.head, reason)


def _solved(db: WriteSession, services: Services, row: CaseRow, said: MessageRow, reason: ExpiredReason) -> bool:
    """The member needs nothing any more: noted, and a person closes. To a result that they were told it is an answer.
    Nobody's first answer is waited for."""
    case_moves.stop_clock(db, services, row, said.member_id or WORKER.id, said.sent_at, reason.value)
    details = {"message": said.id}
    if row.state == CaseState.RESOLVED and row.told_at is not None and row.answer is None:
        case_ends.answered(db, WORKER, row, CaseAnswer.SATISFIED)
    else:
        case_moves.change(db, WORKER, row, "member_says_solved", details=dict(details))
    return True


def _put_away(db: WriteSession, row: CaseRow) -> None:
    """The drafts of a complaint whose member needs no words any more."""
    for other in drafts.open_of_case(db, row.id):
        drafts.expire(db, other.id, ExpiredReason.ASKER_RESOLVED, WORKER.id)


def _author(db: WriteSession, said: MessageRow) -> str | None:
    return case_owners.of_staff(db, said)


def acknowledge(
    db: WriteSession,
    services: Services,
    row: CaseRow,
    user_id: str | None,
    at: datetime,
    *,
    by: Caller = WORKER,
    **details: str,
) -> bool:
    """A first answer went to the member of a case: its clock stops, and a new case is acknowledged by its owner, who is
    `user_id` where none was named. Whether the case changed."""
    stopper = user_id or by.id
    case_moves.stop_clock(db, services, row, stopper, at, "answered")
    if row.state != CaseState.NEW:
        # Whoever is at it goes on: a case that is open again is taken up by its owner.
        noted: dict[str, Any] = dict(details)
        if "draft" in noted or not _answered_since(db, row):
            case_events.add(db, row.id, "answered", stopper, **noted)
        return False
    owner = row.owner_id or user_id or case_owners.fallback(db, row)
    details = {**details, "owner": owner or ""}
    case_moves.move(db, by, row, CaseState.ACKNOWLEDGED, details=dict(details), owner_id=owner, acknowledged_at=at)
    return True


def _answered_since(db: WriteSession, row: CaseRow) -> bool:
    """Whether a case that is open again has had its first answer since then."""
    if row.state != CaseState.REOPENED:
        return False
    began = case_events.last_moved(db, row.id, CaseState.REOPENED)
    said = case_events.last(db, row.id, "answered")
    return began is not None and said is not None and said >= began


def clock(db: WriteSession, services: Services, turn: Turn, made: Reply | None, answered: ExpiredReason | None) -> None:
    """The clock of a question in the group; one that staff answered before a worker had read it counts too."""
    head = turn.head
    if head.conversation != Conversation.GROUP or head.history or turn.is_staff:
        return
    human = answered is ExpiredReason.HUMAN_ANSWERED and not any(one.is_complaint for one in turn.verdicts.values())
    if made is None and not human:
        return
    clocks.start(
        db,
        services,
        kind=ClockKind.GROUP_QUESTION,
        object_id=head.id,
        community_id=head.community_id,
        since=head.sent_at,
    )
    said = messages.last_of_staff(db, head.lane, head.sent_at) if human else None
    if said is not None:
        _stop(db, services, head.id, said, "answered")


def _stop_question(
    db: WriteSession, services: Services, draft: DraftRow, said: MessageRow, reason: ExpiredReason
) -> None:
    if draft.kind != DeliveryKind.REPLY:
        return
    why = "answered" if reason is ExpiredReason.HUMAN_ANSWERED else reason.value
    for message_id in drafts.message_ids(db, [draft.id])[draft.id]:
        _stop(db, services, message_id, said, why)


def _stop(db: WriteSession, services: Services, message_id: str, said: MessageRow, why: str) -> None:
    by = _author(db, said) or said.member_id or WORKER.id
    clocks.stop(db, services, kind=ClockKind.GROUP_QUESTION, object_id=message_id, at=said.sent_at, by=by, why=why)


def delivered(db: WriteSession, services: Services, draft_id: str | None) -> bool:
    """A decided draft has reached the member: that is an answer, by whoever approved it. Whether a case changed."""
    draft = drafts.get(db, draft_id) if draft_id is not None else None
    if draft is None or draft.decided_by is None:
        return False
    if draft.case_id is None:
        _answered_question(db, services, draft, draft.decided_by)
        return False
    row = cases.lock(db, draft.case_id)
    if row is None or row.state not in OPEN_CASE_STATES:
        return False
    acknowledge(db, services, row, case_owners.person(db, draft.decided_by), db.now, draft=draft.id)
    current = cases.get(db, row.id)
    assert current is not None
    case_ends.told_by(db, WORKER, current, draft)
    return True


def _answered_question(db: WriteSession, services: Services, draft: DraftRow, by: str) -> None:
    kind = ClockKind.GROUP_QUESTION
    for message_id in drafts.message_ids(db, [draft.id])[draft.id]:
        clocks.stop(db, services, kind=kind, object_id=message_id, at=db.now, by=by, why="answered")
