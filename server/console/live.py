"""What open pages poll every other second: the counters of changes, and whether the item on screen moved on."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel

from core.caller import Caller
from core.scopes import Scope
from server.state import Here, Whoever
from store import changes, drafts, messages, risks
from store.drafts import DraftRow
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


class Changes(BaseModel):
    drafts: int
    deliveries: int
    risks: int
    draft: OpenDraft | None = None
    risk: OpenRisk | None = None


@router.get("/changes")
def read_changes(
    services: Here,
    caller: Whoever,
    draft: Annotated[str | None, Query(max_length=40)] = None,
    after: Annotated[AwareDatetime | None, Query(description="when the last message on screen was sent")] = None,
    risk: Annotated[str | None, Query(max_length=40)] = None,
) -> Changes:
    """A few indexed look-ups; a page fetches more only where a number moved."""
    if not caller.allows(Scope.RISKS_READ):
        caller.require(Scope.DRAFTS_READ)
    with services.database.read() as db:
        row = drafts.get(db, draft) if draft else None
        seen = row if row is not None and caller.allows(Scope.DRAFTS_READ, row.community_id) else None
        return Changes(
            drafts=changes.number(db, changes.DRAFTS),
            deliveries=changes.number(db, changes.DELIVERIES),
            risks=changes.number(db, changes.RISKS),
            draft=None if seen is None else _open(db, seen, after),
            risk=_open_risk(db, caller, risk) if risk else None,
        )


def _open(db: ReadSession, row: DraftRow, after: datetime | None) -> OpenDraft:
    newer = len(messages.after(db, row.lane, after)) if after else 0
    return OpenDraft(version=row.version, status=row.status, newer=newer)


def _open_risk(db: ReadSession, caller: Caller, risk_id: str) -> OpenRisk | None:
    row = risks.get(db, risk_id)
    if row is None or not caller.allows(Scope.RISKS_READ, row.community_id):
        return None
    return OpenRisk(version=row.version, status=row.status)
