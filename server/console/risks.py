"""风险: the list of flagged messages, one beside it, and what the page's script calls."""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel

from agent.flows import risk_items
from agent.flows import risks as flow
from agent.flows.outgoing import Words
from agent.services import Services
from agent.steps.risk_ladder import Proposal, Why
from core.caller import Caller
from core.errors import Conflict, NotFound
from core.scopes import Scope
from core.vocabulary import RiskAction, RiskLabel, RiskLevel, RiskStatus
from server.console import inbox, risk_case
from server.console.page_route import PageRoute
from server.console.render import page
from server.console.risk_case import TABS, Wanted
from server.console.visitor import Signed, Visitor
from server.risk_views import SentView
from server.routes.risks import DecisionIn
from server.state import Here, Whoever
from store import messages, risks
from store.risks import RiskItemRow
from store.session import ReadSession

pages = APIRouter(route_class=PageRoute, include_in_schema=False)
calls = APIRouter(prefix="/api/risks", include_in_schema=False)
LEVELS = (RiskLevel.HIGH, RiskLevel.MEDIUM, RiskLevel.LOW)


def wanted_in_query(
    status: RiskStatus = RiskStatus.PENDING,
    label: Annotated[str, Query(max_length=40)] = "",
    level: Annotated[str, Query(max_length=10)] = "",
) -> Wanted:
    """What the address says; a word that is none means all, so that an old link still opens."""
    return Wanted(
        status,
        RiskLabel(label) if label in list(RiskLabel) else None,
        RiskLevel(level) if level in LEVELS else None,
    )


Asked = Annotated[Wanted, Depends(wanted_in_query)]


@pages.get("/risks")
def show(request: Request, services: Here, visitor: Signed, wanted: Asked) -> Response:
    """The list, nothing chosen; the script opens the first one where there is room for both."""
    return page(request, "risks.html", visitor, **_list(services, visitor, wanted), panel=None)


@pages.get("/risks/list")
def show_list(request: Request, services: Here, visitor: Signed, wanted: Asked) -> Response:
    """The list alone, for the script."""
    return page(request, "risks_list.html", visitor, **_list(services, visitor, wanted), panel=None)


@pages.get("/risks/{risk_id}")
def show_one(risk_id: str, request: Request, services: Here, visitor: Signed, wanted: Asked) -> Response:
    """The list with one item chosen: what a link to it opens."""
    panel = _panel(services, visitor, risk_id)
    return page(request, "risks.html", visitor, **_list(services, visitor, wanted), panel=panel)


@pages.get("/risks/{risk_id}/panel")
def show_panel(risk_id: str, request: Request, services: Here, visitor: Signed) -> Response:
    """One item alone, for the script."""
    panel = _panel(services, visitor, risk_id)
    return page(request, "risk_panel.html", visitor, panel=panel, badges=risk_case.badges)


def _list(services: Services, visitor: Visitor, wanted: Wanted) -> dict[str, Any]:
    visitor.caller.require(Scope.RISKS_READ)
    found = risk_case.listed(services, visitor, wanted)
    return {
        "current": "risks",
        "wanted": wanted,
        "query": urlencode(wanted.query()),
        "tabs": TABS,
        "labels": list(RiskLabel),
        "levels": LEVELS,
        "listed": found,
        "most": risk_case.SHOWN,
        "badges": risk_case.badges,
    }


def _panel(services: Services, visitor: Visitor, risk_id: str) -> risk_case.Panel:
    with services.database.read() as db:
        return risk_case.panel(services, visitor, db, _found(db, visitor.caller, risk_id))


def _found(db: ReadSession, caller: Caller, risk_id: str) -> RiskItemRow:
    row = risks.get(db, risk_id)
    if row is None:
        raise NotFound("risk_not_found")
    caller.require_seen(Scope.RISKS_READ, row.community_id, "risk")
    return row


class Decided(BaseModel):
    """`not_undone` went out before the item was dismissed: to be put right by hand."""

    id: str
    version: int
    status: RiskStatus
    undo_seconds: int
    sends: int
    not_undone: list[SentView]


@calls.post("/{risk_id}/decision")
def decide(risk_id: str, wanted: DecisionIn, services: Here, caller: Whoever) -> Decided:
    """As `/v1/risks/{id}/decision`, but what it sends can be taken back for some seconds."""
    try:
        done = flow.decide(services, caller, risk_id, wanted.ruling(), undoable=True)
    except Conflict as lost:
        raise _with_winner(services, lost) from None
    row = done.row
    acts = row.taken_action in (RiskAction.MUTE, RiskAction.REMOVE)
    confirmed = row.status == RiskStatus.CONFIRMED
    return Decided(
        id=row.id,
        version=row.version,
        status=RiskStatus(row.status),
        undo_seconds=done.undo_seconds,
        sends=sum((row.sends_private, row.sends_rules, acts)) if confirmed else 0,
        not_undone=[_sent(one) for one in done.not_undone],
    )


def _sent(row: Any) -> SentView:
    return SentView.model_validate(row, from_attributes=True)


def _with_winner(services: Services, lost: Conflict) -> Conflict:
    decider = lost.extra.get("decided_by")
    with services.database.read() as db:
        name = inbox.name_of_decider(db, str(decider)) if decider else None
    return Conflict(lost.code, extra=lost.extra | {"decided_by_name": name}, **lost.params)


class TextsView(BaseModel):
    """The words that fit an action."""

    private_text: str | None
    rules_text: str | None


@calls.get("/{risk_id}/texts")
def texts(
    risk_id: str,
    services: Here,
    caller: Whoever,
    action: RiskAction,
    minutes: Annotated[int | None, Query(ge=1, le=43_200)] = None,
    labels: Annotated[list[RiskLabel], Query(max_length=len(RiskLabel))] = [],  # noqa: B006
) -> TextsView:
    """What would be said with another action, other labels or minutes than proposed."""
    with services.database.read() as db:
        item = _found(db, caller, risk_id)
        message = messages.get(db, item.message_id)
        assert message is not None
        chosen = labels or [RiskLabel(label) for label in risks.parted(item.label_names)]
        drafted = risk_items.drafted(db, message, chosen, Proposal(action=action, minutes=minutes, why=Why.LADDER))
        private = drafted.private if item.member_id is not None else None
        return TextsView(
            private_text=Words(db, services).shown(item.member_id, private),
            rules_text=drafted.rules,
        )


router = APIRouter(include_in_schema=False)
router.include_router(pages)
router.include_router(calls)
