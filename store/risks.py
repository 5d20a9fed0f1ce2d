"""Review items: flagged messages that a person looks at, and what they decided. One item a message.

A decision is a compare-and-set on one row (`decide`); the loser of a race sees the state that won.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Boolean, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.vocabulary import RiskLabel, RiskStatus
from store.base import Base, Id, insert_new
from store.session import ReadSession, WriteSession


class RiskItemRow(Base):
    """`labels` are the verdict's, `label_names` their names between commas (what is asked for by `LIKE`); `rank` is the
    place in the queue, 0 first. `action`, `minutes`, `offence`, `why` are the proposal, the texts what a plain
    confirmation sends where `sends_private` or `sends_rules` says so; the member's name is a slot in them. Once
    decided, `taken_*` and `confirmed` say on what, and the texts are those that were sent, masked. `model` is what a
    language model said where the screening was unsure; an item without labels is one that it could not judge."""

    __tablename__ = "risk_items"
    __table_args__ = (
        UniqueConstraint("message_id"),
        Index("ix_risk_items_queue", "status", "rank", "created_at", "id"),
        Index("ix_risk_items_newest", "created_at", "id"),
        Index("ix_risk_items_member", "member_id", "status", "sent_at"),
        Index("ix_risk_items_decided", "decided_at"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id"))
    revision: Mapped[int] = mapped_column(Integer)
    community_id: Mapped[str] = mapped_column(ForeignKey("communities.id"))
    channel: Mapped[str] = mapped_column(String(32))
    member_id: Mapped[str | None] = mapped_column(ForeignKey("members.id"))
    sender_role: Mapped[str] = mapped_column(String(16))
    sent_at: Mapped[datetime]
    origin: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16))
    version: Mapped[int] = mapped_column(Integer)
    rank: Mapped[int] = mapped_column(Integer)
    level: Mapped[str] = mapped_column(String(16))
    labels: Mapped[list[Any]]
    label_names: Mapped[str] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(16))
    minutes: Mapped[int | None] = mapped_column(Integer)
    offence: Mapped[int | None] = mapped_column(Integer)
    why: Mapped[str] = mapped_column(String(32))
    private_text: Mapped[str | None] = mapped_column(Text)
    rules_text: Mapped[str | None] = mapped_column(Text)
    sends_private: Mapped[bool] = mapped_column(Boolean)
    sends_rules: Mapped[bool] = mapped_column(Boolean)
    created_at: Mapped[datetime]
    alerted_at: Mapped[datetime | None]
    model: Mapped[str | None] = mapped_column(String(16))
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None] = mapped_column(Id)
    reason: Mapped[str | None] = mapped_column(Text)
    confirmed: Mapped[str | None] = mapped_column(String(200))
    taken_action: Mapped[str | None] = mapped_column(String(16))
    taken_minutes: Mapped[int | None] = mapped_column(Integer)


UNDECIDED: dict[str, Any] = {
    "decided_at": None,
    "decided_by": None,
    "reason": None,
    "confirmed": None,
    "taken_action": None,
    "taken_minutes": None,
}


def joined(labels: Iterable[RiskLabel | str]) -> str:
    """The names of labels as a column keeps them."""
    names = sorted({str(label) for label in labels})
    return f",{','.join(names)}," if names else ""


def parted(names: str | None) -> list[str]:
    """The way back from `joined`."""
    return [name for name in (names or "").split(",") if name]


def get(db: ReadSession, risk_id: str) -> RiskItemRow | None:
    return db.get(RiskItemRow, risk_id, populate_existing=True)


def of_message(db: ReadSession, message_id: str) -> RiskItemRow | None:
    query = sa.select(RiskItemRow).where(RiskItemRow.message_id == message_id)
    return db.execute(query.execution_options(populate_existing=True)).scalar_one_or_none()


def lock_of_message(db: WriteSession, message_id: str) -> RiskItemRow | None:
    """The item of a message, locked until the transaction ends."""
    query = sa.select(RiskItemRow).where(RiskItemRow.message_id == message_id).with_for_update()
    return db.execute(query.execution_options(populate_existing=True)).scalar_one_or_none()


def add(db: WriteSession, values: dict[str, Any]) -> bool:
    """A new item; False where its message has one."""
    return insert_new(db, RiskItemRow, values)


def page(
    db: ReadSession,
    *,
    statuses: Sequence[str],
    communities: frozenset[str] | None,
    label: str | None = None,
    level: str | None = None,
    after: tuple[datetime, str, int] | None = None,
    limit: int = 50,
) -> list[RiskItemRow]:
    """Items in these states and communities (None for all). Only pending ones: the most urgent first, then the oldest;
    else the newest first. `after` is the last one of the page before (created, id, rank)."""
    row = RiskItemRow
    query = _filtered(sa.select(row), communities, label, level).limit(limit)
    if is_queue(statuses):
        query = query.where(row.status == RiskStatus.PENDING).order_by(row.rank, row.created_at, row.id)
        if after is not None:
            query = query.where(sa.tuple_(row.rank, row.created_at, row.id) > sa.tuple_(*_bound(after)))
        return list(db.execute(query).scalars())
    # Not by the status's own index: all that was ever decided would have to be sorted.
    query = query.where(sa.func.coalesce(row.status, "").in_(statuses))
    query = query.order_by(row.created_at.desc(), row.id.desc())
    if after is not None:
        query = query.where(sa.tuple_(row.created_at, row.id) < sa.tuple_(*_bound(after)[1:]))
    return list(db.execute(query).scalars())


def is_queue(statuses: Sequence[str]) -> bool:
    """Whether a list of these is worked off rather than looked back at."""
    return set(statuses) == {RiskStatus.PENDING}


def _bound(after: tuple[datetime, str, int]) -> tuple[Any, ...]:
    created_at, id_, rank = after
    row = RiskItemRow
    return sa.literal(rank), sa.literal(created_at, row.created_at.type), sa.literal(id_)


def _filtered(
    query: sa.Select[*tuple[Any, ...]], communities: frozenset[str] | None, label: str | None, level: str | None
) -> sa.Select[*tuple[Any, ...]]:
    if communities is not None:
        query = query.where(RiskItemRow.community_id.in_(communities))
    if label is not None:
        query = query.where(RiskItemRow.label_names.contains(f",{label},", autoescape=True))
    if level is not None:
        query = query.where(RiskItemRow.level == level)
    return query


def count(
    db: ReadSession,
    *,
    statuses: Sequence[str],
    communities: frozenset[str] | None,
    label: str | None = None,
    level: str | None = None,
) -> int:
    query = sa.select(sa.func.count()).select_from(RiskItemRow).where(RiskItemRow.status.in_(statuses))
    return int(db.execute(_filtered(query, communities, label, level)).scalar_one())


def of_member(db: ReadSession, member_id: str, limit: int = 20) -> list[RiskItemRow]:
    """The newest items of a member, in any community."""
    query = sa.select(RiskItemRow).where(RiskItemRow.member_id == member_id)
    return list(db.execute(query.order_by(RiskItemRow.sent_at.desc(), RiskItemRow.id.desc()).limit(limit)).scalars())


def pending_of_member(db: WriteSession, member_id: str) -> list[RiskItemRow]:
    """The member's open items, oldest first, locked until the transaction ends."""
    query = (
        sa.select(RiskItemRow)
        .where(RiskItemRow.member_id == member_id, RiskItemRow.status == RiskStatus.PENDING)
        .order_by(RiskItemRow.sent_at, RiskItemRow.id)
        .with_for_update()
    )
    return list(db.execute(query.execution_options(populate_existing=True)).scalars())


class Offence(NamedTuple):
    """A confirmed item: when it was said, and what it was."""

    risk_id: str
    sent_at: datetime
    labels: tuple[str, ...]


def _offences() -> sa.Select[*tuple[Any, ...]]:
    row = RiskItemRow
    return (
        sa.select(row.id, row.sent_at, row.confirmed)
        .where(
            row.member_id == sa.bindparam("member_id"),
            row.status == RiskStatus.CONFIRMED.value,
            row.sent_at > sa.bindparam("since", type_=row.sent_at.type),
            row.sent_at <= sa.bindparam("until", type_=row.sent_at.type),
        )
        .order_by(row.sent_at, row.id)
        .limit(100)
    )


_OFFENCES = _offences()


def offences(db: ReadSession, member_id: str, since: datetime, until: datetime) -> list[Offence]:
    """The member's confirmed items of messages sent after `since`, up to `until`, in any community. Asked for every
    message: built once, run outside the ORM."""
    values = {"member_id": member_id, "since": since, "until": until}
    return [Offence(row[0], row[1], tuple(parted(row[2]))) for row in db.connection().execute(_OFFENCES, values)]


def has_open_flood(db: ReadSession, member_id: str, community_id: str, since: datetime) -> bool:
    """Whether somebody is to look already at this member's flooding here: a flood is one item, not one a message."""
    query = sa.select(RiskItemRow.id).where(
        RiskItemRow.member_id == member_id,
        RiskItemRow.status == RiskStatus.PENDING,
        RiskItemRow.sent_at > since,
        RiskItemRow.community_id == community_id,
        RiskItemRow.label_names.contains(f",{RiskLabel.FLOODING},", autoescape=True),
    )
    return db.execute(query.limit(1)).first() is not None


def decide(db: WriteSession, risk_id: str, *, version: int, statuses: Sequence[str], **values: Any) -> bool:
    """Move an item of exactly this version, in one of these states, on to its next version; False where somebody was
    faster."""
    change = sa.update(RiskItemRow).where(
        RiskItemRow.id == risk_id, RiskItemRow.version == version, RiskItemRow.status.in_(statuses)
    )
    moved = change.values(version=RiskItemRow.version + 1, **values).returning(RiskItemRow.id)
    return db.execute(moved.execution_options(synchronize_session=False)).first() is not None


def state_of(row: RiskItemRow) -> dict[str, object]:
    """What the loser of a race is told."""
    return {"id": row.id, "status": row.status, "version": row.version, "decided_by": row.decided_by}


def _settled(since: datetime) -> sa.ColumnElement[bool]:
    row = RiskItemRow
    return sa.and_(row.status.in_((RiskStatus.CONFIRMED, RiskStatus.DISMISSED)), row.decided_at >= since)


class Alike(NamedTuple):
    """How many items have the same state, origin, found and confirmed labels."""

    status: str
    origin: str
    found: tuple[str, ...]
    confirmed: tuple[str, ...]
    number: int


def counted(db: ReadSession, since: datetime, communities: frozenset[str] | None) -> list[Alike]:
    """Items that people decided on since then, and all open ones, counted."""
    row = RiskItemRow
    alike = (row.status, row.origin, row.label_names, row.confirmed)
    query = sa.select(*alike, sa.func.count()).where(sa.or_(_settled(since), row.status == RiskStatus.PENDING))
    found = db.execute(_filtered(query.group_by(*alike), communities, None, None))
    return [Alike(status, origin, (*parted(names),), (*parted(own),), n) for status, origin, names, own, n in found]


def decided_since(db: ReadSession, since: datetime, communities: frozenset[str] | None) -> Iterator[RiskItemRow]:
    """Items that people decided on since then, oldest first, in blocks."""
    row = RiskItemRow
    query = _filtered(sa.select(row).where(_settled(since)), communities, None, None)
    last = ""
    while rows := list(db.execute(query.where(row.id > last).order_by(row.id).limit(1_000)).scalars()):
        yield from rows
        last = rows[-1].id
        db.expunge_all()
