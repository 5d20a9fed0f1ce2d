"""投递: what wants a person, and how the rest stands."""

from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from agent.flows.deliveries import MANUAL
from agent.flows.outgoing import Words
from agent.services import Services
from core.scopes import Scope
from core.vocabulary import DeliveryState
from server.console.page_route import PageRoute
from server.console.render import page
from server.console.visitor import Signed, Visitor
from server.state import Here
from store import deliveries, drafts
from store.deliveries import DeliveryRow
from store.session import ReadSession

router = APIRouter(route_class=PageRoute, include_in_schema=False)
WANTING: Final = (DeliveryState.UNKNOWN, DeliveryState.FAILED)
_OTHERS: Final = tuple(state for state in DeliveryState if state not in WANTING)
SHOWN: Final = 50


@router.get("/deliveries")
def show(request: Request, services: Here, visitor: Signed) -> Response:
    visitor.caller.require(Scope.DRAFTS_READ)
    return page(request, "deliveries.html", visitor, **_lists(services, visitor))


@router.get("/deliveries/list")
def show_list(request: Request, services: Here, visitor: Signed) -> Response:
    """The lists alone, for the script."""
    visitor.caller.require(Scope.DRAFTS_READ)
    return page(request, "deliveries_list.html", visitor, **_lists(services, visitor))


def _lists(services: Services, visitor: Visitor) -> dict[str, Any]:
    within = visitor.within(services, Scope.DRAFTS_READ)
    with services.database.read() as db:
        words = Words(db, services)
        wanting = deliveries.page(db, states=WANTING, communities=within, limit=SHOWN)
        recent = deliveries.page(db, states=_OTHERS, communities=within, limit=SHOWN)
        return {
            "current": "deliveries",
            "wanting": [_shown(db, words, visitor, row) for row in wanting],
            "recent": [_shown(db, words, visitor, row) for row in recent],
            "most": SHOWN,
        }


def _shown(db: ReadSession, words: Words, visitor: Visitor, row: DeliveryRow) -> dict[str, Any]:
    at: datetime = row.delivered_at or row.sent_at or row.created_at
    by_hand = row.channel == MANUAL and row.state == DeliveryState.QUEUED and row.draft_id is not None
    asked = drafts.message_ids(db, [row.draft_id])[row.draft_id] if by_hand and row.draft_id else []
    return {
        "id": row.id,
        "kind": row.kind,
        "state": row.state,
        "community": visitor.name_of(row.community_id),
        "name": words.name(row.member_id),
        "text": words.shown(row.member_id, row.text),
        "action": row.action,
        "minutes": row.minutes,
        "attempts": row.attempts,
        "error": row.last_error,
        "at": at,
        "message_id": asked[0] if asked else None,
        "may": visitor.caller.allows(Scope.DRAFTS_DECIDE, row.community_id),
    }
