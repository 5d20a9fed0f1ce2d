"""Which questions the knowledge base did not answer: the messages that candidates are gathered from, and counts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

import sqlalchemy as sa

from core.vocabulary import CandidateStatus, DraftStatus, ExpiredReason, NoDraftReason, SenderRole
from store.candidates import CandidateAnswerRow, CandidateAskedRow, CandidateRow
from store.drafts import DraftMessageRow, DraftRow, DraftVersionRow
from store.local_time import LocalWeek
from store.messages import MessageRow
from store.session import ReadSession

NEWEST: Final = 5_000
"""How far back questions are looked for that a person answered before there was a draft, in messages."""
_REASON = DraftRow.abstained["reason"].as_string()
_EXPIRED = DraftRow.expired["reason"].as_string()
_MODIFIED = DraftRow.status == DraftStatus.MODIFIED


class Unplaced(NamedTuple):
    """A message of a draft; `seen` stands for both as they are now."""

    message_id: str
    draft_id: str
    version: int

    @property
    def seen(self) -> str:
        return f"{self.message_id}:{self.draft_id}:{self.version}"


def unplaced(db: ReadSession, since: datetime, reasons: Sequence[str], limit: int) -> list[Unplaced]:
    """Members' messages that no candidate knows, whose draft was made from `since` on and abstained
    for one of the reasons, or had a text that a person replaced or answered past. The newest `limit`, oldest first.
    Whether it was replaced by another answer is for the caller to judge."""
    known = sa.select(CandidateAskedRow.message_id).where(CandidateAskedRow.message_id == DraftMessageRow.message_id)
    by_hand = sa.and_(DraftRow.status == DraftStatus.EXPIRED, _EXPIRED == ExpiredReason.HUMAN_ANSWERED)
    gone = (ExpiredReason.MESSAGE_RECALLED, ExpiredReason.MESSAGE_EDITED)
    query = (
        sa.select(DraftMessageRow.message_id, DraftRow.id, DraftRow.version)
        .join(DraftRow, DraftRow.id == DraftMessageRow.draft_id)
        .join(MessageRow, MessageRow.id == DraftMessageRow.message_id)
        .where(
            DraftRow.created_at >= since,
            MessageRow.history.is_(False),
            MessageRow.recalled.is_(False),
            MessageRow.sender_role == SenderRole.MEMBER,
            sa.or_(_REASON.in_(reasons), sa.and_(_REASON.is_(None), sa.or_(_MODIFIED, by_hand))),
            sa.func.coalesce(_EXPIRED, "").not_in(gone),
            ~known.exists(),
        )
        .order_by(DraftRow.id.desc(), DraftMessageRow.position.desc())
        .limit(limit)
    )
    return [Unplaced(*row) for row in db.execute(query)][::-1]


def drafts_of(db: ReadSession, message_ids: Sequence[str]) -> dict[str, DraftRow]:
    """The newest draft that answers each of the messages; those without one are left out."""
    query = (
        sa.select(DraftMessageRow.message_id, DraftRow)
        .join(DraftRow, DraftRow.id == DraftMessageRow.draft_id)
        .where(DraftMessageRow.message_id.in_(message_ids))
        .order_by(DraftMessageRow.revision)
    )
    return {message_id: draft for message_id, draft in db.execute(query)}


def revisions(db: ReadSession, message_ids: Sequence[str]) -> dict[str, int]:
    """The revision at which each message stands; recalled ones are left out."""
    query = sa.select(MessageRow.id, MessageRow.revision)
    rows = db.execute(query.where(MessageRow.id.in_(message_ids), MessageRow.recalled.is_(False)))
    return {message_id: revision for message_id, revision in rows}


def ended_at(db: ReadSession, draft_id: str) -> datetime | None:
    """When a draft expired."""
    query = sa.select(DraftVersionRow.at).where(
        DraftVersionRow.draft_id == draft_id, DraftVersionRow.status == DraftStatus.EXPIRED
    )
    return db.execute(query.order_by(DraftVersionRow.version.desc()).limit(1)).scalar_one_or_none()


def answered_first(db: ReadSession) -> list[MessageRow]:
    """Of the newest messages those of members that no candidate knows and that a person answered before there was a
    draft, oldest first."""
    newest = sa.select(MessageRow.id).order_by(MessageRow.id.desc()).limit(NEWEST)
    known = sa.select(CandidateAskedRow.message_id).where(CandidateAskedRow.message_id == MessageRow.id)
    query = (
        sa.select(MessageRow)
        .where(
            # There is no index for the rest: ids sort by the time they were made.
            MessageRow.id.in_(newest),
            MessageRow.no_draft == NoDraftReason.HUMAN_ANSWERED,
            MessageRow.history.is_(False),
            MessageRow.recalled.is_(False),
            MessageRow.sender_role == SenderRole.MEMBER,
            ~known.exists(),
        )
        .order_by(MessageRow.id)
    )
    return list(db.execute(query).scalars())


def with_new_answer(db: ReadSession, limit: int) -> list[tuple[str, str]]:
    """(candidate, message) of open candidates where a person has answered the message and the answer is not kept yet,
    newest first."""
    kept = sa.select(CandidateAnswerRow.message_id).where(
        CandidateAnswerRow.message_id == CandidateAskedRow.message_id,
        CandidateAnswerRow.candidate_id == CandidateAskedRow.candidate_id,
    )
    by_hand = sa.and_(DraftRow.status == DraftStatus.EXPIRED, _EXPIRED == ExpiredReason.HUMAN_ANSWERED)
    decided = DraftRow.status.in_((DraftStatus.APPROVED, DraftStatus.MODIFIED))
    query = (
        sa.select(CandidateAskedRow.candidate_id, CandidateAskedRow.message_id)
        .distinct()
        .join(CandidateRow, CandidateRow.id == CandidateAskedRow.candidate_id)
        .join(MessageRow, MessageRow.id == CandidateAskedRow.message_id)
        .outerjoin(DraftMessageRow, DraftMessageRow.message_id == MessageRow.id)
        .outerjoin(DraftRow, DraftRow.id == DraftMessageRow.draft_id)
        .where(
            CandidateRow.status == CandidateStatus.OPEN,
            sa.or_(decided, by_hand, MessageRow.no_draft == NoDraftReason.HUMAN_ANSWERED),
            ~kept.exists(),
        )
        .order_by(CandidateAskedRow.message_id.desc())
        .limit(limit)
    )
    return [(candidate_id, message_id) for candidate_id, message_id in db.execute(query)]


def abstentions(db: ReadSession, *, communities: frozenset[str] | None, since: datetime) -> list[tuple[str, str, int]]:
    """(Monday of the week, reason, how many) of the drafts without a text that were made from `since` on."""
    week = LocalWeek(DraftRow.created_at)
    query = (
        sa.select(week, _REASON, sa.func.count())
        .where(DraftRow.created_at >= since, _REASON.is_not(None))
        .group_by(week, _REASON)
        .order_by(week.desc(), _REASON)
    )
    if communities is not None:
        query = query.where(DraftRow.community_id.in_(communities))
    return [(str(monday), str(reason), count) for monday, reason, count in db.execute(query)]
