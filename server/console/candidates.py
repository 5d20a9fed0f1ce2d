"""候选: questions that went unanswered, for a person to make an entry or a phrasing of."""

from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from agent.flows import candidates as flow
from agent.flows import community
from agent.flows.candidates import Case, Phrasing, Ruling
from agent.services import Services
from core import tunables
from core.errors import ForPeople, QunzhuError
from core.scopes import Scope
from core.vocabulary import CandidateKind, CandidateStatus
from server.console import entry_form, texts
from server.console.entry_form import Fields, Problem, Typed
from server.console.inbox import name_of_decider
from server.console.knowledge import form_values
from server.console.page_route import PageRoute
from server.console.render import page
from server.console.visitor import Sent, Signed, Visitor
from server.state import Here
from store import candidates, communities, settings
from tools.knowledge import search_knowledge

router = APIRouter(route_class=PageRoute, include_in_schema=False)
SHOWN: Final = 50
NEAREST: Final = 3
TABS: Final = tuple(status.value for status in CandidateStatus)


@router.get("/knowledge/candidates")
def show(
    request: Request,
    services: Here,
    visitor: Signed,
    status: CandidateStatus = CandidateStatus.OPEN,
    kind: CandidateKind | Literal[""] = "",
    least: Annotated[int, Query(ge=0, le=100)] = 0,
    after: Annotated[str, Query(max_length=60)] = "",
) -> Response:
    """Those asked most first."""
    visitor.caller.require(Scope.KNOWLEDGE_READ)
    within = visitor.within(services, Scope.KNOWLEDGE_READ)
    count, _, key = after.partition(".")
    with services.database.read() as db:
        usual = settings.value(db, tunables.CANDIDATE_LEAST)
        rows = candidates.page(
            db,
            communities=within,
            statuses=(status,),
            kind=kind or None,
            least=least or usual,
            after=(int(count), key) if count.isdigit() and len(count) < 10 and key else None,
            limit=SHOWN + 1,
        )
    chosen = {"status": status.value, "kind": kind, "least": least or usual}
    more = (
        urlencode({**chosen, "after": f"{rows[SHOWN - 1].count}.{rows[SHOWN - 1].id}"}) if len(rows) > SHOWN else None
    )
    return page(
        request,
        "candidates.html",
        visitor,
        current="knowledge",
        rows=rows[:SHOWN],
        most=max((row.count for row in rows), default=1),
        chosen=chosen,
        usual=usual,
        tabs=TABS,
        more=more,
    )


@router.get("/knowledge/candidates/{candidate_id}")
def show_one(candidate_id: str, request: Request, services: Here, visitor: Signed) -> Response:
    return _case_page(request, services, visitor, candidate_id, None, [])


def _case_page(
    request: Request,
    services: Services,
    visitor: Visitor,
    candidate_id: str,
    typed: Fields | None,
    problems: list[Problem],
) -> Response:
    with services.database.read() as db:
        case = flow.read(db, visitor.caller, candidate_id)
        decided_by = name_of_decider(db, case.row.decided_by)
    edits = visitor.caller.allows(Scope.KNOWLEDGE_EDIT, case.row.community_id)
    is_open = case.row.status == CandidateStatus.OPEN
    return page(
        request,
        "candidate.html",
        visitor,
        status=422 if problems else 200,
        current="knowledge",
        case=case,
        place=visitor.name_of(case.row.community_id),
        is_open=is_open,
        may_edit=edits,
        decided_by=decided_by,
        nearest=_nearest(services, visitor, case) if is_open and edits else [],
        **form_values(visitor, typed or _suggested(visitor, case), problems),
    )


def _suggested(visitor: Visitor, case: Case) -> Fields:
    """Filled in where it can be: for every community where the candidate is the organisation's own."""
    root = next((row.id for row in visitor.communities if row.parent_id is None), None)
    values = dict(case.suggested)
    if values["community"] == root and entry_form.everywhere(visitor):
        values["community"] = None
    return entry_form.shown(values)


def _nearest(services: Services, visitor: Visitor, case: Case) -> list[dict[str, Any]]:
    """Entries that may only lack the wording."""
    with services.database.read() as db:
        lineage = tuple(communities.lineage(db, case.row.community_id))
    day = community.today(services.clock.now())
    found = search_knowledge(
        visitor.caller, services.knowledge, case.row.question, communities=lineage, today=day, k=NEAREST
    )
    return [{"id": one.entry.id, "title": one.entry.title, "score": one.score} for one in found.candidates]


@router.post("/knowledge/candidates/{candidate_id}/entry")
def accept_entry(
    candidate_id: str, request: Request, services: Here, visitor: Sent, typed: Typed, seen: Annotated[int, Form(ge=1)]
) -> Response:
    """As a new entry, in the words of the form."""
    entry = entry_form.read(typed, visitor.locale)
    if isinstance(entry, list):
        return _case_page(request, services, visitor, candidate_id, typed, entry)
    return _decided(request, services, visitor, candidate_id, Ruling(True, seen, entry), typed)


@router.post("/knowledge/candidates/{candidate_id}/phrasing")
def accept_phrasing(
    candidate_id: str,
    request: Request,
    services: Here,
    visitor: Sent,
    seen: Annotated[int, Form(ge=1)],
    entry_id: Annotated[str, Form(max_length=80)] = "",
    other: Annotated[str, Form(max_length=80)] = "",
    phrasings: Annotated[list[str], Form(max_length=30)] = [],  # noqa: B006
) -> Response:
    """As phrasings of an entry that exists."""
    chosen = other.strip() or entry_id
    phrasing = Phrasing(chosen, [one[:500] for one in phrasings if one.strip()] or None) if chosen else None
    return _decided(request, services, visitor, candidate_id, Ruling(True, seen, phrasing=phrasing), None)


@router.post("/knowledge/candidates/{candidate_id}/reject")
def reject(
    candidate_id: str,
    request: Request,
    services: Here,
    visitor: Sent,
    seen: Annotated[int, Form(ge=1)],
    reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    ruling = Ruling(False, seen, reason=reason.strip() or None)
    return _decided(request, services, visitor, candidate_id, ruling, None)


def _decided(
    request: Request, services: Services, visitor: Visitor, candidate_id: str, ruling: Ruling, typed: Fields | None
) -> Response:
    try:
        flow.decide(services, visitor.caller, candidate_id, ruling)
    except ForPeople as error:
        return _case_page(request, services, visitor, candidate_id, typed, [_problem(error, visitor)])
    done = "candidate_accepted" if ruling.accept else "candidate_rejected"
    return RedirectResponse(f"/console/knowledge/candidates?done={done}", 303)


def _problem(error: QunzhuError, visitor: Visitor) -> Problem:
    return Problem("", " ".join(texts.of_error(error, visitor.locale)))
