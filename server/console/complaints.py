"""客诉: the board of complaint cases, one case, and the forms by which people work on it."""

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from agent.flows import case_access, case_compensation, cases
from agent.flows.case_compensation import Proposal
from agent.flows.cases import Act
from agent.services import Services
from core.errors import BadInput, Conflict, ForPeople
from core.scopes import Scope
from core.vocabulary import (
    CaseAction,
    CaseAnswer,
    CaseState,
    CompensationKind,
    CompensationStatus,
    ComplaintCategory,
    Department,
    Severity,
)
from server.console import case_page, texts
from server.console.case_board import COLUMNS, ENDED, Wanted, board
from server.console.page_route import PageRoute
from server.console.render import page
from server.console.visitor import Sent, Signed, Visitor
from server.state import Here

router = APIRouter(route_class=PageRoute, include_in_schema=False)
MOST_TEXT: Final = 8_000
"""As the API takes it; what is too long is said by the flow."""
_MOST_AMOUNT: Final = 10_000_000
_DRAFTS: Final = (CaseAction.RESOLVE,)
Text = Annotated[str, Form(max_length=MOST_TEXT)]
Version = Annotated[int, Form(ge=1, le=2**31 - 1)]


def wanted_in_query(
    state: Annotated[str, Query(max_length=20)] = "",
    category: Annotated[str, Query(max_length=40)] = "",
    severity: Annotated[str, Query(max_length=20)] = "",
    owner: Annotated[str, Query(max_length=40)] = "",
    overdue: Annotated[str, Query(max_length=5)] = "",
) -> Wanted:
    """What the address says; a word that is none means all, so that an old link still opens."""
    return Wanted(
        CaseState(state) if state in list(CaseState) else None,
        ComplaintCategory(category) if category in list(ComplaintCategory) else None,
        Severity(severity) if severity in list(Severity) else None,
        owner,
        overdue == "true",
    )


Asked = Annotated[Wanted, Depends(wanted_in_query)]


@router.get("/complaints")
def show(request: Request, services: Here, visitor: Signed, wanted: Asked) -> Response:
    """The board."""
    return page(request, "complaints.html", visitor, **_board(services, visitor, wanted))


@router.get("/complaints/board")
def show_board(request: Request, services: Here, visitor: Signed, wanted: Asked) -> Response:
    """Its columns alone, for the script."""
    return page(request, "complaints_board.html", visitor, **_board(services, visitor, wanted))


def _board(services: Services, visitor: Visitor, wanted: Wanted) -> dict[str, Any]:
    visitor.caller.require(Scope.COMPLAINTS_READ)
    return {
        "current": "complaints",
        "wanted": wanted,
        "query": urlencode(wanted.query()),
        "address": lambda **more: urlencode(wanted._replace(**more).query()),
        "board": board(services, visitor, wanted),
        "states": COLUMNS,
        "ended": ENDED,
        "categories": list(ComplaintCategory),
        "severities": list(Severity),
    }


@router.get("/complaints/{case_id}")
def show_one(case_id: str, request: Request, services: Here, visitor: Signed) -> Response:
    return _page(request, services, visitor, case_id)


def _page(
    request: Request,
    services: Services,
    visitor: Visitor,
    case_id: str,
    *,
    problem: ForPeople | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    """The case; with a problem, what was typed stays in its form, and who lost a race sees what stands now."""
    with services.database.read() as db:
        row = case_access.visible(db, visitor.caller, case_id)
        shown = case_page.case_page(services, visitor, db, row)
        lost = problem if isinstance(problem, Conflict) else None
        won = case_page.winner(db, visitor.caller, case_id, lost) if lost is not None else None
    return page(
        request,
        "complaint.html",
        visitor,
        status=problem.status if problem else 200,
        current="complaints",
        shown=shown,
        case=shown.case,
        problem=texts.of_error(problem, visitor.locale) if problem else None,
        won=won,
        typed=typed or {},
        departments=list(Department),
        categories=list(ComplaintCategory),
        severities=list(Severity),
        kinds=list(CompensationKind),
    )


def _back(case_id: str, done: str) -> Response:
    return RedirectResponse(f"/console/complaints/{case_id}?done={done}", 303)


@router.post("/complaints/{case_id}/act")
def act(
    case_id: str,
    request: Request,
    services: Here,
    visitor: Sent,
    action: Annotated[CaseAction, Form()],
    version: Version,
    text: Text = "",
    owner: Annotated[str, Form(max_length=80)] = "",
    answer: Annotated[str, Form(max_length=20)] = "",
    department: Annotated[str, Form(max_length=20)] = "",
    severity: Annotated[str, Form(max_length=20)] = "",
    category: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """One action, as a form of the page sends it: an empty field is none."""
    wanted = Act(
        action=action,
        version=version,
        text=text.replace("\r\n", "\n").strip() or None,
        owner=owner or None,
        answer=CaseAnswer(answer) if answer in list(CaseAnswer) else None,
        department=Department(department) if department in list(Department) else None,
        severity=Severity(severity) if severity in list(Severity) else None,
        category=ComplaintCategory(category) if category in list(ComplaintCategory) else None,
    )
    try:
        cases.act(services, visitor.caller, case_id, wanted)
    except ForPeople as error:
        typed = {"action": action.value, "text": text, "owner": owner, "answer": answer, "department": department}
        typed |= {"severity": severity, "category": category}
        return _page(request, services, visitor, case_id, problem=error, typed=typed)
    return _back(case_id, "case_drafted" if action in _DRAFTS else "case_saved")


@router.post("/complaints/{case_id}/compensation")
def compensate(
    case_id: str,
    request: Request,
    services: Here,
    visitor: Sent,
    version: Version,
    kind: Annotated[CompensationKind, Form()],
    amount: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Offer compensation: `amount` in yuan, or points."""
    try:
        cents, points = _amount(kind, amount)
        wanted = Proposal(version, kind, cents, points)
        _, made = case_compensation.propose(services, visitor.caller, case_id, wanted)
    except ForPeople as error:
        typed = {"action": "compensation", "amount": amount, "kind": kind.value}
        return _page(request, services, visitor, case_id, problem=error, typed=typed)
    proposed = made.status == CompensationStatus.PROPOSED
    return _back(case_id, "compensation_proposed" if proposed else "compensation_approved")


def _amount(kind: CompensationKind, amount: str) -> tuple[int, int]:
    """(fen, points). Raises `BadInput` `compensation_amount`."""
    try:
        number = Decimal(amount.strip().translate(_HALF_WIDTH))
        # Before anything is reckoned with it: `1e99999999` is a short word for a number that fills the memory.
        if not 0 < number <= _MOST_AMOUNT:
            raise ValueError
        scaled = number if kind is CompensationKind.POINTS else number * 100
        whole = int(scaled)
    except (InvalidOperation, ValueError):
        raise BadInput("compensation_amount", extra={"field": "amount"}) from None
    if whole != scaled or not 0 < whole <= _MOST_AMOUNT:
        raise BadInput("compensation_amount", extra={"field": "amount"})
    return (0, whole) if kind is CompensationKind.POINTS else (whole, 0)


_HALF_WIDTH: Final = str.maketrans("０１２３４５６７８９．", "0123456789.")


@router.post("/complaints/{case_id}/compensation/{compensation_id}")
def decide(
    case_id: str,
    compensation_id: str,
    request: Request,
    services: Here,
    visitor: Sent,
    version: Version,
    verdict: Annotated[str, Form(pattern="^(approve|reject)$")],
) -> Response:
    """A manager approves or rejects what was proposed."""
    status = CompensationStatus.APPROVED if verdict == "approve" else CompensationStatus.REJECTED
    try:
        case_compensation.decide(services, visitor.caller, case_id, compensation_id, status, version)
    except ForPeople as error:
        return _page(request, services, visitor, case_id, problem=error)
    return _back(case_id, f"compensation_{status.value}")
