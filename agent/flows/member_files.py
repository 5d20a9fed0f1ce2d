"""Everything known about a member, in one document (导出), and back into this or another deployment (导入).

What belongs to the member comes back: who they are, their stays, consents, messages and events, under the same ids.
What the staff made about them (drafts, deliveries, cases …) stands under `about`, to be read, and is not imported.
"""

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from pydantic import AwareDatetime, Field, ValidationError

from agent.flows import member_access, outgoing
from agent.flows.incoming import Attachment, Channel, Strict
from agent.flows.people import external_hash
from agent.services import Services
from core.caller import Caller
from core.crypto import seal
from core.errors import BadInput, Conflict, NotFound
from core.ids import new_id
from core.masking import mask, mask_values
from core.scopes import Scope
from core.vocabulary import ConsentKind, ContactKind, Conversation, DisclosureKind, EventType, MessageType, SenderRole
from store import communities, events, member_list, members, privacy
from store.audit import Deed
from store.base import insert_new
from store.members import MemberRow, MembershipRow
from store.messages import MessageRow
from store.session import ReadSession, WriteSession
from store.vault import MemberKeys, Protected, new_key

FORMAT: Final = 1
MOST_MESSAGES: Final = 200_000
_NOTHING_FOUND: Final = {"level": "none", "labels": [], "action": "none", "reason": "nothing_found"}
_DRAFT: Final = ("id", "kind", "status", "channel", "community_id", "created_at", "decided_at", "decided_by", "reason")
_DELIVERY: Final = ("id", "kind", "state", "channel", "community_id", "created_at", "sent_at", "delivered_at", "action")
_RISK: Final = ("id", "message_id", "status", "level", "label_names", "action", "created_at", "decided_at", "reason")
_CASE: Final = ("id", "state", "category", "severity", "topic", "quote", "opened_at", "closed_at", "answer")
_CASE_EVENT: Final = ("id", "case_id", "at", "kind", "from_state", "to_state")
_COMPENSATION: Final = ("id", "case_id", "kind", "cents", "points", "status", "proposed_at", "decided_at")
_SUGGESTION: Final = ("id", "community_id", "topic", "status", "department", "said_at")
_SURVEY: Final = ("id", "community_id", "channel", "kind", "score", "source", "case_id", "at")
_DISCLOSURE: Final = ("id", "message_id", "kind", "fields", "reason", "by", "at")
_MEMBER: Final = ("id", "source", "profile", "created_at", "last_active_at")


class Identity(Strict):
    channel: Channel
    id: str = Field(min_length=1, max_length=200)


class Contact(Strict):
    kind: ContactKind
    value: str = Field(min_length=1, max_length=500)


class Person(Strict):
    id: str = Field(pattern=r"^mem_[0-9A-Za-z]{26}$")
    name: str | None = Field(max_length=120)
    source: str | None = Field(max_length=64)
    profile: dict[str, Any]
    created_at: AwareDatetime
    last_active_at: AwareDatetime | None


class Stay(Strict):
    community_id: str = Field(max_length=80)
    joined_at: AwareDatetime
    left_at: AwareDatetime | None
    source: str | None = Field(max_length=64)


class Consent(Strict):
    kind: ConsentKind
    community_id: str | None = Field(max_length=80)
    granted: bool
    source: str = Field(max_length=64)
    at: AwareDatetime


class Notice(Strict):
    community_id: str = Field(max_length=80)
    notice_hash: str = Field(max_length=64)
    source: str = Field(max_length=16)
    at: AwareDatetime


class Said(Strict):
    """A message in its newest revision, in the member's own words."""

    id: str = Field(pattern=r"^msg_[0-9A-Za-z]{26}$")
    channel: Channel
    community_id: str = Field(max_length=80)
    message_id: str = Field(max_length=200)
    revision: int = Field(ge=0, le=10_000)
    type: MessageType
    conversation: Conversation
    sender_role: SenderRole
    recalled: bool
    text: str = Field(max_length=8_000)
    attachments: tuple[Attachment, ...] = Field((), max_length=20)
    reply_to: str | None = Field(max_length=200)
    sent_at: AwareDatetime
    received_at: AwareDatetime


class Event(Strict):
    id: str = Field(pattern=r"^evt_[0-9A-Za-z]{26}$")
    channel: Channel
    community_id: str = Field(max_length=80)
    event_id: str = Field(max_length=200)
    type: EventType
    at: AwareDatetime
    received_at: AwareDatetime
    data: dict[str, Any]


class MemberFile(Strict):
    """The document. `about` is for people to read."""

    format: int = FORMAT
    exported_at: AwareDatetime
    member: Person
    identities: tuple[Identity, ...] = Field((), max_length=100)
    contacts: tuple[Contact, ...] = Field((), max_length=200)
    stays: tuple[Stay, ...] = Field((), max_length=10_000)
    consents: tuple[Consent, ...] = Field((), max_length=10_000)
    notices: tuple[Notice, ...] = Field((), max_length=10_000)
    messages: tuple[Said, ...] = Field((), max_length=MOST_MESSAGES)
    events: tuple[Event, ...] = Field((), max_length=MOST_MESSAGES)
    about: dict[str, list[dict[str, Any]]] = Field(default_factory=dict)


def export(services: Services, caller: Caller, member_id: str, reason: str) -> MemberFile:
    """The member's document, in clear; noted like a reveal, before it is made: that may take seconds, in which others
    go on writing.

    Raises `NotFound`, `Forbidden` unless the caller may reveal in every community the member was in, `BadInput`
    `reason_missing`, `Conflict` `member_erased`.
    """
    with services.database.write() as db:
        member_access.whole(db, caller, Scope.MEMBERS_REVEAL, member_id)
        member_access.kept(db, caller, Scope.MEMBERS_REVEAL, member_id)
        note = member_access.note
        note(db, services, caller, DisclosureKind.EXPORT, reason, member_id=member_id, fields=["everything"])
    with services.database.read() as db:
        row = member_access.kept(db, caller, Scope.MEMBERS_REVEAL, member_id)
        return _document(db, services, row)


def _document(db: ReadSession, services: Services, row: MemberRow) -> MemberFile:
    keys = MemberKeys(db, services.keyring)
    known = member_access.known(db, keys, row)
    rows = member_list.everything(db, row.id)
    return MemberFile(
        exported_at=services.clock.now(),
        member=Person.model_validate(_picked(row, _MEMBER) | {"name": known.name}),
        identities=tuple(Identity(channel=channel, id=value) for channel, value in known.identities),
        contacts=tuple(Contact(kind=ContactKind(kind), value=value) for kind, value in known.contacts),
        stays=tuple(
            Stay.model_validate(_picked(one, ("community_id", "joined_at", "left_at", "source")))
            for one in member_list.stays(db, [row.id])[row.id]
        ),
        consents=tuple(
            Consent.model_validate(_picked(one, ("kind", "community_id", "granted", "source", "at")))
            for one in reversed(member_list.consents(db, row.id))
        ),
        notices=tuple(
            Notice.model_validate(_picked(one, ("community_id", "notice_hash", "source", "at")))
            for one in reversed(privacy.shown(db, row.id))
        ),
        messages=tuple(_said(keys, one) for one in rows.messages),
        events=tuple(_event(one) for one in rows.events),
        about=_about(db, services, row.id, keys, rows),
    )


def _picked(row: Any, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _said(keys: MemberKeys, row: MessageRow) -> Said:
    names = ("id", "channel", "community_id", "revision", "type", "conversation", "sender_role", "recalled", "reply_to")
    values = _picked(row, (*names, "attachments", "sent_at", "received_at"))
    text = keys.reveal(row.member_id, Protected(row.text, row.original), "message")
    return Said.model_validate(values | {"message_id": row.external_id, "text": text})


def _event(row: events.EventRow) -> Event:
    values = _picked(row, ("id", "channel", "community_id", "type", "at", "received_at", "data"))
    return Event.model_validate(values | {"event_id": row.external_id})


def _about(
    db: ReadSession, services: Services, member_id: str, keys: MemberKeys, rows: member_list.Everything
) -> dict[str, list[dict[str, Any]]]:
    """What the staff made about the member, texts as they were sent, plain values only."""
    words = outgoing.Words(db, services)

    def told(masked: str | None, sealed: bytes | None, context: str = "draft") -> str | None:
        return words.shown(member_id, keys.unseal(member_id, sealed, context) or masked)

    def drafted(row: Any) -> dict[str, Any]:
        return _picked(row, _DRAFT) | {"text": told(row.text, None), "final": told(row.final_text, row.final_original)}

    found = {
        "drafts": [drafted(one) for one in rows.drafts],
        "deliveries": [_picked(one, _DELIVERY) | {"text": told(one.text, one.original)} for one in rows.deliveries],
        "risks": [_picked(one, _RISK) for one in rows.risks],
        "cases": [_picked(one, _CASE) | {"result": one.result} for one in rows.cases],
        "case_events": [_picked(one, _CASE_EVENT) | {"note": one.note} for one in rows.case_events],
        "compensations": [_picked(one, _COMPENSATION) for one in rows.compensations],
        "suggestions": [_picked(one, _SUGGESTION) for one in rows.suggestions],
        "surveys": [_picked(one, _SURVEY) for one in rows.surveys],
        "disclosures": [_picked(one, _DISCLOSURE) for one in privacy.disclosures(db, member_id, 10_000)],
    }
    return {kind: [_plain(one) for one in some] for kind, some in found.items()}


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: one.astimezone(UTC).isoformat() if isinstance(one, datetime) else one for name, one in values.items()}


def as_zip(document: MemberFile) -> bytes:
    """A ZIP with one CSV file a kind (UTF-8 with a mark, as spreadsheets want it) and the JSON document."""
    plain = document.model_dump(mode="json")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("member.json", json.dumps(plain, ensure_ascii=False, indent=1))
        kinds = {name: value for name, value in plain.items() if isinstance(value, list)}
        for name, some in ({"member": [plain["member"]]} | kinds | plain["about"]).items():
            archive.writestr(f"{name}.csv", "\ufeff" + _csv(some))
    return packed.getvalue()


def _csv(rows: Iterable[Mapping[str, Any]]) -> str:
    rows = list(rows)
    made = io.StringIO()
    writer = csv.DictWriter(made, list(rows[0]) if rows else ["empty"])
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return made.getvalue()


def _cell(value: Any) -> str:
    """A value as a cell; what a spreadsheet would take for a formula gets an apostrophe."""
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{text}" if isinstance(value, str) and text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


class Imported(NamedTuple):
    member_id: str
    messages: int
    events: int


def load(services: Services, caller: Caller, given: object) -> Imported:
    """Make the member of a document anew.

    Raises `BadInput` (`member_file_invalid`, `member_file_newer`), `Conflict` (`member_exists` where the id or one of
    the identities is taken, `member_erased`), `NotFound` `community_not_found`, `Forbidden`.
    """
    document = _read(given)
    kept: tuple[Sequence[Stay | Consent | Notice | Said | Event], ...]
    kept = (document.stays, document.consents, document.notices, document.messages, document.events)
    places = sorted({one.community_id for some in kept for one in some if one.community_id is not None})
    caller.require(Scope.MEMBERS_REVEAL)
    for place in places:
        caller.require(Scope.MEMBERS_EDIT, place)
    if not places:
        caller.require(Scope.MEMBERS_EDIT)
    with services.database.write() as db:
        _check_consents(document, db.now)
        for place in places:
            if communities.get(db, place) is None:
                raise NotFound("community_not_found", extra={"community_id": place})
        _make(db, services, document)
        counts = Imported(
            document.member.id, _keep_messages(db, services, document), _keep_events(db, services, document)
        )
        details = {"messages": counts.messages, "events": counts.events}
        db.audit(Deed(caller, "member.imported", "member", document.member.id, details=details))
    return counts


def _read(given: object) -> MemberFile:
    if isinstance(given, dict) and isinstance(given.get("format"), int) and given["format"] > FORMAT:
        raise BadInput("member_file_newer", format=given["format"])
    try:
        return MemberFile.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BadInput("member_file_invalid", extra={"field": place}, why=f"{place}: {first['type']}") from None


def _check_consents(document: MemberFile, now: datetime) -> None:
    """The newest consent holds: one that lies in the future would outrank what the member says from now on."""
    for number, said in enumerate(document.consents):
        if said.at > now:
            place = f"consents.{number}.at"
            raise BadInput("member_file_invalid", extra={"field": place}, why=f"{place}: at_in_future")


def _make(db: WriteSession, services: Services, document: MemberFile) -> None:
    person = document.member
    before = members.get(db, person.id)
    if before is not None:
        raise Conflict("member_exists" if before.erased_at is None else "member_erased", extra={"id": person.id})
    key = new_key(db, services.keyring, person.id)
    row = MemberRow(id=person.id, profile=mask_values(person.profile), source=_masked(person.source))
    row.created_at, row.last_active_at = person.created_at, person.last_active_at
    if person.name:
        row.name_sealed = seal(key, person.name, "name")
        row.name_hash = services.keyring.lookup_hash("name", person.name)
    db.add(row)
    db.flush()
    for one in document.identities:
        hashed = external_hash(services.keyring, one.channel, one.id)
        sealed = seal(key, one.id, "external_id")
        added = members.add_identity(db, channel=one.channel, external_hash=hashed, member_id=person.id, sealed=sealed)
        if not added:
            raise Conflict("member_exists", extra={"channel": one.channel})
    contacts = [(one.kind.value, one.value) for one in document.contacts]
    member_access.keep_contacts(db, services, person.id, contacts)
    _keep_history(db, document)


def _keep_history(db: WriteSession, document: MemberFile) -> None:
    member_id = document.member.id
    for stay in document.stays:
        values = {"id": new_id("stay"), "member_id": member_id, "source": _masked(stay.source)}
        insert_new(db, MembershipRow, stay.model_dump() | values)
    for said in document.consents:
        member_list.consent(db, **(said.model_dump() | {"member_id": member_id, "source": _masked(said.source)}))
    for shown in document.notices:
        db.add(privacy.NoticeShownRow(id=new_id("ntc"), member_id=member_id, by="import", **shown.model_dump()))


def _masked(source: str | None) -> str | None:
    return None if source is None else mask(source).text


def _keep_messages(db: WriteSession, services: Services, document: MemberFile) -> int:
    keys = MemberKeys(db, services.keyring)
    member_id = document.member.id
    added = 0
    for one in document.messages:
        kept = keys.protect(member_id, one.text, "message")
        values = one.model_dump(exclude={"message_id", "attachments", "text"}) | {
            "external_id": one.message_id,
            "member_id": member_id,
            "lane": f"{one.community_id}:{member_id}" if one.conversation == Conversation.PRIVATE else one.community_id,
            "body_hash": services.keyring.lookup_hash("message", one.model_dump_json()),
            "text": kept.masked,
            "original": kept.sealed,
            "mentions": [],
            "attachments": mask_values([a.model_dump(exclude_none=True) for a in one.attachments]),
            "history": True,
            "stage": "done",
            "no_draft": "history",
            "burst_id": one.id,
            "done_at": db.now,
            "risk": _NOTHING_FOUND,
        }
        added += insert_new(db, MessageRow, _DEFAULTS | values)
    return added


_DEFAULTS: Final = {"wants_model": False, "risk_cleared": False, "releases": 0, "fence": 0, "attempts": 0}


def _keep_events(db: WriteSession, services: Services, document: MemberFile) -> int:
    added = 0
    for one in document.events:
        values = one.model_dump(exclude={"event_id", "data"}) | {
            "external_id": one.event_id,
            "member_id": document.member.id,
            "body_hash": services.keyring.lookup_hash("event", one.model_dump_json()),
            "data": mask_values(one.data),
        }
        added += insert_new(db, events.EventRow, values)
    return added
