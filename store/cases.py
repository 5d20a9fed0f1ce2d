"""Complaint cases (客诉工单): one for what a member complains about, its messages, its history, what was offered.

Texts are masked; what a person typed keeps its original sealed with the member's key beside it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Boolean, ForeignKey, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.vocabulary import OPEN_CASE_STATES, CaseState
from store.base import Base, Id, insert_new
from store.members import MemberRow
from store.newest import newest_first
from store.session import ReadSession, WriteSession


class CaseRow(Base):
    """`message_id` is the message that opened it, `quote` the words of it that complain (masked). `respond_by` is its
    clock's, null where none runs. `routed_to` a department; `told_at`: when the member was told the result."""

    __tablename__ = "complaint_cases"
    __table_args__ = (
        Index("ix_complaint_cases_state", "state", "community_id", "opened_at"),
        Index("ix_complaint_cases_member", "member_id", "state"),
        Index("ix_complaint_cases_topic", "community_id", "opened_at"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    version: Mapped[int] = mapped_column(Integer, default=1)
    community_id: Mapped[str] = mapped_column(ForeignKey("communities.id"))
    channel: Mapped[str] = mapped_column(String(32))
    lane: Mapped[str] = mapped_column(String(90))
    member_id: Mapped[str | None] = mapped_column(ForeignKey("members.id"))
    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id"))
    state: Mapped[str] = mapped_column(String(16))
    category: Mapped[str] = mapped_column(String(32))
    severity: Mapped[str] = mapped_column(String(16))
    topic: Mapped[str | None] = mapped_column(String(64))
    quote: Mapped[str] = mapped_column(Text)
    score: Mapped[float] = mapped_column(sa.Float)
    engine: Mapped[str] = mapped_column(String(16))
    owner_id: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    routed_to: Mapped[str | None] = mapped_column(String(16))
    incident_id: Mapped[str | None] = mapped_column(Id, index=True)
    respond_by: Mapped[datetime | None]
    breached: Mapped[bool] = mapped_column(Boolean, default=False)
    opened_at: Mapped[datetime]
    acknowledged_at: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    answer: Mapped[str | None] = mapped_column(String(16))
    result: Mapped[str | None] = mapped_column(Text)
    result_original: Mapped[bytes | None] = mapped_column(LargeBinary)


class CaseMessageRow(Base):
    """The messages of members that belong to a case; a message belongs to one case at most."""

    __tablename__ = "complaint_case_messages"

    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id"), primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("complaint_cases.id"), index=True)


class CaseEventRow(Base):
    """The history of a case: each change of state, owner, severity, route; each note. `note` is masked."""

    __tablename__ = "complaint_case_events"
    __table_args__ = (Index("ix_complaint_case_events_case", "case_id", "id"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("complaint_cases.id"))
    at: Mapped[datetime]
    by: Mapped[str] = mapped_column(Id)
    kind: Mapped[str] = mapped_column(String(32))
    from_state: Mapped[str | None] = mapped_column(String(16))
    to_state: Mapped[str | None] = mapped_column(String(16))
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)
    note: Mapped[str | None] = mapped_column(Text)
    note_original: Mapped[bytes | None] = mapped_column(LargeBinary)


class CompensationRow(Base):
    """What was offered to a member: `cents` in fen of the deployment's currency, `points` where it is points."""

    __tablename__ = "compensations"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("complaint_cases.id"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    cents: Mapped[int] = mapped_column(Integer, default=0)
    points: Mapped[int] = mapped_column(Integer, default=0)
    status: Mapped[str] = mapped_column(String(16))
    proposed_by: Mapped[str] = mapped_column(Id)
    proposed_at: Mapped[datetime]
    decided_by: Mapped[str | None] = mapped_column(Id)
    decided_at: Mapped[datetime | None]


def get(db: ReadSession, case_id: str) -> CaseRow | None:
    return db.get(CaseRow, case_id, populate_existing=True)


def many(db: ReadSession, case_ids: Collection[str]) -> list[CaseRow]:
    if not case_ids:
        return []
    return list(db.execute(sa.select(CaseRow).where(CaseRow.id.in_(case_ids)).order_by(CaseRow.id)).scalars())


def lock(db: WriteSession, case_id: str) -> CaseRow | None:
    """The row, locked until the transaction ends. Taken after the locks on members and messages."""
    query = sa.select(CaseRow).where(CaseRow.id == case_id).with_for_update()
    return db.execute(query.execution_options(populate_existing=True)).scalar_one_or_none()


def move(db: WriteSession, case_id: str, *, version: int, **values: Any) -> bool:
    """Take a case of exactly this version on to its next version; False where somebody was faster."""
    change = sa.update(CaseRow).where(CaseRow.id == case_id, CaseRow.version == version)
    moved = change.values(version=CaseRow.version + 1, **values).returning(CaseRow.id)
    return db.execute(moved.execution_options(synchronize_session=False)).first() is not None


def state_of(row: CaseRow) -> dict[str, object]:
    """What the loser of a race is told."""
    return {"id": row.id, "state": row.state, "version": row.version, "owner": row.owner_id}


def of_message(db: ReadSession, message_id: str) -> CaseRow | None:
    """The case that a member's message belongs to."""
    query = sa.select(CaseRow).join(CaseMessageRow, CaseMessageRow.case_id == CaseRow.id)
    found = db.execute(query.where(CaseMessageRow.message_id == message_id).execution_options(populate_existing=True))
    return found.scalar_one_or_none()


def by_message(db: ReadSession, message_ids: Collection[str]) -> dict[str, str]:
    """The case of each of these messages that has one."""
    query = sa.select(CaseMessageRow).where(CaseMessageRow.message_id.in_(message_ids))
    return {row.message_id: row.case_id for row in db.execute(query).scalars()}


def attach(db: WriteSession, case_id: str, message_ids: Sequence[str]) -> None:
    """Have messages belong to a case; those that belong to one already stay there."""
    for message_id in message_ids:
        insert_new(db, CaseMessageRow, {"message_id": message_id, "case_id": case_id})


def let_go(db: WriteSession, message_ids: Collection[str]) -> None:
    """Have messages belong to no dismissed case any more."""
    dismissed = sa.select(CaseRow.id).where(CaseRow.state == CaseState.DISMISSED)
    gone = sa.delete(CaseMessageRow).where(
        CaseMessageRow.message_id.in_(message_ids), CaseMessageRow.case_id.in_(dismissed)
    )
    db.execute(gone.execution_options(synchronize_session=False))


def message_ids(db: ReadSession, case_id: str) -> list[str]:
    """The case's messages in the order in which they came in."""
    query = sa.select(CaseMessageRow.message_id).where(CaseMessageRow.case_id == case_id)
    return list(db.execute(query.order_by(CaseMessageRow.message_id)).scalars())


def of_member(db: ReadSession, member_id: str, community_id: str, *, since: datetime) -> list[CaseRow]:
    """The member's cases here that were opened or closed after `since`, or are open; the newest first. Dismissed ones
    are left out."""
    query = sa.select(CaseRow).where(
        CaseRow.member_id == member_id,
        CaseRow.community_id == community_id,
        CaseRow.state != CaseState.DISMISSED,
        sa.or_(
            CaseRow.state.in_([state for state in OPEN_CASE_STATES if state is not CaseState.RESOLVED]),
            CaseRow.opened_at >= since,
            CaseRow.resolved_at >= since,
            CaseRow.closed_at >= since,
        ),
    )
    query = query.order_by(CaseRow.opened_at.desc(), CaseRow.id.desc()).limit(50)
    return list(db.execute(query.execution_options(populate_existing=True)).scalars())


def members_with_open(db: ReadSession, member_ids: Collection[str]) -> set[str]:
    """Those of these members who have an open case anywhere."""
    if not member_ids:
        return set()
    query = sa.select(CaseRow.member_id).distinct()
    query = query.where(CaseRow.member_id.in_(member_ids), CaseRow.state.in_(OPEN_CASE_STATES))
    return {str(found) for found in db.execute(query).scalars()}


def unanswered(db: ReadSession, community_id: str, since: datetime, *, member_id: str | None = None) -> list[CaseRow]:
    """Cases of a community, opened after `since`, that nobody has answered yet, of one member or all; oldest first."""
    query = sa.select(CaseRow).where(
        CaseRow.community_id == community_id,
        CaseRow.state.in_((CaseState.NEW, CaseState.REOPENED)),
        CaseRow.opened_at >= since if member_id is None else CaseRow.member_id == member_id,
    )
    return list(db.execute(query.order_by(CaseRow.opened_at, CaseRow.id).limit(30)).scalars())


_SILENT = (CaseRow.state == CaseState.RESOLVED, CaseRow.told_at.is_not(None), CaseRow.answer.is_(None))


def told_and_silent_in(db: ReadSession) -> list[str]:
    """The communities with cases whose members were told the result and have not answered, those told first first."""
    query = sa.select(CaseRow.community_id).where(*_SILENT).group_by(CaseRow.community_id)
    return list(db.execute(query.order_by(sa.func.min(CaseRow.told_at), CaseRow.community_id)).scalars())


def told_and_silent(db: ReadSession, community_id: str, limit: int) -> list[CaseRow]:
    """A community's cases whose members were told the result and have not answered, those told first first."""
    row = CaseRow
    query = sa.select(row).where(*_SILENT, row.community_id == community_id)
    return list(db.execute(query.order_by(row.told_at, row.id).limit(limit)).scalars())


def of_erased(db: ReadSession, limit: int) -> list[str]:
    """Ids of open cases whose members were erased, the oldest first."""
    query = sa.select(CaseRow.id).join(MemberRow, MemberRow.id == CaseRow.member_id)
    query = query.where(MemberRow.erased_at.is_not(None), CaseRow.state.in_(OPEN_CASE_STATES))
    return list(db.execute(query.order_by(CaseRow.opened_at, CaseRow.id).limit(limit)).scalars())


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list of cases is about; None means whatever. `communities` None: all. `overdue`: those whose clock has
    run out without an answer by `now`; `free`: those in no incident."""

    states: Sequence[str] | None = None
    category: str | None = None
    severity: str | None = None
    owner_id: str | None = None
    overdue: bool | None = None
    communities: frozenset[str] | None = None
    now: datetime | None = None
    free: bool = False


def page(
    db: ReadSession, wanted: Filter, *, after: tuple[datetime, str] | None = None, limit: int = 50
) -> list[CaseRow]:
    """Cases, the newest first; `after` is the last one of the page before (opened, id)."""
    row = CaseRow
    query = sa.select(row).where(*_conditions(wanted))
    return list(db.execute(newest_first(query, row.opened_at, row.id, after=after, limit=limit)).scalars())


def most_urgent(db: ReadSession, wanted: Filter, limit: int) -> list[CaseRow]:
    """Cases, the one to answer first on top; those without a limit last, by age."""
    row = CaseRow
    query = sa.select(row).where(*_conditions(wanted))
    query = query.order_by(row.respond_by.is_(None), row.respond_by, row.opened_at, row.id)
    return list(db.execute(query.limit(limit)).scalars())


def count_by_state(db: ReadSession, wanted: Filter) -> dict[str, int]:
    """How many cases stand in each state."""
    query = sa.select(CaseRow.state, sa.func.count()).where(*_conditions(wanted)).group_by(CaseRow.state)
    return {state: number for state, number in db.execute(query)}


def _conditions(wanted: Filter) -> list[sa.ColumnElement[bool]]:
    row = CaseRow
    found: list[sa.ColumnElement[bool]] = []
    if wanted.states is not None:
        found.append(row.state.in_(wanted.states))
    if wanted.communities is not None:
        found.append(row.community_id.in_(wanted.communities))
    for column, value in ((row.category, wanted.category), (row.severity, wanted.severity)):
        if value is not None:
            found.append(column == value)
    if wanted.owner_id is not None:
        found.append(row.owner_id == wanted.owner_id)
    if wanted.free:
        found.append(row.incident_id.is_(None))
    if wanted.overdue is not None:
        assert wanted.now is not None
        # Not by `breached`: that stays with a case that was answered late, and with one that is open again.
        ran_out = sa.and_(row.respond_by.is_not(None), row.respond_by <= wanted.now)
        late = sa.and_(ran_out, row.state.in_(OPEN_CASE_STATES))
        found.append(late if wanted.overdue else ~late)
    return found
