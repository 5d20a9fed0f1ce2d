"""建议: what members suggest, by status, and the form that says what becomes of one."""

from datetime import datetime
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from agent.flows import suggestions as flow
from agent.flows.suggestions import Answer
from agent.services import Services
from core.errors import Conflict, ForPeople
from core.scopes import Scope
from core.vocabulary import Department, SuggestionStatus
from server import paging
from server.console import texts
from server.console.page_route import PageRoute
from server.console.render import page
from server.console.visitor import Sent, Signed, Visitor
from server.routes.suggestions import suggestion_views
from server.state import Here
from store import suggestions
from store.session import ReadSession
from store.suggestions import SuggestionRow

router = APIRouter(route_class=PageRoute, include_in_schema=False)
SHOWN: Final = 30
ALL: Final = "all"
_SETTABLE: Final = tuple(one for one in SuggestionStatus if one is not SuggestionStatus.NEW)


@router.get("/suggestions")
def show(
    request: Request,
    services: Here,
    visitor: Signed,
    status: Annotated[str, Query(max_length=20)] = ALL,
    after: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Those with a status, the newest first."""
    visitor.caller.require(Scope.COMPLAINTS_READ)
    chosen = status if status in (ALL, *SuggestionStatus) else ALL
    within = visitor.within(services, Scope.COMPLAINTS_READ)
    place = paging.decode(after) if after else None
    with services.database.read() as db:
        rows = _rows(db, chosen, within, place)
        more = _next(chosen, rows[SHOWN - 1]) if len(rows) > SHOWN else None
        return _page(request, services, visitor, db, rows[:SHOWN], status=chosen, more=more)


def _rows(
    db: ReadSession, chosen: str, within: frozenset[str] | None, place: tuple[datetime, str] | None
) -> list[SuggestionRow]:
    statuses = list(SuggestionStatus) if chosen == ALL else [SuggestionStatus(chosen)]
    return suggestions.page(db, statuses=statuses, communities=within, department=None, after=place, limit=SHOWN + 1)


def _next(chosen: str, last: SuggestionRow) -> str:
    return urlencode({"status": chosen, "after": paging.encode(last.created_at, last.id)})


@router.get("/suggestions/{suggestion_id}")
def show_one(suggestion_id: str, request: Request, services: Here, visitor: Signed) -> Response:
    """One alone: what a link to it opens."""
    with services.database.read() as db:
        row = flow.visible(db, visitor.caller, suggestion_id)
        return _page(request, services, visitor, db, [row], status=None)


def _page(
    request: Request,
    services: Services,
    visitor: Visitor,
    db: ReadSession,
    rows: list[SuggestionRow],
    *,
    status: str | None,
    more: str | None = None,
    problem: ForPeople | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    able = {row.id for row in rows if visitor.caller.allows(Scope.COMPLAINTS_OWN, row.community_id)}
    return page(
        request,
        "suggestions.html",
        visitor,
        status=problem.status if problem else 200,
        current="complaints",
        chosen=status,
        tabs=(ALL, *SuggestionStatus),
        suggestions=suggestion_views(db, services, rows),
        settable=_SETTABLE,
        departments=list(Department),
        able=able,
        more=more,
        problem=texts.of_error(problem, visitor.locale) if problem else None,
        won=isinstance(problem, Conflict),
        typed=typed,
        most=flow.MOST_WORDS,
    )


@router.post("/suggestions/{suggestion_id}/status")
def answer(
    suggestion_id: str,
    request: Request,
    services: Here,
    visitor: Sent,
    status: Annotated[SuggestionStatus, Form()],
    version: Annotated[int, Form(ge=1, le=2**31 - 1)],
    department: Annotated[str, Form(max_length=20)] = "",
    words: Annotated[str, Form(max_length=2_000)] = "",
    tell: Annotated[str, Form(max_length=5)] = "",
) -> Response:
    """Set the status; the note to the member becomes a draft where `tell` is ticked."""
    known = Department(department) if department in list(Department) else None
    wanted = Answer(status, version, known, words.replace("\r\n", "\n").strip() or None, bool(tell))
    try:
        done = flow.answer(services, visitor.caller, suggestion_id, wanted)
    except ForPeople as error:
        with services.database.read() as db:
            row = flow.visible(db, visitor.caller, suggestion_id)
            typed = {"status": status.value, "department": department, "words": words, "tell": tell}
            return _page(request, services, visitor, db, [row], status=None, problem=error, typed=typed)
    said = "suggestion_drafted" if done.draft_id else "suggestion_saved"
    return RedirectResponse(f"/console/suggestions/{suggestion_id}?done={said}", 303)
