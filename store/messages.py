"""Messages of members and staff. A row is one logical message in its newest revision; what an edit or recall
replaced is kept in `message_revisions`. `stage='received'` is due work."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Boolean, ColumnElement, ForeignKey, Index, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.base import Base, Hash, Id
from store.due import DueBase, index_of
from store.session import ReadSession, WriteSession


class MessageRow(DueBase):
    """`lane` is the conversation: messages of one are thought about in order.

    A burst (连发) is what one member says in quick succession and is thought about as one: only its first message is
    due, the others carry its id in `burst_id`. `wants_model` marks a burst whose embedded thought left something for a
    language model; other threads take those, so that a slow model holds nobody else up.

    `fingerprint` is a keyed hash of what the text says without digits, spaces and marks, by which the same text is
    found again (null where it says too little). `risk_cleared`: a person saw no risk in this revision; `releases`
    counts how often that made it be thought about again. `risk_judged`: what a language model made of this revision,
    where the screening was unsure. Who waits for that is done already, and due for it alone.
    """

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("channel", "community_id", "external_id"),
        Index("ix_messages_conversation", "lane", "sent_at"),
        Index("ix_messages_sender", "member_id", "sent_at"),
        Index("ix_messages_burst_id", "burst_id"),
        Index(
            "ix_messages_fingerprint",
            "community_id",
            "fingerprint",
            "sent_at",
            sqlite_where=sa.text("fingerprint IS NOT NULL"),
            postgresql_where=sa.text("fingerprint IS NOT NULL"),
        ),
        *index_of("messages"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    lane: Mapped[str] = mapped_column(String(90))
    channel: Mapped[str] = mapped_column(String(32))
    community_id: Mapped[str] = mapped_column(ForeignKey("communities.id"))
    external_id: Mapped[str] = mapped_column(String(200))
    revision: Mapped[int] = mapped_column(Integer)
    body_hash: Mapped[str] = mapped_column(Hash)
    type: Mapped[str] = mapped_column(String(16))
    conversation: Mapped[str] = mapped_column(String(16))
    recalled: Mapped[bool] = mapped_column(Boolean, default=False)
    history: Mapped[bool] = mapped_column(Boolean, default=False)
    member_id: Mapped[str | None] = mapped_column(ForeignKey("members.id"))
    sender_role: Mapped[str] = mapped_column(String(16))
    text: Mapped[str] = mapped_column(Text)
    original: Mapped[bytes | None] = mapped_column(LargeBinary)
    reply_to: Mapped[str | None] = mapped_column(String(200))
    mentions: Mapped[list[Any]] = mapped_column(default=list)
    attachments: Mapped[list[Any]] = mapped_column(default=list)
    sent_at: Mapped[datetime]
    received_at: Mapped[datetime]
    stage: Mapped[str] = mapped_column(String(16))
    burst_id: Mapped[str | None] = mapped_column(Id)
    wants_model: Mapped[bool] = mapped_column(Boolean, default=False, server_default=sa.false())
    fingerprint: Mapped[str | None] = mapped_column(Hash)
    risk: Mapped[dict[str, Any]]
    risk_cleared: Mapped[bool] = mapped_column(Boolean, default=False, server_default=sa.false())
    risk_judged: Mapped[str | None] = mapped_column(String(16))
    releases: Mapped[int] = mapped_column(Integer, default=0, server_default=sa.text("0"))
    triage: Mapped[dict[str, Any] | None]
    no_draft: Mapped[str | None] = mapped_column(String(32))
    done_at: Mapped[datetime | None]
    correlation_id: Mapped[str | None] = mapped_column(String(64))


class MessageRevisionRow(Base):
    """What a later revision replaced."""

    __tablename__ = "message_revisions"

    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id"), primary_key=True)
    revision: Mapped[int] = mapped_column(Integer, primary_key=True)
    body_hash: Mapped[str] = mapped_column(Hash)
    recalled: Mapped[bool] = mapped_column(Boolean)
    text: Mapped[str] = mapped_column(Text)
    original: Mapped[bytes | None] = mapped_column(LargeBinary)
    attachments: Mapped[list[Any]] = mapped_column(default=list)
    risk: Mapped[dict[str, Any]]
    received_at: Mapped[datetime]


def waits_for_model(table: type[DueBase]) -> ColumnElement[bool]:
    """The queue (for `due.claim`) of messages that wait for the language model."""
    return _wants_model(table)


def waits_for_nobody(table: type[DueBase]) -> ColumnElement[bool]:
    """The queue of all other messages."""
    return ~_wants_model(table)


def _wants_model(table: type[DueBase]) -> ColumnElement[bool]:
    column: ColumnElement[bool] = table.wants_model  # type: ignore[attr-defined]  # an alias of MessageRow
    return column


def get(db: ReadSession, message_id: str) -> MessageRow | None:
    return db.get(MessageRow, message_id)


def by_key(db: ReadSession, channel: str, community_id: str, external_id: str) -> MessageRow | None:
    """The message of a natural key, in its newest revision."""
    query = sa.select(MessageRow).where(
        MessageRow.channel == channel,
        MessageRow.community_id == community_id,
        MessageRow.external_id == external_id,
    )
    return db.execute(query).scalar_one_or_none()


def lock(db: WriteSession, message_id: str) -> MessageRow | None:
    """The row, locked until the transaction ends (SQLite's write lock already is)."""
    query = sa.select(MessageRow).where(MessageRow.id == message_id).with_for_update()
    return db.execute(query.execution_options(populate_existing=True)).scalar_one_or_none()


def revision(db: ReadSession, message_id: str, number: int) -> MessageRevisionRow | None:
    return db.get(MessageRevisionRow, (message_id, number))


def many(db: ReadSession, message_ids: Sequence[str]) -> list[MessageRow]:
    """The rows in the order of the ids; those that don't exist are left out."""
    rows = db.execute(sa.select(MessageRow).where(MessageRow.id.in_(message_ids))).scalars()
    found = {row.id: row for row in rows}
    return [found[message_id] for message_id in message_ids if message_id in found]


def open_burst(db: WriteSession, lane: str, member_id: str) -> MessageRow | None:
    """The first message of the member's burst in this conversation that no worker has taken yet, locked; None where
    there is none."""
    query = (
        sa.select(MessageRow)
        .where(
            MessageRow.member_id == member_id,
            MessageRow.lane == lane,
            MessageRow.due_at > db.now,
            MessageRow.burst_id == MessageRow.id,
            MessageRow.stage == "received",
            MessageRow.attempts == 0,
        )
        .order_by(MessageRow.id.desc())
        .limit(1)
        .with_for_update()
    )
    return db.execute(query).scalars().first()


def bursts(db: ReadSession, heads: Sequence[MessageRow]) -> dict[str, list[MessageRow]]:
    """All messages of each burst in the order in which they were said, by the id of its first one."""
    found = {head.id: [head] for head in heads}
    query = sa.select(MessageRow).where(MessageRow.burst_id.in_(found), MessageRow.burst_id != MessageRow.id)
    for row in db.execute(query).scalars():
        found[str(row.burst_id)].append(row)
    return {head: sorted(rows, key=lambda row: (row.sent_at, row.id)) for head, rows in found.items()}


def settle_burst(db: WriteSession, rows: Sequence[tuple[str, dict[str, Any]]]) -> None:
    """Write what came of the messages that follow the first one of a burst."""
    for message_id, values in rows:
        change = sa.update(MessageRow).where(MessageRow.id == message_id).values(values)
        db.execute(change.execution_options(synchronize_session=False))


def reopen_burst(db: WriteSession, head_id: str, due_at: datetime) -> None:
    """Have a burst thought about again, as if it had just ended; a worker that is at it loses its claim."""
    again = {"stage": "received", "triage": None, "no_draft": None, "done_at": None}
    every = sa.update(MessageRow).where(sa.or_(MessageRow.id == head_id, MessageRow.burst_id == head_id))
    db.execute(every.values(again).execution_options(synchronize_session=False))
    released = {
        "due_at": due_at,
        "fence": MessageRow.fence + 1,
        "lease_until": None,
        "attempts": 0,
        "dead_at": None,
        "last_error": None,
        "wants_model": False,
    }
    head = sa.update(MessageRow).where(MessageRow.id == head_id).values(released)
    db.execute(head.execution_options(synchronize_session=False))


def said_since(db: ReadSession, lane: str, since: datetime, member_ids: Sequence[str], limit: int) -> list[MessageRow]:
    """What staff and these members said in a conversation after `since`, oldest first, the newest `limit` of it."""
    query = (
        sa.select(MessageRow)
        .where(
            MessageRow.lane == lane,
            MessageRow.sent_at > since,
            MessageRow.recalled.is_(False),
            sa.or_(MessageRow.sender_role == "staff", MessageRow.member_id.in_(member_ids)),
        )
        .order_by(MessageRow.sent_at.desc(), MessageRow.id.desc())
        .limit(limit)
    )
    return list(db.execute(query).scalars())[::-1]


def heard(db: ReadSession, lane: str, since: datetime, member_id: str | None) -> int:
    """How many messages staff and this member have said in a conversation from `since` on: another number later
    means that somebody went on, whatever the clocks of the processes say."""
    query = (
        sa.select(sa.func.count())
        .select_from(MessageRow)
        .where(
            MessageRow.lane == lane,
            MessageRow.sent_at >= since,
            sa.or_(MessageRow.sender_role == "staff", MessageRow.member_id == member_id),
        )
    )
    return db.execute(query).scalar_one()


def of_staff_at(db: ReadSession, lane: str, at: datetime) -> MessageRow | None:
    """What staff said in a conversation at exactly this moment."""
    query = sa.select(MessageRow).where(
        MessageRow.lane == lane, MessageRow.sent_at == at, MessageRow.sender_role == "staff"
    )
    return db.execute(query.order_by(MessageRow.id).limit(1)).scalar_one_or_none()


def last_of_staff(db: ReadSession, lane: str, since: datetime) -> MessageRow | None:
    """The newest message of staff in a conversation from `since` on."""
    query = sa.select(MessageRow).where(
        MessageRow.lane == lane,
        MessageRow.sent_at >= since,
        MessageRow.sender_role == "staff",
        MessageRow.recalled.is_(False),
    )
    return db.execute(query.order_by(MessageRow.sent_at.desc(), MessageRow.id.desc()).limit(1)).scalar_one_or_none()


def conversation(db: ReadSession, lane: str, until: datetime, limit: int = 20) -> list[MessageRow]:
    """The last messages of a conversation up to and including `until`, oldest first."""
    query = (
        sa.select(MessageRow)
        .where(MessageRow.lane == lane, MessageRow.sent_at <= until)
        .order_by(MessageRow.sent_at.desc(), MessageRow.id.desc())
        .limit(limit)
    )
    return list(db.execute(query).scalars())[::-1]


def after(db: ReadSession, lane: str, since: datetime, limit: int = 20) -> list[MessageRow]:
    """What was said in a conversation after `since`, oldest first."""
    query = (
        sa.select(MessageRow)
        .where(MessageRow.lane == lane, MessageRow.sent_at > since)
        .order_by(MessageRow.sent_at, MessageRow.id)
        .limit(limit)
    )
    return list(db.execute(query).scalars())


class Spoken(NamedTuple):
    """What is known of a message without its history: the text and the attachments' names, masked."""

    id: str
    community_id: str
    text: str
    type: str
    sender_role: str
    attachments: list[Any]


def _spoken(lanes: Iterable[str], since: datetime) -> ColumnElement[bool]:
    row = MessageRow
    said = sa.and_(row.sender_role == "member", row.recalled.is_(False))
    return sa.and_(row.lane.in_(list(lanes)), row.sent_at >= since, said)


def spoken(db: ReadSession, groups: Iterable[str], since: datetime, limit: int) -> list[Spoken]:
    """What members said in these groups from `since` on, newest first."""
    row = MessageRow
    query = (
        sa.select(row.id, row.community_id, row.text, row.type, row.sender_role, row.attachments)
        .where(_spoken(groups, since))
        .order_by(row.sent_at.desc(), row.id.desc())
        .limit(limit)
    )
    return [Spoken(*found) for found in db.execute(query)]


def count_spoken(db: ReadSession, groups: Iterable[str], since: datetime) -> int:
    """How many messages `spoken` would find without a limit."""
    return db.execute(sa.select(sa.func.count()).select_from(MessageRow).where(_spoken(groups, since))).scalar_one()


def of_channel(
    db: ReadSession, channel: str, *, communities: frozenset[str] | None, since: datetime, limit: int
) -> list[MessageRow]:
    """What came in on a channel since then, newest first; in these communities (None: all)."""
    query = (
        sa.select(MessageRow)
        .where(MessageRow.channel == channel, MessageRow.received_at >= since)
        .order_by(MessageRow.id.desc())
        .limit(limit)
    )
    if communities is not None:
        query = query.where(MessageRow.community_id.in_(communities))
    return list(db.execute(query).scalars())
