"""What open pages poll every other second: the counters of changes, and whether the draft on screen moved on."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel

from core.scopes import Scope
from server.state import Here, Whoever
from store import changes, drafts, messages
from store.drafts import DraftRow
from store.session import ReadSession

router = APIRouter(include_in_schema=False)


class OpenDraft(BaseModel):
    """`newer`: messages of its conversation after those that are shown (at most 20 are counted)."""

    version: int
    status: str
    newer: int


class Changes(BaseModel):
    drafts: int
    deliveries: int
    draft: OpenDraft | None = None


@router.get("/changes")
def read_changes(
    services: Here,
    caller: Whoever,
    draft: Annotated[str | None, Query(max_length=40)] = None,
    after: Annotated[AwareDatetime | None, Query(description="when the last message on screen was sent")] = None,
) -> Changes:
    """A few indexed look-ups; a page fetches more only where a number moved."""
    caller.require(Scope.DRAFTS_READ)
    with services.database.read() as db:
        row = drafts.get(db, draft) if draft else None
        seen = row if row is not None and caller.allows(Scope.DRAFTS_READ, row.community_id) else None
        return Changes(
            drafts=changes.number(db, changes.DRAFTS),
            deliveries=changes.number(db, changes.DELIVERIES),
            draft=None if seen is None else _open(db, seen, after),
        )


def _open(db: ReadSession, row: DraftRow, after: datetime | None) -> OpenDraft:
    newer = len(messages.after(db, row.lane, after)) if after else 0
    return OpenDraft(version=row.version, status=row.status, newer=newer)
