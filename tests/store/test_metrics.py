"""Metrics counted by SQL, against what anybody can count by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from agent.services import Services
from core.errors import ForModel
from core.metrics import Dimension, Metric
from core.vocabulary import Activity
from store import metrics
from store.metrics import Query, Row
from tests.house import stay, utter

# Monday 2026-11-09 to Sunday 2026-11-15 in Shanghai, as the test's clock stands on Saturday the 21st.
START = datetime(2026, 11, 8, 16, tzinfo=UTC)
END = START + timedelta(days=7)
NOW = datetime(2026, 11, 21, 2, tzinfo=UTC)
BOTH = frozenset({"mama", "root"})
HOUR = timedelta(hours=1)


def _query(metric: Metric, by: Dimension | None = None, **more: object) -> Query:
    plain: dict[str, object] = {"start": START, "end": END, "now": NOW, "communities": BOTH}
    return Query(metric=metric, by=by, **(plain | more))  # type: ignore[arg-type]


@pytest.fixture
def week(services: Services, community: str) -> Services:
    """a: in both groups since October. b: left mama in the week. c: joined mama in the week, and wrote twice.
    d: joined and left in the week. e: left and came back in the week. f: moved from mama to root in the week."""
    old = START - timedelta(days=20)
    with services.database.write() as db:
        a = stay(db, community, old, source="扫码")
        stay(db, "root", old, member_id=a)
        stay(db, community, old, START + HOUR)
        c = stay(db, community, START + 30 * HOUR, source="朋友")
        stay(db, community, START + HOUR, START + 2 * HOUR)
        e = stay(db, community, old, START + HOUR)
        stay(db, community, START + 5 * HOUR, member_id=e)
        f = stay(db, community, old, START + HOUR)
        stay(db, "root", START + 3 * HOUR, member_id=f)
        utter(db, community, a, START + 10 * HOUR)
        utter(db, "root", a, START + 34 * HOUR)
        utter(db, community, c, START + 34 * HOUR)
        utter(db, community, c, START + 35 * HOUR, risk={"level": "high", "labels": [], "action": "none", "reason": ""})
        utter(db, community, c, START + 36 * HOUR, sender_role="staff")
        utter(db, community, c, START + 36 * HOUR, recalled=True)
        utter(db, community, c, END)
    return services


def _measured(services: Services, query: Query) -> dict[str | None, Row]:
    with services.database.read() as db:
        return {row.key: row for row in metrics.measure(db, query)}


def _value(services: Services, metric: Metric, **more: object) -> float | int | None:
    return _measured(services, _query(metric, None, **more))[None].value


def test_members_of_two_groups_count_once(week: Services) -> None:
    assert _value(week, Metric.MEMBERS) == 4  # a, c, e, f
    grouped = _measured(week, _query(Metric.MEMBERS, Dimension.COMMUNITY))
    assert {key: row.value for key, row in grouped.items()} == {"mama": 3, "root": 2}


def test_net_growth_is_the_sum_and_the_difference(week: Services) -> None:
    # scope: 84
    new, gone = _value(week, Metric.NEW_MEMBERS), _value(week, Metric.EXITED_MEMBERS)
    assert (new, gone) == (2, 2)  # c and d came, b and d went; e and f are where they were
    before = _value(week, Metric.MEMBERS, start=START - HOUR, end=START)
    assert _value(week, Metric.NET_GROWTH) == 0 == (_value(week, Metric.MEMBERS) or 0) - (before or 0)


def test_in_a_breakdown_each_group_has_its_own_leavers(week: Services) -> None:
    gone = _measured(week, _query(Metric.EXITED_MEMBERS, Dimension.COMMUNITY))
    assert {key: row.value for key, row in gone.items()} == {"mama": 3}  # b, d and f left this group
    new = _measured(week, _query(Metric.NEW_MEMBERS, Dimension.SOURCE))
    assert {key: row.value for key, row in new.items()} == {"朋友": 1, "unknown": 1}


def test_messages_are_those_of_members_within_the_period(week: Services) -> None:
    assert _value(week, Metric.MESSAGES) == 4
    assert _value(week, Metric.SPEAKERS) == 2
    assert _value(week, Metric.RISK_FLAGS) == 1


def test_a_rate_brings_what_it_was_made_of(week: Services) -> None:
    # scope: 81
    row = _measured(week, _query(Metric.INTERACTION_RATE))[None]
    assert row == Row(None, 0.5, 2, 4)
    assert _measured(week, _query(Metric.MESSAGES_PER_SPEAKER))[None].value == 2


def test_nobody_there_is_no_rate(services: Services, community: str) -> None:
    # scope: 81
    with services.database.read() as db:
        query = _query(Metric.INTERACTION_RATE, communities=frozenset({community}))
        assert metrics.measure(db, query) == [Row(None, None, 0, 0)]
        assert metrics.measure(db, _query(Metric.PEAK_HOUR)) == [Row(None, None)]


def test_days_are_those_of_shanghai(week: Services) -> None:
    # scope: 80
    days = _measured(week, _query(Metric.DAU, Dimension.DAY))
    assert [days[key].value for key in sorted(days, key=str)] == [1, 2, 0, 0, 0, 0, 0]
    assert min(days, key=str) == "2026-11-09"
    assert _measured(week, _query(Metric.DAU))[None] == Row(None, 3 / 7, 3, 7)
    assert _value(week, Metric.WAU) == 2
    assert _measured(week, _query(Metric.MESSAGES, Dimension.WEEKDAY))["2"].value == 3  # Tuesday


def test_the_hour_with_most_messages(week: Services) -> None:
    # scope: 87
    assert _measured(week, _query(Metric.PEAK_HOUR))[None] == Row(None, 10, 3, 4)


def test_filters_narrow_who_is_counted(week: Services) -> None:
    assert _value(week, Metric.MEMBERS, sources=("扫码",)) == 1
    assert _value(week, Metric.SPEAKERS, joined_in_period=True) == 1
    assert _value(week, Metric.MESSAGES, joined_in_period=True, communities=frozenset({"mama"})) == 2


def test_standings_sum_up_to_the_members(week: Services) -> None:
    # scope: 46
    rows = _measured(week, _query(Metric.MEMBERS, Dimension.ACTIVITY))
    gone = (rows.get(Activity.EXITED) or Row(None, 0)).value or 0
    assert sum(row.value or 0 for row in rows.values()) - gone == _value(week, Metric.MEMBERS)
    row = _measured(week, _query(Metric.MEMBERS, activities=(Activity.NEW,)))[None]
    assert row == Row(None, 3, 3, 4)  # c, and e and f, whose open stays are new


def test_by_channel_each_of_its_groups_counts_once(week: Services) -> None:
    assert {key: row.value for key, row in _measured(week, _query(Metric.MEMBERS, Dimension.CHANNEL)).items()} == {
        "wecom": 4
    }


def test_weeks_begin_on_monday_and_are_cut_to_the_period(week: Services) -> None:
    found = _measured(week, _query(Metric.MESSAGES, Dimension.WEEK, start=START + timedelta(days=2), end=NOW))
    assert list(found) == ["2026-11-11", "2026-11-16"]
    months = _measured(week, _query(Metric.MESSAGES, Dimension.MONTH, start=START - timedelta(days=30), end=NOW))
    assert list(months) == ["2026-10", "2026-11"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (_query(Metric.GMV), "metric_unavailable"),
        (_query(Metric.PEAK_HOUR, Dimension.SOURCE), "dimension_unavailable"),
        (_query(Metric.MESSAGES, Dimension.DAY, start=START - timedelta(days=200)), "period_too_long"),
    ],
)
def test_what_cannot_be_measured_says_so(services: Services, query: Query, code: str) -> None:
    with services.database.read() as db, pytest.raises(ForModel, match=code):
        metrics.measure(db, query)


def test_a_query_that_takes_too_long_is_ended(services: Services) -> None:
    import sqlalchemy as sa

    slow = sa.text(
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 100000000) SELECT count(*) FROM n"
    )
    with services.database.read() as db, pytest.raises(ForModel, match="query_too_slow"), metrics.in_time(db, 0.05):
        db.execute(slow).scalar_one()
    with services.database.read() as db, metrics.in_time(db, 5):
        assert db.execute(sa.text("SELECT 1")).scalar_one() == 1
