"""Events come in: all of a batch or none, repeats are harmless."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from agent.flows import events
from agent.flows.events import Taken
from agent.flows.incoming import IncomingEvent
from core.errors import BadInput, Forbidden, NotFound
from store.members import MemberRow, MembershipRow
from tests.house import House, in_parallel, row_counts


def _event(house: House, **values: Any) -> IncomingEvent:
    wire = {"channel": "wecom", "community_id": "mama", "event_id": "e-1", "type": "join", "member": {"id": "wx-1"}}
    return IncomingEvent.model_validate(wire | {"at": house.clock.now()} | values)


def _take(house: House, *incoming: IncomingEvent) -> Taken:
    return events.receive(house.services, house.bot, incoming)


def _stays(house: House) -> list[bool]:
    """Whether each stay, in order, is still open."""
    with house.services.database.read() as db:
        query = sa.select(MembershipRow.left_at).order_by(MembershipRow.joined_at)
        return [left is None for left in db.execute(query).scalars()]


def test_repeat_is_known_and_changes_nothing(house: House) -> None:
    assert _take(house, _event(house)) == Taken(1, 0)
    before = row_counts(house.services.database)
    assert _take(house, _event(house), _event(house)) == Taken(0, 2)
    assert row_counts(house.services.database) == before


def test_racing_repeats_count_once(house: House) -> None:
    taken = in_parallel(8, [lambda: _take(house, _event(house))] * 24)
    assert sum(one.added for one in taken) == 1
    counts = row_counts(house.services.database)
    assert (counts["events"], counts["members"], counts["memberships"]) == (1, 1, 1)


def test_same_key_with_another_body_names_its_place(house: House) -> None:
    _take(house, _event(house))
    before = row_counts(house.services.database)
    with pytest.raises(BadInput) as caught:
        _take(house, _event(house, event_id="e-0"), _event(house, type="leave"))
    assert (caught.value.code, caught.value.extra["index"]) == ("event_changed", 1)
    assert row_counts(house.services.database) == before


def test_leave_and_return_are_two_stays(house: House) -> None:
    for number, kind in enumerate(("join", "leave", "leave", "join")):
        house.clock.advance(days=1)
        _take(house, _event(house, event_id=f"e-{number}", type=kind))
    assert _stays(house) == [False, True]


def test_where_somebody_came_from_is_masked(house: House) -> None:
    told = "老王推荐，电话13912345678"
    late = "从很远很远的地方来的" * 5 + "，我的电话是13912345678"  # cut at 64 it would be half a number
    for number, source in enumerate((told, late)):
        member = {"id": f"wx-{number}"}
        _take(house, _event(house, event_id=f"e-{number}", member=member, data={"source": source}))
    with house.services.database.read() as db:
        kept = set(db.execute(sa.select(MembershipRow.source)).scalars())
    assert kept == {"老王推荐，电话139****5678", late.replace("13912345678", "139****5678")[:64]}


def test_activity_never_moves_backwards(house: House) -> None:
    now = house.clock.now()
    _take(house, _event(house, event_id="new", type="click"))
    _take(house, _event(house, event_id="old", type="click", at=now - timedelta(days=3)))
    with house.services.database.read() as db:
        assert db.execute(sa.select(MemberRow.last_active_at)).scalar_one() == now


@pytest.mark.parametrize(
    ("values", "error", "code"),
    [
        ({"community_id": "nowhere"}, NotFound, "community_not_found"),
        ({"at": "2030-01-01T00:00:00Z"}, BadInput, "at_in_future"),
    ],
)
def test_one_bad_event_keeps_all_out(house: House, values: dict[str, Any], error: type[Exception], code: str) -> None:
    before = row_counts(house.services.database)
    with pytest.raises(error, match=code):
        _take(house, _event(house), _event(house, event_id="e-2", **values))
    assert row_counts(house.services.database) == before


def test_moderator_brings_no_events(house: House) -> None:
    with pytest.raises(Forbidden, match="scope_missing"):
        events.receive(house.services, house.user("answerer"), [_event(house)])
