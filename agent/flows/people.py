"""Members as they come in by messages and events: found by keyed hash, made where unknown."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from core.crypto import Keyring, seal
from core.ids import new_id
from core.vocabulary import SenderRole
from store import members, users
from store.members import MemberKeyRow, MemberRow
from store.session import WriteSession
from store.vault import MemberKeys, new_key

# `last_active_at` is kept to the minute: the messages themselves say the rest, and a write less a message is a lot.
_ACTIVE_AGAIN = timedelta(minutes=1)


class _Who(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str | None: ...


def external_hash(keyring: Keyring, channel: str, external_id: str) -> str:
    """By what a channel's contact id is found again."""
    return keyring.lookup_hash(f"identity:{channel}", external_id)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A sender at the moment of a message."""

    channel: str
    community_id: str
    who: _Who
    role: SenderRole
    at: datetime


def arrive(db: WriteSession, keyring: Keyring, arrival: Arrival) -> tuple[str, SenderRole]:
    """The sender's member id, and whether they are staff: by what the bot said, or by a user linked to the id.

    An unknown sender becomes a member; whoever is no staff is in the group from now on. A known one who was active
    within the last minute costs one query and no write.
    """
    hashed = external_hash(keyring, arrival.channel, arrival.who.id)
    known = members.standing(db, arrival.channel, hashed, arrival.community_id)
    if known is None:
        member_id = _make(db, keyring, arrival.channel, arrival.who, hashed)
        staff = users.staff_identity(db, arrival.channel, hashed)
        known = members.Standing(member_id, None, None, present=False, staff=staff)
    elif arrival.who.name and known.name_hash != keyring.lookup_hash("name", arrival.who.name):
        _rename(db, keyring, known.member_id, arrival.who.name)
    role = SenderRole.STAFF if known.staff else arrival.role
    if role == SenderRole.MEMBER:
        _note(db, known, arrival)
    return known.member_id, role


def _note(db: WriteSession, known: members.Standing, arrival: Arrival) -> None:
    if not known.present:
        members.join(db, arrival.community_id, known.member_id, arrival.at, "message")
    if known.last_active_at is None or arrival.at - known.last_active_at > _ACTIVE_AGAIN:
        members.touch(db, known.member_id, arrival.at)


def find_or_make(db: WriteSession, keyring: Keyring, channel: str, who: _Who) -> str:
    """The member of this identity, made where there is none; a changed name is taken over."""
    hashed = external_hash(keyring, channel, who.id)
    found = members.find(db, channel, hashed)
    if found is not None:
        _rename(db, keyring, found, who.name)
        return found
    return _make(db, keyring, channel, who, hashed)


def _make(db: WriteSession, keyring: Keyring, channel: str, who: _Who, hashed: str) -> str:
    member = MemberRow(id=new_id("mem"), profile={}, created_at=db.now)
    key = new_key(db, keyring, member.id)
    if who.name:
        member.name_sealed = seal(key, who.name, "name")
        member.name_hash = keyring.lookup_hash("name", who.name)
    db.add(member)
    db.flush()
    sealed = seal(key, who.id, "external_id")
    if members.add_identity(db, channel=channel, external_hash=hashed, member_id=member.id, sealed=sealed):
        return member.id
    # A racing writer was faster: take theirs, drop ours.
    db.delete(member)
    db.delete(db.get_one(MemberKeyRow, member.id))
    theirs = members.find(db, channel, hashed)
    assert theirs is not None
    return theirs


def _rename(db: WriteSession, keyring: Keyring, member_id: str, name: str | None) -> None:
    if not name:
        return
    member = members.get(db, member_id)
    hashed = keyring.lookup_hash("name", name)
    if member is None or member.erased_at is not None or member.name_hash == hashed:
        return
    member.name_sealed = MemberKeys(db, keyring).seal(member_id, name, "name")
    member.name_hash = hashed
