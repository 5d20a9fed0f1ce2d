"""Group incidents (群体性事件): several members complain about one thing in one group within a short time. No text of a
member stands here: an incident holds its cases by their ids."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.vocabulary import CaseState, IncidentStatus
from store.base import Base, Id
from store.cases import CaseRow
from store.messages import MessageRow
from store.newest import newest_first
from store.session import ReadSession, WriteSession


class IncidentRow(Base):
    """`checklist` are steps `{key, done_at, done_by}` in their order. `last_at`: when the newest of its cases was said;
    `cases` and `members` count who is in it now. `script_id` is the entry that the draft of a crisis script was made
    from, null for our own words. What a person typed at closing is masked, its original sealed."""

    __tablename__ = "incidents"
    __table_args__ = (
        Index("ix_incidents_status", "status", "community_id", "opened_at"),
        Index("ix_incidents_newest", "opened_at", "id"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    version: Mapped[int] = mapped_column(Integer, default=1)
    community_id: Mapped[str] = mapped_column(ForeignKey("communities.id"))
    channel: Mapped[str] = mapped_column(String(32))
    category: Mapped[str] = mapped_column(String(32))
    topic: Mapped[str | None] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(16))
    owner_id: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    cases: Mapped[int] = mapped_column(Integer)
    members: Mapped[int] = mapped_column(Integer)
    checklist: Mapped[list[Any]]
    script_draft_id: Mapped[str | None] = mapped_column(ForeignKey("drafts.id"))
    script_id: Mapped[str | None] = mapped_column(Id)
    opened_at: Mapped[datetime]
    last_at: Mapped[datetime]
    alerted_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None] = mapped_column(Id)
    result: Mapped[str | None] = mapped_column(Text)
    result_original: Mapped[bytes | None] = mapped_column(LargeBinary)


class IncidentCaseRow(Base):
    """A case in an incident. Whom a person took out (`left_at`) is not put in again by itself; `severity_before` is
    what the case goes back to then."""

    __tablename__ = "incident_cases"

    case_id: Mapped[str] = mapped_column(ForeignKey("complaint_cases.id"), primary_key=True)
    incident_id: Mapped[str] = mapped_column(ForeignKey("incidents.id"), primary_key=True)
    joined_at: Mapped[datetime]
    joined_by: Mapped[str] = mapped_column(Id)
    left_at: Mapped[datetime | None]
    severity_before: Mapped[str] = mapped_column(String(16))


class Near(NamedTuple):
    """A case with when it was said: `said_at` is its message's time, which a late worker doesn't move."""

    case_id: str
    member_id: str | None
    category: str
    topic: str | None
    incident_id: str | None
    said_at: datetime
    text: str
    quote: str


def take_turn(db: WriteSession) -> None:
    """From here to the end of the transaction nobody else opens incidents or moves cases among them: on PostgreSQL two
    workers would each miss the case that the other has just made."""
    if db.get_bind().dialect.name == "postgresql":
        db.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext("incidents"))))


def get(db: ReadSession, incident_id: str) -> IncidentRow | None:
    return db.get(IncidentRow, incident_id, populate_existing=True)


def lock(db: WriteSession, incident_id: str) -> IncidentRow | None:
    """Locked until the transaction ends."""
    query = sa.select(IncidentRow).where(IncidentRow.id == incident_id).with_for_update()
    return db.execute(query.execution_options(populate_existing=True)).scalar_one_or_none()


def near(db: ReadSession, community_id: str, since: datetime, until: datetime, limit: int = 200) -> list[Near]:
    """The cases of a group said from `since` to `until` (both inclusive), oldest first, the newest `limit`: no
    dismissed ones, none that a person took out of an incident."""
    taken_out = sa.select(IncidentCaseRow.case_id).where(IncidentCaseRow.left_at.is_not(None))
    query = (
        sa.select(
            CaseRow.id,
            CaseRow.member_id,
            CaseRow.category,
            CaseRow.topic,
            CaseRow.incident_id,
            MessageRow.sent_at,
            MessageRow.text,
            CaseRow.quote,
        )
        .join(MessageRow, MessageRow.id == CaseRow.message_id)
        .where(
            CaseRow.community_id == community_id,
            MessageRow.sent_at >= since,
            MessageRow.sent_at <= until,
            CaseRow.state != CaseState.DISMISSED,
            sa.or_(CaseRow.incident_id.is_not(None), CaseRow.id.not_in(taken_out)),
        )
        .order_by(MessageRow.sent_at.desc(), CaseRow.id.desc())
        .limit(limit)
    )
    return [Near(*row) for row in db.execute(query)][::-1]


def said_at(db: ReadSession, case: CaseRow) -> datetime:
    """When the message that opened a case was sent."""
    query = sa.select(MessageRow.sent_at).where(MessageRow.id == case.message_id)
    return db.execute(query).scalar_one()


def lonely(db: ReadSession, since: datetime, until: datetime) -> list[str]:
    """The cases outside any incident that were said between then, oldest first."""
    taken_out = sa.select(IncidentCaseRow.case_id).where(IncidentCaseRow.left_at.is_not(None))
    query = (
        sa.select(CaseRow.id)
        .join(MessageRow, MessageRow.id == CaseRow.message_id)
        .where(CaseRow.incident_id.is_(None), CaseRow.state != CaseState.DISMISSED, CaseRow.id.not_in(taken_out))
        .where(CaseRow.opened_at >= since - timedelta(days=1), MessageRow.sent_at >= since, MessageRow.sent_at <= until)
        .order_by(MessageRow.sent_at, CaseRow.id)
        .limit(500)
    )
    return list(db.execute(query).scalars())


def open_among(db: ReadSession, incident_ids: Collection[str]) -> list[IncidentRow]:
    """Those of these incidents that are open, the newest first."""
    if not incident_ids:
        return []
    query = sa.select(IncidentRow).where(
        IncidentRow.id.in_(list(incident_ids)), IncidentRow.status == IncidentStatus.OPEN
    )
    return list(db.execute(query.order_by(IncidentRow.opened_at.desc(), IncidentRow.id.desc())).scalars())


def without_script(db: ReadSession) -> list[str]:
    """Open incidents for which no crisis script was drafted yet."""
    query = sa.select(IncidentRow.id).where(
        IncidentRow.status == IncidentStatus.OPEN, IncidentRow.script_draft_id.is_(None)
    )
    return list(db.execute(query.order_by(IncidentRow.id).limit(100)).scalars())


def link(db: WriteSession, incident_id: str, case_id: str, *, severity_before: str, by: str) -> None:
    """Note that a case belongs to an incident from now on, also where it did before."""
    known = db.get(IncidentCaseRow, (case_id, incident_id), populate_existing=True)
    if known is None:
        known = IncidentCaseRow(case_id=case_id, incident_id=incident_id, severity_before=severity_before)
        db.add(known)
    known.joined_at, known.joined_by, known.left_at, known.severity_before = db.now, by, None, severity_before
    db.flush()


def unlink(db: WriteSession, incident_id: str, case_id: str) -> str | None:
    """Note that a case was taken out; the severity that it had before, or None where it wasn't in."""
    known = db.get(IncidentCaseRow, (case_id, incident_id), populate_existing=True)
    if known is None or known.left_at is not None:
        return None
    known.left_at = db.now
    db.flush()
    return known.severity_before


def cases_of(db: ReadSession, incident_ids: Sequence[str]) -> dict[str, list[CaseRow]]:
    """The cases of each incident, the oldest first."""
    found: dict[str, list[CaseRow]] = {incident_id: [] for incident_id in incident_ids}
    query = sa.select(CaseRow).where(CaseRow.incident_id.in_(incident_ids)).order_by(CaseRow.opened_at, CaseRow.id)
    for row in db.execute(query.execution_options(populate_existing=True)).scalars():
        found[str(row.incident_id)].append(row)
    return found


def count_again(db: WriteSession, row: IncidentRow) -> None:
    """Bring the counts of an incident, and when it was last heard of, up to its cases."""
    query = (
        sa.select(sa.func.count(), sa.func.count(sa.distinct(CaseRow.member_id)), sa.func.max(MessageRow.sent_at))
        .join(MessageRow, MessageRow.id == CaseRow.message_id)
        .where(CaseRow.incident_id == row.id)
    )
    cases, members, last_at = db.execute(query).one()
    row.cases, row.members = cases, members
    if last_at is not None:
        row.last_at = last_at
    db.flush()


def advance(db: WriteSession, incident_id: str, *, version: int, **values: Any) -> bool:
    """Move an open incident of exactly this version on to its next version; False where somebody was faster."""
    change = sa.update(IncidentRow).where(
        IncidentRow.id == incident_id, IncidentRow.version == version, IncidentRow.status == IncidentStatus.OPEN
    )
    moved = change.values(version=IncidentRow.version + 1, **values).returning(IncidentRow.id)
    return db.execute(moved.execution_options(synchronize_session=False)).first() is not None


def set_script(db: WriteSession, incident_id: str, draft_id: str, script_id: str | None) -> bool:
    """Name the draft of the crisis script; False where one is named already, or the incident was closed."""
    change = sa.update(IncidentRow).where(
        IncidentRow.id == incident_id,
        IncidentRow.script_draft_id.is_(None),
        IncidentRow.status == IncidentStatus.OPEN,
    )
    values = {"script_draft_id": draft_id, "script_id": script_id}
    named = db.execute(change.values(values).returning(IncidentRow.id).execution_options(synchronize_session=False))
    return named.first() is not None


def page(
    db: ReadSession,
    *,
    statuses: Sequence[str],
    communities: frozenset[str] | None,
    after: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> list[IncidentRow]:
    """The newest first."""
    row = IncidentRow
    query = sa.select(row).where(row.status.in_(statuses))
    if communities is not None:
        query = query.where(row.community_id.in_(communities))
    return list(db.execute(newest_first(query, row.opened_at, row.id, after=after, limit=limit)).scalars())


def state_of(row: IncidentRow) -> dict[str, object]:
    """What the loser of a race is told."""
    return {"id": row.id, "status": row.status, "version": row.version, "owner_id": row.owner_id}
