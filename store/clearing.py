"""Clears the words of one member, or of everybody before a moment, a few hundred rows at a time: other writers go on
between two slices, and what was interrupted is simply done again, since only rows that still hold something are found.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import ColumnElement, CursorResult, Table

from core.vocabulary import (
    OPEN_CASE_STATES,
    CandidateStatus,
    CaseState,
    DeliveryKind,
    DeliveryState,
    DraftStatus,
    MessageStage,
    RiskStatus,
)
from store import personal
from store.candidates import CandidateAskedRow, CandidateRow
from store.cases import CaseEventRow, CaseMessageRow, CaseRow
from store.communities import CommunityRow
from store.deliveries import DeliveryRow
from store.drafts import DraftMessageRow, DraftRow, DraftVersionRow
from store.events import EventRow
from store.members import ConsentRow, MemberIdentityRow, MemberKeyRow, MemberRow, MembershipRow
from store.messages import MessageRevisionRow, MessageRow
from store.privacy import ContactRow, DisclosureRow, ErasureRow, NoticeShownRow
from store.risks import RiskItemRow
from store.session import Database, ReadSession, WriteSession
from store.suggestions import SuggestionRow
from store.tables import METADATA

SLICE: Final = 400
"""Rows a transaction: about 20 ms on SQLite, whose writers wait for one another."""
Condition = ColumnElement[bool]
Keys = Sequence[sa.Row[Any]]
_OPEN: Final = (DraftStatus.PENDING, DraftStatus.ESCALATED)
_ON_ITS_WAY: Final = (DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.UNKNOWN)
"""What a person hasn't said yet what became of may have to go out again."""


def lanes_of(member_id: str) -> sa.Select[Any]:
    """The member's private conversations, one a community."""
    return sa.select(CommunityRow.id.concat(f":{member_id}"))


def _mine(member_id: str) -> Condition:
    return sa.or_(MessageRow.member_id == member_id, MessageRow.lane.in_(lanes_of(member_id)))


def _said(member_id: str) -> sa.Select[Any]:
    return sa.select(MessageRow.id).where(_mine(member_id))


def _drafts(member_id: str) -> Condition:
    answering = sa.select(DraftMessageRow.draft_id).where(DraftMessageRow.message_id.in_(_said(member_id)))
    return sa.or_(DraftRow.member_id == member_id, DraftRow.id.in_(answering))


def _risks(member_id: str) -> Condition:
    return sa.or_(RiskItemRow.member_id == member_id, RiskItemRow.message_id.in_(_said(member_id)))


def _deliveries(member_id: str) -> Condition:
    drafted = sa.select(DraftRow.id).where(_drafts(member_id))
    flagged = sa.select(RiskItemRow.id).where(_risks(member_id))
    return sa.or_(
        DeliveryRow.member_id == member_id, DeliveryRow.draft_id.in_(drafted), DeliveryRow.risk_id.in_(flagged)
    )


def _candidates(member_id: str) -> Condition:
    asked = sa.select(CandidateAskedRow.candidate_id).where(CandidateAskedRow.message_id.in_(_said(member_id)))
    return CandidateRow.id.in_(asked)


def _cases(member_id: str) -> Condition:
    return sa.or_(CaseRow.member_id == member_id, CaseRow.message_id.in_(_said(member_id)))


_OF_MEMBER: Final[dict[str, Callable[[str], Condition]]] = {
    # What refers to messages first: it is found by them.
    "message_revisions": lambda who: MessageRevisionRow.message_id.in_(_said(who)),
    "risk_items": _risks,
    "complaint_case_events": lambda who: CaseEventRow.case_id.in_(sa.select(CaseRow.id).where(_cases(who))),
    "complaint_cases": _cases,
    "suggestions": lambda who: SuggestionRow.member_id == who,
    "deliveries": _deliveries,
    "draft_versions": lambda who: DraftVersionRow.draft_id.in_(sa.select(DraftRow.id).where(_drafts(who))),
    "drafts": _drafts,
    "events": lambda who: EventRow.member_id == who,
    "messages": _mine,
    "disclosures": lambda who: DisclosureRow.member_id == who,
    "members": lambda who: MemberRow.id == who,
    "erasures": lambda who: ErasureRow.member_id == who,
}
_BEFORE: Final[dict[str, Callable[[datetime], Condition]]] = {
    "message_revisions": lambda at: sa.and_(
        MessageRevisionRow.received_at < at, ~_waited_for(MessageRevisionRow.message_id)
    ),
    "risk_items": lambda at: sa.and_(RiskItemRow.sent_at < at, RiskItemRow.status != RiskStatus.PENDING),
    "complaint_case_events": lambda at: CaseEventRow.case_id.in_(sa.select(CaseRow.id).where(_over(at))),
    "complaint_cases": lambda at: _over(at),
    "knowledge_candidates": lambda at: sa.and_(
        CandidateRow.last_asked_at < at, CandidateRow.status != CandidateStatus.OPEN
    ),
    "deliveries": lambda at: sa.and_(DeliveryRow.created_at < at, DeliveryRow.state.not_in(_ON_ITS_WAY)),
    "draft_versions": lambda at: DraftVersionRow.draft_id.in_(sa.select(DraftRow.id).where(_settled(at))),
    "drafts": lambda at: _settled(at),
    "events": lambda at: EventRow.at < at,
    "messages": lambda at: sa.and_(MessageRow.sent_at < at, MessageRow.due_at.is_(None), ~_waited_for(MessageRow.id)),
}


def _settled(at: datetime) -> Condition:
    of_open_case = sa.select(CaseRow.id).where(CaseRow.state.in_(OPEN_CASE_STATES), CaseRow.id == DraftRow.case_id)
    return sa.and_(DraftRow.created_at < at, DraftRow.status.not_in(_OPEN), ~of_open_case.exists())


def _over(at: datetime) -> Condition:
    """Cases that ended: what was dismissed has no moment of its own at which it was closed."""
    dismissed = sa.and_(CaseRow.state == CaseState.DISMISSED, CaseRow.opened_at < at)
    return sa.or_(CaseRow.closed_at < at, dismissed)


def _waited_for(message_id: Any) -> Condition:
    """Whether somebody still has to decide on something for which this message has to be read."""
    drafted = sa.select(DraftMessageRow.message_id).join(DraftRow, DraftRow.id == DraftMessageRow.draft_id)
    flagged = sa.select(RiskItemRow.message_id).where(RiskItemRow.status == RiskStatus.PENDING)
    complained = sa.select(CaseMessageRow.message_id).join(CaseRow, CaseRow.id == CaseMessageRow.case_id)
    return sa.or_(
        message_id.in_(drafted.where(DraftRow.status.in_(_OPEN))),
        message_id.in_(flagged),
        message_id.in_(complained.where(CaseRow.state.in_(OPEN_CASE_STATES))),
    )


def answers_to(db: ReadSession, member_id: str) -> list[str]:
    """The messages of staff and bots in groups that answer the member: they may quote them. One walk over all."""
    theirs = sa.select(MessageRow.external_id).where(MessageRow.member_id == member_id)
    query = sa.select(MessageRow.id).where(MessageRow.sender_role != "member", MessageRow.reply_to.in_(theirs))
    return list(db.execute(query).scalars())


def member_slices(member_id: str, answers: Sequence[str]) -> Iterator[Callable[[WriteSession], int]]:
    """What is to be done for a member, each to be called in a transaction of its own, again until it returns 0."""
    yield lambda db: replace_wordings(db, member_id)
    for name, of in _OF_MEMBER.items():
        where = of(member_id)
        yield lambda db, name=name, where=where: clear(db, name, where)  # type: ignore[misc]
    for start in range(0, len(answers), SLICE):
        some = MessageRow.id.in_(answers[start : start + SLICE])
        yield lambda db, some=some: clear(db, "messages", some)  # type: ignore[misc]
        of_some = MessageRevisionRow.message_id.in_(answers[start : start + SLICE])
        yield lambda db, some=of_some: clear(db, "message_revisions", some)  # type: ignore[misc]


def old(before: datetime) -> Iterator[tuple[str, Condition]]:
    """Tables, and which of their rows are settled and older than a moment."""
    for name, of in _BEFORE.items():
        yield name, of(before)


def clear(db: WriteSession, name: str, where: Condition) -> int:
    """Clear up to `SLICE` rows of a table that still hold something; how many."""
    found = holding(db, name, where)
    if found:
        overwrite(db, name, where, found)
    return len(found)


def holding(db: ReadSession, name: str, where: Condition) -> Keys:
    """Up to `SLICE` rows that still hold something. It may walk over all that hold nothing any more: who looks again
    and again does so before other writers have to wait."""
    table = METADATA.tables[name]
    holds = sa.or_(*(_differs(table, column, value) for column, value in personal.CLEARED[name].items()))
    return db.execute(sa.select(*table.primary_key.columns).where(where, holds).limit(SLICE)).all()


def overwrite(db: WriteSession, name: str, where: Condition, found: Keys) -> None:
    """Clear these rows, where the condition still holds for them."""
    table = METADATA.tables[name]
    keys = list(table.primary_key.columns)
    chosen = keys[0].in_([row[0] for row in found]) if len(keys) == 1 else sa.tuple_(*keys).in_([*map(tuple, found)])
    db.execute(_plainly(sa.update(table).where(chosen, where).values(personal.CLEARED[name])))


def _differs(table: Table, name: str, value: Any) -> Condition:
    column = table.c[name]
    if isinstance(value, sa.sql.elements.Null):
        return column.is_not(None)
    return column.is_distinct_from(sa.literal(value, column.type))


def replace_wordings(db: WriteSession, member_id: str) -> int:
    """Candidates whose question may be in the member's words get the words of somebody else who asked; those that
    nobody else asked go."""
    mine = _said(member_id)
    rows = db.execute(sa.select(CandidateRow).where(_candidates(member_id)).limit(SLICE)).scalars().all()
    for row in rows:
        others = sa.select(MessageRow.text).join(CandidateAskedRow, CandidateAskedRow.message_id == MessageRow.id)
        others = others.where(
            CandidateAskedRow.candidate_id == row.id, MessageRow.id.not_in(mine), MessageRow.text != ""
        )
        other = db.execute(others.order_by(MessageRow.id).limit(1)).scalar_one_or_none()
        row.question, row.reason = (other or "")[:200], None
        if other is None and row.status == "open":
            row.status, row.version = "rejected", row.version + 1
    gone = sa.delete(CandidateAskedRow).where(
        CandidateAskedRow.candidate_id.in_([row.id for row in rows]), CandidateAskedRow.message_id.in_(mine)
    )
    db.execute(gone.execution_options(synchronize_session=False))
    return len(rows)


def forget_person(db: WriteSession, member_id: str) -> int:
    """The key, the identities, everything that says who it is: what is sealed is unreadable from here on. The stays
    end, with nobody's name on them. Nothing is sent any more, nobody thinks about the messages; how many rows."""
    done = 0
    for column in (
        MemberKeyRow.member_id,
        MemberIdentityRow.member_id,
        ContactRow.member_id,
        ConsentRow.member_id,
        NoticeShownRow.member_id,
    ):
        done += _count(db.execute(_plainly(sa.delete(column.class_).where(column == member_id))))
    gone = personal.CLEARED["members"] | {"erased_at": db.now}
    done += _count(db.execute(_plainly(sa.update(MemberRow).where(MemberRow.id == member_id).values(gone))))
    stays = sa.update(MembershipRow).where(MembershipRow.member_id == member_id)
    db.execute(_plainly(stays.values(personal.CLEARED["memberships"])))
    db.execute(_plainly(stays.where(MembershipRow.left_at.is_(None)).values(left_at=db.now)))
    return done + _stop(db, member_id)


def _stop(db: WriteSession, member_id: str) -> int:
    queued = sa.update(DeliveryRow).where(
        _deliveries(member_id), DeliveryRow.state == DeliveryState.QUEUED, DeliveryRow.kind != DeliveryKind.ALERT
    )
    done = _count(db.execute(_plainly(queued.values(state=DeliveryState.CANCELLED, due_at=None))))
    waiting = sa.update(MessageRow).where(_mine(member_id), MessageRow.due_at.is_not(None))
    ended = {"due_at": None, "lease_until": None, "fence": MessageRow.fence + 1, "stage": MessageStage.DONE}
    done += _count(db.execute(_plainly(waiting.values(ended | {"wants_model": False, "done_at": db.now}))))
    drafted = sa.update(DraftRow).where(_drafts(member_id), DraftRow.status.in_(_OPEN))
    over = {"status": DraftStatus.EXPIRED, "expired": {"reason": "member_erased"}, "version": DraftRow.version + 1}
    return done + _count(db.execute(_plainly(drafted.values(over))))


def _plainly(change: Any) -> Any:
    return change.execution_options(synchronize_session=False)


def _count(result: Any) -> int:
    return result.rowcount if isinstance(result, CursorResult) else 0


def counts(db: ReadSession, member_id: str) -> dict[str, int]:
    """How many rows of each kind an erasure would touch."""
    tables = ("messages", "drafts", "deliveries", "events", "risk_items", "complaint_cases", "suggestions")
    return {name: _number(db, METADATA.tables[name], _OF_MEMBER[name](member_id)) for name in tables}


def _number(db: ReadSession, table: Table, where: Condition) -> int:
    return db.execute(sa.select(sa.func.count()).select_from(table).where(where)).scalar_one()


def checkpoint(database: Database) -> None:
    """On SQLite write the log into the database and empty it: cleared texts stand in neither. A reader may hold it up;
    then the next one does it. On PostgreSQL old row versions go with VACUUM."""
    if not database.is_sqlite:
        return
    connection = database.engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        cursor.close()
    finally:
        connection.close()
