"""The one gate through which a complaint case changes: its state as `case_states` allows, a compare-and-set on its
version, a line in its history, a line in the audit."""

from datetime import datetime
from typing import Any, Final

from agent.flows import clocks
from agent.services import Services
from agent.steps.case_states import Standing, demands, refusal
from core.caller import Caller
from core.errors import BadInput, Conflict
from core.vocabulary import CaseAnswer, CaseState, ClockKind, ExpiredReason
from store import case_events, cases, changes, drafts, surveys
from store.audit import Deed
from store.cases import CaseRow
from store.session import WriteSession
from store.vault import Protected

RESULT: Final = "complaint_result"
"""The confidence's reason by which a draft that tells the result is known."""
_FIRST_TIMES = {
    CaseState.ACKNOWLEDGED: "acknowledged_at",
    CaseState.RESOLVED: "resolved_at",
    CaseState.CLOSED: "closed_at",
}
REOPENED: dict[str, Any] = {
    "resolved_at": None,
    "told_at": None,
    "closed_at": None,
    "answer": None,
    "result": None,
    "result_original": None,
}
"""What a case that is open again has not got any more: it needs another result, and the member told of that."""


def standing(row: CaseRow, values: dict[str, Any], *, reason: bool = False) -> Standing:
    """The case as it would stand with these values."""

    def of(name: str) -> Any:
        return values.get(name, getattr(row, name))

    answer = of("answer")
    return Standing(
        state=CaseState(row.state),
        has_owner=of("owner_id") is not None,
        has_result=bool(of("result")),
        told=of("told_at") is not None,
        answer=CaseAnswer(answer) if answer is not None else None,
        reason=reason,
    )


def move(
    db: WriteSession,
    by: Caller,
    row: CaseRow,
    to: CaseState,
    *,
    kind: str | None = None,
    note: Protected | None = None,
    details: dict[str, Any] | None = None,
    **values: Any,
) -> CaseRow:
    """The case in its next state. `values` are the columns that change with it, `note` the words for its history; a
    code in `details["why"]` is a reason too.

    Raises `Conflict` (`case_state`, `case_needs_owner`, `case_needs_result`, `case_not_told`, `case_needs_answer`,
    `case_changed`) with what stands now, `BadInput` `reason_missing`.
    """
    has_reason = (note is not None and bool(note.masked.strip())) or "why" in (details or {})
    code = refusal(standing(row, values, reason=has_reason), to)
    if code == "reason_missing":
        raise BadInput(code, extra={"field": "text"})
    if code is not None:
        raise Conflict(code, extra=cases.state_of(row))
    column = _FIRST_TIMES.get(to)
    if column is not None and values.get(column, getattr(row, column)) is None:
        values[column] = db.now
    if to is CaseState.REOPENED:
        values |= REOPENED
        surveys.withdraw(db, row.id, by.id)
        _withdraw_result(db, row, by)
    moved = (row.state, to.value)
    return _write(db, by, row, kind or to.value, values | {"state": to.value}, moved, note, details or {})


def _withdraw_result(db: WriteSession, row: CaseRow, by: Caller) -> None:
    """The message with the former result is out of date; what else is drafted for the case stays."""
    for draft in drafts.open_of_case(db, row.id):
        if draft.confidence.get("reason") == RESULT:
            drafts.expire(db, draft.id, ExpiredReason.CONVERSATION_MOVED_ON, by.id)
            changes.note(db, changes.DRAFTS)


def change(
    db: WriteSession,
    by: Caller,
    row: CaseRow,
    kind: str,
    *,
    note: Protected | None = None,
    details: dict[str, Any] | None = None,
    **values: Any,
) -> CaseRow:
    """The case with other values in the same state. Raises `Conflict` as `move` does where the state forbids them."""
    code = demands(standing(row, values), CaseState(row.state))
    if code is not None:
        raise Conflict(code, extra=cases.state_of(row))
    return _write(db, by, row, kind, values, (None, None), note, details or {})


def _write(
    db: WriteSession,
    by: Caller,
    row: CaseRow,
    kind: str,
    values: dict[str, Any],
    moved: tuple[str | None, str | None],
    note: Protected | None,
    details: dict[str, Any],
) -> CaseRow:
    db.flush()
    was = row.version
    done = cases.move(db, row.id, version=was, **values)
    current = cases.get(db, row.id)
    assert current is not None
    if not done:
        raise Conflict("case_changed", extra=cases.state_of(current))
    case_events.add(db, row.id, kind, by.id, moved=moved, note=note, **details)
    told: dict[str, Any] = {"version": current.version, "state": current.state} | details
    db.audit(Deed(by, f"complaint.{kind}", "complaint", row.id, row.community_id, told))
    return current


def stop_clock(db: WriteSession, services: Services, row: CaseRow, by: str, at: datetime, why: str) -> None:
    """The member of a case waits for its first answer no more."""
    clocks.stop(db, services, kind=ClockKind.COMPLAINT, object_id=row.id, at=at, by=by, why=why)
