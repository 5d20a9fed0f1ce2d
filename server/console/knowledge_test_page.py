"""命中测试: what a question would find, with every score and the reason of the verdict; a wording for an entry."""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from agent.flows import phrasings
from agent.flows.hit_test import Tested, Wanted, hit_test
from core.errors import ForPeople
from core.scopes import Scope
from core.vocabulary import ANSWERING_KINDS, Audience, EntryKind
from knowledge.evidence import DocumentEvidence
from knowledge.retriever import Candidate
from server.console import texts
from server.console.entry_form import Problem
from server.console.page_route import PageRoute
from server.console.render import page
from server.console.visitor import Sent, Signed, Visitor
from server.state import Here

router = APIRouter(route_class=PageRoute, include_in_schema=False)
MOST_TEXT: Final = 2000
AUDIENCES: Final = ("", Audience.NEW.value, Audience.OLD.value)


def asked_in_form(
    text: Annotated[str, Form(max_length=MOST_TEXT)] = "",
    place: Annotated[str, Form(max_length=80)] = "",
    kinds: Annotated[list[EntryKind], Form(max_length=len(EntryKind))] = [],  # noqa: B006
    audience: Annotated[Audience | Literal[""], Form()] = "",
) -> Wanted:
    """What the form says; no kind at all means the usual ones."""
    return Wanted(text.strip(), place, tuple(dict.fromkeys(kinds)) or ANSWERING_KINDS, audience or None)


AskedInForm = Annotated[Wanted, Depends(asked_in_form)]


@router.get("/knowledge/test")
def show(request: Request, visitor: Signed) -> Response:
    visitor.caller.require(Scope.KNOWLEDGE_READ)
    return _page(request, visitor, Wanted("", visitor.community_id or ""), None, [])


@router.post("/knowledge/test")
def try_out(request: Request, services: Here, visitor: Sent, wanted: AskedInForm) -> Response:
    """Search; an empty question shows the form again. Nothing is stored, so that any member's words may be tried."""
    tested = hit_test(services, visitor.caller, wanted) if wanted.text else None
    return _page(request, visitor, wanted, tested, [])


@router.post("/knowledge/test/phrasing")
def propose(
    request: Request,
    services: Here,
    visitor: Sent,
    wanted: AskedInForm,
    entry_id: Annotated[str, Form(max_length=80)] = "",
) -> Response:
    """Propose the question as a phrasing of an entry, and go where it waits for a decision."""
    try:
        made = phrasings.propose_wording(services, visitor.caller, wanted.community_id, entry_id, wanted.text)
    except ForPeople as error:
        problem = Problem("", " ".join(texts.of_error(error, visitor.locale)))
        tested = hit_test(services, visitor.caller, wanted) if wanted.text else None
        return _page(request, visitor, wanted, tested, [problem])
    return RedirectResponse(f"/console/knowledge/candidates/{made}?done=phrasing_proposed", 303)


def _page(
    request: Request, visitor: Visitor, wanted: Wanted, tested: Tested | None, problems: list[Problem]
) -> Response:
    return page(
        request,
        "knowledge_test.html",
        visitor,
        status=422 if problems else 200,
        current="knowledge",
        wanted=wanted,
        here_for=[row for row in visitor.communities if visitor.caller.allows(Scope.KNOWLEDGE_READ, row.id)],
        kinds=[kind.value for kind in EntryKind],
        audiences=AUDIENCES,
        problems=problems,
        tested=_shown(visitor, wanted, tested) if tested else None,
    )


def _shown(visitor: Visitor, wanted: Wanted, tested: Tested) -> dict[str, Any]:
    """What the template draws: figures from 0 to 1 as bars, the others as numbers."""
    best = tested.candidates[0] if tested.candidates else None
    seen = best.evidence if best else None
    return {
        "judged": tested.judged,
        "boundary": tested.boundary,
        "questions": tested.questions,
        "candidates": tested.candidates,
        "views": _views(tested.candidates),
        "takes": [one.entry.id for one in tested.candidates if _takes(visitor, wanted, one)],
        "evidence": seen._asdict() if seen else {},
        "evidence_of": "document" if isinstance(seen, DocumentEvidence) else "entry",
    }


def _views(candidates: list[Candidate]) -> list[str]:
    """The views that this installation has: without the second encoder its view is 0 for every entry."""
    if not candidates:
        return []
    return [name for name in candidates[0].scores._fields if any(getattr(one.scores, name) for one in candidates)]


def _takes(visitor: Visitor, wanted: Wanted, one: Candidate) -> bool:
    """Whether the visitor may propose the question as a phrasing of this entry, which has it not."""
    scopes = (Scope.KNOWLEDGE_EDIT, Scope.DRAFTS_DECIDE)
    may = any(visitor.caller.allows(scope, wanted.community_id) for scope in scopes)
    return may and one.entry.kind is EntryKind.FAQ and wanted.text not in (one.entry.title, *one.entry.phrasings)
