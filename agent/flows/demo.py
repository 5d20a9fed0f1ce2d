"""The demo community: an invented organisation with its groups, knowledge, 200 members and a week of messages. Every
text is ours (`knowledge/demo/`); running it again changes nothing."""

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any, Final

from agent.flows import communities, events, intake, knowledge, settings
from agent.flows.incoming import EventMember, IncomingEvent, IncomingMessage, Sender
from agent.services import Services
from core.caller import Caller
from core.errors import Conflict
from core.vocabulary import CommunityType, EventType
from core.yaml_text import load_yaml
from store import communities as rows

MEMBERS: Final = 200
_BATCH: Final = 100
_SEED: Final = 20261121
_SLOT: Final = re.compile(r"\{(surname|given|baby)\}")
_DAYS_OF_MESSAGES: Final = 7
_DAYS_OF_JOINING: Final = 180


@dataclass(frozen=True, slots=True)
class Person:
    id: str
    name: str
    community_id: str
    channel: str
    source: str
    joined: datetime


def install(services: Services, caller: Caller, progress: Callable[[str], None]) -> None:
    """Lay down the demo; what exists already is left as it is. `progress` is told each step."""
    groups = _load("communities.yaml")
    _communities(services, caller, groups)
    progress("communities")
    for name in ("faq.yaml", "scripts.yaml"):
        data = files("knowledge.demo").joinpath(name).read_bytes()
        knowledge.check_errors(
            knowledge.import_file(services, caller, data, "yaml", dry_run=False, only_new=True).errors
        )
    progress("knowledge")
    material = _load("people.yaml")
    start = _start(services)
    people = list(_people(material, [group for group in groups if group["parent"]], start))
    _join(services, caller, people)
    progress("members")
    _talk(services, caller, people, material["messages"], start)
    progress("messages")


def _load(name: str) -> Any:
    return load_yaml(files("knowledge.demo").joinpath(name).read_text("utf-8"))


def _start(services: Services) -> datetime:
    """When the demo was first laid down: running it again on another day must make the same members."""
    with services.database.read() as db:
        return min(row.created_at for row in rows.every(db))


def _communities(services: Services, caller: Caller, groups: list[dict[str, Any]]) -> None:
    for group in groups:
        try:
            communities.create(
                services,
                caller,
                community_id=group["id"],
                name=group["name"],
                type=CommunityType(group["type"]),
                channel=group["channel"],
                parent_id=group["parent"],
            )
        except Conflict:
            continue
        settings.change(services, caller, "reply.variables", group["variables"], group["id"])


def _people(material: dict[str, Any], groups: list[dict[str, Any]], start: datetime) -> Iterator[Person]:
    chance = random.Random(_SEED)
    names: set[str] = set()
    for number in range(MEMBERS):
        group = groups[number % len(groups)]
        name = _name(chance, material, names)
        names.add(name)
        yield Person(
            id=f"demo-{number:03d}",
            name=name,
            community_id=group["id"],
            channel=group["channel"],
            source=chance.choice(material["join_sources"]),
            joined=start - timedelta(days=chance.uniform(1, _DAYS_OF_JOINING)),
        )


def _name(chance: random.Random, material: dict[str, Any], taken: set[str]) -> str:
    parts = {"surname": "surnames", "given": "given_parts", "baby": "baby_names"}
    while True:
        pattern = chance.choice(material["nicknames"])
        name = _SLOT.sub(lambda slot: chance.choice(material[parts[slot[1]]]), pattern)
        if name not in taken:
            return name


def _join(services: Services, caller: Caller, people: list[Person]) -> None:
    joins = [
        IncomingEvent(
            channel=person.channel,
            community_id=person.community_id,
            event_id=f"join-{person.id}",
            type=EventType.JOIN,
            member=EventMember(id=person.id, name=person.name),
            at=person.joined,
            data={"source": person.source},
        )
        for person in people
    ]
    for first in range(0, len(joins), _BATCH):
        events.receive(services, caller, joins[first : first + _BATCH])


def _talk(
    services: Services, caller: Caller, people: list[Person], texts: dict[str, list[str]], start: datetime
) -> None:
    """A week of everyday messages, as history: screened, but nobody waits for an answer any more."""
    chance = random.Random(_SEED + 1)
    for number, text in enumerate(text for kind in sorted(texts) for text in texts[kind]):
        person = chance.choice(people)
        sent_at = max(person.joined, start - timedelta(days=chance.uniform(0.1, _DAYS_OF_MESSAGES)))
        message = IncomingMessage(
            channel=person.channel,
            community_id=person.community_id,
            message_id=f"demo-{number:03d}",
            sender=Sender(id=person.id, name=person.name),
            text=text,
            sent_at=sent_at,
        )
        intake.receive(services, caller, message, history=True)
