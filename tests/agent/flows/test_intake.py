"""Messages come in: once each, however often and however many at a time they are posted."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from agent.flows import communities, intake
from agent.flows.incoming import IncomingMessage
from core.caller import Caller
from core.errors import BadInput, Forbidden, NotFound, QunzhuError
from core.vocabulary import CommunityType, MessageStage
from store.members import MemberRow, MembershipRow
from store.vault import MemberKeys
from tests.house import ASKS_REFUND, House, in_parallel, row_counts


def _receive(
    house: House, incoming: IncomingMessage, caller: Caller | None = None, **options: object
) -> intake.Receipt:
    return intake.receive(house.services, caller or house.bot, incoming, **options)  # type: ignore[arg-type]


def test_hundred_parallel_posts_of_one_message_make_one(wise: House) -> None:
    """The bar: one row, one member, one draft, and everybody gets the same answer."""
    incoming = wise.message(ASKS_REFUND)
    receipts = in_parallel(20, [lambda: _receive(wise, incoming)] * 100)
    assert {getattr(one, "message_id", one) for one in receipts} == {receipts[0].message_id}
    assert sum(not one.replayed for one in receipts) == 1
    in_parallel(4, [wise.work] * 8)
    counts = row_counts(wise.services.database)
    assert [counts[t] for t in ("messages", "members", "member_keys", "memberships", "drafts")] == [1, 1, 1, 1, 1]


def test_parallel_posts_of_two_bodies_keep_one_and_refuse_the_other(house: House) -> None:
    bodies = [house.message("第一种说法"), house.message("第二种说法")]
    results = in_parallel(10, [lambda n=n: _receive(house, bodies[n % 2]) for n in range(40)])
    refused = [one for one in results if isinstance(one, QunzhuError)]
    assert len(refused) == 20
    assert {one.code for one in refused} == {"message_changed"}
    assert row_counts(house.services.database)["messages"] == 1


def test_parallel_messages_of_a_new_sender_make_one_member(house: House) -> None:
    messages = [house.message(f"第{n}句话", f"m-{n}") for n in range(40)]
    results = in_parallel(10, [lambda m=m: _receive(house, m) for m in messages])
    assert all(isinstance(one, intake.Receipt) for one in results), results
    counts = row_counts(house.services.database)
    wanted = {"messages": 40, "members": 1, "member_keys": 1, "member_identities": 1, "memberships": 1}
    assert {table: counts[table] for table in wanted} == wanted


def test_same_key_same_body_is_a_replay(house: House) -> None:
    first = _receive(house, house.message("你好"))
    again = _receive(house, house.message("你好"))
    assert (again.message_id, again.replayed, first.replayed) == (first.message_id, True, False)


def test_replay_does_not_begin_the_work_again(wise: House) -> None:
    incoming = wise.message(ASKS_REFUND)
    received = _receive(wise, incoming).message_id
    wise.work()
    assert _receive(wise, incoming).replayed
    assert wise.work() == []
    assert wise.message_row(received).stage == MessageStage.DONE


@pytest.mark.parametrize("values", [{"text": "别的话"}, {"sender": {"id": "wx-other"}}, {"type": "image"}])
def test_same_key_another_body_is_refused(house: House, values: dict[str, Any]) -> None:
    received = house.say("你好")
    before = row_counts(house.services.database)
    body: dict[str, Any] = {"text": "你好"} | values
    with pytest.raises(BadInput) as caught:
        _receive(house, house.message(body.pop("text"), **body))
    assert (caught.value.code, caught.value.extra["id"]) == ("message_changed", received)
    assert row_counts(house.services.database) == before


def test_idempotency_key_with_another_body_is_refused(house: House) -> None:
    first = _receive(house, house.message("你好", "m-1"), key="k-1")
    assert _receive(house, house.message("你好", "m-1"), key="k-1").message_id == first.message_id
    before = row_counts(house.services.database)
    with pytest.raises(BadInput, match="idempotency_key_reused"):
        _receive(house, house.message("另一条", "m-2"), key="k-1")
    assert row_counts(house.services.database) == before


def test_idempotency_keys_of_two_callers_are_apart(house: House) -> None:
    _receive(house, house.message("你好", "m-1"), key="k-1")
    assert not _receive(house, house.message("另一条", "m-2"), house.owner, key="k-1").replayed


def test_refused_request_does_not_use_up_its_key(house: House) -> None:
    house.say("你好", "m-1")
    with pytest.raises(BadInput, match="message_changed"):
        _receive(house, house.message("变了", "m-1"), key="k-1")
    assert not _receive(house, house.message("新的", "m-2"), key="k-1").replayed


def test_racing_idempotency_keys_have_one_winner(house: House) -> None:
    calls = [lambda n=n: _receive(house, house.message(f"第{n}条", f"m-{n}"), key="one") for n in range(16)]
    results = in_parallel(8, calls)
    refused = [one for one in results if isinstance(one, BadInput) and one.code == "idempotency_key_reused"]
    assert len(refused) == 15
    assert row_counts(house.services.database)["messages"] == 1


def test_unknown_community_is_not_made(house: House) -> None:
    before = row_counts(house.services.database)
    with pytest.raises(NotFound, match="community_not_found"):
        _receive(house, house.message("你好", community_id="nowhere"))
    assert row_counts(house.services.database) == before


def test_community_made_a_moment_ago_is_known_at_once(house: House) -> None:
    with pytest.raises(NotFound):
        _receive(house, house.message("你好", community_id="fresh"))
    communities.create(
        house.services,
        house.owner,
        community_id="fresh",
        name="新群",
        type=CommunityType.FANS,
        channel="wecom",
        parent_id="root",
    )
    assert not _receive(house, house.message("你好", community_id="fresh")).replayed


@pytest.mark.parametrize("minutes", [5.1, 60, 60 * 24 * 365])
def test_future_message_is_refused(house: House, minutes: float) -> None:
    before = row_counts(house.services.database)
    sent_at = house.clock.now() + timedelta(minutes=minutes)
    with pytest.raises(BadInput, match="sent_at_in_future"):
        _receive(house, house.message("你好", sent_at=sent_at))
    assert row_counts(house.services.database) == before


def test_clocks_may_differ_by_five_minutes(house: House) -> None:
    _receive(house, house.message("你好", sent_at=house.clock.now() + timedelta(minutes=5)))


def test_key_of_another_community_is_refused(house: House) -> None:
    # scope: 36
    stranger = house.user("bot", "mama")
    before = row_counts(house.services.database)
    with pytest.raises(Forbidden) as caught:
        _receive(house, house.message("你好", community_id="root"), stranger)
    assert caught.value.extra == {"scope": "messages:write"}
    assert row_counts(house.services.database) == before


def test_who_decides_may_paste_on_the_manual_channel_only(house: House) -> None:
    answerer = house.user("answerer", "mama")
    assert not _receive(house, house.message("粘贴的", channel="manual"), answerer).replayed
    with pytest.raises(Forbidden):
        _receive(house, house.message("冒充机器人", "m-2"), answerer)


def test_unknown_sender_becomes_a_member_of_the_group(house: House) -> None:
    house.say("大家好")
    with house.services.database.read() as db:
        member = db.execute(sa.select(MemberRow)).scalar_one()
        stay = db.execute(sa.select(MembershipRow)).scalar_one()
    assert (stay.member_id, stay.community_id, stay.left_at) == (member.id, "mama", None)
    assert member.last_active_at == house.clock.now()


def test_changed_name_is_taken_over(house: House) -> None:
    received = house.say("大家好")
    house.say("我改名了", "m-2", sender={"id": "wx-xiaoman", "name": "满满"})
    with house.services.database.read() as db:
        member = db.get_one(MemberRow, house.message_row(received).member_id)
        assert MemberKeys(db, house.services.keyring).name(member) == "满满"


def test_private_conversations_have_lanes_of_their_own(house: House) -> None:
    group = house.message_row(house.say("群里", "m-1"))
    private = house.message_row(house.say("私聊", "m-2", conversation="private"))
    assert group.lane == "mama"
    assert private.lane == f"mama:{private.member_id}"
