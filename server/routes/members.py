"""Members: masked for who may read them, revealed with a reason, exported, imported, erased; consents and notices."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Response
from pydantic import BaseModel, Field

from agent.flows import consents, erasure, member_access, member_files
from agent.flows.incoming import Moment, Strict
from agent.flows.member_access import MOST_REASON
from agent.services import Services
from core.caller import Caller
from core.errors import NotFound
from core.scopes import Scope
from core.vocabulary import ConsentKind, ContactKind
from server import paging
from server.places import Community, within
from server.state import Here, Whoever
from store import clearing, communities, member_list, privacy
from store.members import ConsentRow, MemberRow
from store.privacy import NoticeShownRow
from store.session import ReadSession
from store.vault import MemberKeys

router = APIRouter(tags=["members"])
MOST_FILE = 64 * 1024 * 1024
Reason = Annotated[str, Field(min_length=1, max_length=MOST_REASON, description="kept, and shown to who audits")]


class IdentityView(BaseModel):
    channel: str
    id: str = Field(description="masked")


class ContactView(BaseModel):
    kind: str
    value: str = Field(description="masked")


class StayView(BaseModel):
    community_id: str
    joined_at: datetime
    left_at: datetime | None
    source: str | None


class ConsentView(BaseModel):
    kind: ConsentKind
    community_id: str | None
    granted: bool
    source: str
    at: datetime


class DisclosureView(BaseModel):
    id: str
    kind: str
    fields: list[str]
    message_id: str | None
    reason: str | None
    by: str
    at: datetime


class NoticeShown(BaseModel):
    community_id: str
    notice_hash: str
    source: str
    at: datetime


class MemberView(BaseModel):
    """Everything that says who it is is masked."""

    id: str
    name: str | None = Field(description="masked")
    source: str | None
    created_at: datetime
    last_active_at: datetime | None
    erased_at: datetime | None
    identities: list[IdentityView]
    contacts: list[ContactView]
    stays: list[StayView]


class MemberCase(MemberView):
    """`holds`: how many rows of each kind an erasure would clear."""

    profile: dict[str, Any]
    consents: list[ConsentView]
    notices: list[NoticeShown]
    disclosures: list[DisclosureView]
    holds: dict[str, int]


class MemberPage(BaseModel):
    members: list[MemberView]
    next: str | None


def member_views(db: ReadSession, services: Services, caller: Caller, rows: list[MemberRow]) -> list[MemberView]:
    """Masked; only the stays in communities that the caller may read."""
    ids = [row.id for row in rows]
    keys = MemberKeys(db, services.keyring)
    keys.expect(ids)
    stays, identities = member_list.stays(db, ids), member_list.identities(db, ids)
    allowed = caller.communities(Scope.MEMBERS_READ)
    made = []
    for row in rows:
        known = member_access.known(db, keys, row, identities[row.id])
        seen = [one for one in stays[row.id] if allowed is None or one.community_id in allowed]
        made.append(
            MemberView(
                id=row.id,
                name=member_access.masked_name(known.name),
                source=row.source,
                created_at=row.created_at,
                last_active_at=row.last_active_at,
                erased_at=row.erased_at,
                identities=[
                    IdentityView(channel=channel, id=member_access.masked(value)) for channel, value in known.identities
                ],
                contacts=[ContactView(kind=kind, value=member_access.masked(value)) for kind, value in known.contacts],
                stays=[StayView.model_validate(one, from_attributes=True) for one in seen],
            )
        )
    return made


def member_case(db: ReadSession, services: Services, caller: Caller, row: MemberRow) -> MemberCase:
    """Like the stays, what names a community is shown to who may read there."""
    (view,) = member_views(db, services, caller, [row])
    allowed = caller.communities(Scope.MEMBERS_READ)

    def seen(one: ConsentRow | NoticeShownRow) -> bool:
        return allowed is None or one.community_id is None or one.community_id in allowed

    said, notices = filter(seen, member_list.consents(db, row.id)), filter(seen, privacy.shown(db, row.id))
    return MemberCase(
        **view.model_dump(),
        profile=row.profile,
        consents=[ConsentView.model_validate(one, from_attributes=True) for one in said],
        notices=[NoticeShown.model_validate(one, from_attributes=True) for one in notices],
        disclosures=[
            DisclosureView.model_validate(one, from_attributes=True)
            for one in privacy.disclosures(db, row.id, communities=allowed)
        ],
        holds=clearing.counts(db, row.id),
    )


@router.get("/v1/members")
def page(
    services: Here,
    caller: Whoever,
    community: Community = None,
    limit: paging.Limit = 50,
    before: Annotated[str | None, Query(max_length=40, description="`next` of the page before")] = None,
) -> MemberPage:
    """Members who were ever in these communities, the newest first, masked."""
    caller.require(Scope.MEMBERS_READ)
    with services.database.read() as db:
        rows = member_list.page(
            db, communities=within(db, caller, Scope.MEMBERS_READ, community), before=before, limit=limit
        )
        shown = member_views(db, services, caller, rows)
    return MemberPage(members=shown, next=rows[-1].id if len(rows) == limit else None)


class LookUp(Strict):
    """In the body, since addresses are logged: by exact name, or by a contact (an id on `channel`, else any phone,
    e-mail … that is kept)."""

    name: str | None = Field(None, max_length=120)
    contact: str | None = Field(None, max_length=500)
    channel: str | None = Field(None, max_length=32)


@router.post("/v1/members/find")
def find(wanted: LookUp, services: Here, caller: Whoever) -> MemberPage:
    """Look members up without knowing their id; the answer is masked."""
    rows = member_access.find(services, caller, name=wanted.name, contact=wanted.contact, channel=wanted.channel)
    with services.database.read() as db:
        return MemberPage(members=member_views(db, services, caller, rows), next=None)


class ImportedView(BaseModel):
    id: str
    messages: int
    events: int


@router.post("/v1/members/import", status_code=201, max_body_size=MOST_FILE)
def import_(document: Annotated[dict[str, Any], Body()], services: Here, caller: Whoever) -> ImportedView:
    """Make the member of an exported document anew, under the same id."""
    caller.require(Scope.MEMBERS_EDIT)
    done = member_files.load(services, caller, document)
    return ImportedView(id=done.member_id, messages=done.messages, events=done.events)


@router.get("/v1/members/{member_id}")
def read(member_id: str, services: Here, caller: Whoever) -> MemberCase:
    """One member, masked: stays, consents, notices, who was shown what."""
    with services.database.read() as db:
        row = member_access.visible(db, caller, Scope.MEMBERS_READ, member_id)
        return member_case(db, services, caller, row)


class RevealIn(Strict):
    fields: list[str] = Field(min_length=1, max_length=20, examples=[["name", "phone"]])
    reason: Reason


class RevealedView(BaseModel):
    id: str
    fields: dict[str, Any]


@router.post("/v1/members/{member_id}/reveal")
def reveal(member_id: str, wanted: RevealIn, services: Here, caller: Whoever) -> RevealedView:
    """These fields in clear (`name`, `identities`, `phone` …). Who, when, which fields and why are kept."""
    done = member_access.reveal(services, caller, member_id, wanted.fields, wanted.reason)
    return RevealedView(id=done.member_id, fields=done.fields)


class ReasonIn(Strict):
    reason: Reason


class OriginalView(BaseModel):
    id: str
    text: str


@router.post("/v1/messages/{message_id}/reveal", tags=["messages"])
def reveal_message(message_id: str, wanted: ReasonIn, services: Here, caller: Whoever) -> OriginalView:
    """A message as its sender wrote it. Noted like a member's reveal."""
    return OriginalView(id=message_id, text=member_access.reveal_message(services, caller, message_id, wanted.reason))


class ExportIn(ReasonIn):
    format: str = Field("json", pattern="^(json|csv)$", description="csv: a ZIP with a file for each kind")


@router.post("/v1/members/{member_id}/export", response_class=Response)
def export(member_id: str, wanted: ExportIn, services: Here, caller: Whoever) -> Response:
    """Everything known about the member, in clear, as a file."""
    return file_of(member_files.export(services, caller, member_id, wanted.reason), wanted.format)


def file_of(document: member_files.MemberFile, form: str) -> Response:
    """The document as an attachment that nobody caches."""
    name = f"{document.member.id}.{'zip' if form == 'csv' else 'json'}"
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    if form == "csv":
        return Response(member_files.as_zip(document), media_type="application/zip", headers=headers)
    return Response(document.model_dump_json(indent=1), media_type="application/json", headers=headers)


class ErasedView(BaseModel):
    """`rows`: how many rows were cleared or went, since it was begun."""

    id: str
    rows: int
    already: bool


@router.delete("/v1/members/{member_id}")
def erase(
    member_id: str,
    services: Here,
    caller: Whoever,
    reason: Annotated[
        str | None, Query(max_length=MOST_REASON, description="no names in it: addresses are logged")
    ] = None,
) -> ErasedView:
    """Delete the member's key, identities, profile and every word of theirs; it can't be undone. A repeat finishes what
    was interrupted. Needs `members:erase` in every community that the member was in."""
    done = erasure.erase(services, caller, member_id, reason)
    return ErasedView(id=done.member_id, rows=done.rows, already=not done.begun)


class ContactsIn(Strict):
    values: list[Annotated[str, Field(min_length=1, max_length=500)]] = Field(max_length=20)


@router.put("/v1/members/{member_id}/contacts/{kind}", status_code=204)
def set_contacts(member_id: str, kind: ContactKind, wanted: ContactsIn, services: Here, caller: Whoever) -> None:
    """Replace the member's contacts of one kind; kept sealed, found by keyed hash."""
    member_access.set_contacts(services, caller, member_id, kind, wanted.values)


class ConsentIn(Strict):
    kind: ConsentKind
    granted: bool
    source: str = Field(min_length=1, max_length=64, examples=["门店登记表"])
    community_id: str | None = Field(None, max_length=80, description="unset: everywhere")
    at: Moment | None = None


@router.post("/v1/members/{member_id}/consents", status_code=201)
def consent(member_id: str, said: ConsentIn, services: Here, caller: Whoever) -> ConsentView:
    """Note what the member agreed to or opted out of; the newest of a kind holds. Taking back consent cancels campaign
    messages that are still queued."""
    row = consents.note(
        services,
        caller,
        member_id,
        said.kind,
        granted=said.granted,
        source=said.source,
        community_id=said.community_id,
        at=said.at,
    )
    return ConsentView.model_validate(row, from_attributes=True)


class NoticeView(BaseModel):
    community_id: str | None
    text: str
    hash: str | None = Field(description="by which it is known who was shown this wording; null: no notice is set")


@router.get("/v1/privacy/notice")
def notice(
    services: Here, caller: Whoever, community: Annotated[str | None, Query(max_length=80)] = None
) -> NoticeView:
    """The notice (告知) that members of this community are shown. Any key or user may read it."""
    assert caller
    with services.database.read() as db:
        if community is not None and communities.get(db, community) is None:
            raise NotFound("community_not_found", extra={"community_id": community})
        text = consents.notice(db, community)
    return NoticeView(community_id=community, text=text, hash=consents.notice_hash(text) if text else None)


class ShownIn(Strict):
    community_id: str = Field(max_length=80)
    source: str = Field("api", min_length=1, max_length=16)


@router.post("/v1/members/{member_id}/notices", status_code=201)
def shown(member_id: str, said: ShownIn, services: Here, caller: Whoever) -> NoticeView:
    """Note that the member was shown the notice as it is now."""
    hashed = consents.note_shown(services, caller, member_id, said.community_id, said.source)
    with services.database.read() as db:
        return NoticeView(community_id=said.community_id, text=consents.notice(db, said.community_id), hash=hashed)
