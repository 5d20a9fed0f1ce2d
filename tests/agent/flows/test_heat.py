"""Alarms about the mood of groups."""

from datetime import timedelta

import pytest

from agent.flows import communities as communities_flow
from agent.flows import heat
from agent.flows import settings as settings_flow
from agent.flows.risks import Choice, Ruling, decide
from core.vocabulary import CommunityType
from store import risk_alarms, risks
from store.risk_alarms import RiskAlarmRow
from tests.house import House, in_parallel, utter

COMPLAINT = {"kind": "complaint", "score": 0.9, "topic": None}
CHATTER = {"kind": "chatter", "score": 0.9, "topic": None}
INSULT = "你就是个傻逼，滚出这个群"


def said(house: House, bad: int, good: int, *, ago: timedelta = timedelta(minutes=5), community: str = "mama") -> None:
    """Complaints and chatter, straight into the store."""
    at = house.clock.now() - ago
    with house.services.database.write() as db:
        for triage in [COMPLAINT] * bad + [CHATTER] * good:
            utter(db, community, None, at, triage=triage)


def alarms(house: House) -> list[RiskAlarmRow]:
    with house.services.database.read() as db:
        return risk_alarms.page(db, statuses=("open", "closed"), communities=None)


def test_a_negative_share_over_the_threshold_rings_once_and_again_after_it_fell(house: House) -> None:
    # scope: 34
    said(house, bad=2, good=98, ago=timedelta(days=3))
    said(house, bad=6, good=6)
    assert heat.sweep(house.services) == 1
    (alarm,) = alarms(house)
    assert (alarm.status, alarm.negative, alarm.messages, alarm.share) == ("open", 6, 12, 0.5)
    assert alarm.baseline == pytest.approx(0.02)

    said(house, bad=8, good=0)
    assert heat.sweep(house.services) == 0
    assert alarms(house)[0].peak == pytest.approx(0.7)

    said(house, bad=0, good=80)
    heat.sweep(house.services)
    assert (alarms(house)[0].status, alarms(house)[0].closed_at) == ("closed", house.clock.now())

    house.clock.advance(seconds=7200)
    said(house, bad=9, good=3)
    assert heat.sweep(house.services) == 1
    assert len(alarms(house)) == 2


def test_silence_ends_an_alarm(house: House) -> None:
    said(house, bad=10, good=0)
    heat.sweep(house.services)
    house.clock.advance(seconds=7200)
    heat.sweep(house.services)
    assert [row.status for row in alarms(house)] == ["closed"]


def test_a_group_that_always_complains_is_measured_by_itself(house: House) -> None:
    said(house, bad=30, good=70, ago=timedelta(days=3))
    said(house, bad=7, good=6)
    assert heat.sweep(house.services) == 0  # 54 %, usually 30 %: not three times as much


def test_a_few_messages_are_no_mood(house: House) -> None:
    said(house, bad=9, good=0)
    assert heat.sweep(house.services) == 0


def test_two_groups_do_not_mix(house: House) -> None:
    said(house, bad=6, good=0)
    said(house, bad=6, good=0, community="root")
    assert heat.sweep(house.services) == 0


def test_insults_count_until_a_person_dismisses_them(house: House) -> None:
    ids = [house.say(INSULT, f"m-{n}", sender={"id": f"wx-{n}"}) for n in range(10)]
    with house.services.database.read() as db:
        item = risks.of_message(db, ids[0])
    assert item is not None
    decide(house.services, house.owner, item.id, Ruling(Choice.DISMISS, item.version), undoable=False)
    assert heat.sweep(house.services) == 1
    assert alarms(house)[0].negative == 9


def test_staff_is_told_where_a_group_is_set(house: House) -> None:
    communities_flow.create(
        house.services,
        house.owner,
        community_id="staff",
        name="管理群",
        type=CommunityType.SERVICE,
        channel="wecom",
        parent_id="root",
    )
    settings_flow.change(house.services, house.owner, "risk.alert_community", "staff")
    said(house, bad=10, good=0)
    heat.sweep(house.services)
    (alert,) = house.deliveries()
    assert (alert.kind, alert.community_id) == ("alert", "staff")
    assert "10 条负面（100%）" in alert.text


def test_several_workers_ring_once(house: House) -> None:
    said(house, bad=10, good=0)
    assert sum(in_parallel(3, [lambda: heat.sweep(house.services)] * 3)) == 1
    assert len(alarms(house)) == 1


def test_thresholds_are_settings_of_each_group(house: House) -> None:
    settings_flow.change(house.services, house.owner, "risk.heat_least", 3, community_id="mama")
    settings_flow.change(house.services, house.owner, "risk.heat_minutes", 10, community_id="mama")
    said(house, bad=3, good=0, ago=timedelta(minutes=30))
    assert heat.sweep(house.services) == 0
    said(house, bad=3, good=0)
    assert heat.sweep(house.services) == 1
