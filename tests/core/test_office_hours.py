"""Business time: laws that hold for any hours, and the days that go wrong in practice."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import office_hours
from core.office_hours import DAYS, KEYS, NeverOpen, OfficeHours, parse, parsed

SHANGHAI = ZoneInfo("Asia/Shanghai")
SPLIT = {"daily": parsed(["09:00-12:00", "13:30-21:00"])}


def at(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def _shift(start: int, length: int) -> str:
    end = start + length
    return f"{start // 60:02d}:{start % 60:02d}-{end // 60 % 24:02d}:{end % 60:02d}"


shifts = st.builds(_shift, st.integers(0, 1439), st.integers(1, 1439))
weeks = st.dictionaries(st.sampled_from(KEYS), st.lists(shifts, max_size=3).map(parsed), min_size=1).filter(
    office_hours.ever_opens
)
zones = st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"])
days = st.dates(date(2026, 1, 1), date(2027, 12, 31))
any_hours = st.builds(
    OfficeHours,
    week=weeks,
    zone=zones.map(ZoneInfo),
    holidays=st.booleans(),
    closed=st.frozensets(days, max_size=3),
    opened=st.dictionaries(days, st.lists(shifts, max_size=2).map(parsed), max_size=3),
)
moments = st.integers(0, 730 * 24 * 3600).map(
    lambda seconds: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
minutes = st.integers(0, 3_000)


@given(any_hours, moments, minutes)
def test_adding_and_measuring_undo_each_other(hours: OfficeHours, start: datetime, length: int) -> None:
    end = hours.add(start, length)
    assert end >= start
    assert hours.between(start, end) == pytest.approx(length)
    assert hours.between(end, start) == pytest.approx(-length)


@given(any_hours, moments, minutes, minutes)
def test_more_minutes_never_end_earlier(hours: OfficeHours, start: datetime, length: int, more: int) -> None:
    assert hours.add(start, length) <= hours.add(start, length + more)
    # The pause at closing time counts for nothing, wherever it is cut.
    twice = hours.add(hours.add(start, length), more)
    assert twice in (hours.add(start, length + more), hours.opening(hours.add(start, length + more)))


@given(any_hours, moments, minutes)
def test_a_later_start_never_ends_earlier(hours: OfficeHours, start: datetime, length: int) -> None:
    for later in (timedelta(minutes=1), timedelta(hours=7), timedelta(days=3)):
        assert hours.add(start, length) <= hours.add(start + later, length)


@given(any_hours, moments, st.integers(0, 20_000), st.integers(0, 20_000))
def test_measuring_adds_up_and_never_exceeds_the_clock(hours: OfficeHours, start: datetime, a: int, b: int) -> None:
    middle, end = start + timedelta(minutes=a), start + timedelta(minutes=a + b)
    assert hours.between(start, middle) + hours.between(middle, end) == pytest.approx(hours.between(start, end))
    assert 0 <= hours.between(start, end) <= a + b + 1e-6


@given(any_hours, moments)
def test_an_opening_is_open_and_nothing_is_before_it(hours: OfficeHours, start: datetime) -> None:
    opens = hours.opening(start)
    assert hours.is_open(opens)
    assert hours.between(start, opens) == 0
    assert hours.is_open(start) == (opens == start)


@pytest.mark.parametrize(
    ("start", "length", "end"),
    [
        ("2026-02-03 11:50", 30, "2026-02-03 13:50"),  # over lunch
        ("2026-02-03 12:00", 30, "2026-02-03 14:00"),  # at closing time it is closed
        ("2026-02-03 11:30", 30, "2026-02-03 12:00"),  # ends with the shift, not after lunch
        ("2026-02-03 20:50", 30, "2026-02-04 09:20"),
        ("2026-02-03 03:00", 5, "2026-02-03 09:05"),
        ("2026-02-03 09:00", 630, "2026-02-03 21:00"),
        ("2026-02-03 09:00", 631, "2026-02-04 09:01"),
        ("2026-02-03 23:00", 0, "2026-02-04 09:00"),
    ],
)
def test_split_shifts(start: str, length: int, end: str) -> None:
    # scope: 21
    assert OfficeHours(SPLIT, SHANGHAI).add(at(start), length) == at(end)


def test_shift_past_midnight_belongs_to_the_day_it_begins_on() -> None:
    hours = OfficeHours({"fri": parsed(["22:00-02:00"])}, SHANGHAI)
    assert hours.is_open(at("2026-02-07 01:59")) and not hours.is_open(at("2026-02-07 02:00"))
    assert hours.add(at("2026-02-06 23:00"), 200) == at("2026-02-13 22:20")
    assert not hours.is_open(at("2026-02-06 01:00"))


def test_round_the_clock_is_one_shift() -> None:
    hours = OfficeHours({"daily": parsed(["00:00-24:00"])}, SHANGHAI)
    assert hours.add(at("2026-02-06 23:50"), 30) == at("2026-02-07 00:20")


def test_overlapping_shifts_count_once() -> None:
    hours = OfficeHours({"daily": parsed(["09:00-12:00", "10:00-11:00", "12:00-13:00"])}, SHANGHAI)
    assert hours.between(at("2026-02-06 00:00"), at("2026-02-07 00:00")) == 240


def test_weekdays_come_before_workdays_and_these_before_daily() -> None:
    week = {
        "daily": parsed(["09:00-10:00"]),
        "workday": parsed(["09:00-11:00"]),
        "wed": parsed(["09:00-12:00"]),
        "sun": (),
    }
    hours = OfficeHours(week, SHANGHAI)
    found = [hours.between(at(f"2026-11-{day} 00:00"), at(f"2026-11-{day} 23:59")) for day in range(23, 30)]
    assert found == [120, 120, 180, 120, 120, 60, 0]


def test_legal_holidays_close_and_make_up_workdays_open() -> None:
    # National Day 2026: 1 to 7 October off, Saturday the 10th and Sunday 20 September worked.
    week = {"workday": parsed(["09:00-18:00"])}
    closed = OfficeHours(week, SHANGHAI, holidays=True)
    assert closed.opening(at("2026-09-30 19:00")) == at("2026-10-08 09:00")
    assert closed.is_open(at("2026-10-10 10:00")) and closed.is_open(at("2026-09-20 10:00"))
    assert not closed.is_open(at("2026-10-11 10:00"))
    usual = OfficeHours(week, SHANGHAI)
    assert usual.is_open(at("2026-10-01 10:00")) and not usual.is_open(at("2026-10-10 10:00"))


def test_own_exceptions_come_first() -> None:
    duty = {date(2026, 10, 2): parsed(["10:00-12:00"])}
    hours = OfficeHours(SPLIT, SHANGHAI, holidays=True, closed=frozenset([date(2026, 10, 9)]), opened=duty)
    assert hours.opening(at("2026-10-01 10:00")) == at("2026-10-02 10:00")
    assert hours.opening(at("2026-10-08 21:00")) == at("2026-10-10 09:00")


def test_a_year_that_the_table_lacks_has_plain_weekdays() -> None:
    assert not office_hours.table_has(2040)
    hours = OfficeHours({"workday": parsed(["09:00-18:00"])}, SHANGHAI, holidays=True)
    assert hours.is_open(at("2040-10-01 10:00"))


def test_the_night_that_summer_time_takes_an_hour_from() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    hours = OfficeHours({"daily": parsed(["00:00-06:00"])}, berlin)
    assert hours.between(at("2026-03-29 00:00", berlin), at("2026-03-29 12:00", berlin)) == 300
    assert hours.between(at("2026-10-25 00:00", berlin), at("2026-10-25 12:00", berlin)) == 420
    assert hours.add(at("2026-03-29 00:00", berlin), 180) == at("2026-03-29 04:00", berlin)


def test_a_shift_within_the_hour_that_is_left_out_has_no_length() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    hours = OfficeHours({"daily": parsed(["02:00-03:00"])}, berlin)
    assert hours.opening(at("2026-03-28 12:00", berlin)) in (
        at("2026-03-30 02:00", berlin),
        at("2026-03-29 03:00", berlin),
    )


def test_never_open_again() -> None:
    hours = OfficeHours({DAYS[0]: ()}, SHANGHAI)
    with pytest.raises(NeverOpen):
        hours.add(at("2026-02-03 10:00"), 5)
    assert hours.between(at("2026-02-03 10:00"), at("2026-03-03 10:00")) == 0


@pytest.mark.parametrize(
    "text",
    ["9:00-12:00", "09:00-09:00", "24:00-09:00", "09:00-24:01", "09:60-10:00", "09:00—12:00", "", "０９:00-12:00"],
)
def test_not_a_shift(text: str) -> None:
    with pytest.raises(ValueError, match="HH:MM"):
        parse(text)
