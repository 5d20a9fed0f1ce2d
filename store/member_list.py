"""Members for people to look through, and everything that stands about one of them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from core.ids import new_id
from store.base import insert_new
from store.cases import CaseEventRow, CaseRow, CompensationRow
from store.deliveries import DeliveryRow
from store.drafts import DraftRow
from store.events import EventRow
from store.members import ConsentRow, MemberIdentityRow, MemberRow, MembershipRow
from store.messages import MessageRow
from store.risks import RiskItemRow
from store.session import ReadSession, WriteSession
from store.suggestions import SuggestionRow
from store.surveys import SurveyAnswerRow


def page(
    db: ReadSession,
    *,
    communities: frozenset[str] | None,
    name_hash: str | None = None,
    before: str | None = None,
    limit: int = 50,
) -> list[MemberRow]:
    """Members who were ever in these communities (None: all), the newest first; erased ones are left out."""
    query = sa.select(MemberRow).where(MemberRow.erased_at.is_(None)).order_by(MemberRow.id.desc()).limit(limit)
    if communities is not None:
        stays = sa.select(MembershipRow.member_id).where(MembershipRow.community_id.in_(communities))
        query = query.where(MemberRow.id.in_(stays))
    if name_hash is not None:
        query = query.where(MemberRow.name_hash == name_hash)
    if before is not None:
        query = query.where(MemberRow.id < before)
    return list(db.execute(query).scalars())


def stays(db: ReadSession, member_ids: Collection[str]) -> dict[str, list[MembershipRow]]:
    """All stays of these members, the oldest first."""
    query = sa.select(MembershipRow).where(MembershipRow.member_id.in_(member_ids)).order_by(MembershipRow.joined_at)
    found: dict[str, list[MembershipRow]] = {one: [] for one in member_ids}
    for row in db.execute(query).scalars():
        found[row.member_id].append(row)
    return found


def identities(db: ReadSession, member_ids: Collection[str]) -> dict[str, list[MemberIdentityRow]]:
    query = sa.select(MemberIdentityRow).where(MemberIdentityRow.member_id.in_(member_ids))
    found: dict[str, list[MemberIdentityRow]] = {one: [] for one in member_ids}
    for row in db.execute(query.order_by(MemberIdentityRow.channel, MemberIdentityRow.external_hash)).scalars():
        found[row.member_id].append(row)
    return found


def consents(db: ReadSession, member_id: str) -> list[ConsentRow]:
    """What the member ever said, newest first."""
    query = sa.select(ConsentRow).where(ConsentRow.member_id == member_id)
    return list(db.execute(query.order_by(ConsentRow.at.desc(), ConsentRow.id.desc())).scalars())


def consent(db: WriteSession, **values: Any) -> bool:
    """Note what a member agreed to or opted out of; False where the same stands already."""
    same = sa.select(ConsentRow.id).where(
        *(getattr(ConsentRow, name) == values[name] for name in ("member_id", "kind", "at"))
    )
    place = values["community_id"]
    same = same.where(ConsentRow.community_id.is_(None) if place is None else ConsentRow.community_id == place)
    if db.execute(same).first() is not None:
        return False
    return insert_new(db, ConsentRow, {"id": new_id("cns")} | values)


class Everything(NamedTuple):
    """All rows about a member, each kind in the order of time."""

    messages: Sequence[MessageRow]
    events: Sequence[EventRow]
    drafts: Sequence[DraftRow]
    deliveries: Sequence[DeliveryRow]
    risks: Sequence[RiskItemRow]
    cases: Sequence[CaseRow]
    case_events: Sequence[CaseEventRow]
    compensations: Sequence[CompensationRow]
    suggestions: Sequence[SuggestionRow]
    surveys: Sequence[SurveyAnswerRow]


def everything(db: ReadSession, member_id: str) -> Everything:
    mine = sa.select(CaseRow.id).where(CaseRow.member_id == member_id)
    return Everything(
        messages=_all(db, MessageRow, MessageRow.member_id == member_id),
        events=_all(db, EventRow, EventRow.member_id == member_id),
        drafts=_all(db, DraftRow, DraftRow.member_id == member_id),
        deliveries=_all(db, DeliveryRow, DeliveryRow.member_id == member_id),
        risks=_all(db, RiskItemRow, RiskItemRow.member_id == member_id),
        cases=_all(db, CaseRow, CaseRow.member_id == member_id),
        case_events=_all(db, CaseEventRow, CaseEventRow.case_id.in_(mine)),
        compensations=_all(db, CompensationRow, CompensationRow.case_id.in_(mine)),
        suggestions=_all(db, SuggestionRow, SuggestionRow.member_id == member_id),
        surveys=_all(db, SurveyAnswerRow, SurveyAnswerRow.member_id == member_id),
    )


def _all(db: ReadSession, table: Any, where: Any) -> Sequence[Any]:
    return db.execute(sa.select(table).where(where).order_by(table.id)).scalars().all()


def cancel_marketing(
    db: WriteSession, member_id: str, kind: str, community_id: str | None, refused_at: datetime
) -> int:
    """Take back campaign messages to the member that nobody was handed yet, but where they agreed again after the
    refusal; how many."""
    agreed = sa.select(ConsentRow.id).where(
        ConsentRow.member_id == member_id,
        ConsentRow.kind == kind,
        ConsentRow.granted,
        ConsentRow.at > refused_at,
        sa.or_(ConsentRow.community_id.is_(None), ConsentRow.community_id == DeliveryRow.community_id),
    )
    change = sa.update(DeliveryRow).where(
        DeliveryRow.member_id == member_id,
        DeliveryRow.kind == "campaign",
        DeliveryRow.state == "queued",
        ~agreed.exists(),
    )
    if community_id is not None:
        change = change.where(DeliveryRow.community_id == community_id)
    moved = change.values(state="cancelled", due_at=None).returning(DeliveryRow.id)
    return len(db.execute(moved.execution_options(synchronize_session=False)).all())


def left_before(db: ReadSession, moment: Any, limit: int) -> list[str]:
    """Members who are in no group any more, the last stay over before `moment`, and not erased yet."""
    open_stay = sa.select(MembershipRow.id).where(
        MembershipRow.member_id == MemberRow.id,
        sa.or_(MembershipRow.left_at.is_(None), MembershipRow.left_at >= moment),
    )
    stay = sa.select(MembershipRow.id).where(MembershipRow.member_id == MemberRow.id)
    query = sa.select(MemberRow.id).where(MemberRow.erased_at.is_(None), stay.exists(), ~open_stay.exists())
    return list(db.execute(query.order_by(MemberRow.id).limit(limit)).scalars())
