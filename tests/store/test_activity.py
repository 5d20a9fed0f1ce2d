"""The activity axis: its edges, and that SQL and Python say the same."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from agent.services import Services
from core.clock import ManualClock
from core.ids import new_id
from core.vocabulary import Activity
from store import activity
from store.activity import Facts, Limits
from store.events import EventRow
from store.members import MemberRow, MembershipRow
from store.messages import MessageRow
from store.session import Database, WriteSession
from tests.house import stay, utter

LIMITS = Limits()


@pytest.fixture
def at(clock: ManualClock) -> datetime:
    return clock.now()


def _one(at: datetime, *, joined: int, idle: int | None = None, days: int = 0, messages: int = 0) -> Activity:
    last = None if idle is None else at - timedelta(days=idle)
    return activity.judge(Facts(True, at - timedelta(days=joined), last, days, messages), at, LIMITS)


@pytest.mark.parametrize(
    ("idle", "expected"),
    [(29, Activity.SILENT), (30, Activity.LAPSED), (89, Activity.LAPSED), (90, Activity.DORMANT)],
)
def test_full_days_without_activity(at: datetime, idle: int, expected: Activity) -> None:
    # scope: 46
    assert _one(at, joined=200, idle=idle) == expected


@pytest.mark.parametrize(
    ("joined", "expected"),
    [(0, Activity.NEW), (14, Activity.NEW), (15, Activity.SILENT), (30, Activity.LAPSED), (90, Activity.DORMANT)],
)
def test_who_never_was_active_counts_from_joining(at: datetime, joined: int, expected: Activity) -> None:
    assert _one(at, joined=joined) == expected


@pytest.mark.parametrize(
    ("days", "messages", "expected"),
    [(12, 20, Activity.CORE), (11, 20, Activity.ACTIVE), (12, 19, Activity.ACTIVE), (3, 0, Activity.SILENT)],
)
def test_core_needs_days_and_messages(at: datetime, days: int, messages: int, expected: Activity) -> None:
    assert _one(at, joined=60, idle=0, days=days, messages=messages) == expected


def test_who_came_back_counts_from_coming_back(at: datetime) -> None:
    assert _one(at, joined=5, idle=100) == Activity.NEW


def test_who_left_is_gone_whatever_they_did(at: datetime) -> None:
    assert activity.judge(Facts(False, None, at, 30, 300), at) == Activity.EXITED


def _act(db: WriteSession, community: str, member: str, at: datetime) -> None:
    db.add(
        EventRow(
            id=new_id("evt"),
            channel="wecom",
            community_id=community,
            external_id=new_id("x"),
            body_hash="0",
            type="check_in",
            member_id=member,
            at=at,
            data={},
            received_at=at,
        )
    )


def _crowd(db: WriteSession, at: datetime, number: int = 90) -> None:
    """Members whose stays and acts lie around every limit, in both groups."""
    dice = random.Random(7)
    edges = (0, 1, 13, 14, 15, 29, 30, 31, 89, 90, 91, 200)
    for _ in range(number):
        joined = at - timedelta(days=dice.choice(edges), minutes=dice.choice((0, 0, 1)))
        left = at - timedelta(hours=dice.randrange(1, 48)) if dice.random() < 0.2 else None
        member = stay(db, "mama", joined, left)
        if dice.random() < 0.4:
            stay(db, "root", at - timedelta(days=dice.choice(edges)), member_id=member)
        for _ in range(dice.choice((0, 1, 5, 70))):
            moment = at - timedelta(days=dice.choice((*range(28), *edges)), seconds=dice.choice((0, 1)))
            community = dice.choice(("mama", "root"))
            if dice.random() < 0.7:
                utter(db, community, member, moment)
            else:
                _act(db, community, member, moment)


def _by_hand(db: WriteSession, communities: Sequence[str], at: datetime) -> dict[str, Activity]:
    """The axis by walking over every row in Python."""
    found = {}
    for member in db.execute(sa.select(MemberRow.id)).scalars():
        stays = [
            row for row in _of(db, MembershipRow, member) if row.community_id in communities and row.joined_at <= at
        ]
        acts = [(row.sent_at, 1) for row in _of(db, MessageRow, member) if row.community_id in communities]
        acts += [(row.at, 0) for row in _of(db, EventRow, member) if row.community_id in communities]
        window = [(moment, said) for moment, said in acts if moment > at - timedelta(days=30)]
        still = [row.joined_at for row in stays if row.left_at is None or row.left_at > at]
        if stays:
            days = {(moment + timedelta(hours=8)).date() for moment, _ in window}
            last = max((moment for moment, _ in acts), default=None)
            facts = Facts(bool(still), min(still, default=None), last, len(days), sum(said for _, said in window))
            found[member] = activity.judge(facts, at)
    return found


def _of(db: WriteSession, table: Any, member: str) -> list[Any]:
    return list(db.execute(sa.select(table).where(table.member_id == member)).scalars())


def test_sql_and_python_say_the_same(services: Services, community: str, at: datetime) -> None:
    # scope: 46
    with services.database.write() as db:
        _crowd(db, at)
        db.flush()
        for within in ((community,), (community, "root")):
            one = activity.facts(within, at, LIMITS)
            rows = db.execute(sa.select(one.c.member_id, activity.axis(one, at, LIMITS)))
            found = {member: Activity(word) for member, word in rows}
            assert found == _by_hand(db, within, at)
            assert set(found.values()) == set(Activity)


def test_per_community_each_group_is_judged_for_itself(services: Services, community: str, at: datetime) -> None:
    with services.database.write() as db:
        member = stay(db, community, at - timedelta(days=60))
        stay(db, "root", at - timedelta(days=60), member_id=member)
        utter(db, "root", member, at - timedelta(days=1))
        db.flush()
        one = activity.facts((community, "root"), at, LIMITS, per_community=True)
        rows = db.execute(sa.select(one.c.community_id, activity.axis(one, at, LIMITS)))
        assert dict(rows.all()) == {community: Activity.LAPSED, "root": Activity.ACTIVE}


def test_an_empty_database_has_no_rows(database: Database, at: datetime) -> None:
    with database.read() as db:
        one = activity.facts(["nobody"], at, activity.limits(db))
        assert db.execute(sa.select(one.c.member_id)).all() == []
