"""A month of clocks over split shifts, the Spring Festival and its make-up workdays, while the worker is killed at
every single thing that falls due, in turn at each transition. What must happen when is reckoned by counting minutes."""

import random
from bisect import bisect_left
from collections import Counter
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pytest

from agent.flows import clock_alarms
from core.vocabulary import ClockKind
from store import due
from store.audit import AuditRow
from store.staff_notices import NoticeRow
from store.timers import TimerRow
from tests.agent.flows.clocking import SHANGHAI, at, claim, rows, set_to, staff, start, stop
from tests.house import House

_MINUTE = timedelta(minutes=1)
_CLOCKS = 30
# 2026: Sunday 15 to Monday 23 February off, the Saturdays 14 and 28 worked.
_OFF, _WORKED = range(15, 24), (14, 28)
_TRANSITIONS = ("claimed", "in_effect", "before_commit", "committed")
_LENGTHS = {ClockKind.GROUP_QUESTION: (4, 5, 5, 3), ClockKind.COMPLAINT: (25, 30, 15, 2)}
"""Minutes to the warning, to the breach, between two reports, and how many of these there are above the breach."""


def _open(moment: datetime) -> bool:
    """The hours of this test, written down once more by hand."""
    if moment.month == 2 and moment.day in _OFF:
        return False
    works = moment.weekday() < 5 or (moment.month == 2 and moment.day in _WORKED)
    parts = ((540, 720), (810, 1260)) if works else ((600, 720), (840, 1080))
    return any(begin <= moment.hour * 60 + moment.minute < end for begin, end in parts)


_MINUTES = [moment for number in range(40 * 24 * 60) if _open(moment := at("2026-02-01 00:00") + number * _MINUTE)]


def _after(since: datetime, minutes: int) -> datetime:
    """When so many open minutes are over, counted one by one."""
    return _MINUTES[bisect_left(_MINUTES, since) + minutes - 1] + _MINUTE


class Asked(NamedTuple):
    object_id: str
    kind: ClockKind
    since: datetime
    answered: datetime | None

    def expected(self) -> list[tuple[str, str]]:
        warn, limit, step, reports = _LENGTHS[self.kind]
        marks = [("warned", warn), ("breached", limit)]
        marks += [("escalated", limit + number * step) for number in range(1, reports + 1)]
        dated = [(what, _after(self.since, minutes)) for what, minutes in marks]
        return [
            (what, f"{moment:%m-%d %H:%M}") for what, moment in dated if not self.answered or moment < self.answered
        ]


def _month(seed: int) -> list[Asked]:
    """Questions and complaints at any hour of February, two in three answered some time later."""
    chance = random.Random(seed)
    found = []
    for number in range(_CLOCKS):
        kind = chance.choice(list(ClockKind))
        since = at("2026-02-01 00:00") + chance.randrange(28 * 24 * 60) * _MINUTE
        wait = _after(since, chance.randrange(1, 2 * _LENGTHS[kind][1])) + timedelta(seconds=45)
        found.append(Asked(f"obj_{number:02d}", kind, since, wait if chance.random() < 0.66 else None))
    return found


class Killed(BaseException):
    """The process is gone."""


def _die_at(house: House, monkeypatch: pytest.MonkeyPatch, transition: str) -> None:
    """A worker takes what is due and gets as far as this."""

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    claims = claim(house.services, "dying")
    place = {"in_effect": "_notify", "before_commit": "timers.drop"}.get(transition)
    if transition == "claimed":
        return
    with monkeypatch.context() as dying:
        if place is not None:
            dying.setattr(f"agent.flows.clock_alarms.{place}", die)
        try:
            clock_alarms.handle(house.services, claims)
        except Killed:
            assert place is not None


def _work_off(house: House, monkeypatch: pytest.MonkeyPatch, until: datetime, killed: Counter[str]) -> None:
    """Everything that falls due up to a moment; each time the first worker dies, and another takes over."""
    while True:
        with house.services.database.read() as db:
            moment = due.next_due(db, TimerRow, clock_alarms.QUEUE)
        if moment is None or moment > until:
            return
        house.clock.set(max(moment, house.clock.now()))
        transition = _TRANSITIONS[killed.total() % len(_TRANSITIONS)]
        _die_at(house, monkeypatch, transition)
        killed[transition] += 1
        house.clock.advance(seconds=31)
        while claims := claim(house.services, "other"):
            clock_alarms.handle(house.services, claims)


@pytest.mark.parametrize("seed", [1])
def test_each_warning_breach_and_report_once_and_at_its_minute(
    house: House, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    # scope: 21
    house.clock.set(at("2026-02-01 00:00"))
    staff(house)
    set_to(
        house,
        "clocks.hours",
        {"workday": ["09:00-12:00", "13:30-21:00"], "restday": ["10:00-12:00", "14:00-18:00"]},
    )
    set_to(house, "clocks.holidays", "closed")
    month, killed = _month(seed), Counter[str]()
    moves = [(one.since, 0, one) for one in month]
    moves += [(one.answered, 1, one) for one in month if one.answered is not None]
    for moment, answers, one in sorted(moves):
        _work_off(house, monkeypatch, moment, killed)
        house.clock.set(max(moment, house.clock.now()))
        if answers:
            stop(house, one.object_id, one.kind, moment)
        else:
            start(house, one.object_id, one.kind, since=moment)
    _work_off(house, monkeypatch, at("2026-03-10 00:00"), killed)

    found: dict[str, list[tuple[str, str]]] = {one.object_id: [] for one in month}
    for row in sorted((row for row in rows(house, AuditRow) if row.object_kind == "clock"), key=lambda row: row.number):
        when = f"{row.at.astimezone(SHANGHAI):%m-%d %H:%M}"
        found[row.details["object"]].append((row.action.removeprefix("clock."), when))
    assert found == {one.object_id: one.expected() for one in month}
    assert sum(map(len, found.values())) > 50
    assert min(killed.values()) > 5 and set(killed) == set(_TRANSITIONS)
    once = Counter((row.user_id, row.kind, row.object_id, row.step) for row in rows(house, NoticeRow))
    assert set(once.values()) == {1}
    assert rows(house, TimerRow) == []
    assert any(f"{_after(one.since, 1).astimezone(SHANGHAI):%m-%d}" == "02-28" for one in month), "a worked Saturday"
