"""成员与隐私: members masked, one of them with consents, and what may be done: reveal, export, erase."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from agent.flows import consents, erasure, member_access, member_files
from agent.flows.member_access import FIELDS, MOST_REASON
from agent.services import Services
from core.errors import ForPeople
from core.scopes import Scope
from core.vocabulary import ConsentKind
from server.console import texts
from server.console.inbox import name_of_decider
from server.console.page_route import PageRoute
from server.console.render import page
from server.console.visitor import Sent, Signed, Visitor
from server.routes.members import file_of, member_case, member_views
from server.state import Here
from store import member_list

router = APIRouter(route_class=PageRoute, include_in_schema=False)
SHOWN: Final = 50
Reason = Annotated[str, Form(max_length=MOST_REASON)]


@router.get("/members")
def show(
    request: Request, services: Here, visitor: Signed, before: Annotated[str, Query(max_length=40)] = ""
) -> Response:
    """The newest first, within the filter."""
    visitor.caller.require(Scope.MEMBERS_READ)
    within = visitor.within(services, Scope.MEMBERS_READ)
    with services.database.read() as db:
        rows = member_list.page(db, communities=within, before=before or None, limit=SHOWN + 1)
        shown = member_views(db, services, visitor.caller, rows[:SHOWN])
    more = shown[-1].id if len(rows) > SHOWN else None
    return page(
        request, "members.html", visitor, current="members", members=shown, more=more, sought=None, problem=None
    )


@router.post("/members")
def find(
    request: Request,
    services: Here,
    visitor: Sent,
    sought: Annotated[str, Form(max_length=500)] = "",
    by: Annotated[str, Form(max_length=40)] = "name",
) -> Response:
    """Look-up by a form that is sent, not by an address: addresses are logged and remembered."""
    visitor.caller.require(Scope.MEMBERS_READ)
    value = sought.strip()
    if not value:
        return RedirectResponse("/console/members", 303)
    rows = member_access.find(
        services,
        visitor.caller,
        name=value if by == "name" else None,
        contact=None if by == "name" else value,
        channel=None if by in ("name", "contact") else by,
        limit=SHOWN,
    )
    with services.database.read() as db:
        shown = member_views(db, services, visitor.caller, rows)
    return page(request, "members.html", visitor, current="members", members=shown, more=None, sought=by, problem=None)


@router.get("/members/{member_id}")
def show_one(member_id: str, request: Request, services: Here, visitor: Signed) -> Response:
    return _page(request, services, visitor, member_id)


def _page(
    request: Request,
    services: Services,
    visitor: Visitor,
    member_id: str,
    *,
    revealed: dict[str, Any] | None = None,
    problem: ForPeople | None = None,
    chosen: list[str] | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    caller = visitor.caller
    with services.database.read() as db:
        row = member_access.visible(db, caller, Scope.MEMBERS_READ, member_id)
        case = member_case(db, services, caller, row)
        names = {one.by: name_of_decider(db, one.by) for one in case.disclosures}
    stays = [stay.community_id for stay in case.stays]

    def everywhere(scope: Scope) -> bool:
        return caller.allows(scope) and all(caller.allows(scope, place) for place in stays)

    return page(
        request,
        "member.html",
        visitor,
        status=422 if problem else 200,
        current="members",
        case=case,
        names=names,
        fields=FIELDS,
        chosen=chosen or [],
        revealed=revealed,
        problem=" ".join(texts.of_error(problem, visitor.locale)) if problem else None,
        typed=typed or {},
        kinds=list(ConsentKind),
        confirm=case.id[-6:],
        may_reveal=any(caller.allows(Scope.MEMBERS_REVEAL, place) for place in stays),
        may_export=everywhere(Scope.MEMBERS_REVEAL),
        may_edit=any(caller.allows(Scope.MEMBERS_EDIT, place) for place in stays),
        may_erase=everywhere(Scope.MEMBERS_ERASE),
    )


@router.post("/members/{member_id}/reveal")
def reveal(
    member_id: str,
    request: Request,
    services: Here,
    visitor: Sent,
    fields: Annotated[list[str], Form(max_length=len(FIELDS))] = [],  # noqa: B006
    reason: Reason = "",
) -> Response:
    """The page once more, with the chosen fields in clear."""
    try:
        done = member_access.reveal(services, visitor.caller, member_id, fields, reason)
    except ForPeople as error:
        return _page(request, services, visitor, member_id, problem=error, chosen=fields, typed={"reveal": reason})
    return _page(request, services, visitor, member_id, revealed=done.fields, chosen=fields)


@router.post("/members/{member_id}/export")
def export(
    member_id: str,
    request: Request,
    services: Here,
    visitor: Sent,
    form: Annotated[str, Form(pattern="^(json|csv)$")] = "json",
    reason: Reason = "",
) -> Response:
    """A file with everything in clear."""
    try:
        return file_of(member_files.export(services, visitor.caller, member_id, reason), form)
    except ForPeople as error:
        return _page(request, services, visitor, member_id, problem=error, typed={"export": reason, "form": form})


@router.post("/members/{member_id}/consent")
def consent(
    member_id: str,
    request: Request,
    services: Here,
    visitor: Sent,
    kind: Annotated[ConsentKind, Form()],
    said: Annotated[str, Form(pattern="^(granted|refused)$")],
    source: Annotated[str, Form(max_length=64)] = "",
) -> Response:
    try:
        consents.note(services, visitor.caller, member_id, kind, granted=said == "granted", source=source)
    except ForPeople as error:
        typed = {"kind": kind.value, "said": said, "source": source}
        return _page(request, services, visitor, member_id, problem=error, typed=typed)
    return RedirectResponse(f"/console/members/{member_id}?done=consent_noted", 303)


@router.post("/members/{member_id}/erase")
def erase(
    member_id: str,
    request: Request,
    services: Here,
    visitor: Sent,
    typed: Annotated[str, Form(max_length=40)] = "",
    reason: Reason = "",
) -> Response:
    """Only where the end of the id was typed, so that nobody erases with one wrong click."""
    if typed.strip().upper() != member_id[-6:].upper():
        return RedirectResponse(f"/console/members/{member_id}#erase", 303)
    try:
        erasure.erase(services, visitor.caller, member_id, reason)
    except ForPeople as error:
        return _page(request, services, visitor, member_id, problem=error, typed={"erase": reason})
    return RedirectResponse("/console/members?done=member_erased", 303)
