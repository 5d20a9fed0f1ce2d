"""Drafts: what the service suggests, in versions, and what a person decided.

A decision is a compare-and-set on one row (`decide`); the loser of a race sees the state that won.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Boolean, ForeignKey, Index, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, aliased, mapped_column

from core.vocabulary import OPEN_DRAFT_STATUSES, ClockKind, DeliveryKind, DraftStatus
from store.base import Base, Id, insert_new
from store.clocks import ClockRow
from store.session import ReadSession, WriteSession


class DraftRow(Base):
    """`text` keeps the member's name as a slot; null where the draft abstains. `cause` says why a manager is required,
    where one is. Once decided, `final_text` is what was decided on (masked; the original of typed personal data in
    `final_original`)."""

    __tablename__ = "drafts"
    __table_args__ = (
        Index("ix_drafts_open", "status", "community_id", "created_at"),
        Index("ix_drafts_lane", "lane", "status"),
        Index("ix_drafts_member", "member_id", "status"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    version: Mapped[int] = mapped_column(Integer, default=1)
    status: Mapped[str] = mapped_column(String(16))
    requires: Mapped[str] = mapped_column(String(16))
    cause: Mapped[str | None] = mapped_column(String(16))
    community_id: Mapped[str] = mapped_column(ForeignKey("communities.id"))
    channel: Mapped[str] = mapped_column(String(32))
    lane: Mapped[str] = mapped_column(String(90))
    member_id: Mapped[str | None] = mapped_column(ForeignKey("members.id"))
    case_id: Mapped[str | None] = mapped_column(Id)
    reply_to: Mapped[str | None] = mapped_column(String(200))
    text: Mapped[str | None] = mapped_column(Text)
    citations: Mapped[list[Any]] = mapped_column(default=list)
    alternatives: Mapped[list[Any]] = mapped_column(default=list)
    confidence: Mapped[dict[str, Any]]
    engine: Mapped[str] = mapped_column(String(16))
    degraded: Mapped[bool] = mapped_column(Boolean, default=False)
    copy_check: Mapped[list[Any]] = mapped_column(default=list)
    abstained: Mapped[dict[str, Any] | None]
    expired: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None] = mapped_column(Id)
    reason: Mapped[str | None] = mapped_column(Text)
    final_text: Mapped[str | None] = mapped_column(Text)
    final_original: Mapped[bytes | None] = mapped_column(LargeBinary)


class DraftMessageRow(Base):
    """Which messages a draft answers. One message has at most one draft of a kind that answers it. `revision` counts
    the revisions of all messages of the burst, so that thinking about a burst again, since one of its messages was
    edited, makes a new row for each."""

    __tablename__ = "draft_messages"
    __table_args__ = (UniqueConstraint("message_id", "kind", "revision"),)

    draft_id: Mapped[str] = mapped_column(ForeignKey("drafts.id"), primary_key=True)
    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    revision: Mapped[int] = mapped_column(Integer)
    position: Mapped[int] = mapped_column(Integer)


class DraftVersionRow(Base):
    """Every state a draft went through: the pair (draft, final) that evals and FAQ candidates are made from."""

    __tablename__ = "draft_versions"

    draft_id: Mapped[str] = mapped_column(ForeignKey("drafts.id"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    status: Mapped[str] = mapped_column(String(16))
    text: Mapped[str | None] = mapped_column(Text)
    original: Mapped[bytes | None] = mapped_column(LargeBinary)
    by: Mapped[str] = mapped_column(Id)
    at: Mapped[datetime]


class DraftSnoozeRow(Base):
    """A person's own snooze; no state of the draft."""

    __tablename__ = "draft_snoozes"

    draft_id: Mapped[str] = mapped_column(ForeignKey("drafts.id"), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    hidden_until: Mapped[datetime]


def get(db: ReadSession, draft_id: str) -> DraftRow | None:
    return db.get(DraftRow, draft_id, populate_existing=True)


def message_ids(db: ReadSession, draft_ids: Sequence[str]) -> dict[str, list[str]]:
    """The messages of each draft, in their order."""
    query = (
        sa.select(DraftMessageRow.draft_id, DraftMessageRow.message_id)
        .where(DraftMessageRow.draft_id.in_(draft_ids))
        .order_by(DraftMessageRow.draft_id, DraftMessageRow.position)
    )
    found: dict[str, list[str]] = {draft_id: [] for draft_id in draft_ids}
    for draft_id, message_id in db.execute(query):
        found[draft_id].append(message_id)
    return found


def of_message(db: ReadSession, message_id: str, kind: str = "reply") -> DraftRow | None:
    """The newest draft that answers this message."""
    query = (
        sa.select(DraftRow)
        .join(DraftMessageRow, DraftMessageRow.draft_id == DraftRow.id)
        .where(DraftMessageRow.message_id == message_id, DraftMessageRow.kind == kind)
        .order_by(DraftMessageRow.revision.desc())
        .limit(1)
    )
    return db.execute(query).scalar_one_or_none()


def page(
    db: ReadSession,
    *,
    statuses: Sequence[str],
    communities: frozenset[str] | None,
    after: tuple[datetime, str] | None = None,
    limit: int = 50,
    newest_first: bool = False,
    not_snoozed_by: str | None = None,
    now: datetime | None = None,
) -> list[DraftRow]:
    """Drafts in these states and communities (None for all), by age; `after` is the last one of the page before."""
    order = (DraftRow.created_at, DraftRow.id)
    query = sa.select(DraftRow).where(DraftRow.status.in_(statuses)).limit(limit)
    query = query.order_by(*(column.desc() for column in order)) if newest_first else query.order_by(*order)
    if communities is not None:
        query = query.where(DraftRow.community_id.in_(communities))
    if after is not None:
        last = sa.tuple_(sa.literal(after[0], DraftRow.created_at.type), sa.literal(after[1]))
        place = sa.tuple_(*order)
        query = query.where(place < last if newest_first else place > last)
    if not_snoozed_by is not None:
        hidden = sa.select(DraftSnoozeRow.draft_id).where(
            DraftSnoozeRow.user_id == not_snoozed_by, DraftSnoozeRow.hidden_until > now
        )
        query = query.where(DraftRow.id.not_in(hidden))
    return list(db.execute(query).scalars())


def count(db: ReadSession, *, statuses: Sequence[str], communities: frozenset[str] | None) -> int:
    query = sa.select(sa.func.count()).select_from(DraftRow).where(DraftRow.status.in_(statuses))
    if communities is not None:
        query = query.where(DraftRow.community_id.in_(communities))
    return db.execute(query).scalar_one()


def sent(db: ReadSession, lane: str, since: datetime, limit: int = 20) -> list[DraftRow]:
    """What was approved in a conversation from `since` on, oldest first."""
    query = (
        sa.select(DraftRow)
        .where(DraftRow.lane == lane, DraftRow.status.in_(("approved", "modified")), DraftRow.decided_at >= since)
        .order_by(DraftRow.decided_at.desc())
        .limit(limit)
    )
    return list(db.execute(query).scalars())[::-1]


def decide(db: WriteSession, draft_id: str, *, version: int, **values: Any) -> bool:
    """Move an open draft of exactly this version on to its next version; False where somebody was faster."""
    change = sa.update(DraftRow).where(
        DraftRow.id == draft_id, DraftRow.version == version, DraftRow.status.in_(OPEN_DRAFT_STATUSES)
    )
    moved = change.values(version=DraftRow.version + 1, **values).returning(DraftRow.id)
    return db.execute(moved.execution_options(synchronize_session=False)).first() is not None


def reopen(db: WriteSession, draft_id: str, *, version: int, statuses: Sequence[str]) -> bool:
    """Make a decided draft pending again (undo), version + 1."""
    change = sa.update(DraftRow).where(
        DraftRow.id == draft_id, DraftRow.version == version, DraftRow.status.in_(statuses)
    )
    values = {
        "version": DraftRow.version + 1,
        "status": "pending",
        "decided_at": None,
        "decided_by": None,
        "reason": None,
        "final_text": None,
        "final_original": None,
    }
    moved = change.values(values).returning(DraftRow.id)
    return db.execute(moved.execution_options(synchronize_session=False)).first() is not None


def open_in_lane(
    db: ReadSession, lane: str, *, since: datetime, member_id: str | None = None, limit: int = 30
) -> list[DraftRow]:
    """The newest open drafts of a conversation made after `since`, of one member or of all, oldest first."""
    query = sa.select(DraftRow).where(
        DraftRow.lane == lane, DraftRow.status.in_(OPEN_DRAFT_STATUSES), DraftRow.created_at > since
    )
    if member_id is not None:
        query = query.where(DraftRow.member_id == member_id)
    return list(db.execute(query.order_by(DraftRow.id.desc()).limit(limit)).scalars())[::-1]


def rejected_waiting(db: ReadSession, lane: str, *, since: datetime, limit: int = 30) -> list[DraftRow]:
    """The newest rejected replies of a conversation made after `since` to questions whose clock still runs, oldest
    first; without those whose question has another draft that is open."""
    mine, others, other = DraftMessageRow, aliased(DraftMessageRow), aliased(DraftRow)
    runs = sa.exists().where(
        mine.draft_id == DraftRow.id,
        ClockRow.kind == ClockKind.GROUP_QUESTION,
        ClockRow.object_id == mine.message_id,
        ClockRow.stopped_at.is_(None),
    )
    replaced = sa.exists().where(
        mine.draft_id == DraftRow.id,
        others.message_id == mine.message_id,
        other.id == others.draft_id,
        other.case_id.is_(None),
        other.status.in_(OPEN_DRAFT_STATUSES),
    )
    query = sa.select(DraftRow).where(
        DraftRow.lane == lane,
        DraftRow.status == DraftStatus.REJECTED,
        DraftRow.kind == DeliveryKind.REPLY,
        DraftRow.case_id.is_(None),
        DraftRow.created_at > since,
        runs,
        ~replaced,
    )
    return list(db.execute(query.order_by(DraftRow.id.desc()).limit(limit)).scalars())[::-1]


def open_of_case(db: ReadSession, case_id: str) -> list[DraftRow]:
    """The open drafts of a complaint case."""
    query = sa.select(DraftRow).where(DraftRow.case_id == case_id, DraftRow.status.in_(OPEN_DRAFT_STATUSES))
    return list(db.execute(query.order_by(DraftRow.id)).scalars())


def of_case(db: ReadSession, case_id: str) -> list[DraftRow]:
    """All drafts of a complaint case, oldest first."""
    query = sa.select(DraftRow).where(DraftRow.case_id == case_id)
    return list(db.execute(query.order_by(DraftRow.created_at, DraftRow.id).limit(200)).scalars())


def members_with_open(db: ReadSession, member_ids: Collection[str]) -> set[str]:
    """Those of these members who have an open draft anywhere."""
    if not member_ids:
        return set()
    query = sa.select(DraftRow.member_id).distinct()
    query = query.where(DraftRow.member_id.in_(member_ids), DraftRow.status.in_(OPEN_DRAFT_STATUSES))
    return {str(found) for found in db.execute(query).scalars()}


def note_alternatives(db: WriteSession, draft_id: str, alternatives: Sequence[dict[str, Any]]) -> bool:
    """Replace the alternatives of an open draft, which is no new version of it; False where it is decided."""
    change = sa.update(DraftRow).where(DraftRow.id == draft_id, DraftRow.status.in_(OPEN_DRAFT_STATUSES))
    noted = change.values(alternatives=list(alternatives)).returning(DraftRow.id)
    return db.execute(noted.execution_options(synchronize_session=False)).first() is not None


def set_requires(db: WriteSession, draft_id: str, requires: str, cause: str | None) -> bool:
    """Say who may release an open draft, and why; False where it is decided."""
    change = sa.update(DraftRow).where(DraftRow.id == draft_id, DraftRow.status.in_(OPEN_DRAFT_STATUSES))
    said = change.values(requires=requires, cause=cause).returning(DraftRow.id)
    return db.execute(said.execution_options(synchronize_session=False)).first() is not None


def state_of(draft: DraftRow) -> dict[str, object]:
    """What the loser of a race is told."""
    return {"id": draft.id, "status": draft.status, "version": draft.version, "decided_by": draft.decided_by}


def expire(db: WriteSession, draft_id: str, reason: str, by: str) -> bool:
    """Expire an open draft; False where it was decided meanwhile."""
    change = sa.update(DraftRow).where(DraftRow.id == draft_id, DraftRow.status.in_(OPEN_DRAFT_STATUSES))
    values = {"status": "expired", "expired": {"reason": reason}, "version": DraftRow.version + 1}
    moved = db.execute(change.values(values).returning(DraftRow.version, DraftRow.text)).first()
    if moved is None:
        return False
    kept = DraftVersionRow(draft_id=draft_id, version=moved[0], status="expired", text=moved[1], by=by, at=db.now)
    db.add(kept)
    return True


def overdue(db: ReadSession, before: datetime, limit: int = 200) -> list[DraftRow]:
    """Open drafts made before that moment, oldest first."""
    query = sa.select(DraftRow).where(DraftRow.status.in_(OPEN_DRAFT_STATUSES), DraftRow.created_at < before)
    return list(db.execute(query.order_by(DraftRow.created_at).limit(limit)).scalars())


def attach(db: WriteSession, draft_id: str, rows: Sequence[tuple[str, str, int]]) -> None:
    """Have a draft answer more messages: (message id, kind, revision) each."""
    first = db.execute(
        sa.select(sa.func.coalesce(sa.func.max(DraftMessageRow.position), -1)).where(
            DraftMessageRow.draft_id == draft_id
        )
    ).scalar_one()
    for number, (message_id, kind, revision) in enumerate(rows, first + 1):
        values = {"draft_id": draft_id, "message_id": message_id, "kind": kind, "revision": revision}
        insert_new(db, DraftMessageRow, values | {"position": number})


def expire_of_message(db: WriteSession, message_id: str, reason: str, by: str) -> list[str]:
    """Expire the open drafts that answer this message; their ids."""
    answering = sa.select(DraftMessageRow.draft_id).where(DraftMessageRow.message_id == message_id)
    return [draft_id for draft_id in db.execute(answering).scalars().all() if expire(db, draft_id, reason, by)]
