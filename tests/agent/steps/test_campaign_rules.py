"""Who may be written to, when, and who is only watched."""

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.steps.campaign_rules import (
    Limits,
    QuietHours,
    Recipient,
    best_hour,
    control_size,
    draw,
    next_allowed,
    opted_out,
    pick,
)
from core.vocabulary import ConsentKind, ExclusionReason
from store.segments import Reach, Said, Stay

ZONE = ZoneInfo("Asia/Shanghai")
NIGHT = QuietHours.of("21:00-09:00")
AT = datetime(2026, 11, 27, 20, 0, tzinfo=ZONE)
LIMITS = Limits(cap_days=7, most=100)


def _reach(name: str = "a", /, **values: Any) -> Reach:
    usual: dict[str, Any] = {
        "stays": (Stay("mama", "wecom"),),
        "channels": frozenset({"wecom"}),
        "consents": (),
        "erased": False,
        "sent": (),
    }
    return Reach(name, **(usual | values))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"stays": ()}, ExclusionReason.EXITED),
        ({"erased": True}, ExclusionReason.OPT_OUT),
        ({"consents": (Said("marketing", None, False, AT),)}, ExclusionReason.OPT_OUT),
        ({"channels": frozenset({"dingtalk"})}, ExclusionReason.NO_IDENTITY),
        ({"sent": (AT - timedelta(days=6, hours=23),)}, ExclusionReason.FREQUENCY_CAP),
        ({"sent": (AT + timedelta(days=3),)}, ExclusionReason.FREQUENCY_CAP),
    ],
)
def test_each_rule_leaves_out_by_its_own_reason(values: dict[str, Any], reason: ExclusionReason) -> None:
    picked = pick([_reach(**values)], LIMITS, seed="c", send_at=AT)
    assert picked.recipients == () and picked.excluded[reason] == 1 and sum(picked.excluded.values()) == 1


def test_a_campaign_a_week_ago_is_no_reason() -> None:
    assert len(pick([_reach(sent=(AT - timedelta(days=7),))], LIMITS, seed="c", send_at=AT).recipients) == 1


def test_another_stay_is_taken_where_the_first_opted_out() -> None:
    stays = (Stay("baba", "wecom"), Stay("mama", "wecom"))
    reach = _reach(stays=stays, consents=(Said("marketing", "baba", False, AT),))
    assert pick([reach], LIMITS, seed="c", send_at=AT).recipients == (Recipient("a", "mama", "wecom"),)


def test_the_newest_word_holds_and_of_one_moment_the_no() -> None:
    later = AT + timedelta(seconds=1)
    yes, no = Said(ConsentKind.MARKETING, None, True, AT), Said(ConsentKind.MARKETING, "mama", False, AT)
    assert opted_out([yes, no], "mama") and not opted_out([yes, no], "baba")
    assert not opted_out([no, yes._replace(at=later)], "mama")


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-27T20:59", "2026-11-27T20:59"),
        ("2026-11-27T21:00", "2026-11-28T09:00"),
        ("2026-11-28T00:00", "2026-11-28T09:00"),
        ("2026-11-28T08:59", "2026-11-28T09:00"),
        ("2026-11-28T09:00", "2026-11-28T09:00"),
    ],
)
def test_quiet_hours_move_to_the_minute_at_which_they_end(at: str, expected: str) -> None:
    moment = datetime.fromisoformat(at).replace(tzinfo=ZONE)
    assert next_allowed(moment, NIGHT, ZONE) == datetime.fromisoformat(expected).replace(tzinfo=ZONE)


@pytest.mark.parametrize("text", ["", "always", "25:00-09:00", "21-9"])
def test_quiet_hours_that_cannot_be_read_protect_the_night(text: str) -> None:
    assert QuietHours.of(text) == QuietHours(time(21), time(9))


def test_the_best_hour_lies_outside_the_quiet_ones() -> None:
    assert best_hour({22: 50, 8: 40, 19: 7, 12: 7}, NIGHT)[:2] == (12, 7)
    assert best_hour({23: 5}, NIGHT).hour is None


@given(st.integers(0, 400), st.floats(0, 0.5), st.text(max_size=8))
def test_the_control_group_is_a_share_and_always_the_same(size: int, part: float, seed: str) -> None:
    people = [Recipient(f"m{n}", "mama", "wecom") for n in range(size)]
    drawn = draw(people, part, seed=seed)
    assert sorted((*drawn.treated, *drawn.control)) == sorted(people)
    assert len(drawn.control) == control_size(size, part) and abs(len(drawn.control) - size * part) <= 1
    assert draw(people[::-1], part, seed=seed) == drawn and (not size or drawn.treated)


def test_above_the_limit_the_same_members_are_kept_for_the_same_campaign() -> None:
    reaches = [_reach(f"m{n:03}") for n in range(50)]
    first = pick(reaches, Limits(7, 20), seed="c", send_at=AT)
    assert len(first.recipients) == 20 and first.excluded[ExclusionReason.CHANNEL_LIMIT] == 30
    assert pick(reaches[::-1], Limits(7, 20), seed="c", send_at=AT).recipients == first.recipients
    assert pick(reaches, Limits(7, 20), seed="d", send_at=AT).recipients != first.recipients
