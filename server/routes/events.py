"""What happened in a community besides messages."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from agent.flows import events
from agent.flows.incoming import IncomingEvent, Strict
from server.state import Here, Whoever

router = APIRouter(prefix="/v1", tags=["events"])


class Events(Strict):
    events: list[IncomingEvent] = Field(min_length=1, max_length=500)


class EventsTaken(BaseModel):
    added: int
    known: int


@router.post("/events", max_body_size=4 * 1024 * 1024)
def receive(batch: Events, services: Here, caller: Whoever) -> EventsTaken:
    """Up to 500 events, all or none. Repeats are counted as known."""
    taken = events.receive(services, caller, batch.events)
    return EventsTaken(added=taken.added, known=taken.known)
