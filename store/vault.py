"""Texts with personal data: the masked form that everything sees, and the sealed original beside it.

Where a member is known the original is sealed with that member's key, so that erasing the member erases it; else
with the deployment's key.
"""

from collections.abc import Collection
from typing import NamedTuple

from core.crypto import Keyring, seal, unseal
from core.masking import mask
from store import members
from store.session import ReadSession, WriteSession


class Protected(NamedTuple):
    """`sealed` is None where the masker found nothing, and then `masked` is the text itself."""

    masked: str
    sealed: bytes | None


class MemberKeys:
    """Opens and seals with the keys of members, within one session."""

    def __init__(self, db: ReadSession, keyring: Keyring) -> None:
        self._db = db
        self._ring = keyring
        self._seen: dict[str, bytes | None] = {}

    def _key(self, member_id: str | None) -> bytes | None:
        if member_id is None:
            return self._ring.deployment_key
        if member_id not in self._seen:
            wrapped = members.key(self._db, member_id)
            self._seen[member_id] = None if wrapped is None else self._ring.unwrap(wrapped, member_id)
        return self._seen[member_id]

    def expect(self, member_ids: Collection[str]) -> None:
        """Fetch the keys of many members at once."""
        found = members.keys(self._db, member_ids)
        for member_id in member_ids:
            wrapped = found.get(member_id)
            self._seen[member_id] = None if wrapped is None else self._ring.unwrap(wrapped, member_id)

    def seal(self, member_id: str | None, text: str, context: str) -> bytes | None:
        """None where the member was erased: then the text is gone on purpose."""
        key = self._key(member_id)
        return None if key is None else seal(key, text, context)

    def unseal(self, member_id: str | None, sealed: bytes | None, context: str) -> str | None:
        """The text; None where nothing was sealed or the member was erased."""
        key = self._key(member_id)
        return None if key is None or sealed is None else unseal(key, sealed, context)

    def protect(self, member_id: str | None, text: str, context: str) -> Protected:
        """What to store of `text`."""
        masked = mask(text)
        if not masked.findings:
            return Protected(text, None)
        return Protected(masked.text, self.seal(member_id, text, context))

    def reveal(self, member_id: str | None, protected: Protected, context: str) -> str:
        """The original where it can still be opened, else the masked text."""
        return self.unseal(member_id, protected.sealed, context) or protected.masked

    def name(self, member: members.MemberRow | None) -> str | None:
        """The member's name as their channel gave it; None where unknown or erased."""
        return None if member is None else self.unseal(member.id, member.name_sealed, "name")


def new_key(db: WriteSession, keyring: Keyring, member_id: str) -> bytes:
    """Make and store the member's key."""
    key = keyring.new_member_key()
    db.add(members.MemberKeyRow(member_id=member_id, wrapped=keyring.wrap(key, member_id)))
    return key
