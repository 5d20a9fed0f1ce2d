"""Candidates (候选) of the knowledge base: what a person may make an entry or a phrasing of, and what they rest on."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.ids import new_id
from core.vocabulary import CandidateKind, CandidateOrigin, CandidateStatus
from store.base import Base, Id, insert_new
from store.session import ReadSession, WriteSession


class CandidateRow(Base):
    """`question` is the wording that stands for the others, masked; `count` how many messages asked it. `entry_id` is
    the entry that a phrasing is for, or that a candidate became."""

    __tablename__ = "knowledge_candidates"
    __table_args__ = (Index("ix_knowledge_candidates_status", "status", "community_id", "count"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    community_id: Mapped[str] = mapped_column(ForeignKey("communities.id"))
    kind: Mapped[str] = mapped_column(String(16))
    origin: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16))
    version: Mapped[int] = mapped_column(Integer)
    question: Mapped[str] = mapped_column(Text)
    count: Mapped[int] = mapped_column(Integer)
    entry_id: Mapped[str | None] = mapped_column(String(80))
    created_at: Mapped[datetime]
    last_asked_at: Mapped[datetime]
    decided_by: Mapped[str | None] = mapped_column(Id)
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None] = mapped_column(Text)


class CandidateAskedRow(Base):
    """A message that asked what the candidate is about; a message asks for at most one."""

    __tablename__ = "knowledge_candidate_asked"
    __table_args__ = (Index("ix_knowledge_candidate_asked_candidate_id", "candidate_id"),)

    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id"), primary_key=True)
    candidate_id: Mapped[str] = mapped_column(ForeignKey("knowledge_candidates.id"))


class CandidateAnswerRow(Base):
    """What a person answered: `source_id` is a decided draft or a message of staff, `message_id` the one it answers."""

    __tablename__ = "knowledge_candidate_answers"

    candidate_id: Mapped[str] = mapped_column(ForeignKey("knowledge_candidates.id"), primary_key=True)
    source_id: Mapped[str] = mapped_column(Id, primary_key=True)
    source: Mapped[str] = mapped_column(String(16))
    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id"))
    at: Mapped[datetime]


def get(db: ReadSession, candidate_id: str) -> CandidateRow | None:
    return db.get(CandidateRow, candidate_id, populate_existing=True)


def page(
    db: ReadSession,
    *,
    communities: frozenset[str] | None,
    statuses: Sequence[str] = (CandidateStatus.OPEN,),
    kind: str | None = None,
    entry_id: str | None = None,
    least: int = 1,
    after: tuple[int, str] | None = None,
    limit: int = 50,
) -> list[CandidateRow]:
    """Candidates of these communities (None for all), those asked most first. `least` is how many must have asked; it
    does not hold for phrasings, each of which a person picked or a model proposed."""
    query = sa.select(CandidateRow).where(*_wanted(communities, statuses, kind, least)).limit(limit)
    query = query.order_by(CandidateRow.count.desc(), CandidateRow.id.desc())
    if entry_id is not None:
        query = query.where(CandidateRow.entry_id == entry_id)
    if after is not None:
        place = sa.tuple_(CandidateRow.count, CandidateRow.id)
        query = query.where(place < sa.tuple_(sa.literal(after[0]), sa.literal(after[1])))
    return list(db.execute(query).scalars())


def number(
    db: ReadSession, *, communities: frozenset[str] | None, statuses: Sequence[str], kind: str | None, least: int
) -> int:
    """How many `page` would list in all."""
    query = sa.select(sa.func.count()).select_from(CandidateRow).where(*_wanted(communities, statuses, kind, least))
    return db.execute(query).scalar_one()


def _wanted(
    communities: frozenset[str] | None, statuses: Sequence[str], kind: str | None, least: int
) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = [CandidateRow.status.in_(statuses)]
    if least > 1:
        wanted.append(sa.or_(CandidateRow.count >= least, CandidateRow.kind == CandidateKind.PHRASING))
    if communities is not None:
        wanted.append(CandidateRow.community_id.in_(communities))
    if kind is not None:
        wanted.append(CandidateRow.kind == kind)
    return wanted


def unanswered(db: ReadSession, limit: int) -> list[CandidateRow]:
    """Open candidates that questions may still come to, those asked last first."""
    query = (
        sa.select(CandidateRow)
        .where(
            CandidateRow.status == CandidateStatus.OPEN,
            CandidateRow.origin == CandidateOrigin.UNANSWERED,
        )
        .order_by(CandidateRow.last_asked_at.desc(), CandidateRow.id.desc())
        .limit(limit)
    )
    return list(db.execute(query).scalars())


def asked(db: ReadSession, candidate_ids: Sequence[str]) -> dict[str, list[str]]:
    """The messages of each candidate, newest first."""
    query = (
        sa.select(CandidateAskedRow.candidate_id, CandidateAskedRow.message_id)
        .where(CandidateAskedRow.candidate_id.in_(candidate_ids))
        .order_by(CandidateAskedRow.message_id.desc())
    )
    found: dict[str, list[str]] = {candidate_id: [] for candidate_id in candidate_ids}
    for candidate_id, message_id in db.execute(query):
        found[candidate_id].append(message_id)
    return found


def answers(db: ReadSession, candidate_id: str) -> list[CandidateAnswerRow]:
    """What people answered, newest first."""
    query = sa.select(CandidateAnswerRow).where(CandidateAnswerRow.candidate_id == candidate_id)
    return list(db.execute(query.order_by(CandidateAnswerRow.at.desc(), CandidateAnswerRow.source_id)).scalars())


def add(db: WriteSession, **values: Any) -> str:
    """A new open candidate that nobody has asked for yet; its id. `values` are the row's community, kind, origin,
    question, entry_id, count."""
    made = {"id": new_id("cand"), "status": CandidateStatus.OPEN, "version": 1, "count": 0}
    row = CandidateRow(**(made | {"created_at": db.now, "last_asked_at": db.now} | values))
    db.add(row)
    db.flush()
    return row.id


def lock_open(db: WriteSession, candidate_id: str) -> bool:
    """Whether the candidate is open; until the transaction ends nobody else decides on it."""
    change = sa.update(CandidateRow).where(CandidateRow.id == candidate_id, CandidateRow.status == CandidateStatus.OPEN)
    return db.execute(_quietly(change.values(count=CandidateRow.count).returning(CandidateRow.id))).first() is not None


def change(db: WriteSession, candidate_id: str, **values: Any) -> None:
    """Set columns of a candidate that is known to be open."""
    db.execute(_quietly(sa.update(CandidateRow).where(CandidateRow.id == candidate_id).values(**values)))


def ask(db: WriteSession, candidate_id: str, message_id: str) -> bool:
    """Note that a message asks for a candidate; False where it already asks for one, this or another."""
    return insert_new(db, CandidateAskedRow, {"message_id": message_id, "candidate_id": candidate_id})


def answer(db: WriteSession, candidate_id: str, **values: Any) -> bool:
    """Keep what a person answered; False where it is known."""
    return insert_new(db, CandidateAnswerRow, {"candidate_id": candidate_id} | values)


def absorb(db: WriteSession, candidate_id: str, other_id: str) -> None:
    """Move everything of `other_id`, which is known to be open, and take it away."""
    moved = sa.update(CandidateAskedRow).where(CandidateAskedRow.candidate_id == other_id)
    db.execute(_quietly(moved.values(candidate_id=candidate_id)))
    known = sa.select(CandidateAnswerRow.source_id).where(CandidateAnswerRow.candidate_id == candidate_id)
    twice = CandidateAnswerRow.source_id.in_(known)
    _drop(db, CandidateAnswerRow, CandidateAnswerRow.candidate_id == other_id, twice)
    rest = sa.update(CandidateAnswerRow).where(CandidateAnswerRow.candidate_id == other_id)
    db.execute(_quietly(rest.values(candidate_id=candidate_id)))
    _drop(db, CandidateRow, CandidateRow.id == other_id)


def leave(db: WriteSession, message_ids: Sequence[str], *, origin: CandidateOrigin | None = None) -> None:
    """Take messages out of the open candidates (of one origin, or of any) that they asked for; a candidate that nobody
    asks for any more goes. What was decided stays as it was decided on."""
    query = (
        sa.select(CandidateAskedRow.message_id, CandidateRow.id)
        .join(CandidateRow, CandidateRow.id == CandidateAskedRow.candidate_id)
        .where(CandidateAskedRow.message_id.in_(message_ids), CandidateRow.status == CandidateStatus.OPEN)
    )
    if origin is not None:
        query = query.where(CandidateRow.origin == origin)
    for message_id, candidate_id in db.execute(query).all():
        _drop(db, CandidateAskedRow, CandidateAskedRow.message_id == message_id)
        of_message = CandidateAnswerRow.message_id == message_id
        _drop(db, CandidateAnswerRow, CandidateAnswerRow.candidate_id == candidate_id, of_message)
        recount(db, candidate_id)
        if not asked(db, [candidate_id])[candidate_id]:
            _drop(db, CandidateAnswerRow, CandidateAnswerRow.candidate_id == candidate_id)
            _drop(db, CandidateRow, CandidateRow.id == candidate_id)


def recount(db: WriteSession, candidate_id: str) -> None:
    """Set `count` to the number of messages that asked."""
    counted = sa.select(sa.func.count()).where(CandidateAskedRow.candidate_id == candidate_id).scalar_subquery()
    change(db, candidate_id, count=counted)


def decide(db: WriteSession, candidate_id: str, *, version: int, **values: Any) -> bool:
    """Compare-and-set of an open candidate's state; False where somebody was faster."""
    moved = sa.update(CandidateRow).where(
        CandidateRow.id == candidate_id,
        CandidateRow.version == version,
        CandidateRow.status == CandidateStatus.OPEN,
    )
    set_ = moved.values(version=version + 1, decided_at=db.now, **values).returning(CandidateRow.id)
    return db.execute(_quietly(set_)).first() is not None


def _drop(db: WriteSession, table: type[Base], *where: ColumnElement[bool]) -> None:
    db.execute(_quietly(sa.delete(table).where(*where)))


def _quietly(statement: Any) -> Any:
    return statement.execution_options(synchronize_session=False)
