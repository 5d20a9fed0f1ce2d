"""Deliveries: pulled and acknowledged by bots, looked at and resolved by people; and the webhooks that push them."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from agent.flows import deliveries as flow
from agent.flows import webhooks
from agent.flows.deliveries import Outcome
from agent.flows.incoming import Channel, Strict, Word
from agent.flows.outgoing import Words
from core.errors import NotFound
from core.scopes import Scope
from core.vocabulary import DeliveryState
from server import paging
from server.state import Here, Whoever
from server.views import DeliveryStateView, DeliveryView, delivery_state_view
from store import deliveries

router = APIRouter(prefix="/v1", tags=["deliveries"])


class DeliveryPage(BaseModel):
    deliveries: list[DeliveryView]
    next: str | None = Field(description="give it as `after` for the next page")


@router.get("/deliveries")
def pull(
    services: Here,
    caller: Whoever,
    channel: Annotated[str | None, Query(max_length=32, description="only this channel's; default: all")] = None,
    after: Annotated[str | None, Query(max_length=80, description="only pages; all unacknowledged are listed")] = None,
    limit: paging.Limit = 50,
) -> DeliveryPage:
    """What waits to be posted by a bot that pulls. Post it, then acknowledge it."""
    caller.require(Scope.DELIVERIES_PULL)
    with services.database.read() as db:
        rows = deliveries.pullable(
            db,
            now=services.clock.now(),
            communities=caller.communities(Scope.DELIVERIES_PULL),
            channel=channel,
            after=after,
            limit=limit,
        )
        words = Words(db, services)
        shown = [DeliveryView.model_validate(flow.wire(words, row)) for row in rows]
    return DeliveryPage(deliveries=shown, next=rows[-1].id if len(rows) == limit else None)


@router.get("/deliveries/{delivery_id}")
def read(delivery_id: str, services: Here, caller: Whoever) -> DeliveryStateView:
    """Where one delivery stands."""
    with services.database.read() as db:
        row = deliveries.get(db, delivery_id)
        if row is None:
            raise NotFound("delivery_not_found")
        if not caller.allows(Scope.DELIVERIES_PULL, row.community_id):
            caller.require_seen(Scope.DRAFTS_READ, row.community_id, "delivery")
        return delivery_state_view(db, services, row)


@router.post("/deliveries/{delivery_id}/ack")
def acknowledge(delivery_id: str, services: Here, caller: Whoever) -> DeliveryStateView:
    """It was posted. Idempotent."""
    row = flow.acknowledge(services, caller, delivery_id)
    with services.database.read() as db:
        return delivery_state_view(db, services, row)


class ResolveIn(Strict):
    outcome: Outcome


@router.post("/deliveries/{delivery_id}/resolve")
def resolve(delivery_id: str, wanted: ResolveIn, services: Here, caller: Whoever) -> DeliveryStateView:
    """A person says what became of an `unknown` delivery, or sends a `failed` one again."""
    row = flow.resolve(services, caller, delivery_id, wanted.outcome)
    with services.database.read() as db:
        return delivery_state_view(db, services, row)


class WebhookIn(Strict):
    community_id: Word = Field(examples=["hemiao"])
    channel: Channel = Field(examples=["wecom"])
    url: str = Field(max_length=1000, examples=["http://127.0.0.1:9000/qunzhu"])
    idempotent: bool = Field(False, description="the endpoint drops a webhook-id that it has seen")


class WebhookView(BaseModel):
    id: str
    community_id: str
    channel: str
    url: str
    idempotent: bool


class WebhookMade(WebhookView):
    secret: str = Field(description="told once; verifies the Standard Webhooks signature")


class Pinged(BaseModel):
    delivery_id: str


@router.post("/webhooks", status_code=201)
def register(wanted: WebhookIn, services: Here, caller: Whoever) -> WebhookMade:
    """Push a community's deliveries of one channel (and its sub-groups') to this endpoint from now on."""
    made = webhooks.register(services, caller, **wanted.model_dump())
    return WebhookMade(id=made.id, secret=made.secret, **wanted.model_dump())


@router.get("/webhooks")
def list_webhooks(services: Here, caller: Whoever) -> list[WebhookView]:
    caller.require(Scope.SETTINGS_READ)
    with services.database.read() as db:
        rows = deliveries.webhooks(db, caller.communities(Scope.SETTINGS_READ))
    return [WebhookView.model_validate(row, from_attributes=True) for row in rows]


@router.delete("/webhooks/{webhook_id}", status_code=204)
def remove(webhook_id: str, services: Here, caller: Whoever) -> None:
    webhooks.remove(services, caller, webhook_id)


@router.post("/webhooks/{webhook_id}/ping", status_code=202)
def ping(webhook_id: str, services: Here, caller: Whoever) -> Pinged:
    """Send a `ping` to see that the endpoint answers and verifies; read the delivery to see how it went."""
    return Pinged(delivery_id=webhooks.ping(services, caller, webhook_id))


class DeliveryStates(BaseModel):
    deliveries: list[DeliveryStateView]


@router.get("/deliveries:states")
def states(
    services: Here,
    caller: Whoever,
    state: Annotated[list[DeliveryState], Query()] = [DeliveryState.UNKNOWN, DeliveryState.FAILED],  # noqa: B006
    limit: paging.Limit = 50,
) -> DeliveryStates:
    """Deliveries in these states, newest first: by default those that want a person."""
    caller.require(Scope.DRAFTS_READ)
    with services.database.read() as db:
        within = caller.communities(Scope.DRAFTS_READ)
        rows = deliveries.page(db, states=state, communities=within, limit=limit)
        return DeliveryStates(deliveries=[delivery_state_view(db, services, row) for row in rows])
