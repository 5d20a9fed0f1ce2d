"""Who may see a complaint case, and who may work on it."""

from core.caller import Caller
from core.errors import Conflict, NotFound
from core.scopes import Scope
from store import cases, members
from store.cases import CaseRow
from store.session import ReadSession, WriteSession


def visible(db: ReadSession, caller: Caller, case_id: str) -> CaseRow:
    """Raises `NotFound` `complaint_not_found`, `Forbidden`."""
    row = cases.get(db, case_id)
    if row is None:
        raise NotFound("complaint_not_found")
    caller.require_seen(Scope.COMPLAINTS_READ, row.community_id, "complaint")
    return row


def locked(db: WriteSession, caller: Caller, case_id: str, version: int) -> CaseRow:
    """The case for whoever may work on it, locked after its member, in exactly this version."""
    seen = visible(db, caller, case_id)
    caller.require(Scope.COMPLAINTS_OWN, seen.community_id)
    members.lock(db, seen.member_id)
    row = cases.lock(db, case_id)
    assert row is not None
    if row.version != version:
        raise Conflict("case_changed", extra=cases.state_of(row))
    return row
