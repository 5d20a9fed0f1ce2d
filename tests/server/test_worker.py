"""The worker's threads: they take up what is due, share it between processes, and survive what goes wrong."""

import threading
from collections.abc import Callable, Iterable
from time import monotonic, sleep

import pytest

from agent.flows import inbox, webhooks
from core.vocabulary import DeliveryState
from server.worker import Worker
from store.messages import MessageRow
from tests.house import ASKS_REFUND, House, claim_all, row_counts
from tests.server.conftest import Endpoint


def _until(true: Callable[[], bool]) -> None:
    end = monotonic() + 20
    while not true():
        assert monotonic() < end, "it never happened"
        sleep(0.02)


def test_messages_and_deliveries_are_worked_off(wise: House, endpoint: Endpoint) -> None:
    finished: list[str] = []
    worker = Worker(wise.services, threads=2, done=finished.extend)
    wise.services.message_due, wise.services.delivery_due = worker.message_due, worker.delivery_due
    webhooks.register(
        wise.services, wise.owner, community_id="mama", channel="wecom", url=endpoint.url, idempotent=False
    )
    worker.start()
    try:
        received = wise.say(ASKS_REFUND)
        _until(lambda: received in finished)
        draft = wise.draft_of(received)
        assert draft is not None
        assert endpoint.got == [], "nothing goes out without a decision"
        delivery_id = wise.decide(draft.id).delivery_id
        _until(lambda: wise.delivery(delivery_id).state == DeliveryState.DELIVERED)
    finally:
        worker.stop()
    assert endpoint.ids() == [delivery_id]


def test_two_workers_share_the_work_without_doing_it_twice(wise: House) -> None:
    ids = [wise.say(ASKS_REFUND, f"m-{n}", sender={"id": f"wx-{n}", "name": f"成员{n}"}) for n in range(30)]
    finished: list[str] = []
    workers = [Worker(wise.services, threads=2, done=finished.extend) for _ in range(2)]
    for worker in workers:
        worker.start()
    try:
        _until(lambda: len(finished) >= len(ids))
    finally:
        for worker in workers:
            worker.stop()
    assert sorted(finished) == sorted(ids)
    assert row_counts(wise.services.database)["drafts"] == 30


def test_worker_goes_on_after_an_error(wise: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What breaks outside a single message (the database away, say) costs a pause, never the thread."""
    monkeypatch.setattr("server.worker._PAUSE_AFTER_ERROR", 0.01)
    failed = threading.Event()
    real = inbox.handle

    def once(*arguments: object) -> list[str]:
        if not failed.is_set():
            failed.set()
            raise OSError
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("server.worker.inbox.handle", once)
    finished: list[str] = []

    def done(ids: Iterable[str]) -> None:
        finished.extend(ids)

    received = wise.say(ASKS_REFUND)
    worker = Worker(wise.services, threads=1, done=done)
    worker.start()
    try:
        assert failed.wait(20)
        wise.clock.advance(seconds=31)
        worker.message_due()
        _until(lambda: finished == [received])
    finally:
        worker.stop()


def test_work_of_a_dead_worker_is_taken_over(wise: House) -> None:
    received = wise.say(ASKS_REFUND)
    claim_all(wise.services, MessageRow, worker="dead")
    finished: list[str] = []
    worker = Worker(wise.services, threads=1, done=finished.extend)
    worker.start()
    try:
        wise.clock.advance(seconds=31)
        worker.message_due()
        _until(lambda: finished == [received])
    finally:
        worker.stop()
