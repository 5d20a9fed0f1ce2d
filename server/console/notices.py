"""提醒: the list under the bell, those that wait first; each leads to what it is about."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from fastapi import APIRouter, Request, Response

from agent.flows import notices as flow
from core.scopes import Scope
from core.vocabulary import ClockKind
from server.console import notice_bell
from server.console.page_route import PageRoute
from server.console.render import page
from server.console.visitor import Signed, Visitor
from server.state import Here
from store import drafts, messages, notice_list
from store.session import ReadSession
from store.staff_notices import NoticeRow

router = APIRouter(route_class=PageRoute, include_in_schema=False)
SHOWN: Final = 30
_KEPT: Final = timedelta(days=7)
_CASES: Final = (ClockKind.COMPLAINT.value, "case")


@dataclass(frozen=True, slots=True)
class Shown:
    """One notice: `kind` and `about` (what kind of object) say what happened, `words` what it is about."""

    id: str
    kind: str
    about: str
    step: int
    at: datetime
    community: str
    words: str
    to: str
    waits: bool


@router.get("/notices")
def show(request: Request, services: Here, visitor: Signed) -> Response:
    """The list alone, for the script of every page."""
    if not notice_bell.rings(visitor.caller):
        visitor.caller.require(Scope.DRAFTS_READ)
    with services.database.read() as db:
        waiting = flow.mine(db, visitor.caller, SHOWN)
        past = notice_list.recent(db, visitor.caller.id, services.clock.now() - _KEPT, SHOWN - len(waiting))
        shown = _shown(db, visitor, [*waiting, *past], {row.id for row in waiting})
    return page(request, "notices_list.html", visitor, notices=shown)


def _shown(db: ReadSession, visitor: Visitor, rows: list[NoticeRow], waiting: set[str]) -> list[Shown]:
    """What the visitor may (still) read, with the first words of what it is about."""
    quotes = notice_list.quotes(db, [row.object_id for row in rows if row.object_kind in _CASES])
    asked = [row.object_id for row in rows if row.object_kind == ClockKind.GROUP_QUESTION]
    texts = {one.id: one.text.strip().partition("\n")[0][:40] for one in messages.many(db, asked)}
    words = quotes | texts
    return [
        Shown(
            id=row.id,
            kind=row.kind,
            about=row.object_kind,
            step=row.step,
            at=row.at,
            community=visitor.name_of(row.community_id),
            words=words.get(row.object_id, ""),
            to=_to(db, row),
            waits=row.id in waiting,
        )
        for row in rows
        if visitor.caller.allows(_scope(row), row.community_id)
    ]


def _scope(row: NoticeRow) -> Scope:
    return Scope.DRAFTS_READ if row.object_kind == ClockKind.GROUP_QUESTION else Scope.COMPLAINTS_READ


def _to(db: ReadSession, row: NoticeRow) -> str:
    """The address of the object."""
    if row.object_kind in _CASES:
        return f"/console/complaints/{row.object_id}"
    if row.object_kind == "incident":
        return f"/console/incidents/{row.object_id}"
    draft = drafts.of_message(db, row.object_id)
    return f"/console/drafts/{draft.id}" if draft is not None else "/console/drafts"
