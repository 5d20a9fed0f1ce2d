"""A compiled segment means the same members as reading its definition aloud, on both databases."""

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import segments as tree
from core.clock import ManualClock
from core.ids import new_id
from core.vocabulary import Activity, EventType
from store import activity, segments
from store.communities import CommunityRow
from store.events import EventRow
from store.members import MemberIdentityRow, MemberRow, MembershipRow
from store.messages import MessageRow
from store.segments import View
from store.session import Database, WriteSession
from tests.conftest import NOW

ZONE = ZoneInfo("Asia/Shanghai")
GROUPS = ("mama", "baba", "elsewhere")
VIEW = View(frozenset(("mama", "baba")), NOW, ZONE, activity.Limits())
EVENTS = (EventType.ORDER, EventType.CLICK, EventType.EXPOSURE)
SOURCES = ("poster", "friend")


@dataclass(frozen=True)
class Stay:
    community: str
    joined: datetime
    left: datetime | None
    source: str | None


@dataclass(frozen=True)
class Person:
    stays: tuple[Stay, ...]
    messages: tuple[tuple[str, datetime], ...]
    events: tuple[tuple[str, EventType, datetime], ...]
    channels: frozenset[str]
    source: str | None
    last: datetime | None
    id: str = field(default_factory=lambda: new_id("mem"))


def _ago(most: int) -> st.SearchStrategy[datetime]:
    """Moments before now, the limits of the axis to the second among them."""
    edges = st.sampled_from([0, 14, 15, 29, 30, 89, 90]).map(lambda days: NOW - timedelta(days=days))
    return st.one_of(edges, st.integers(1, most * 24).map(lambda hours: NOW - timedelta(hours=hours)))


@st.composite
def _stay(draw: st.DrawFn) -> Stay:
    joined = draw(_ago(200))
    left = draw(st.none() | st.just(joined + (NOW - joined) / 2))
    return Stay(draw(st.sampled_from(GROUPS)), joined, left, draw(st.none() | st.sampled_from(SOURCES)))


def _one_open_each(stays: list[Stay]) -> tuple[Stay, ...]:
    opened: set[str] = set()
    kept = []
    for stay in stays:
        if stay.left is not None or stay.community not in opened:
            kept.append(stay)
            opened |= {stay.community} if stay.left is None else set()
    return tuple(kept)


_PEOPLE = st.lists(
    st.builds(
        Person,
        stays=st.lists(_stay(), max_size=3).map(_one_open_each),
        messages=st.lists(st.tuples(st.sampled_from(GROUPS), _ago(120)), max_size=4).map(tuple),
        events=st.lists(st.tuples(st.sampled_from(GROUPS), st.sampled_from(EVENTS), _ago(120)), max_size=3).map(tuple),
        channels=st.frozensets(st.sampled_from(("wecom", "dingtalk")), max_size=2),
        source=st.none() | st.sampled_from(SOURCES),
        last=st.none() | _ago(200),
    ),
    max_size=8,
)
_DAYS = st.sampled_from([0, 13, 14, 29, 30, 60, 89, 90, 180])
_WITHIN = st.none() | st.sampled_from([1, 7, 30, 90])
_WHAT = st.sampled_from(["message", *EVENTS])


@st.composite
def _range(draw: st.DrawFn) -> dict[str, int | None]:
    least, most = draw(st.none() | _DAYS), draw(_DAYS)
    return {"days_ago_least": least, "days_ago_most": None if least is not None and most < least else most}


def _between() -> st.SearchStrategy[tree.Node]:
    def made(pair: tuple[int, int]) -> tree.Node:
        today = NOW.astimezone(ZONE).date()
        return tree.Joined(from_=today - timedelta(days=max(pair)), to=today - timedelta(days=min(pair)))

    return st.tuples(_DAYS, _DAYS).map(made)


_LEAF: st.SearchStrategy[tree.Node] = st.one_of(
    st.just(tree.Everyone()),
    st.lists(st.sampled_from(GROUPS), min_size=1, max_size=2).map(lambda one: tree.InCommunity(in_=tuple(one))),
    st.sampled_from(("wecom", "dingtalk", "nowhere")).map(lambda one: tree.OnChannel(in_=(one,))),
    st.lists(st.sampled_from(Activity), min_size=1, max_size=3).map(lambda one: tree.HasActivity(in_=tuple(one))),
    _range().map(lambda days: tree.Joined(**days)),
    _between(),
    _range().map(lambda days: tree.LastActive(**days)),
    st.builds(tree.Performed, what=_WHAT, times=st.integers(1, 3), within_days=_WITHIN),
    st.builds(tree.NotPerformed, what=_WHAT, within_days=_WITHIN),
    st.sampled_from(SOURCES).map(lambda one: tree.FromSource(in_=(one,))),
)
_TREES: st.SearchStrategy[tree.Node] = st.recursive(
    _LEAF,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda of: tree.And(of=tuple(of))),
        st.lists(inner, min_size=1, max_size=3).map(lambda of: tree.Or(of=tuple(of))),
        inner.map(lambda of: tree.Not(of=of)),
    ),
    max_leaves=5,
)


def _means(node: tree.Node, person: Person) -> bool:
    """The definition, read aloud."""
    stays = [stay for stay in person.stays if stay.community in VIEW.communities]
    match node:
        case tree.And():
            return all(_means(one, person) for one in node.of)
        case tree.Or():
            return any(_means(one, person) for one in node.of)
        case tree.Not():
            return not _means(node.of, person)
        case tree.Everyone():
            return True
        case tree.InCommunity():
            return any(stay.community in node.in_ for stay in stays)
        case tree.OnChannel():
            return bool(person.channels & set(node.in_))
        case tree.HasActivity():
            return activity.judge(_facts(person, stays), NOW) in node.in_
        case tree.Joined():
            return any(_joined(node, stay.joined) for stay in stays)
        case tree.LastActive():
            last = person.last or min(stay.joined for stay in stays)
            return _days(last, node.days_ago_least, node.days_ago_most)
        case tree.Performed():
            return _times(node.what, node.within_days, person) >= node.times
        case tree.NotPerformed():
            return _times(node.what, node.within_days, person) == 0
        case tree.FromSource():
            return person.source in node.in_ or any(stay.source in node.in_ for stay in stays)


def _days(moment: datetime, least: int | None, most: int | None) -> bool:
    days = (NOW - moment) // timedelta(days=1)
    return (least is None or days >= least) and (most is None or days <= most)


def _joined(node: tree.Joined, at: datetime) -> bool:
    day = at.astimezone(ZONE).date()
    inside = (node.from_ is None or day >= node.from_) and (node.to is None or day <= node.to)
    return inside and _days(at, node.days_ago_least, node.days_ago_most)


def _times(what: str, within: int | None, person: Person) -> int:
    done = (
        [(group, at) for group, at in person.messages]
        if what == "message"
        else [(group, at) for group, type_, at in person.events if type_ == what]
    )
    since = (
        NOW - timedelta(days=within)
        if within is not None
        else datetime.combine(NOW.date(), time(), ZONE).replace(year=1)
    )
    return sum(group in VIEW.communities and at > since for group, at in done)


def _facts(person: Person, stays: list[Stay]) -> activity.Facts:
    still = [stay.joined for stay in stays if stay.left is None or stay.left > NOW]
    said = [at for group, at in person.messages if group in VIEW.communities]
    did = [at for group, type_, at in person.events if group in VIEW.communities and type_ in activity.ACTIVE_EVENTS]
    recent = NOW - timedelta(days=VIEW.limits.lapsed_days)
    return activity.Facts(
        present=bool(still),
        joined_at=min(still, default=None),
        last_at=max([*said, *did], default=None),
        days=len({at.astimezone(ZONE).date() for at in (*said, *did) if at > recent}),
        messages=sum(at > recent for at in said),
    )


def _lay_down(db: WriteSession, person: Person) -> None:
    db.add(MemberRow(id=person.id, profile={}, source=person.source, created_at=NOW, last_active_at=person.last))
    db.flush()
    for stay in person.stays:
        db.add(
            MembershipRow(
                id=new_id("stay"),
                community_id=stay.community,
                member_id=person.id,
                joined_at=stay.joined,
                left_at=stay.left,
                source=stay.source,
            )
        )
    for channel in person.channels:
        db.add(MemberIdentityRow(channel=channel, external_hash=person.id, member_id=person.id, external_sealed=b"x"))
    db.add_all(_message(person.id, group, at) for group, at in person.messages)
    db.add_all(_event(person.id, group, type_, at) for group, type_, at in person.events)


def _message(member_id: str, group: str, at: datetime) -> MessageRow:
    one = new_id("msg")
    return MessageRow(
        id=one,
        lane=group,
        channel="wecom",
        community_id=group,
        external_id=one,
        revision=0,
        body_hash="",
        type="text",
        conversation="group",
        member_id=member_id,
        sender_role="member",
        text="",
        sent_at=at,
        received_at=at,
        stage="done",
        risk={},
    )


def _event(member_id: str, group: str, type_: str, at: datetime) -> EventRow:
    one = new_id("evt")
    return EventRow(
        id=one,
        channel="wecom",
        community_id=group,
        external_id=one,
        body_hash="",
        type=type_,
        member_id=member_id,
        at=at,
        data={},
        received_at=at,
    )


class _Undone(Exception):
    """Ends a write block so that nothing of it stays."""


@pytest.fixture
def groups(database: Database, clock: ManualClock) -> None:
    with database.write() as db:
        for one in GROUPS:
            db.add(CommunityRow(id=one, name=one, type="interest", channel="wecom", created_at=clock.now()))


@pytest.mark.usefixtures("groups")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(people=_PEOPLE, node=_TREES)
def test_the_query_means_what_the_definition_says(database: Database, people: list[Person], node: tree.Node) -> None:
    there = [one for one in people if any(stay.community in VIEW.communities for stay in one.stays)]
    expected = sorted(one.id for one in there if _means(node, one))
    with pytest.raises(_Undone), database.write() as db:
        for person in people:
            _lay_down(db, person)
        db.flush()
        assert segments.member_ids(db, node, VIEW) == expected
        assert segments.count(db, node, VIEW) == len(expected)
        assert [one.member_id for one in segments.reaches(db, node, VIEW)] == expected
        raise _Undone


@pytest.mark.usefixtures("groups")
@pytest.mark.parametrize(
    ("days", "standing"),
    [(29, Activity.SILENT), (30, Activity.LAPSED), (89, Activity.LAPSED), (90, Activity.DORMANT)],
)
def test_day_29_30_89_and_90_fall_where_they_belong(database: Database, days: int, standing: Activity) -> None:
    """# scope: 48, 49"""
    last = NOW - timedelta(days=days)
    stay = Stay("mama", NOW - timedelta(days=200), None, None)
    person = Person((stay,), (), (("mama", EventType.CLICK, last),), frozenset(), None, last)
    with database.write() as db:
        _lay_down(db, person)
    with database.read() as db:
        meant = {one: segments.count(db, tree.HasActivity(in_=(one,)), VIEW) for one in Activity}
    assert meant == {one: int(one is standing) for one in Activity}


@pytest.mark.usefixtures("groups")
def test_a_member_of_two_groups_counts_once(database: Database) -> None:
    stays = tuple(Stay(one, NOW - timedelta(days=3), None, None) for one in ("mama", "baba"))
    with database.write() as db:
        _lay_down(db, Person(stays, (), (), frozenset(), None, None))
    with database.read() as db:
        assert segments.count(db, tree.Everyone(), VIEW) == 1
