"""Worker threads and clocks: what runs out is told, once, however many workers there are."""

from collections.abc import Callable
from time import monotonic, sleep

import pytest

from agent.services import Services
from core.caller import Caller
from core.clock import ManualClock
from server.worker import Worker
from tests.agent.flows.clocking import alerts, claim, deeds, staff, start
from tests.house import House


@pytest.fixture
def house(services: Services, clock: ManualClock, owner: Caller, community: str, bot: Caller) -> House:
    return House(services, clock, owner, bot, community)


def _until(true: Callable[[], bool]) -> None:
    end = monotonic() + 20
    while not true():
        assert monotonic() < end, "it never happened"
        sleep(0.02)


def test_two_workers_tell_of_each_clock_once(house: House) -> None:
    staff(house)
    for number in range(30):
        start(house, f"msg_{number}")
    workers = [Worker(house.services, threads=1, done=lambda _ids: None) for _ in range(2)]
    house.clock.advance(minutes=4)
    for worker in workers:
        worker.start()
    try:
        _until(lambda: len(deeds(house)) >= 30)
        house.clock.advance(minutes=1)
        for worker in workers:
            worker.due("timers")
        _until(lambda: len(deeds(house)) >= 60)
    finally:
        for worker in workers:
            worker.stop()
    found = deeds(house)
    assert [found.count(("warned", "11-21 10:04")), found.count(("breached", "11-21 10:05"))] == [30, 30]


def test_clock_of_a_dead_worker_is_taken_over(house: House) -> None:
    staff(house)
    start(house, "msg_1")
    house.clock.advance(minutes=4)
    assert claim(house.services, "dead")
    worker = Worker(house.services, threads=1, done=lambda _ids: None)
    worker.start()
    try:
        house.clock.advance(seconds=31)
        worker.due("timers")
        _until(lambda: deeds(house) == [("warned", "11-21 10:04")])
    finally:
        worker.stop()
    assert len(alerts(house)) == 1
