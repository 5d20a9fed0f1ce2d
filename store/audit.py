"""The audit: append-only, one chain a deployment. Rows hold ids and hashes, never text of members or staff.

Each row's hash covers the row and the hash before it; the head is signed with a key derived from the deployment's
secret, so that cutting off the end shows too.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Index, Integer, String
from sqlalchemy.orm import Mapped, Session, mapped_column

from core.caller import Caller
from store.base import Base, Hash, Id, insert_new

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Deed:
    """Who did what to which object. `details` are ids, states, counts and hashes."""

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


def append(session: Session, deeds: Sequence[Deed], now: datetime, key: bytes) -> None:
    """Append `deeds` to the chain within the caller's transaction. Called by `Database.write` alone."""
    head = _locked_head(session, key)
    for deed in deeds:
        row = _row(deed, head.number + 1, head.hash, now)
        session.add(row)
        head.number, head.hash = row.number, row.hash
    head.signature = _sign(key, head.number, head.hash)
    session.flush()


def _locked_head(session: Session, key: bytes) -> AuditHead:
    lock = sa.select(AuditHead).with_for_update()
    head = session.execute(lock).scalar_one_or_none()
    if head is None:
        # Several first writers: one of them makes the row, the others wait for it here.
        insert_new(session, AuditHead, {"id": 1, "number": 0, "hash": GENESIS, "signature": _sign(key, 0, GENESIS)})
        head = session.execute(lock).scalar_one()
    return head


def _row(deed: Deed, number: int, previous: str, now: datetime) -> AuditRow:
    row = AuditRow(
        number=number,
        at=now,
        actor_kind=deed.caller.kind,
        actor_id=deed.caller.id,
        action=deed.action,
        object_kind=deed.object_kind,
        object_id=deed.object_id,
        community_id=deed.community_id,
        details=json.loads(json.dumps(dict(deed.details), default=str)),
        previous=previous,
        hash="",
    )
    row.hash = row_hash(row)
    return row


def row_hash(row: AuditRow) -> str:
    """SHA-256 over the row's canonical JSON, which holds the hash of the row before."""
    values = {
        "number": row.number,
        "at": row.at.isoformat(timespec="microseconds"),
        "actor": [row.actor_kind, row.actor_id],
        "action": row.action,
        "object": [row.object_kind, row.object_id],
        "community": row.community_id,
        "details": row.details,
        "previous": row.previous,
    }
    text = json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _sign(key: bytes, number: int, head: str) -> str:
    return hmac.new(key, f"{number}:{head}".encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Verified:
    """`broken_at` is the number of the first row that does not fit, None for a whole chain."""

    rows: int
    broken_at: int | None
    why: str | None


def verify(session: Session, key: bytes) -> Verified:
    """Walk the chain: any edit, deletion, reordering or truncation is found. Reads in blocks of 5,000 rows."""
    previous, number = GENESIS, 0
    for row in _walk(session):
        number += 1
        if row.number != number or row.previous != previous:
            return Verified(number, number, "row_missing")
        if row_hash(row) != row.hash:
            return Verified(number, number, "row_changed")
        previous = row.hash
    head = session.execute(sa.select(AuditHead)).scalar_one_or_none()
    if head is None and number == 0 and _is_in_use(session):
        return Verified(0, 1, "end_missing")
    expected = (0, GENESIS) if head is None else (head.number, head.hash)
    if (number, previous) != expected:
        return Verified(number, number + 1, "end_missing")
    if head is not None and not hmac.compare_digest(head.signature, _sign(key, head.number, head.hash)):
        return Verified(number, number, "head_not_signed")
    return Verified(number, None, None)


def _is_in_use(session: Session) -> bool:
    """Whether anybody was ever made here: that deed alone is audited, so an empty chain was emptied."""
    users = Base.metadata.tables["users"]
    return session.execute(sa.select(sa.exists().where(users.c.id.is_not(None)))).scalar_one()


def _walk(session: Session) -> Iterable[AuditRow]:
    last = 0
    while True:
        query = sa.select(AuditRow).where(AuditRow.number > last).order_by(AuditRow.number).limit(5000)
        rows = session.execute(query).scalars().all()
        if not rows:
            return
        yield from rows
        last = rows[-1].number
        session.expunge_all()


def page(
    session: Session,
    *,
    communities: frozenset[str] | None,
    object_id: str | None = None,
    actor_id: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[AuditRow]:
    """The newest rows first, filtered, of the given communities (None for all and the deployment's own)."""
    query = sa.select(AuditRow).order_by(AuditRow.number.desc()).limit(limit)
    if communities is not None:
        query = query.where(AuditRow.community_id.in_(communities))
    if object_id is not None:
        query = query.where(AuditRow.object_id == object_id)
    if actor_id is not None:
        query = query.where(AuditRow.actor_id == actor_id)
    if before is not None:
        query = query.where(AuditRow.number < before)
    return list(session.execute(query).scalars())
