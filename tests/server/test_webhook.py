"""Deliveries pushed to a real endpoint on loopback, through every way it can go wrong."""

import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from standardwebhooks import Webhook

from agent.flows import approvals, deliveries, erasure, retention, settings, webhooks
from agent.flows.deliveries import Outcome, Parcel, Result, Sent
from agent.flows.webhooks import Registered
from core.errors import BadInput, Conflict, Forbidden, NotFound
from core.vocabulary import Decision, DeliveryState
from server.channels.webhook import WebhookSender
from store import erasure_log
from store.deliveries import DeliveryRow, WebhookRow
from store.deliveries import webhooks as active_webhooks
from tests.house import House, claim_all, in_parallel
from tests.server.conftest import Endpoint


@pytest.fixture
def sender() -> Iterator[WebhookSender]:
    made = WebhookSender()
    yield made
    made.close()


def _register(house: House, url: str, *, idempotent: bool = False, community_id: str = "mama") -> Registered:
    settings.change(house.services, house.owner, "deliveries.webhook_timeout_seconds", 1)
    return webhooks.register(
        house.services, house.owner, community_id=community_id, channel="wecom", url=url, idempotent=idempotent
    )


def _approved(house: House, text: str = "付款后48小时内发货。") -> str:
    (draft_id,) = house.make_drafts(1, text=text, member_id=house.member_id(), reply_to="m-1")
    delivery_id = house.decide(draft_id).delivery_id
    assert delivery_id is not None
    return delivery_id


def _push(house: House, sender: WebhookSender) -> int:
    return deliveries.push(house.services, claim_all(house.services, DeliveryRow), sender.send)


def _closed_port() -> str:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{made.getsockname()[1]}/"


def test_pushed_with_a_signature_that_verifies(house: House, endpoint: Endpoint, sender: WebhookSender) -> None:
    hook = _register(house, endpoint.url)
    delivery_id = _approved(house, "{member_name}，已为您加急")
    assert _push(house, sender) == 1
    ((headers, body),) = endpoint.got
    verified = Webhook(hook.secret).verify(body, headers)
    assert verified == json.loads(body)
    assert headers["webhook-id"] == verified["id"] == delivery_id
    assert (verified["text"], verified["to"], verified["reply_to"]) == ("小满妈妈，已为您加急", "wx-xiaoman", "m-1")
    row = house.delivery(delivery_id)
    assert (row.state, row.delivered_at, row.due_at) == (DeliveryState.DELIVERED, house.clock.now(), None)
    assert _push(house, sender) == 0


@pytest.mark.parametrize("first", [500, 503, 429])
def test_answered_failure_is_repeated_under_the_same_id(
    house: House, endpoint: Endpoint, sender: WebhookSender, first: int
) -> None:
    _register(house, endpoint.url)
    endpoint.answers = [first, 200]
    delivery_id = _approved(house)
    _push(house, sender)
    row = house.delivery(delivery_id)
    assert (row.state, row.last_error) == (DeliveryState.QUEUED, f"http_{first}")
    assert _push(house, sender) == 0, "not before its backoff"
    house.clock.advance(seconds=2)
    _push(house, sender)
    assert endpoint.ids() == [delivery_id, delivery_id]
    assert house.delivery(delivery_id).state == DeliveryState.DELIVERED


@pytest.mark.parametrize("answer", [400, 401, 404, 302])
def test_refusal_is_final(house: House, endpoint: Endpoint, sender: WebhookSender, answer: int) -> None:
    _register(house, endpoint.url)
    endpoint.answers = [answer]
    delivery_id = _approved(house)
    _push(house, sender)
    house.clock.advance(hours=1)
    _push(house, sender)
    row = house.delivery(delivery_id)
    assert (row.state, row.last_error, len(endpoint.got)) == (DeliveryState.FAILED, f"http_{answer}", 1)


@pytest.mark.parametrize("how", ["hang", "drop"])
def test_no_answer_is_unknown_and_never_repeated_by_itself(
    house: House, endpoint: Endpoint, sender: WebhookSender, how: str
) -> None:
    _register(house, endpoint.url)
    endpoint.answers = [how]
    delivery_id = _approved(house)
    _push(house, sender)
    house.clock.advance(hours=1)
    _push(house, sender)
    assert house.delivery(delivery_id).state == DeliveryState.UNKNOWN
    assert endpoint.ids() == [delivery_id]


@pytest.mark.parametrize("how", ["hang", "drop"])
def test_no_answer_is_repeated_where_the_endpoint_drops_repeats(
    house: House, endpoint: Endpoint, sender: WebhookSender, how: str
) -> None:
    _register(house, endpoint.url, idempotent=True)
    endpoint.answers = [how, 200]
    delivery_id = _approved(house)
    _push(house, sender)
    assert house.delivery(delivery_id).state == DeliveryState.QUEUED
    house.clock.advance(seconds=2)
    _push(house, sender)
    assert endpoint.ids() == [delivery_id, delivery_id]
    assert house.delivery(delivery_id).state == DeliveryState.DELIVERED


def test_refused_connection_is_repeated_then_failed(house: House, sender: WebhookSender) -> None:
    _register(house, _closed_port())
    settings.change(house.services, house.owner, "deliveries.tries", 3)
    delivery_id = _approved(house)
    for attempt in (1, 2, 3):
        assert house.delivery(delivery_id).state == DeliveryState.QUEUED
        _push(house, sender)
        assert house.delivery(delivery_id).attempts == attempt
        house.clock.advance(minutes=1)
    row = house.delivery(delivery_id)
    assert (row.state, row.last_error, row.due_at) == (DeliveryState.FAILED, "ConnectError", None)


@pytest.mark.parametrize("idempotent", [False, True])
def test_worker_that_died_while_sending(
    house: House, endpoint: Endpoint, sender: WebhookSender, idempotent: bool
) -> None:
    _register(house, endpoint.url, idempotent=idempotent)
    delivery_id = _approved(house)

    def die(_parcel: Parcel) -> Result:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deliveries.push(house.services, claim_all(house.services, DeliveryRow), die)
    assert house.delivery(delivery_id).state == DeliveryState.SENDING
    assert _push(house, sender) == 0, "its lease still holds"
    house.clock.advance(minutes=2)
    _push(house, sender)
    row = house.delivery(delivery_id)
    wanted = (DeliveryState.DELIVERED, [delivery_id]) if idempotent else (DeliveryState.UNKNOWN, [])
    assert (row.state, endpoint.ids()) == wanted


def test_worker_that_died_before_sending_is_taken_over(house: House, endpoint: Endpoint, sender: WebhookSender) -> None:
    _register(house, endpoint.url)
    delivery_id = _approved(house)
    late = claim_all(house.services, DeliveryRow)
    house.clock.advance(seconds=31)
    _push(house, sender)
    assert deliveries.push(house.services, late, sender.send) == 0
    assert endpoint.ids() == [delivery_id]


def test_slow_neighbours_do_not_cost_a_delivery_its_lease(house: House) -> None:
    """A batch is pushed one by one: whoever comes last must not be taken over while its request is out."""
    _register(house, "http://127.0.0.1:9/")
    settings.change(house.services, house.owner, "deliveries.webhook_timeout_seconds", 10)
    for _ in range(3):
        _approved(house)
    seen: list[str] = []

    def slow(parcel: Parcel) -> Result:
        house.clock.advance(seconds=29)
        seen.extend(claim.id for claim in claim_all(house.services, DeliveryRow, worker="other"))
        assert parcel.id not in seen
        return Result(Sent.DELIVERED, "http_200")

    deliveries.push(house.services, claim_all(house.services, DeliveryRow), slow)
    states = [row.state for row in house.deliveries()]
    assert DeliveryState.UNKNOWN not in states
    assert states[0] == DeliveryState.DELIVERED


def test_broken_row_stops_no_other_and_fails_at_last(house: House, endpoint: Endpoint, sender: WebhookSender) -> None:
    first = _register(house, endpoint.url, community_id="root")
    (other,) = house.make_drafts(1, community_id="root")
    broken = house.decide(other).delivery_id
    _register(house, endpoint.url)
    good = _approved(house)
    settings.change(house.services, house.owner, "deliveries.tries", 2)
    with house.services.database.write() as db:
        db.get_one(WebhookRow, first.id).secret_sealed = b"\0" * 60
    assert _push(house, sender) == 1
    assert (endpoint.ids(), house.delivery(good).state) == ([good], DeliveryState.DELIVERED)
    house.clock.advance(minutes=1)
    _push(house, sender)
    row = house.delivery(broken)
    assert (row.state, row.last_error) == (DeliveryState.FAILED, "cannot_decrypt")


def test_waits_for_its_undo_window(house: House, endpoint: Endpoint, sender: WebhookSender) -> None:
    _register(house, endpoint.url)
    (draft_id,) = house.make_drafts(1)
    house.decide(draft_id, undoable=True)
    house.clock.advance(seconds=9)
    assert _push(house, sender) == 0
    house.clock.advance(seconds=1)
    assert _push(house, sender) == 1


def test_undone_in_time_is_never_sent(house: House, endpoint: Endpoint, sender: WebhookSender) -> None:
    _register(house, endpoint.url)
    (draft_id,) = house.make_drafts(1)
    first = house.decide(draft_id, undoable=True)
    undone = approvals.undo(house.services, house.owner, draft_id, first.version)
    house.clock.advance(minutes=1)
    assert claim_all(house.services, DeliveryRow) == []
    assert house.delivery(first.delivery_id).state == DeliveryState.CANCELLED
    second = house.decide(draft_id, version=undone.version)
    _push(house, sender)
    assert endpoint.ids() == [second.delivery_id]


def test_what_waited_too_long_expires_unsent(house: House, endpoint: Endpoint, sender: WebhookSender) -> None:
    _register(house, endpoint.url)
    delivery_id = _approved(house)
    house.clock.advance(hours=24)
    _push(house, sender)
    assert (house.delivery(delivery_id).state, endpoint.got) == (DeliveryState.EXPIRED, [])


def test_sweep_expires_what_nobody_pulls(house: House) -> None:
    delivery_id = _approved(house)
    assert deliveries.sweep(house.services) == 0
    house.clock.advance(hours=24)
    assert deliveries.sweep(house.services) == 1
    assert house.delivery(delivery_id).state == DeliveryState.EXPIRED


def test_endpoint_of_the_parent_serves_the_child(house: House, endpoint: Endpoint, sender: WebhookSender) -> None:
    # scope: 99
    _register(house, endpoint.url, community_id="root")
    _approved(house)
    assert _push(house, sender) == 1
    assert json.loads(endpoint.got[0][1])["community_id"] == "mama"


def test_another_channel_is_still_pulled(house: House, endpoint: Endpoint) -> None:
    _register(house, endpoint.url)
    (draft_id,) = house.make_drafts(1, channel="discord")
    assert house.delivery(house.decide(draft_id).delivery_id).webhook_id is None


def test_ping_goes_out_signed(house: House, endpoint: Endpoint, sender: WebhookSender) -> None:
    hook = _register(house, endpoint.url)
    delivery_id = webhooks.ping(house.services, house.owner, hook.id)
    _push(house, sender)
    ((headers, body),) = endpoint.got
    assert Webhook(hook.secret).verify(body, headers)["kind"] == "ping"
    assert house.delivery(delivery_id).state == DeliveryState.DELIVERED


def test_new_endpoint_takes_the_place_of_the_old(house: House, endpoint: Endpoint, sender: WebhookSender) -> None:
    old = _register(house, _closed_port())
    new = _register(house, endpoint.url)
    _approved(house)
    assert _push(house, sender) == 1
    with pytest.raises(NotFound, match="webhook_not_found"):
        webhooks.ping(house.services, house.owner, old.id)
    webhooks.remove(house.services, house.owner, new.id)
    assert house.delivery(_approved(house)).webhook_id is None


def test_racing_registrations_leave_one_endpoint(house: House) -> None:
    results = in_parallel(6, [lambda: _register_plain(house)] * 12)
    assert any(isinstance(one, Registered) for one in results)
    assert all(isinstance(one, Registered | Conflict) for one in results), results
    with house.services.database.read() as db:
        assert len(active_webhooks(db, None)) == 1


def _register_plain(house: House) -> Registered:
    return webhooks.register(
        house.services, house.owner, community_id="mama", channel="wecom", url="http://127.0.0.1:9/", idempotent=False
    )


@pytest.mark.parametrize(
    "url",
    ["", "ftp://a/", "http://", "//a/b", "http://u:p@a/", "http://[bad/", "http://a:99999/", "http://a/" + "x" * 1000],
)
def test_endpoint_that_cannot_be_one(house: House, url: str) -> None:
    with pytest.raises(BadInput, match="url_invalid"):
        webhooks.register(house.services, house.owner, community_id="mama", channel="wecom", url=url, idempotent=False)


def test_moderator_may_not_register(house: House) -> None:
    with pytest.raises(Forbidden, match="scope_missing"):
        webhooks.register(
            house.services,
            house.user("answerer"),
            community_id="mama",
            channel="wecom",
            url="http://127.0.0.1:9/",
            idempotent=False,
        )


def _unknown(house: House, endpoint: Endpoint, sender: WebhookSender) -> str:
    _register(house, endpoint.url)
    endpoint.answers = ["drop", 200]
    delivery_id = _approved(house)
    _push(house, sender)
    return delivery_id


def test_person_says_it_arrived(house: House, endpoint: Endpoint, sender: WebhookSender) -> None:
    delivery_id = _unknown(house, endpoint, sender)
    row = deliveries.resolve(house.services, house.owner, delivery_id, Outcome.DELIVERED)
    assert (row.state, row.settled_by) == (DeliveryState.DELIVERED, house.owner.id)
    _push(house, sender)
    assert endpoint.ids() == [delivery_id]
    with pytest.raises(Conflict, match="delivery_not_open"):
        deliveries.resolve(house.services, house.owner, delivery_id, Outcome.RESEND)


def test_person_has_it_sent_again_under_the_same_id(house: House, endpoint: Endpoint, sender: WebhookSender) -> None:
    delivery_id = _unknown(house, endpoint, sender)
    deliveries.resolve(house.services, house.owner, delivery_id, Outcome.RESEND)
    _push(house, sender)
    assert endpoint.ids() == [delivery_id, delivery_id]
    assert house.delivery(delivery_id).state == DeliveryState.DELIVERED


def test_failed_one_can_only_be_sent_again(house: House, endpoint: Endpoint, sender: WebhookSender) -> None:
    _register(house, endpoint.url)
    endpoint.answers = [400, 200]
    delivery_id = _approved(house)
    _push(house, sender)
    with pytest.raises(BadInput, match="resend_only"):
        deliveries.resolve(house.services, house.owner, delivery_id, Outcome.DELIVERED)
    house.clock.advance(hours=30)
    deliveries.resolve(house.services, house.owner, delivery_id, Outcome.RESEND)
    _push(house, sender)
    row = house.delivery(delivery_id)
    assert (row.state, row.attempts, row.dead_at) == (DeliveryState.DELIVERED, 1, None)


def test_words_that_were_cleared_by_age_are_not_sent_again(
    house: House, endpoint: Endpoint, sender: WebhookSender
) -> None:
    _register(house, endpoint.url)
    endpoint.answers = [400, 200]
    delivery_id = _approved(house)
    _push(house, sender)
    settings.change(house.services, house.owner, "privacy.message_days", 30)
    house.clock.advance(days=31)
    retention.sweep(house.services)
    with pytest.raises(Conflict, match="delivery_cleared") as caught:
        deliveries.resolve(house.services, house.owner, delivery_id, Outcome.RESEND)
    assert caught.value.extra == {"id": delivery_id, "state": "failed"}
    assert _push(house, sender) == 0
    assert (house.delivery(delivery_id).state, len(endpoint.got)) == (DeliveryState.FAILED, 1)


def test_nothing_is_sent_again_to_who_was_erased(house: House, endpoint: Endpoint, sender: WebhookSender) -> None:
    delivery_id = _unknown(house, endpoint, sender)
    erasure.erase(house.services, house.owner, str(house.delivery(delivery_id).member_id))
    with pytest.raises(Conflict, match="delivery_cleared"):
        deliveries.resolve(house.services, house.owner, delivery_id, Outcome.RESEND)
    row = deliveries.resolve(house.services, house.owner, delivery_id, Outcome.DELIVERED)
    assert row.state == DeliveryState.DELIVERED


@pytest.mark.parametrize("finished", [False, True])
@pytest.mark.parametrize("how", ["died", 503])
def test_what_was_going_out_is_not_repeated_after_the_erasure(
    house: House, endpoint: Endpoint, sender: WebhookSender, how: str | int, finished: bool
) -> None:
    _register(house, endpoint.url, idempotent=True)
    delivery_id = _approved(house)

    def sent(_parcel: Parcel) -> Result:
        member_id, services = str(house.delivery(delivery_id).member_id), house.services
        noted = services.env.data_dir / erasure_log.FILE
        erasure.begin(services.database, house.owner, member_id, noted, why=erasure.REQUESTED)
        if finished:
            erasure.finish(services.database, member_id)
        if how == "died":
            raise KeyboardInterrupt
        return Result(Sent.RETRY, "http_503")

    with suppress(KeyboardInterrupt):
        deliveries.push(house.services, claim_all(house.services, DeliveryRow), sent)
    house.clock.advance(minutes=2)
    assert _push(house, sender) == 0
    row = house.delivery(delivery_id)
    assert (row.state, row.last_error, row.due_at) == (DeliveryState.CANCELLED, "cleared", None)
    assert endpoint.got == []


def test_cleared_words_are_not_pulled(house: House, client: TestClient) -> None:
    delivery_id = _approved(house)
    with house.services.database.write() as db:
        db.get_one(DeliveryRow, delivery_id).text = ""
    assert client.get("/v1/deliveries").json() == {"deliveries": [], "next": None}


def test_racing_resends_send_once(house: House, endpoint: Endpoint, sender: WebhookSender) -> None:
    delivery_id = _unknown(house, endpoint, sender)
    calls = [lambda: deliveries.resolve(house.services, house.owner, delivery_id, Outcome.RESEND)] * 8
    assert sum(isinstance(one, DeliveryRow) for one in in_parallel(4, calls)) == 1
    in_parallel(4, [lambda: _push(house, sender)] * 4)
    assert len(endpoint.got) == 2


def test_queued_one_is_nothing_to_resolve(house: House) -> None:
    delivery_id = _approved(house)
    with pytest.raises(Conflict) as caught:
        deliveries.resolve(house.services, house.owner, delivery_id, Outcome.RESEND)
    assert caught.value.extra == {"id": delivery_id, "state": "queued"}


def test_pushed_delivery_is_not_acknowledged_and_not_pulled(house: House, client: TestClient) -> None:
    _register(house, _closed_port())
    delivery_id = _approved(house)
    assert client.get("/v1/deliveries").json() == {"deliveries": [], "next": None}
    answer = client.post(f"/v1/deliveries/{delivery_id}/ack")
    assert (answer.status_code, answer.json()["code"]) == (409, "delivery_not_open")
    assert answer.json()["current"] == {"id": delivery_id, "state": "queued"}


def test_rejected_draft_is_never_pushed(house: House, endpoint: Endpoint, sender: WebhookSender) -> None:
    # scope: 96
    _register(house, endpoint.url)
    (draft_id,) = house.make_drafts(1)
    house.decide(draft_id, Decision.REJECT)
    house.clock.advance(hours=1)
    assert _push(house, sender) == 0
    assert endpoint.got == []


def test_expired_lease_of_a_live_request_is_long_enough(house: House, endpoint: Endpoint) -> None:
    """Connecting, writing and reading may each take the whole time limit."""
    _register(house, endpoint.url)
    delivery_id = _approved(house)
    leases: list[timedelta] = []

    def look(_parcel: Parcel) -> Result:
        until = house.delivery(delivery_id).lease_until
        assert until is not None
        leases.append(until - house.clock.now())
        return Result(Sent.DELIVERED, "http_200")

    deliveries.push(house.services, claim_all(house.services, DeliveryRow), look)
    assert leases[0] >= timedelta(seconds=3)
