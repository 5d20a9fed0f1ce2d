"""A person works on a complaint case. Each action is a compare-and-set on the case's version; who loses a race is told
what stands now. A member is written to only by a draft that somebody decides on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from agent.flows import access, case_ends, case_moves, case_owners, case_routes, clocks, outgoing
from agent.flows.case_access import locked
from agent.services import Services
from core.caller import Caller
from core.errors import BadInput, Conflict, NotFound
from core.scopes import Scope
from core.vocabulary import CaseAction, CaseAnswer, CaseState, ClockKind, ComplaintCategory, Department, Severity
from store import cases, changes
from store.cases import CaseRow
from store.session import WriteSession
from store.vault import Protected

MOST_TEXT: Final = 2_000
CONTEXT: Final = "case"
"""What sealed words of a case are bound to."""


@dataclass(frozen=True, slots=True)
class Act:
    """What a person wants done with a case that they saw in `version`. `owner` is a user's id or login; `text` the
    result, the reason or the note."""

    action: CaseAction
    version: int
    text: str | None = None
    owner: str | None = None
    answer: CaseAnswer | None = None
    department: Department | None = None
    severity: Severity | None = None
    category: ComplaintCategory | None = None


_FIELDS: Final = ("text", "owner", "answer", "department", "severity", "category")
_TAKES: Final[Mapping[CaseAction, tuple[str, ...]]] = {
    CaseAction.ACKNOWLEDGE: ("owner", "text"),
    CaseAction.ASSIGN: ("owner",),
    CaseAction.MOVE_PRIVATE: ("text",),
    CaseAction.INVESTIGATE: ("text",),
    CaseAction.RESOLVE: ("text",),
    CaseAction.TOLD: ("text",),
    CaseAction.ANSWER: ("answer", "text"),
    CaseAction.CLOSE: ("answer", "text"),
    CaseAction.REOPEN: ("text",),
    CaseAction.DISMISS: ("text",),
    CaseAction.NOTE: ("text",),
    CaseAction.ROUTE: ("department", "text"),
    CaseAction.CLASSIFY: ("severity", "category", "text"),
}
_NEEDS: Final[Mapping[CaseAction, str]] = {
    CaseAction.ASSIGN: "owner",
    CaseAction.ANSWER: "answer",
    CaseAction.REOPEN: "text",
    CaseAction.NOTE: "text",
    CaseAction.ROUTE: "department",
}


def act(services: Services, caller: Caller, case_id: str, wanted: Act) -> CaseRow:
    """Carry out one action; the case as it stands afterwards.

    Raises `NotFound` (`complaint_not_found`, `user_not_found`), `Forbidden`, `BadInput` (`case_field_missing`,
    `case_field_not_expected`, `text_too_long`, `reason_missing`, `owner_not_allowed`), `Conflict` (`case_changed`,
    `case_state`, `case_needs_owner`, `case_needs_result`, `case_not_told`, `case_needs_answer`) with what stands now.
    """
    _check(wanted)
    with services.database.write() as db:
        row = locked(db, caller, case_id, wanted.version)
        note = _protected(db, services, row, wanted.text)
        row = _DOES[wanted.action](Doing(db, services, caller, wanted, note), row)
        changes.note(db, changes.COMPLAINTS)
    return row


def _check(wanted: Act) -> None:
    given = {name for name in _FIELDS if getattr(wanted, name) is not None}
    if too_many := sorted(given - set(_TAKES[wanted.action])):
        raise BadInput("case_field_not_expected", extra={"field": too_many[0]}, field=too_many[0])
    needed = _NEEDS.get(wanted.action)
    if needed is None and wanted.action is CaseAction.CLASSIFY and not given & {"severity", "category"}:
        needed = "severity"
    if needed is not None and (needed not in given or (needed == "text" and not (wanted.text or "").strip())):
        raise BadInput("case_field_missing", extra={"field": needed}, field=needed)
    if len(wanted.text or "") > MOST_TEXT:
        raise BadInput("text_too_long", extra={"field": "text"}, most=MOST_TEXT)


def _protected(db: WriteSession, services: Services, row: CaseRow, text: str | None) -> Protected | None:
    if text is None or not text.strip():
        return None
    return outgoing.protect_note(db, services, row.member_id, text.strip(), CONTEXT)


@dataclass(frozen=True, slots=True)
class Doing:
    """One action at work; `note` are the words that came with it, as they are kept."""

    db: WriteSession
    services: Services
    caller: Caller
    wanted: Act
    note: Protected | None

    def move(self, row: CaseRow, to: CaseState, **values: Any) -> CaseRow:
        return case_moves.move(self.db, self.caller, row, to, note=self.note, **values)

    def change(self, row: CaseRow, kind: str, details: dict[str, Any] | None = None, **values: Any) -> CaseRow:
        return case_moves.change(self.db, self.caller, row, kind, note=self.note, details=details, **values)


def _owner(doing: Doing, row: CaseRow) -> str | None:
    """Who is to own the case: whom the action names, who owned it, whoever acts. Raises `NotFound` `user_not_found`,
    `BadInput` `owner_not_allowed` where they may not work on cases here."""
    if doing.wanted.owner is None:
        return row.owner_id or case_owners.person(doing.db, doing.caller.id)
    found = case_owners.user(doing.db, doing.wanted.owner)
    if found is None:
        raise NotFound("user_not_found", extra={"field": "owner"})
    if not access.caller_of_user(doing.db, found).allows(Scope.COMPLAINTS_OWN, row.community_id):
        raise BadInput("owner_not_allowed", extra={"field": "owner"})
    return found.id


def _acknowledge(doing: Doing, row: CaseRow) -> CaseRow:
    owner = _owner(doing, row)
    moved = doing.move(row, CaseState.ACKNOWLEDGED, owner_id=owner, details={"owner": owner})
    case_moves.stop_clock(doing.db, doing.services, moved, owner or doing.caller.id, doing.db.now, "acknowledged")
    return moved


def _assign(doing: Doing, row: CaseRow) -> CaseRow:
    _open(row)
    owner = _owner(doing, row)
    return doing.change(row, "assigned", {"owner": owner, "owner_before": row.owner_id}, owner_id=owner)


def _move_private(doing: Doing, row: CaseRow) -> CaseRow:
    return doing.move(row, CaseState.MOVED_PRIVATE)


def _investigate(doing: Doing, row: CaseRow) -> CaseRow:
    return doing.move(row, CaseState.INVESTIGATING)


def _resolve(doing: Doing, row: CaseRow) -> CaseRow:
    note = doing.note
    values = {} if note is None else {"result": note.masked, "result_original": note.sealed}
    moved = doing.move(row, CaseState.RESOLVED, **values)
    case_ends.draft_result(doing.db, doing.services, moved, note)
    return moved


def _told(doing: Doing, row: CaseRow) -> CaseRow:
    return case_ends.told(doing.db, doing.caller, row, doing.db.now, note=doing.note)


def _answer(doing: Doing, row: CaseRow) -> CaseRow:
    assert doing.wanted.answer is not None
    return case_ends.answered(doing.db, doing.caller, row, doing.wanted.answer, note=doing.note)


def _close(doing: Doing, row: CaseRow) -> CaseRow:
    return case_ends.close(doing.db, doing.services, doing.caller, row, doing.wanted.answer, note=doing.note)


def _reopen(doing: Doing, row: CaseRow) -> CaseRow:
    moved = doing.move(row, CaseState.REOPENED)
    clocks.restart(
        doing.db,
        doing.services,
        kind=ClockKind.COMPLAINT,
        object_id=row.id,
        community_id=row.community_id,
        since=doing.db.now,
        by=doing.caller.id,
    )
    return cases.get(doing.db, row.id) or moved


def _dismiss(doing: Doing, row: CaseRow) -> CaseRow:
    return case_ends.dismiss(doing.db, doing.services, doing.caller, row, note=doing.note)


def _note(doing: Doing, row: CaseRow) -> CaseRow:
    return doing.change(row, "note")


def _route(doing: Doing, row: CaseRow) -> CaseRow:
    _open(row)
    department = doing.wanted.department
    moved = doing.change(row, "routed", {"to": department, "before": row.routed_to}, routed_to=department)
    case_routes.tell(doing.db, doing.services, moved, step=moved.version)
    return moved


def _classify(doing: Doing, row: CaseRow) -> CaseRow:
    _open(row)
    values: dict[str, Any] = {}
    if doing.wanted.severity is not None:
        values["severity"] = doing.wanted.severity
    if doing.wanted.category is not None:
        values |= {"category": doing.wanted.category, "topic": doing.wanted.category.value}
    before = {"severity_before": row.severity, "category_before": row.category}
    told = {name: value for name, value in values.items() if name != "topic"}
    return doing.change(row, "classified", told | before, **values)


def _open(row: CaseRow) -> None:
    if row.state in (CaseState.CLOSED, CaseState.DISMISSED):
        raise Conflict("case_state", extra=cases.state_of(row))


_DOES: Final[Mapping[CaseAction, Callable[[Doing, CaseRow], CaseRow]]] = {
    CaseAction.ACKNOWLEDGE: _acknowledge,
    CaseAction.ASSIGN: _assign,
    CaseAction.MOVE_PRIVATE: _move_private,
    CaseAction.INVESTIGATE: _investigate,
    CaseAction.RESOLVE: _resolve,
    CaseAction.TOLD: _told,
    CaseAction.ANSWER: _answer,
    CaseAction.CLOSE: _close,
    CaseAction.REOPEN: _reopen,
    CaseAction.DISMISS: _dismiss,
    CaseAction.NOTE: _note,
    CaseAction.ROUTE: _route,
    CaseAction.CLASSIFY: _classify,
}


def note_answer(db: WriteSession, services: Services, case_id: str, answer: CaseAnswer, by: Caller) -> bool:
    """The member's answer to the result, as it came in by another way (a survey); False where the case takes none."""
    del services
    row = cases.lock(db, case_id)
    if row is None or row.told_at is None or row.state not in (CaseState.RESOLVED, CaseState.CLOSED):
        return False
    case_ends.answered(db, by, row, answer)
    return True
