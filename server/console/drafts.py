"""审核: the list of drafts that wait, one draft beside it, and what the page's script calls."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from agent.flows import approvals, scripts
from agent.flows.approvals import Ruling
from agent.flows.deliveries import MANUAL
from agent.flows.incoming import Strict
from agent.flows.outgoing import Words
from agent.services import Services
from core.errors import Conflict, NotFound
from core.scopes import Scope
from core.vocabulary import Decision, DraftStatus
from server.console import inbox
from server.console.inbox import SHOWN, TABS
from server.console.page_route import PageRoute
from server.console.render import page
from server.console.visitor import Signed, Visitor
from server.state import Here, Whoever
from store import drafts, messages
from store.drafts import DraftRow
from store.session import ReadSession

pages = APIRouter(route_class=PageRoute, include_in_schema=False)
calls = APIRouter(prefix="/api/drafts", include_in_schema=False)
_MOST_ASKED = 2_000
Tab = Annotated[Literal["open", "escalated", "decided"], Query()]


@pages.get("/drafts")
def show(request: Request, services: Here, visitor: Signed, tab: Tab = "open") -> Response:
    """The list, nothing chosen; the script opens the first one where there is room for both."""
    visitor.caller.require(Scope.DRAFTS_READ)
    return page(request, "drafts.html", visitor, **_list(services, visitor, tab), panel=None)


@pages.get("/drafts/list")
def show_list(request: Request, services: Here, visitor: Signed, tab: Tab = "open") -> Response:
    """The list alone, for the script."""
    visitor.caller.require(Scope.DRAFTS_READ)
    return page(request, "drafts_list.html", visitor, **_list(services, visitor, tab), panel=None)


@pages.get("/drafts/{draft_id}")
def show_one(draft_id: str, request: Request, services: Here, visitor: Signed, tab: Tab = "open") -> Response:
    """The list with one draft chosen: what a link to a draft opens."""
    panel = _panel(services, visitor, draft_id)
    return page(request, "drafts.html", visitor, **_list(services, visitor, tab), panel=panel)


@pages.get("/drafts/{draft_id}/panel")
def show_panel(draft_id: str, request: Request, services: Here, visitor: Signed) -> Response:
    """One draft alone, for the script."""
    return page(request, "draft_panel.html", visitor, panel=_panel(services, visitor, draft_id))


@pages.get("/drafts/{draft_id}/scripts")
def show_scripts(draft_id: str, request: Request, services: Here, visitor: Signed) -> Response:
    """Scripts for what a draft answers, for the script of the page."""
    with services.database.read() as db:
        row = _found(db, visitor.caller, draft_id)
        asked = messages.many(db, drafts.message_ids(db, [draft_id])[draft_id])
        name = Words(db, services).name(row.member_id)
    text = "\n".join(message.text for message in asked)[:_MOST_ASKED]
    found = scripts.suggest(services, visitor.caller, text, row.community_id, member_name=name) if text.strip() else []
    return page(request, "draft_scripts.html", visitor, scripts=found, draft_id=draft_id)


def _list(services: Services, visitor: Visitor, tab: str) -> dict[str, Any]:
    lines, total = inbox.lines(services, visitor, tab)
    return {"current": "drafts", "tab": tab, "tabs": TABS, "lines": lines, "total": total, "most": SHOWN}


def _panel(services: Services, visitor: Visitor, draft_id: str) -> inbox.Panel:
    with services.database.read() as db:
        row = _found(db, visitor.caller, draft_id)
        return inbox.panel(services, visitor, db, row)


def _found(db: ReadSession, caller: Whoever, draft_id: str) -> DraftRow:
    row = drafts.get(db, draft_id)
    if row is None:
        raise NotFound("draft_not_found")
    caller.require_seen(Scope.DRAFTS_READ, row.community_id, "draft")
    return row


class DecisionIn(Strict):
    decision: Decision
    version: int = Field(ge=1)
    text: str | None = None
    reason: str | None = Field(None, max_length=500)
    override_copy: bool = False


class Decided(BaseModel):
    """`copy_from` is the pasted message whose reply a person now copies into the group; else it sends itself.
    `copy_labels` is what the copy check warns of in a text that goes out all the same."""

    id: str
    version: int
    status: DraftStatus
    undo_seconds: int
    copy_from: str | None
    copy_labels: list[str]


@calls.post("/{draft_id}/decision")
def decide(draft_id: str, wanted: DecisionIn, services: Here, caller: Whoever) -> Decided:
    """As `/v1/drafts/{id}/decision`, but it can be undone for some seconds; on the channel `manual`, where a person
    sends and nothing waits, at once. Who loses a race is told who won."""
    with services.database.read() as db:
        by_hand = _found(db, caller, draft_id).channel == MANUAL
        asked = drafts.message_ids(db, [draft_id])[draft_id]
    ruling = Ruling(wanted.decision, wanted.version, wanted.text, wanted.reason, wanted.override_copy)
    try:
        done = approvals.decide(services, caller, draft_id, ruling, undoable=not by_hand)
    except Conflict as lost:
        raise _with_winner(services, lost) from None
    return Decided(
        id=done.draft_id,
        version=done.version,
        status=done.status,
        undo_seconds=done.undo_seconds,
        copy_from=asked[0] if by_hand and done.delivery_id else None,
        copy_labels=sorted({hit.label.value for hit in done.copy}),
    )


def _with_winner(services: Services, lost: Conflict) -> Conflict:
    decider = lost.extra.get("decided_by")
    with services.database.read() as db:
        name = inbox.name_of_decider(db, str(decider)) if decider else None
    return Conflict(lost.code, extra=lost.extra | {"decided_by_name": name}, **lost.params)


class SnoozeIn(Strict):
    minutes: Literal[10, 30, 60]


@calls.post("/{draft_id}/snooze", status_code=204)
def snooze(draft_id: str, wanted: SnoozeIn, services: Here, caller: Whoever) -> None:
    approvals.snooze(services, caller, draft_id, wanted.minutes)


router = APIRouter(include_in_schema=False)
router.include_router(pages)
router.include_router(calls)
