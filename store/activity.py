"""The activity axis of members: who is new, core, active, silent, lapsed, dormant or gone.

One definition in two forms, which a test compares: `judge` in Python for one member, `axis` in SQL over `facts` for
all. Evaluated in the order of `core.vocabulary.Activity`, at a moment, within the communities in question: who left
all of them is gone; a member of several counts once, from the first of the stays that are still open.

How long somebody was idle is counted in full days of 24 hours since the last activity, or since joining where there
was none since: day 30 is `lapsed`, day 90 `dormant`; day 14 after joining is still `new`.

    at = db.now                                    # or any moment, for the standing as it was then
    limits = activity.limits(db)
    one = activity.facts(communities, at, limits)  # a subquery: member_id, present, joined_at, last_at, days, messages
    query = sa.select(one.c.member_id).where(activity.axis(one, at, limits) == Activity.LAPSED)
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from core import tunables
from core.vocabulary import Activity, EventType, MessageType, SenderRole
from store import settings
from store.events import EventRow
from store.local_time import LocalDay
from store.members import MembershipRow
from store.messages import MessageRow
from store.session import ReadSession

# Activity is a message, reply, reaction, check-in, open, click, attendance or order; joining alone is none.
ACTIVE_EVENTS: Final = (
    EventType.REACTION,
    EventType.CHECK_IN,
    EventType.OPEN,
    EventType.CLICK,
    EventType.ATTEND,
    EventType.ORDER,
)


class Limits(NamedTuple):
    """Days and counts of the vocabulary; `lapsed_days` is also the window in which messages and active days count."""

    new_days: int = tunables.ACTIVITY_NEW_DAYS.default
    lapsed_days: int = tunables.ACTIVITY_LAPSED_DAYS.default
    dormant_days: int = tunables.ACTIVITY_DORMANT_DAYS.default
    core_days: int = tunables.ACTIVITY_CORE_DAYS.default
    core_messages: int = tunables.ACTIVITY_CORE_MESSAGES.default


class Facts(NamedTuple):
    """What is known of one member at a moment. `days` are distinct days with activity, and `messages` their number,
    within the window."""

    present: bool
    joined_at: datetime | None
    last_at: datetime | None
    days: int
    messages: int


def limits(db: ReadSession) -> Limits:
    """As the deployment has them set."""
    return Limits(
        settings.value(db, tunables.ACTIVITY_NEW_DAYS),
        settings.value(db, tunables.ACTIVITY_LAPSED_DAYS),
        settings.value(db, tunables.ACTIVITY_DORMANT_DAYS),
        settings.value(db, tunables.ACTIVITY_CORE_DAYS),
        settings.value(db, tunables.ACTIVITY_CORE_MESSAGES),
    )


def judge(facts: Facts, at: datetime, limits: Limits = Limits()) -> Activity:  # noqa: B008
    """The axis of one member; the reading version of `axis`."""
    if not facts.present or facts.joined_at is None:
        return Activity.EXITED
    idle = (at - max(facts.joined_at, facts.last_at or facts.joined_at)).days
    if idle >= limits.dormant_days:
        return Activity.DORMANT
    if idle >= limits.lapsed_days:
        return Activity.LAPSED
    if (at - facts.joined_at).days <= limits.new_days:
        return Activity.NEW
    if facts.days >= limits.core_days and facts.messages >= limits.core_messages:
        return Activity.CORE
    return Activity.ACTIVE if facts.messages >= 1 else Activity.SILENT


def axis(facts: sa.Subquery, at: datetime, limits: Limits) -> sa.ColumnElement[str]:
    """`judge` over the rows of `facts`, as an expression whose values are those of `Activity`."""
    one = facts.c

    def idle(days: int) -> sa.ColumnElement[bool]:
        bound = at - timedelta(days=days)
        return sa.and_(one.joined_at <= bound, sa.or_(one.last_at.is_(None), one.last_at <= bound))

    return sa.case(
        (one.present == 0, Activity.EXITED.value),
        (idle(limits.dormant_days), Activity.DORMANT.value),
        (idle(limits.lapsed_days), Activity.LAPSED.value),
        (one.joined_at > at - timedelta(days=limits.new_days + 1), Activity.NEW.value),
        (sa.and_(one.days >= limits.core_days, one.messages >= limits.core_messages), Activity.CORE.value),
        (one.messages >= 1, Activity.ACTIVE.value),
        else_=Activity.SILENT.value,
    )


def facts(communities: Collection[str], at: datetime, limits: Limits, *, per_community: bool = False) -> sa.Subquery:
    """One row per member who ever was in one of `communities` up to `at` (per member and community with
    `per_community`): `member_id`, `community_id` (then only), `present` 0|1, `joined_at`, `last_at`, `days`,
    `messages`."""
    stays, acts = _stays(communities, at, per_community=per_community), _acts(communities, at, limits, per_community)
    same = stays.c.member_id == acts.c.member_id
    if per_community:
        same = sa.and_(same, stays.c.community_id == acts.c.community_id)
    return (
        sa.select(
            *stays.c,
            acts.c.last_at,
            sa.func.coalesce(acts.c.days, 0).label("days"),
            sa.func.coalesce(acts.c.messages, 0).label("messages"),
        )
        .join_from(stays, acts, same, isouter=True)
        .subquery("facts")
    )


def _keys(table: Any, *, per_community: bool) -> list[Any]:
    return [table.member_id, table.community_id] if per_community else [table.member_id]


def _stays(communities: Collection[str], at: datetime, *, per_community: bool) -> sa.Subquery:
    still = sa.or_(MembershipRow.left_at.is_(None), MembershipRow.left_at > at)
    keys = _keys(MembershipRow, per_community=per_community)
    return (
        sa.select(
            *keys,
            sa.func.max(sa.case((still, 1), else_=0)).label("present"),
            sa.func.min(sa.case((still, MembershipRow.joined_at))).label("joined_at"),
        )
        .where(MembershipRow.community_id.in_(communities), MembershipRow.joined_at <= at)
        .group_by(*keys)
        .subquery("stays")
    )


def active_moments(communities: Collection[str], *, after: datetime | None, until: datetime) -> sa.Subquery:
    """Every activity in (after, until]: `member_id`, `community_id`, `at`, `message` (1 for a message, else 0)."""
    said = sa.select(
        MessageRow.member_id, MessageRow.community_id, MessageRow.sent_at.label("at"), sa.literal(1).label("message")
    ).where(
        MessageRow.community_id.in_(communities),
        MessageRow.member_id.is_not(None),
        MessageRow.sender_role == SenderRole.MEMBER,
        MessageRow.type != MessageType.SYSTEM,
        MessageRow.recalled.is_(False),
        MessageRow.sent_at <= until,
    )
    did = sa.select(EventRow.member_id, EventRow.community_id, EventRow.at, sa.literal(0)).where(
        EventRow.community_id.in_(communities),
        EventRow.member_id.is_not(None),
        EventRow.type.in_(ACTIVE_EVENTS),
        EventRow.at <= until,
    )
    if after is not None:
        said, did = said.where(MessageRow.sent_at > after), did.where(EventRow.at > after)
    return sa.union_all(said, did).subquery("moments")


def _acts(communities: Collection[str], at: datetime, limits: Limits, per_community: bool) -> sa.Subquery:
    moments = active_moments(communities, after=None, until=at).c
    window = moments.at > at - timedelta(days=limits.lapsed_days)
    keys = _keys(moments, per_community=per_community)
    return (
        sa.select(
            *keys,
            sa.func.max(moments.at).label("last_at"),
            sa.func.count(sa.distinct(sa.case((window, LocalDay(moments.at))))).label("days"),
            sa.func.sum(sa.case((window, moments.message), else_=0)).label("messages"),
        )
        .group_by(*keys)
        .subquery("acts")
    )
