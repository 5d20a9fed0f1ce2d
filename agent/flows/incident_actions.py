"""What people do with a group incident: name an owner, tick a step, merge a case in or take it out, close it with a
result. Each is a compare-and-set on the incident's version, and stands in the audit."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from agent.flows import access, case_access, case_moves, case_owners, crisis
from agent.flows import incidents as flow
from agent.services import Services
from core.caller import Caller
from core.errors import BadInput, Conflict, NotFound
from core.scopes import Scope
from core.vocabulary import CaseState, IncidentAction, IncidentStatus, Severity
from store import cases, changes, incidents, staff_notices
from store.audit import Deed
from store.incidents import IncidentRow
from store.session import ReadSession, WriteSession
from store.vault import MemberKeys

MOST_TEXT: Final = 2_000
_CONTEXT: Final = "incident"


@dataclass(frozen=True, slots=True)
class Act:
    """An action on an incident that was seen in `version`: `assign` takes `owner`, `tick` and `untick` a `step`,
    `merge` and `split` a `case_id`, `close` a `text`."""

    action: IncidentAction
    version: int
    owner: str | None = None
    step: str | None = None
    case_id: str | None = None
    text: str | None = None


_TAKES: Final = {
    IncidentAction.ASSIGN: "owner",
    IncidentAction.TICK: "step",
    IncidentAction.UNTICK: "step",
    IncidentAction.MERGE: "case_id",
    IncidentAction.SPLIT: "case_id",
    IncidentAction.CLOSE: "text",
}
Details = dict[str, Any]


def visible(db: ReadSession, caller: Caller, incident_id: str) -> IncidentRow:
    """Raises `NotFound` `incident_not_found`, `Forbidden`."""
    row = incidents.get(db, incident_id)
    if row is None:
        raise NotFound("incident_not_found")
    caller.require_seen(Scope.COMPLAINTS_READ, row.community_id, "incident")
    return row


def act(services: Services, caller: Caller, incident_id: str, wanted: Act) -> IncidentRow:
    """Carry out one action; the incident as it stands afterwards.

    Raises `NotFound` (`incident_not_found`, `complaint_not_found`, `user_not_found`), `Forbidden`, `BadInput`
    (`case_field_missing`, `case_field_not_expected`, `text_too_long`, `owner_not_allowed`, `incident_step_unknown`,
    `incident_other_community`), `Conflict` (`incident_closed`, `incident_changed`, `case_in_incident`,
    `case_state` for a dismissed one, `case_changed`) with what stands now.
    """
    _check(wanted)
    with services.database.write() as db:
        incidents.take_turn(db)
        seen = visible(db, caller, incident_id)
        caller.require(Scope.COMPLAINTS_OWN, seen.community_id)
        row = incidents.lock(db, incident_id)
        assert row is not None
        if row.status != IncidentStatus.OPEN:
            raise Conflict("incident_closed", extra=incidents.state_of(row))
        if row.version != wanted.version:
            raise Conflict("incident_changed", extra=incidents.state_of(row))
        details = _DOES[wanted.action](db, services, caller, row, wanted)
        row.version += 1
        db.flush()
        told = {"version": row.version, "status": row.status} | details
        db.audit(Deed(caller, f"incident.{wanted.action}", "incident", row.id, row.community_id, told))
        changes.note(db, changes.COMPLAINTS)
    return row


def _check(wanted: Act) -> None:
    needed = _TAKES[wanted.action]
    for name in ("owner", "step", "case_id", "text"):
        value = getattr(wanted, name)
        if name == needed and not (value or "").strip():
            raise BadInput("case_field_missing", extra={"field": name}, field=name)
        if name != needed and value is not None:
            raise BadInput("case_field_not_expected", extra={"field": name}, field=name)
    if len(wanted.text or "") > MOST_TEXT:
        raise BadInput("text_too_long", extra={"field": "text"}, most=MOST_TEXT)


def _assign(db: WriteSession, _services: Services, _caller: Caller, row: IncidentRow, wanted: Act) -> Details:
    found = case_owners.user(db, wanted.owner or "")
    if found is None:
        raise NotFound("user_not_found", extra={"field": "owner"})
    if not access.caller_of_user(db, found).allows(Scope.COMPLAINTS_OWN, row.community_id):
        raise BadInput("owner_not_allowed", extra={"field": "owner"})
    row.owner_id = found.id
    staff_notices.add(
        db,
        [found.id],
        community_id=row.community_id,
        kind="incident",
        object_kind="incident",
        object_id=row.id,
        cause_id=f"{row.id}:{row.version + 1}"[-40:],
    )
    return {"owner": found.id}


def _tick(db: WriteSession, _services: Services, caller: Caller, row: IncidentRow, wanted: Act) -> Details:
    if wanted.step not in {one["key"] for one in row.checklist}:
        raise BadInput("incident_step_unknown", extra={"field": "step"})
    done = wanted.action is IncidentAction.TICK
    mark = {"done_at": db.now.isoformat() if done else None, "done_by": caller.id if done else None}
    # A new list: a change within the old one is not seen.
    row.checklist = [one | mark if one["key"] == wanted.step else one for one in row.checklist]
    return {"step": wanted.step}


def _merge(db: WriteSession, _services: Services, caller: Caller, row: IncidentRow, wanted: Act) -> Details:
    case = case_access.visible(db, caller, wanted.case_id or "")
    if case.community_id != row.community_id:
        raise BadInput("incident_other_community", extra={"field": "case_id"})
    if case.incident_id is not None:
        raise Conflict("case_in_incident", extra=cases.state_of(case) | {"incident_id": case.incident_id})
    if case.state == CaseState.DISMISSED:
        raise Conflict("case_state", extra=cases.state_of(case))
    flow.put_in(db, row, [case.id], by=caller)
    return {"case": case.id, "cases": row.cases}


def _split(db: WriteSession, _services: Services, caller: Caller, row: IncidentRow, wanted: Act) -> Details:
    case = case_access.visible(db, caller, wanted.case_id or "")
    before = incidents.unlink(db, row.id, case.id)
    if before is None or case.incident_id != row.id:
        raise NotFound("complaint_not_found", extra={"field": "case_id"})
    values: dict[str, Any] = {"incident_id": None}
    if case.severity == Severity.CRITICAL:
        values["severity"] = before
    case_moves.change(db, caller, case, "incident_left", details={"incident": row.id}, **values)
    incidents.count_again(db, row)
    return {"case": case.id, "cases": row.cases}


def _close(db: WriteSession, services: Services, caller: Caller, row: IncidentRow, wanted: Act) -> Details:
    kept = MemberKeys(db, services.keyring).protect(None, (wanted.text or "").strip(), _CONTEXT)
    row.status, row.closed_at, row.closed_by = IncidentStatus.CLOSED, db.now, caller.id
    row.result, row.result_original = kept.masked, kept.sealed
    if row.script_draft_id is not None and crisis.withdraw(db, row.script_draft_id, caller.id):
        changes.note(db, changes.DRAFTS)
    staff_notices.settle(db, "incident", row.id)
    return {"open_steps": sum(one["done_at"] is None for one in row.checklist), "cases": row.cases}


_Does = Callable[[WriteSession, Services, Caller, IncidentRow, Act], Details]
_DOES: Final[dict[IncidentAction, _Does]] = {
    IncidentAction.ASSIGN: _assign,
    IncidentAction.TICK: _tick,
    IncidentAction.UNTICK: _tick,
    IncidentAction.MERGE: _merge,
    IncidentAction.SPLIT: _split,
    IncidentAction.CLOSE: _close,
}
