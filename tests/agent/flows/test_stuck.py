"""Clocks that jump and messages that failed: nothing stays where it is for ever."""

from datetime import timedelta

import pytest

from agent.flows import inbox, stuck
from core.caller import Caller
from core.errors import Forbidden, NotFound
from core.vocabulary import DeliveryState, MessageStage
from store import due
from store.deliveries import DeliveryRow
from store.messages import MessageRow
from tests.house import ASKS_REFUND, House, claim_all


def test_clock_set_back_while_a_worker_had_it(wise: House) -> None:
    received = wise.say(ASKS_REFUND)
    wise.clock.advance(seconds=6)
    claims = claim_all(wise.services, MessageRow, worker="died")
    wise.clock.advance(seconds=-3600)
    assert claim_all(wise.services, MessageRow) == [], "leased for an hour, as it seems"
    stuck.sweep(wise.services)
    assert wise.work(after=0) == [received]
    assert inbox.handle(wise.services, claims) == [], "the first worker has lost it"
    assert wise.draft_of(received) is not None


def test_clock_set_back_before_a_burst_closed(wise: House) -> None:
    received = wise.say(ASKS_REFUND)
    wise.clock.advance(seconds=-3600)
    assert wise.work(after=6) == []
    stuck.sweep(wise.services)
    assert wise.work(after=0) == [received]


def test_clock_set_forward_while_a_worker_has_it(wise: House) -> None:
    received = wise.say(ASKS_REFUND)
    wise.clock.advance(seconds=6)
    slow = claim_all(wise.services, MessageRow, worker="slow")
    wise.clock.advance(seconds=3600)
    assert wise.work(after=0) == [received], "taken over, as if the first had died"
    assert inbox.handle(wise.services, slow) == [], "and done once"


def test_ordinary_leases_and_retries_are_left_alone(wise: House) -> None:
    leased = wise.say(ASKS_REFUND)
    wise.clock.advance(seconds=6)
    claim_all(wise.services, MessageRow)
    waiting = wise.say("在吗", "m-2", sender={"id": "wx-2", "name": "李雷"})
    before = [_times(wise, one) for one in (leased, waiting)]
    stuck.sweep(wise.services)
    assert [_times(wise, one) for one in (leased, waiting)] == before


def _times(house: House, message_id: str) -> tuple[object, object]:
    row = house.message_row(message_id)
    return row.lease_until, row.due_at


def test_delivery_planned_for_later_is_no_retry(house: House) -> None:
    delivery_id = house.decide(house.make_drafts(1)[0]).delivery_id
    later = house.clock.now() + timedelta(hours=3)
    with house.services.database.write() as db:
        row = db.get(DeliveryRow, delivery_id)
        assert row is not None
        row.due_at = later
    stuck.sweep(house.services)
    assert house.delivery(delivery_id).due_at == later
    with house.services.database.write() as db:
        row = db.get(DeliveryRow, delivery_id)
        assert row is not None
        row.attempts = 2
    stuck.sweep(house.services)
    assert house.delivery(delivery_id).due_at == house.clock.now()
    assert house.delivery(delivery_id).state == DeliveryState.QUEUED


@pytest.fixture
def dead(wise: House) -> str:
    """A message that failed for good."""
    received = wise.say(ASKS_REFUND)
    wise.clock.advance(seconds=6)
    claim = claim_all(wise.services, MessageRow)[0]
    with wise.services.database.write() as db:
        due.retry(db, MessageRow, claim, error="bug", tries=1, stage=MessageStage.FAILED)
    return received


def test_failed_message_is_listed_and_handled_again(wise: House, dead: str) -> None:
    assert [row.id for row in stuck.failed(wise.services, wise.owner)] == [dead]
    assert stuck.requeue(wise.services, wise.owner, None) == [dead]
    assert wise.message_row(dead).attempts == 0
    assert wise.work(after=0) == [dead]
    assert wise.draft_of(dead) is not None
    assert stuck.failed(wise.services, wise.owner) == []


def test_requeue_is_idempotent_and_leaves_others_alone(wise: House, dead: str) -> None:
    fine = wise.say("在吗", "m-2", sender={"id": "wx-2", "name": "李雷"})
    assert stuck.requeue(wise.services, wise.owner, [dead, fine]) == [dead]
    assert stuck.requeue(wise.services, wise.owner, [dead]) == []


def test_requeue_needs_the_right_to_decide_there(wise: House, dead: str) -> None:
    stranger: Caller = wise.user("answerer", "root")
    assert stuck.requeue(wise.services, stranger, None) == [dead], "root's moderators see its groups"
    with pytest.raises(NotFound, match="message_not_found"):
        stuck.requeue(wise.services, wise.owner, ["msg_unknown"])
    with pytest.raises(Forbidden, match="scope_missing"):
        stuck.requeue(wise.services, wise.bot, [dead])
    with pytest.raises(Forbidden, match="scope_missing"):
        stuck.failed(wise.services, wise.bot)
