"""Drafts for people to decide on."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from agent.flows import approvals
from agent.flows.approvals import Ruling
from agent.flows.incoming import Strict
from core.copy_hits import CopyHit
from core.errors import NotFound
from core.scopes import Scope
from core.vocabulary import Decision, DraftStatus
from server import paging
from server.state import Here, Whoever
from server.views import DraftView, draft_views
from store import drafts

router = APIRouter(prefix="/v1/drafts", tags=["drafts"])


class DraftPage(BaseModel):
    drafts: list[DraftView]
    next: str | None = Field(description="cursor of the next page")


@router.get("")
def page(
    services: Here,
    caller: Whoever,
    status: Annotated[list[DraftStatus], Query()] = [DraftStatus.PENDING, DraftStatus.ESCALATED],  # noqa: B006
    limit: paging.Limit = 50,
    cursor: paging.Cursor = None,
) -> DraftPage:
    """Drafts in these states, oldest first."""
    caller.require(Scope.DRAFTS_READ)
    after = paging.decode(cursor) if cursor else None
    with services.database.read() as db:
        within = caller.communities(Scope.DRAFTS_READ)
        rows = drafts.page(db, statuses=status, communities=within, after=after, limit=limit)
        shown = draft_views(db, services, rows)
    more = paging.encode(rows[-1].created_at, rows[-1].id) if len(rows) == limit else None
    return DraftPage(drafts=shown, next=more)


@router.get("/{draft_id}")
def read(draft_id: str, services: Here, caller: Whoever) -> DraftView:
    with services.database.read() as db:
        row = drafts.get(db, draft_id)
        if row is None:
            raise NotFound("draft_not_found")
        caller.require_seen(Scope.DRAFTS_READ, row.community_id, "draft")
        return draft_views(db, services, [row])[0]


class DecisionIn(Strict):
    decision: Decision
    version: int = Field(ge=1, le=paging.MOST_INT, description="the version that was seen", examples=[1])
    text: str | None = Field(None, description="with `modify` only", examples=[None])
    reason: str | None = Field(None, max_length=500)
    override_copy: bool = Field(False, description="let a failed copy check pass (scope copy:override, with a reason)")


class UndoIn(Strict):
    version: int = Field(ge=1, le=paging.MOST_INT, description="the version that the decision made")


class DecidedView(BaseModel):
    id: str
    version: int
    status: DraftStatus
    delivery_id: str | None
    undo_seconds: int
    copy_check: list[CopyHit] = Field(
        serialization_alias="copy", description="what the check said of the text that goes out all the same"
    )


@router.post("/{draft_id}/decision")
def decide(draft_id: str, wanted: DecisionIn, services: Here, caller: Whoever) -> DecidedView:
    """Approve, modify, reject or escalate. Who loses a race gets 409 `draft_decided` with the state that won. A text
    that fails the copy check is 422 `copy_blocked`, with labels and spans."""
    ruling = Ruling(wanted.decision, wanted.version, wanted.text, wanted.reason, wanted.override_copy)
    return _decided(approvals.decide(services, caller, draft_id, ruling, undoable=False))


@router.post("/{draft_id}/undo")
def undo(draft_id: str, wanted: UndoIn, services: Here, caller: Whoever) -> DecidedView:
    """Take a decision back while nobody was handed its delivery; the draft is pending again."""
    return _decided(approvals.undo(services, caller, draft_id, wanted.version))


def _decided(done: approvals.Decided) -> DecidedView:
    return DecidedView(
        id=done.draft_id,
        version=done.version,
        status=done.status,
        delivery_id=done.delivery_id,
        undo_seconds=done.undo_seconds,
        copy_check=list(done.copy),
    )
