"""Who may see a member, what of them, and what the staff was shown: masked by default, revealed by scope and with a
reason, every reveal noted. A member belongs to the communities that they ever were in."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from agent.flows import outgoing
from agent.flows.people import external_hash
from agent.services import Services
from core.caller import Caller
from core.errors import BadInput, Conflict, NotFound
from core.masking import mask
from core.scopes import Scope
from core.text import normalize
from core.vocabulary import ContactKind, DisclosureKind
from store import member_list, members, messages, privacy
from store.audit import Deed
from store.members import MemberIdentityRow, MemberRow, MembershipRow
from store.session import ReadSession, WriteSession
from store.vault import MemberKeys

NAME: Final = "name"
IDENTITIES: Final = "identities"
FIELDS: Final = (NAME, IDENTITIES, *(kind.value for kind in ContactKind))
MOST_REASON: Final = 500
_MASK: Final = "*"


@dataclass(frozen=True, slots=True)
class Known:
    """A member's direct identifiers, in clear: for who may see them, or to be masked."""

    name: str | None
    identities: tuple[tuple[str, str], ...]
    contacts: tuple[tuple[str, str], ...]


def found(db: ReadSession, member_id: str) -> MemberRow:
    """Raises `NotFound` `member_not_found`."""
    row = members.get(db, member_id)
    if row is None:
        raise NotFound("member_not_found")
    return row


def visible(db: ReadSession, caller: Caller, scope: Scope, member_id: str) -> MemberRow:
    """The member, for who holds the scope in any community that they ever were in.

    Raises `NotFound` `member_not_found` (also where the caller sees none of these communities), `Forbidden`.
    """
    row = found(db, member_id)
    places = _places(db, member_id)
    seen = [one for one in places if any(g.communities is None or one in g.communities for g in caller.grants)]
    if not seen and all(grant.communities is not None for grant in caller.grants):
        raise NotFound("member_not_found")
    if not any(caller.allows(scope, one) for one in seen):
        allowed = caller.communities(scope)
        if allowed is not None:
            caller.require(scope, seen[0] if seen else "")
    return row


def whole(db: ReadSession, caller: Caller, scope: Scope, member_id: str) -> MemberRow:
    """The member, for who holds the scope in every community that they ever were in: what is done concerns all of
    them. Raises as `visible` does."""
    row = visible(db, caller, scope, member_id)
    for place in _places(db, member_id):
        caller.require(scope, place)
    return row


def _places(db: ReadSession, member_id: str) -> list[str]:
    return list(dict.fromkeys(stay.community_id for stay in member_list.stays(db, [member_id])[member_id]))


def kept(db: ReadSession, caller: Caller, scope: Scope, member_id: str) -> MemberRow:
    """As `visible`, but not who was erased: nothing is noted of them any more, their name can't even be masked in it.
    Raises `Conflict` `member_erased` too."""
    row = visible(db, caller, scope, member_id)
    if row.erased_at is not None:
        raise Conflict("member_erased")
    return row


def known(
    db: ReadSession, keys: MemberKeys, row: MemberRow, all_of: Sequence[MemberIdentityRow] | None = None
) -> Known:
    """What the keys open; nothing of who was erased."""
    own = member_list.identities(db, [row.id])[row.id] if all_of is None else all_of
    ids = [(one.channel, keys.unseal(row.id, one.external_sealed, "external_id")) for one in own]
    held = [
        (one.kind, keys.unseal(row.id, one.value_sealed, "contact")) for one in privacy.contacts(db, [row.id])[row.id]
    ]
    return Known(
        keys.name(row),
        tuple((channel, value) for channel, value in ids if value is not None),
        tuple((kind, value) for kind, value in held if value is not None),
    )


def masked(value: str) -> str:
    """A direct identifier as everybody may see it: what the masker leaves of what it found, and of no letter beside
    that; where it finds nothing, the first and (from 5 characters on) the last one."""
    made = mask(value)
    if made.findings:
        inside = {place for one in made.findings for place in range(one.start, one.end)}
        return "".join(char if place in inside or not char.isalnum() else _MASK for place, char in enumerate(made.text))
    if len(value) < 5:
        return value[:1] + _MASK * max(1, len(value) - 1)
    return value[:1] + _MASK * (len(value) - 2) + value[-1]


def masked_name(name: str | None) -> str | None:
    """小满妈妈 → 小***."""
    return None if name is None else name[:1] + _MASK * max(1, min(3, len(name) - 1))


@dataclass(frozen=True, slots=True)
class Revealed:
    member_id: str
    fields: dict[str, Any]


def reveal(services: Services, caller: Caller, member_id: str, fields: Collection[str], reason: str) -> Revealed:
    """Direct identifiers in clear; who, when, which fields and why are kept, in the audit without the reason.

    Raises `NotFound`, `Forbidden`, `BadInput` (`reason_missing`, `field_unknown`), `Conflict` `member_erased`.
    """
    wanted = _wanted(fields)
    with services.database.write() as db:
        row = kept(db, caller, Scope.MEMBERS_REVEAL, member_id)
        open_ = known(db, MemberKeys(db, services.keyring), row)
        shown: dict[str, Any] = {}
        for field in wanted:
            if field == NAME:
                shown[field] = open_.name
            elif field == IDENTITIES:
                shown[field] = [{"channel": channel, "id": value} for channel, value in open_.identities]
            else:
                shown[field] = [value for kind, value in open_.contacts if kind == field]
        note(db, services, caller, DisclosureKind.REVEAL, reason, member_id=member_id, fields=wanted)
    return Revealed(member_id, shown)


def _wanted(fields: Collection[str]) -> list[str]:
    unknown = [field for field in fields if field not in FIELDS]
    if unknown or not fields:
        raise BadInput("field_unknown", extra={"field": "fields"}, allowed="、".join(FIELDS))
    return [field for field in FIELDS if field in fields]


def reveal_message(services: Services, caller: Caller, message_id: str, reason: str) -> str:
    """The original of a message. Raises `NotFound` `message_not_found`, `Forbidden`, `BadInput` `reason_missing`,
    `Conflict` `member_erased`."""
    with services.database.write() as db:
        row = messages.get(db, message_id)
        if row is None:
            raise NotFound("message_not_found")
        caller.require_seen(Scope.MEMBERS_REVEAL, row.community_id, "message")
        if row.member_id is not None and privacy.erasure(db, row.member_id) is not None:
            raise Conflict("member_erased")
        text = MemberKeys(db, services.keyring).unseal(row.member_id, row.original, "message") or row.text
        note(
            db,
            services,
            caller,
            DisclosureKind.REVEAL,
            reason,
            member_id=row.member_id,
            fields=["text"],
            message_id=message_id,
            community_id=row.community_id,
        )
    return text


def note(
    db: WriteSession,
    services: Services,
    caller: Caller,
    kind: DisclosureKind,
    reason: str,
    *,
    member_id: str | None,
    fields: Sequence[str],
    message_id: str | None = None,
    community_id: str | None = None,
) -> None:
    """Keep who was shown what and why. Raises `BadInput` `reason_missing`."""
    if not reason.strip():
        raise BadInput("reason_missing", extra={"field": "reason"})
    said = outgoing.kept_reason(db, services, member_id, reason.strip())
    made = privacy.disclose(
        db, member_id=member_id, message_id=message_id, kind=kind, fields=list(fields), reason=said, by=caller.id
    )
    what = "message" if message_id else "member"
    deed = {"fields": list(fields), "disclosure": made}
    db.audit(Deed(caller, f"{what}.{kind}", what, message_id or member_id or "", community_id, deed))


def contact_hash(services: Services, kind: str, value: str) -> str:
    """By what a contact is found again, in whatever spelling of digits and width."""
    plain = "".join(normalize(value).text.split())
    if kind == ContactKind.PHONE:
        digits = "".join(char for char in plain if char.isdigit())
        plain = digits[-11:] if len(digits) > 11 else digits or plain
    return services.keyring.lookup_hash(f"contact:{kind}", plain)


def find(
    services: Services,
    caller: Caller,
    *,
    name: str | None = None,
    contact: str | None = None,
    channel: str | None = None,
    limit: int = 50,
) -> list[MemberRow]:
    """Members by their exact name, or by a contact: an id on `channel`, else any contact of that value.

    Raises `Forbidden`, `BadInput` `lookup_missing`.
    """
    caller.require(Scope.MEMBERS_READ)
    if not name and not contact:
        raise BadInput("lookup_missing", extra={"field": "name"})
    allowed = caller.communities(Scope.MEMBERS_READ)
    with services.database.read() as db:
        if name:
            hashed = services.keyring.lookup_hash("name", name.strip())
            return member_list.page(db, communities=allowed, name_hash=hashed, limit=limit)
        assert contact is not None
        if channel is not None:
            one = members.find(db, channel, external_hash(services.keyring, channel, contact.strip()))
            ids = [one] if one is not None else []
        else:
            ids = privacy.with_contact(db, [(kind, contact_hash(services, kind, contact)) for kind in ContactKind])
        rows = [row for row in members.many(db, ids) if row.erased_at is None]
        theirs = member_list.stays(db, [row.id for row in rows])
        return [row for row in rows if _within(theirs[row.id], allowed)][:limit]


def _within(stays: Sequence[MembershipRow], allowed: frozenset[str] | None) -> bool:
    return allowed is None or any(stay.community_id in allowed for stay in stays)


def set_contacts(services: Services, caller: Caller, member_id: str, kind: ContactKind, values: Sequence[str]) -> None:
    """Replace the member's contacts of one kind, sealed. Raises `NotFound`, `Forbidden`, `Conflict` `member_erased`."""
    with services.database.write() as db:
        kept(db, caller, Scope.MEMBERS_EDIT, member_id)
        privacy.drop_contacts(db, member_id, kind)
        keep_contacts(db, services, member_id, [(kind, value) for value in values])
        details = {"kind": kind, "count": len(values)}
        db.audit(Deed(caller, "member.contacts_set", "member", member_id, details=details))


def keep_contacts(db: WriteSession, services: Services, member_id: str, contacts: Sequence[tuple[str, str]]) -> None:
    """Add sealed contacts; nothing of who was erased."""
    keys = MemberKeys(db, services.keyring)
    for kind, value in contacts:
        sealed = keys.seal(member_id, value, "contact")
        if sealed is not None:
            hashed = contact_hash(services, kind, value)
            privacy.add_contact(db, member_id=member_id, kind=kind, value_hash=hashed, sealed=sealed, at=db.now)
