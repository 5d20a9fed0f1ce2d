"""Segments compiled to SQL: which members a definition means, seen from within some communities; and what the rules of
a campaign need to know of each of them."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy import ColumnElement

from core import segments as tree
from core.vocabulary import ConsentKind, DeliveryKind, DeliveryState, SenderRole
from store import activity
from store.communities import CommunityRow
from store.deliveries import DeliveryRow
from store.events import EventRow
from store.members import ConsentRow, MemberIdentityRow, MemberRow, MembershipRow
from store.messages import MessageRow
from store.session import ReadSession

_CHUNK: Final = 500
_NOT_SENT: Final = (DeliveryState.CANCELLED, DeliveryState.EXPIRED, DeliveryState.FAILED)


class View(NamedTuple):
    """From where a segment is seen: these communities, at this moment, in this time zone. `limits` are those of the
    activity axis."""

    communities: frozenset[str]
    now: datetime
    zone: tzinfo
    limits: activity.Limits


def matching(segment: tree.Node, view: View) -> sa.Select[str]:
    """The ids of the members that the segment means, each once, of all who have or had a stay within the view."""
    stays = sa.select(MembershipRow.member_id).where(*_within(MembershipRow.community_id, view))
    return sa.select(MemberRow.id).where(MemberRow.id.in_(stays), _holds(segment, view))


def count(db: ReadSession, segment: tree.Node, view: View) -> int:
    found = matching(segment, view).subquery()
    return db.execute(sa.select(sa.func.count()).select_from(found)).scalar_one()


def member_ids(db: ReadSession, segment: tree.Node, view: View) -> list[str]:
    """All of them, by id."""
    return list(db.execute(matching(segment, view).order_by(MemberRow.id)).scalars())


def sample(db: ReadSession, segment: tree.Node, view: View, most: int) -> list[str]:
    """Some of them, always the same: by id, those who were not erased."""
    query = matching(segment, view).where(MemberRow.erased_at.is_(None)).order_by(MemberRow.id).limit(most)
    return list(db.execute(query).scalars())


def active_hours(db: ReadSession, segment: tree.Node, view: View, days: int) -> dict[int, int]:
    """How many messages the segment's members wrote within the last `days`, by hour of day in the view's zone."""
    moment = sa.select(MessageRow.sent_at).where(
        MessageRow.member_id.in_(matching(segment, view)),
        MessageRow.sent_at > view.now - timedelta(days=days),
        *_said(view),
    )
    hours: dict[int, int] = {}
    for at in db.execute(moment).scalars():
        hour = at.astimezone(view.zone).hour
        hours[hour] = hours.get(hour, 0) + 1
    return hours


def _holds(node: tree.Node, view: View) -> ColumnElement[bool]:
    match node:
        case tree.And():
            return sa.and_(*(_holds(one, view) for one in node.of))
        case tree.Or():
            return sa.or_(*(_holds(one, view) for one in node.of))
        case tree.Not():
            return sa.not_(_holds(node.of, view))
        case tree.Everyone():
            return sa.true()
        case tree.Joined():
            return _stay(view, *_joined(node, view))
        case tree.LastActive():
            return sa.and_(*_days_ago(_last_sign(view), node.days_ago_least, node.days_ago_most, view.now))
        case tree.Performed():
            return _did(node.what, node.within_days, view, node.times)
        case tree.NotPerformed():
            return sa.not_(_did(node.what, node.within_days, view))
    return _listed(node, view)


def _listed(
    node: tree.InCommunity | tree.OnChannel | tree.HasActivity | tree.FromSource, view: View
) -> ColumnElement[bool]:
    match node:
        case tree.InCommunity():
            return _stay(view, MembershipRow.community_id.in_(node.in_))
        case tree.OnChannel():
            reachable = sa.select(sa.literal(1)).where(
                MemberIdentityRow.member_id == MemberRow.id, MemberIdentityRow.channel.in_(node.in_)
            )
            return reachable.exists()
        case tree.FromSource():
            own = sa.func.coalesce(MemberRow.source, "").in_(node.in_)
            return sa.or_(own, _stay(view, MembershipRow.source.in_(node.in_)))
        case tree.HasActivity():
            facts = activity.facts(view.communities, view.now, view.limits)
            standing = activity.axis(facts, view.now, view.limits).in_([one.value for one in node.in_])
            return MemberRow.id.in_(sa.select(facts.c.member_id).where(standing))


def _within(column: sa.orm.InstrumentedAttribute[str], view: View) -> list[ColumnElement[bool]]:
    return [column.in_(sorted(view.communities))]


def _stay(view: View, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    mine = MembershipRow.member_id == MemberRow.id
    return sa.select(sa.literal(1)).where(mine, *_within(MembershipRow.community_id, view), *conditions).exists()


def _joined(node: tree.Joined, view: View) -> list[ColumnElement[bool]]:
    begun = MembershipRow.joined_at
    found = _days_ago(begun, node.days_ago_least, node.days_ago_most, view.now)
    if node.from_ is not None:
        found.append(begun >= _midnight(node.from_, view.zone))
    if node.to is not None:
        found.append(begun < _midnight(node.to + timedelta(days=1), view.zone))
    if node.in_ is not None:
        found.append(MembershipRow.community_id.in_(node.in_))
    return found


def _days_ago(
    moment: ColumnElement[datetime] | sa.orm.InstrumentedAttribute[datetime],
    least: int | None,
    most: int | None,
    now: datetime,
) -> list[ColumnElement[bool]]:
    found = []
    if least is not None:
        found.append(moment <= now - timedelta(days=least))
    if most is not None:
        found.append(moment > now - timedelta(days=most + 1))
    return found


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone)


def _last_sign(view: View) -> ColumnElement[datetime]:
    mine = MembershipRow.member_id == MemberRow.id
    first = sa.select(sa.func.min(MembershipRow.joined_at)).where(mine, *_within(MembershipRow.community_id, view))
    return sa.func.coalesce(MemberRow.last_active_at, first.scalar_subquery())


def _said(view: View) -> list[ColumnElement[bool]]:
    by_member = [MessageRow.sender_role == SenderRole.MEMBER, MessageRow.recalled.is_(False)]
    return [*by_member, *_within(MessageRow.community_id, view)]


def _did(what: str, within_days: int | None, view: View, times: int = 1) -> ColumnElement[bool]:
    if what == "message":
        done = [MessageRow.member_id == MemberRow.id, *_said(view)]
        at: sa.orm.InstrumentedAttribute[datetime] = MessageRow.sent_at
    else:
        done = [EventRow.member_id == MemberRow.id, EventRow.type == what, *_within(EventRow.community_id, view)]
        at = EventRow.at
    if within_days is not None:
        done.append(at > view.now - timedelta(days=within_days))
    if times == 1:
        return sa.select(sa.literal(1)).where(*done).exists()
    return sa.select(sa.func.count()).where(*done).scalar_subquery() >= times


class Stay(NamedTuple):
    community_id: str
    channel: str


class Said(NamedTuple):
    """What a member agreed to or opted out of; `community_id` None: everywhere."""

    kind: str
    community_id: str | None
    granted: bool
    at: datetime


class Reach(NamedTuple):
    """What the rules of a campaign need to know of a member. `stays` are the open ones within the view, by id of the
    community; `sent` when campaigns reach, or reached, the member anywhere."""

    member_id: str
    stays: tuple[Stay, ...]
    channels: frozenset[str]
    consents: tuple[Said, ...]
    erased: bool
    sent: tuple[datetime, ...]


def reaches(db: ReadSession, segment: tree.Node, view: View) -> list[Reach]:
    """The facts of all members that the segment means, by id."""
    ids = member_ids(db, segment, view)
    found: list[Reach] = []
    for begin in range(0, len(ids), _CHUNK):
        found += _reaches(db, ids[begin : begin + _CHUNK], view)
    return found


def _reaches(db: ReadSession, ids: Sequence[str], view: View) -> list[Reach]:
    stays = _by_member(db, _open_stays(ids, view))
    channels = _by_member(
        db,
        sa.select(MemberIdentityRow.member_id, MemberIdentityRow.channel).where(MemberIdentityRow.member_id.in_(ids)),
    )
    consents = _by_member(db, _consents(ids))
    sent = _by_member(db, _sent(ids))
    erased = set(
        db.execute(sa.select(MemberRow.id).where(MemberRow.id.in_(ids), MemberRow.erased_at.is_not(None))).scalars()
    )
    return [
        Reach(
            member_id=one,
            stays=tuple(Stay(*row) for row in stays.get(one, ())),
            channels=frozenset(channel for (channel,) in channels.get(one, ())),
            consents=tuple(Said(*row) for row in consents.get(one, ())),
            erased=one in erased,
            sent=tuple(at for (at,) in sent.get(one, ())),
        )
        for one in ids
    ]


def _open_stays(ids: Sequence[str], view: View) -> sa.Select[str, str, str]:
    return (
        sa.select(MembershipRow.member_id, MembershipRow.community_id, CommunityRow.channel)
        .join(CommunityRow, CommunityRow.id == MembershipRow.community_id)
        .where(
            MembershipRow.member_id.in_(ids),
            MembershipRow.left_at.is_(None),
            CommunityRow.archived_at.is_(None),
            *_within(MembershipRow.community_id, view),
        )
        .order_by(MembershipRow.community_id)
    )


def _consents(ids: Sequence[str]) -> sa.Select[str, str, str | None, bool, datetime]:
    kinds = (ConsentKind.MARKETING, ConsentKind.DATA, ConsentKind.PRIVATE_MESSAGE)
    return (
        sa.select(ConsentRow.member_id, ConsentRow.kind, ConsentRow.community_id, ConsentRow.granted, ConsentRow.at)
        .where(ConsentRow.member_id.in_(ids), ConsentRow.kind.in_(kinds))
        .order_by(ConsentRow.at, ConsentRow.id)
    )


def _sent(ids: Sequence[str]) -> sa.Select[str | None, datetime]:
    return sa.select(DeliveryRow.member_id, DeliveryRow.not_before).where(
        DeliveryRow.member_id.in_(ids),
        DeliveryRow.kind == DeliveryKind.CAMPAIGN,
        DeliveryRow.state.not_in(_NOT_SENT),
    )


def _by_member(db: ReadSession, query: sa.Select[*tuple[Any, ...]]) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of a query by their first column."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    for row in db.execute(query):
        found.setdefault(row[0], []).append(tuple(row[1:]))
    return found


def sources(db: ReadSession, communities: frozenset[str]) -> list[str]:
    """By which sources members came there."""
    query = sa.select(MembershipRow.source).where(
        MembershipRow.community_id.in_(sorted(communities)), MembershipRow.source.is_not(None)
    )
    return sorted(source for source in db.execute(query.distinct()).scalars() if source)
