"""The audit: append-only, one chain a deployment. Rows hold ids and hashes, never text of members or staff.

Each row's hash covers the row and the hash before it; the head is signed with a key derived from the deployment's
secret, so that cutting off the end shows too (`store/audit_chain.py`). Triggers of the database refuse to change or
delete rows; whoever may take those away is found by the chain.
"""

import hashlib
import hmac
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Index, Integer, String
from sqlalchemy.orm import Mapped, Session, mapped_column

from core.caller import Caller
from store.base import Base, Hash, Id, insert_new

GENESIS: Final = "0" * 64
_MOST_NUMBER: Final = 2**31
_PLAIN: Final = re.compile(r"[A-Za-z0-9_#][A-Za-z0-9_.:+#-]{0,199}")
_DIGITS: Final = re.compile(r"(?<![A-Za-z0-9])(?:[0-9]{7,}[Xx]?|1[3-9][0-9][-.][0-9]{4}[-.][0-9]{4})(?![A-Za-z0-9])")
"""What may be a phone number, an account or an identity card (its check digit may be an X): ids of ours have letters
before their digits."""


@dataclass(frozen=True, slots=True)
class Deed:
    """Who did what to which object. `details` are ids, states, counts, moments and hashes; of anything else (a text, a
    number as long as a phone number) a keyed hash is kept in its stead."""

    caller: Caller
    action: str
    object_kind: str
    object_id: str
    community_id: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


class AuditRow(Base):
    __tablename__ = "audit"
    __table_args__ = (
        Index(None, "object_kind", "object_id"),
        Index(None, "actor_id", "at"),
        Index(None, "at"),
        Index(None, "action", "number"),
        Index(None, "community_id", "number"),
    )

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor_kind: Mapped[str] = mapped_column(String(16))
    actor_id: Mapped[str] = mapped_column(Id)
    action: Mapped[str] = mapped_column(String(64))
    object_kind: Mapped[str] = mapped_column(String(32))
    object_id: Mapped[str] = mapped_column(String(200))
    community_id: Mapped[str | None] = mapped_column(Id)
    details: Mapped[dict[str, Any]]
    previous: Mapped[str] = mapped_column(Hash)
    hash: Mapped[str] = mapped_column(Hash)


class AuditHead(Base):
    """One row, locked by whoever appends: concurrent writers never fork the chain."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(Integer)
    hash: Mapped[str] = mapped_column(Hash)
    signature: Mapped[str] = mapped_column(Hash)


class Head(NamedTuple):
    """The newest row's number and hash; 0 and `GENESIS` where there is none."""

    number: int
    hash: str


def append(session: Session, deeds: Sequence[Deed], now: datetime, key: bytes) -> Head:
    """Append `deeds` to the chain within the caller's transaction; the head they make. Called by `Database.write`
    alone."""
    head = _locked_head(session, key)
    for deed in deeds:
        row = _row(deed, head.number + 1, head.hash, now, key)
        session.add(row)
        head.number, head.hash = row.number, row.hash
    head.signature = sign(key, head.number, head.hash)
    session.flush()
    return Head(head.number, head.hash)


def _locked_head(session: Session, key: bytes) -> AuditHead:
    lock = sa.select(AuditHead).with_for_update()
    head = session.execute(lock).scalar_one_or_none()
    if head is None:
        # Several first writers: one of them makes the row, the others wait for it here.
        insert_new(session, AuditHead, {"id": 1, "number": 0, "hash": GENESIS, "signature": sign(key, 0, GENESIS)})
        head = session.execute(lock).scalar_one()
    return head


def _row(deed: Deed, number: int, previous: str, now: datetime, key: bytes) -> AuditRow:
    row = AuditRow(
        number=number,
        at=now,
        actor_kind=deed.caller.kind,
        actor_id=deed.caller.id,
        action=deed.action,
        object_kind=deed.object_kind,
        object_id=_without_text(deed.object_id, key),
        community_id=deed.community_id,
        details=_without_text(dict(deed.details), key),
        previous=previous,
        hash="",
    )
    row.hash = row_hash(row)
    return row


def _without_text(value: Any, key: bytes) -> Any:
    """`value` as JSON, each text in it replaced by a keyed hash."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Mapping):
        return {_without_text(str(name), key): _without_text(one, key) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_without_text(one, key) for one in (sorted(value) if isinstance(value, set | frozenset) else value)]
    if isinstance(value, int | float) and math.isfinite(value) and abs(value) < _MOST_NUMBER:
        return value + 0  # -0.0 is 0.0 once PostgreSQL has kept it
    if isinstance(value, datetime | date):
        return value.isoformat()
    text = str(value)
    return text if _is_plain(text) else text_hash(key, text)


def _is_plain(text: str) -> bool:
    return text == "" or (_PLAIN.fullmatch(text) is not None and _DIGITS.search(text) is None)


def text_hash(key: bytes, text: str) -> str:
    """`#` and 32 hex digits by which somebody who has the text and the secret can tell that it was this one."""
    digest = hmac.new(key, b"text\0" + text.encode("utf-8", "surrogatepass"), hashlib.sha256)
    return f"#{digest.hexdigest()[:32]}"


def row_hash(row: AuditRow) -> str:
    """SHA-256 over the row's canonical JSON, which holds the hash of the row before."""
    actor, about = (row.actor_kind, row.actor_id), (row.object_kind, row.object_id)
    at = row.at.isoformat(timespec="microseconds")
    return digest(row.number, at, actor, row.action, about, row.community_id, row.details, row.previous)


_canonical: Final = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode


def digest(
    number: int,
    at: str,
    actor: tuple[str, str],
    action: str,
    about: tuple[str, str],
    community: str | None,
    details: Any,
    previous: str,
) -> str:
    """A row's hash of its plain values, `at` as ISO 8601 with microseconds in UTC."""
    values = {
        "number": number,
        "at": at,
        "actor": actor,
        "action": action,
        "object": about,
        "community": community,
        "details": details,
        "previous": previous,
    }
    return hashlib.sha256(_canonical(values).encode()).hexdigest()


def sign(key: bytes, number: int, head: str) -> str:
    """The head's signature: 64 hex digits that only the deployment's secret can make."""
    return hmac.new(key, f"{number}:{head}".encode(), hashlib.sha256).hexdigest()


def head(session: Session) -> Head:
    """As it stands, unverified."""
    row = session.execute(sa.select(AuditHead.number, AuditHead.hash)).first()
    return Head(0, GENESIS) if row is None else Head(*row)


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for; whatever is None matches all. `communities` None: all, and the deployment's own rows.
    `since` inclusive, `until` exclusive; `before` a number. An action that ends with a full stop stands for all that
    begin so (`draft.`)."""

    communities: frozenset[str] | None = None
    actor_id: str | None = None
    object_kind: str | None = None
    object_id: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None


def search(session: Session, wanted: Search, limit: int = 50) -> list[AuditRow]:
    """The newest rows first."""
    query = sa.select(AuditRow).where(*_conditions(wanted)).order_by(AuditRow.number.desc()).limit(limit)
    return list(session.execute(query).scalars())


def _conditions(wanted: Search) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if wanted.communities is not None:
        found.append(AuditRow.community_id.in_(sorted(wanted.communities)))
    for column, value in (
        (AuditRow.actor_id, wanted.actor_id),
        (AuditRow.object_kind, wanted.object_kind),
        (AuditRow.object_id, wanted.object_id),
    ):
        if value is not None:
            found.append(column == value)
    if wanted.action is not None:
        begins = wanted.action.endswith(".")
        found.append(AuditRow.action.startswith(wanted.action, autoescape=True) if begins else _is(wanted.action))
    if wanted.since is not None:
        found.append(AuditRow.at >= wanted.since)
    if wanted.until is not None:
        found.append(AuditRow.at < wanted.until)
    if wanted.before is not None:
        found.append(AuditRow.number < wanted.before)
    return found


def _is(action: str) -> sa.ColumnElement[bool]:
    return AuditRow.action == action


def page(
    session: Session,
    *,
    communities: frozenset[str] | None,
    object_id: str | None = None,
    actor_id: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[AuditRow]:
    """`search` by the most common conditions."""
    return search(session, Search(communities, actor_id, None, object_id, before=before), limit)
