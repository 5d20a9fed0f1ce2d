"""What open pages poll every other second: the counters of changes, and whether the item on screen moved on."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel

from core.caller import Caller
from core.scopes import Scope
from server.console import notice_bell
from server.state import Here, Whoever
from store import cases, changes, drafts, incidents, messages, risks
from store.cases import CaseRow
from store.drafts import DraftRow
from store.incidents import IncidentRow
from store.session import ReadSession

router = APIRouter(include_in_schema=False)


class OpenDraft(BaseModel):
    """`newer`: messages of its conversation after those that are shown (at most 20 are counted)."""

    version: int
    status: str
    newer: int


class OpenRisk(BaseModel):
    version: int
    status: str


class OpenItem(BaseModel):
    version: int


class Changes(BaseModel):
    """`notices` are the caller's own that wait, `notice` is the newest of them."""

    drafts: int
    deliveries: int
    risks: int
    complaints: int
    notices: int
    notice: str | None
    draft: OpenDraft | None = None
    risk: OpenRisk | None = None
    case: OpenItem | None = None
    incident: OpenItem | None = None


@router.get("/changes")
def read_changes(
    services: Here,
    caller: Whoever,
    draft: Annotated[str | None, Query(max_length=40)] = None,
    after: Annotated[AwareDatetime | None, Query(description="when the last message on screen was sent")] = None,
    risk: Annotated[str | None, Query(max_length=40)] = None,
    case: Annotated[str | None, Query(max_length=40)] = None,
    incident: Annotated[str | None, Query(max_length=40)] = None,
) -> Changes:
    """A few indexed look-ups; a page fetches more only where a number moved."""
    if not (caller.allows(Scope.RISKS_READ) or caller.allows(Scope.COMPLAINTS_READ)):
        caller.require(Scope.DRAFTS_READ)
    with services.database.read() as db:
        row = drafts.get(db, draft) if draft else None
        bell = notice_bell.state(db, caller)
        seen = row if row is not None and caller.allows(Scope.DRAFTS_READ, row.community_id) else None
        return Changes(
            drafts=changes.number(db, changes.DRAFTS),
            deliveries=changes.number(db, changes.DELIVERIES),
            risks=changes.number(db, changes.RISKS),
            complaints=changes.number(db, changes.COMPLAINTS),
            notices=bell.number,
            notice=bell.newest,
            draft=None if seen is None else _open(db, seen, after),
            risk=_open_risk(db, caller, risk) if risk else None,
            case=_open_item(caller, cases.get(db, case)) if case else None,
            incident=_open_item(caller, incidents.get(db, incident)) if incident else None,
        )


def _open(db: ReadSession, row: DraftRow, after: datetime | None) -> OpenDraft:
    newer = len(messages.after(db, row.lane, after)) if after else 0
    return OpenDraft(version=row.version, status=row.status, newer=newer)


def _open_risk(db: ReadSession, caller: Caller, risk_id: str) -> OpenRisk | None:
    row = risks.get(db, risk_id)
    if row is None or not caller.allows(Scope.RISKS_READ, row.community_id):
        return None
    return OpenRisk(version=row.version, status=row.status)


def _open_item(caller: Caller, row: CaseRow | IncidentRow | None) -> OpenItem | None:
    if row is None or not caller.allows(Scope.COMPLAINTS_READ, row.community_id):
        return None
    return OpenItem(version=row.version)
