"""The worker's threads: they take up what is due, share it between processes, and survive what goes wrong."""

import threading
from collections.abc import Callable, Iterable
from time import monotonic, sleep

import pytest

from agent.flows import communities, inbox, webhooks
from agent.services import Services
from core.caller import Caller
from core.vocabulary import CommunityType, DeliveryState
from knowledge.index import IndexUnreachable, VectorIndex
from server.worker import Worker
from store.messages import MessageRow
from tests.house import ASKS_REFUND, House, claim_all, row_counts
from tests.server.conftest import Endpoint, running_endpoint


@pytest.fixture(autouse=True)
def _due_at_once(wise: House) -> None:
    wise.without_bursts()


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

    def once(*arguments: object, **words: object) -> list[str]:
        if not failed.is_set():
            failed.set()
            raise OSError
        return real(*arguments, **words)  # type: ignore[arg-type]

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


def test_endpoints_that_hang_hold_nobody_else_up(wise: House, owner: Caller) -> None:
    services = wise.services
    with running_endpoint() as hanging, running_endpoint() as quick:
        hanging.answers = ["hang"]
        for number in range(3):
            _sub_group(services, owner, f"slow-{number}", hanging.url)
        _sub_group(services, owner, "quick", quick.url)
        for number in range(3):
            wise.decide(wise.make_drafts(1, community_id=f"slow-{number}", lane=f"slow-{number}")[0])
        sent = [wise.decide(wise.make_drafts(1, community_id="quick", lane="quick")[0]).delivery_id for _ in range(3)]
        worker = Worker(services, threads=1, done=lambda _ids: None)
        worker.start()
        try:
            _until(lambda: len(quick.got) == 3)
            assert {wise.delivery(one).state for one in sent} <= {DeliveryState.DELIVERED, DeliveryState.SENDING}
            assert [row.state for row in wise.deliveries() if row.community_id.startswith("slow")] == ["sending"] * 3
        finally:
            hanging.release()
            worker.stop()


def _sub_group(services: Services, owner: Caller, name: str, url: str) -> None:
    communities.create(
        services,
        owner,
        community_id=name,
        name=name,
        type=CommunityType.INTEREST,
        channel="wecom",
        parent_id="root",
    )
    webhooks.register(services, owner, community_id=name, channel="wecom", url=url, idempotent=False)


def test_an_index_that_is_away_spends_no_tries_and_stops_only_what_needs_it(
    wise: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object, **__: object) -> None:
        raise IndexUnreachable("Chroma 服务没有正常应答")

    wise.without_bursts()
    asked = wise.say(ASKS_REFUND)
    chat = wise.say("大家早上好", "m-2", sender={"id": "wx-2", "name": "李雷"})
    finished: list[str] = []
    worker = Worker(wise.services, threads=1, done=finished.extend)
    with monkeypatch.context() as outage:
        outage.setattr(VectorIndex, "query_many", gone)
        worker.start()
        _until(lambda: finished == [chat])
        _until(lambda: wise.message_row(asked).last_error == "index_unreachable")
        assert (wise.message_row(asked).attempts, wise.message_row(asked).stage) == (0, "received")
    try:
        wise.clock.advance(seconds=6)
        worker.message_due()
        _until(lambda: asked in finished)
    finally:
        worker.stop()
    assert wise.draft_of(asked) is not None
