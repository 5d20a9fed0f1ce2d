"""粘贴消息: for groups that no bot serves. A person pastes what a member wrote, decides on the draft, and copies the
text back."""

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, StringConstraints

from agent.flows import intake
from agent.flows.community import REPORTING_ZONE
from agent.flows.deliveries import MANUAL
from agent.flows.incoming import MOST_TEXT, IncomingMessage, Name, Sender, Strict, Word
from agent.flows.outgoing import Words
from agent.services import Services
from agent.steps.risk import RiskVerdict
from agent.steps.triage import Triage
from core.errors import NotFound
from core.ids import new_id
from core.scopes import Scope
from core.vocabulary import DeliveryState, MessageStage
from server.console import inbox
from server.console.page_route import PageRoute
from server.console.render import page
from server.console.visitor import Signed, Visitor
from server.state import Here, Whoever
from store import deliveries, drafts, messages
from store.deliveries import DeliveryRow
from store.messages import MessageRow
from store.session import ReadSession

pages = APIRouter(route_class=PageRoute, include_in_schema=False)
calls = APIRouter(prefix="/api/paste", include_in_schema=False)
SHOWN: Final = 50
ANONYMOUS: Final = "anonymous"


@pages.get("/paste")
def show(
    request: Request, services: Here, visitor: Signed, message: Annotated[str | None, Query(max_length=40)] = None
) -> Response:
    """The form and today's items; with `message`, that item opened."""
    visitor.caller.require(Scope.DRAFTS_DECIDE)
    pasted = _pasted(services, visitor, message) if message else None
    groups = [row for row in visitor.communities if visitor.caller.allows(Scope.DRAFTS_DECIDE, row.id)]
    return page(request, "paste.html", visitor, groups=groups, pasted=pasted, **_today(services, visitor))


@pages.get("/paste/list")
def show_list(request: Request, services: Here, visitor: Signed) -> Response:
    """Today's items alone, for the script."""
    visitor.caller.require(Scope.DRAFTS_DECIDE)
    return page(request, "paste_list.html", visitor, **_today(services, visitor))


@pages.get("/paste/{message_id}/panel")
def show_panel(message_id: str, request: Request, services: Here, visitor: Signed) -> Response:
    """One item alone, as far as it is: the script asks again while a worker is on it."""
    pasted = _pasted(services, visitor, message_id)
    return page(request, "paste_panel.html", visitor, pasted=pasted)


class PasteIn(Strict):
    community_id: Word
    nickname: Name = ""
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MOST_TEXT)]


class Pasted(BaseModel):
    id: str


@calls.post("")
def paste(wanted: PasteIn, services: Here, caller: Whoever) -> Pasted:
    """A pasted message is one of the channel `manual`. The same nickname is the same member."""
    nickname = wanted.nickname.strip()
    incoming = IncomingMessage(
        channel=MANUAL,
        community_id=wanted.community_id,
        message_id=new_id("pst"),
        sender=Sender(id=f"{MANUAL}:{nickname or ANONYMOUS}", name=nickname or None),
        text=wanted.text,
        sent_at=services.clock.now(),
    )
    return Pasted(id=intake.receive(services, caller, incoming).message_id)


def _pasted(services: Services, visitor: Visitor, message_id: str) -> dict[str, Any]:
    """Everything about one pasted message: verdicts, draft, and the text to copy once it is decided."""
    with services.database.read() as db:
        row = messages.get(db, message_id)
        if row is None or row.channel != MANUAL:
            raise NotFound("message_not_found")
        visitor.caller.require_seen(Scope.DRAFTS_DECIDE, row.community_id, "message")
        draft = drafts.of_message(db, row.id)
        delivery = _delivery(db, draft.id) if draft else None
        return {
            "id": row.id,
            "text": row.text,
            "at": row.sent_at,
            "community": visitor.name_of(row.community_id),
            "name": Words(db, services).name(row.member_id),
            "waiting": row.stage == MessageStage.RECEIVED,
            "state": _state(row, draft.status if draft else None, delivery),
            "risk": RiskVerdict.model_validate(row.risk),
            "triage": Triage.model_validate(row.triage) if row.triage else None,
            "no_draft": row.no_draft,
            "panel": inbox.panel(services, visitor, db, draft) if draft else None,
            "delivery": delivery,
            "handed_out": Words(db, services).handed_out(delivery) if delivery else None,
        }


def _delivery(db: ReadSession, draft_id: str) -> DeliveryRow | None:
    """The newest delivery that was not taken back."""
    made = deliveries.of_draft(db, draft_id)
    return next((row for row in made if row.state != DeliveryState.CANCELLED), None)


def _state(row: MessageRow, draft_status: str | None, delivery: DeliveryRow | None) -> str:
    """Key of the item's state under `paste.state`."""
    if row.stage == MessageStage.RECEIVED:
        return "waiting"
    if delivery is not None:
        return "sent" if delivery.state == DeliveryState.DELIVERED else "to_copy"
    return "no_draft" if draft_status is None else draft_status


def _today(services: Services, visitor: Visitor) -> dict[str, Any]:
    """What was pasted on this day of the reporting zone, newest first."""
    within = visitor.within(services, Scope.DRAFTS_DECIDE)
    with services.database.read() as db:
        since = _midnight(services.clock.now())
        rows = messages.of_channel(db, MANUAL, communities=within, since=since, limit=SHOWN)
        items = [_item(db, services, visitor, row) for row in rows]
    return {"current": "paste", "items": items}


def _midnight(now: datetime) -> datetime:
    return now.astimezone(REPORTING_ZONE).replace(hour=0, minute=0, second=0, microsecond=0)


def _item(db: ReadSession, services: Services, visitor: Visitor, row: MessageRow) -> dict[str, Any]:
    draft = drafts.of_message(db, row.id)
    return {
        "id": row.id,
        "name": Words(db, services).name(row.member_id),
        "community": visitor.name_of(row.community_id),
        "first_line": row.text.strip().partition("\n")[0][:80],
        "at": row.sent_at,
        "state": _state(row, draft.status if draft else None, _delivery(db, draft.id) if draft else None),
    }


router = APIRouter(include_in_schema=False)
router.include_router(pages)
router.include_router(calls)
