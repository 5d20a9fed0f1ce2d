"""群体性事件: several complaints about one thing, with a plan to tick off, an owner and a statement to release."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from agent.flows import incident_actions as flow
from agent.flows.incident_actions import Act
from agent.services import Services
from core.errors import Conflict, ForPeople
from core.scopes import Scope
from core.vocabulary import OPEN_CASE_STATES, DraftStatus, IncidentAction, IncidentStatus
from server.console import texts
from server.console.case_board import Card, cards
from server.console.case_page import owners
from server.console.inbox import name_of_decider
from server.console.page_route import PageRoute
from server.console.render import page
from server.console.visitor import Sent, Signed, Visitor
from server.routes.incidents import IncidentCase, incident_case, incident_views
from server.state import Here
from store import cases, drafts, incidents
from store.cases import CaseRow, Filter
from store.drafts import DraftRow
from store.incidents import IncidentRow
from store.session import ReadSession

router = APIRouter(route_class=PageRoute, include_in_schema=False)
SHOWN: Final = 50


@dataclass(frozen=True, slots=True)
class Moment:
    """A line of the history: `kind` of what, `what` names it further, by whom."""

    at: datetime
    kind: str
    what: str
    by: str | None


@router.get("/incidents")
def show(request: Request, services: Here, visitor: Signed, status: Annotated[str, Query()] = "") -> Response:
    """The open ones, or those that are over."""
    visitor.caller.require(Scope.COMPLAINTS_READ)
    chosen = IncidentStatus(status) if status in list(IncidentStatus) else IncidentStatus.OPEN
    within = visitor.within(services, Scope.COMPLAINTS_READ)
    with services.database.read() as db:
        rows = incidents.page(db, statuses=[chosen], communities=within, limit=SHOWN)
        shown = incident_views(db, rows)
    return page(
        request,
        "incidents.html",
        visitor,
        current="complaints",
        chosen=chosen,
        statuses=list(IncidentStatus),
        incidents=shown,
    )


@router.get("/incidents/{incident_id}")
def show_one(incident_id: str, request: Request, services: Here, visitor: Signed) -> Response:
    return _page(request, services, visitor, incident_id)


def _page(
    request: Request,
    services: Services,
    visitor: Visitor,
    incident_id: str,
    *,
    problem: ForPeople | None = None,
    typed: str = "",
) -> Response:
    caller = visitor.caller
    with services.database.read() as db:
        row = flow.visible(db, caller, incident_id)
        shown = incident_case(db, row)
        held = incidents.cases_of(db, [row.id])[row.id]
        may_act = caller.allows(Scope.COMPLAINTS_OWN, row.community_id) and row.status == IncidentStatus.OPEN
        script = drafts.get(db, row.script_draft_id) if row.script_draft_id is not None else None
        return page(
            request,
            "incident.html",
            visitor,
            status=problem.status if problem else 200,
            current="complaints",
            incident=shown,
            cards=cards(db, services, held),
            free=_free(db, services, visitor, row) if may_act else [],
            may_act=may_act,
            may_read_drafts=caller.allows(Scope.DRAFTS_READ, row.community_id),
            may_release=caller.allows(Scope.CRISIS_RELEASE, row.community_id),
            script=script,
            script_text=_text(script),
            script_open=script is not None and script.status in (DraftStatus.PENDING, DraftStatus.ESCALATED),
            people=owners(db, row.community_id) if may_act else [],
            doers={one.key: name_of_decider(db, one.done_by) for one in shown.checklist if one.done_by},
            history=_history(db, row, shown, held),
            problem=texts.of_error(problem, visitor.locale) if problem else None,
            won=isinstance(problem, Conflict) and "version" in problem.extra,
            typed=typed,
        )


def _text(script: DraftRow | None) -> str:
    return (script.final_text or script.text or "") if script is not None else ""


def _free(db: ReadSession, services: Services, visitor: Visitor, row: IncidentRow) -> list[Card]:
    """Open cases of the group that belong to no incident: what may be put in."""
    del visitor
    wanted = Filter(states=list(OPEN_CASE_STATES), communities=frozenset([row.community_id]), free=True)
    return cards(db, services, cases.page(db, wanted, limit=SHOWN))


def _history(db: ReadSession, row: IncidentRow, shown: IncidentCase, held: Sequence[CaseRow]) -> list[Moment]:
    """What is known of when, the newest first."""
    found = [Moment(row.opened_at, "opened", "", None)]
    found += [Moment(one.opened_at, "case", one.quote, None) for one in held]
    found += [
        Moment(one.done_at, "step", f"incident_step.{one.key}", name_of_decider(db, one.done_by))
        for one in shown.checklist
        if one.done_at is not None
    ]
    if row.alerted_at is not None:
        found.append(Moment(row.alerted_at, "alerted", "", None))
    if row.closed_at is not None:
        found.append(Moment(row.closed_at, "closed", "", name_of_decider(db, row.closed_by)))
    return sorted(found, key=lambda one: one.at, reverse=True)


@router.post("/incidents/{incident_id}/act")
def act(
    incident_id: str,
    request: Request,
    services: Here,
    visitor: Sent,
    action: Annotated[IncidentAction, Form()],
    version: Annotated[int, Form(ge=1, le=2**31 - 1)],
    owner: Annotated[str, Form(max_length=80)] = "",
    step: Annotated[str, Form(max_length=40)] = "",
    case_id: Annotated[str, Form(max_length=40)] = "",
    text: Annotated[str, Form(max_length=8_000)] = "",
) -> Response:
    """One action, as a form of the page sends it: an empty field is none."""
    said = text.replace("\r\n", "\n").strip()
    wanted = Act(action, version, owner or None, step or None, case_id or None, said or None)
    try:
        flow.act(services, visitor.caller, incident_id, wanted)
    except ForPeople as error:
        return _page(request, services, visitor, incident_id, problem=error, typed=text)
    return RedirectResponse(f"/console/incidents/{incident_id}?done=incident_saved", 303)
