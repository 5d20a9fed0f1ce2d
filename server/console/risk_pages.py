"""风险 · 统计 and 测一测: how well the screening does by what people decided, and everything behind one verdict."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Query, Request, Response

from agent.flows import risk_report, risk_trial
from core.scopes import Scope
from core.vocabulary import SenderRole
from server.console.page_route import PageRoute
from server.console.render import page
from server.console.risk_case import pieces
from server.console.visitor import Sent, Signed, Visitor
from server.routes.risk_rules import DisguiseView, TestView, tested_view
from server.state import Here

router = APIRouter(route_class=PageRoute, include_in_schema=False)
DAYS: Final = (7, 30, 90, 365)
MOST_TEXT: Final = 2_000
_MOST_WORDS: Final = 3


@router.get("/risks/figures")
def figures(
    request: Request, services: Here, visitor: Signed, days: Annotated[int, Query(ge=1, le=3_650)] = 30
) -> Response:
    """What was confirmed, dismissed and missed, by label."""
    visitor.caller.require(Scope.RISKS_READ)
    within = visitor.within(services, Scope.RISKS_READ)
    with services.database.read() as db:
        report = risk_report.figures(db, services, within, days)
    most = max((one.n + one.missed for one in report.labels), default=1)
    return page(request, "risk_figures.html", visitor, current="risks", report=report, most=max(most, 1), choices=DAYS)


@router.get("/risks/test")
def show(request: Request, visitor: Signed, text: Annotated[str, Query(max_length=MOST_TEXT)] = "") -> Response:
    """The form, with a text where a link brought one."""
    visitor.caller.require(Scope.RISKS_READ)
    return _page(request, visitor, text, visitor.community_id or "", SenderRole.MEMBER, None)


@router.post("/risks/test")
def try_out(
    request: Request,
    services: Here,
    visitor: Sent,
    text: Annotated[str, Form(max_length=MOST_TEXT)] = "",
    place: Annotated[str, Form(max_length=80)] = "",
    role: Annotated[SenderRole, Form()] = SenderRole.MEMBER,
) -> Response:
    """Screen the text; nothing is stored, so that any member's words may be tried."""
    visitor.caller.require(Scope.RISKS_READ)
    text = text.replace("\r\n", "\n").strip()
    tried = risk_trial.try_out(services, visitor.caller, text, place or None, role) if text else None
    return _page(request, visitor, text, place, role, tested_view(text, tried) if tried else None)


def _page(
    request: Request, visitor: Visitor, text: str, place: str, role: SenderRole, tested: TestView | None
) -> Response:
    return page(
        request,
        "risk_test.html",
        visitor,
        current="risks",
        text=text,
        place=place,
        role=role.value,
        here_for=[row for row in visitor.communities if visitor.caller.allows(Scope.RISKS_READ, row.id)],
        roles=[one.value for one in SenderRole],
        tested=tested,
        pieces=list(pieces(text, tested.verdict.labels)) if tested else [],
        disguises=_by_place(tested.disguises) if tested else [],
    )


def _by_place(found: list[DisguiseView]) -> list[dict[str, Any]]:
    """One row a place: many words of a lexicon sound alike."""
    places: dict[tuple[int, int], list[DisguiseView]] = {}
    for one in found:
        places.setdefault(one.span, []).append(one)
    return [
        {
            "text": same[0].text,
            "words": list(dict.fromkeys(one.word for one in same))[:_MOST_WORDS],
            "views": list(dict.fromkeys(one.view.value for one in same)),
        }
        for same in places.values()
    ]
