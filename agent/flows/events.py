"""Events come in: joins and leaves move memberships, everything counts as activity; repeats are harmless."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from agent.flows import people, surveys
from agent.flows.incoming import IncomingEvent
from agent.services import Services
from core.caller import Caller
from core.errors import BadInput, NotFound
from core.masking import mask, mask_values
from core.scopes import Scope
from core.vocabulary import EventType
from store import communities, events, members
from store.session import WriteSession

_AHEAD = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Taken:
    """`known` had come in before with the same body."""

    added: int
    known: int


def receive(services: Services, caller: Caller, incoming: Sequence[IncomingEvent]) -> Taken:
    """Store a batch in one transaction: all of it or nothing.

    Raises `NotFound` `community_not_found`, `Forbidden`, `BadInput` (`event_changed`, `at_in_future`) with its place in
    the batch.
    """
    latest = services.clock.now() + _AHEAD
    for number, event in enumerate(incoming):
        if event.at > latest:
            raise BadInput("at_in_future", extra={"index": number, "field": "at"})
    with services.database.read() as db:
        for community_id in {event.community_id for event in incoming}:
            if communities.get(db, community_id) is None:
                raise NotFound("community_not_found", extra={"community_id": community_id})
            caller.require(Scope.EVENTS_WRITE, community_id)
    with services.database.write() as db:
        added = sum(_store(db, services, number, event) for number, event in enumerate(incoming))
    return Taken(added, len(incoming) - added)


def _store(db: WriteSession, services: Services, number: int, event: IncomingEvent) -> bool:
    body_hash = services.keyring.lookup_hash("event", event.model_dump_json())
    known = events.body_hash(db, event.channel, event.community_id, event.event_id)
    if known is not None:
        if known != body_hash:
            raise BadInput("event_changed", extra={"index": number, "event_id": event.event_id})
        return False
    member_id = people.find_or_make(db, services.keyring, event.channel, event.member) if event.member else None
    added = events.add(
        db,
        channel=event.channel,
        community_id=event.community_id,
        external_id=event.event_id,
        body_hash=body_hash,
        type=event.type,
        member_id=member_id,
        at=event.at,
        data=mask_values(event.data),
    )
    if added and event.type == EventType.SURVEY:
        place = {"channel": event.channel, "community_id": event.community_id, "event_id": event.event_id}
        surveys.note_event(db, **place, member_id=member_id, at=event.at, data=event.data)
    if added and member_id is not None:
        _effect(db, event, member_id)
    return added


def _effect(db: WriteSession, event: IncomingEvent, member_id: str) -> None:
    if event.type == EventType.LEAVE:
        members.leave(db, event.community_id, member_id, event.at)
        return
    if event.type == EventType.JOIN:
        members.join(db, event.community_id, member_id, event.at, _source(event))
    members.touch(db, member_id, event.at)


def _source(event: IncomingEvent) -> str | None:
    """Where somebody came from, masked before it is cut: half a number would not be known as one."""
    source = event.data.get("source")
    return mask(source).text[:64] if isinstance(source, str) else None
