"""Notices for a person of the staff are shown until they are seen or settled, and dropped long after."""

from agent.flows import notices
from store import staff_notices
from tests.house import House


def _told(house: House, object_id: str) -> None:
    with house.services.database.write() as db:
        staff_notices.add(
            db,
            [house.owner.id],
            community_id=house.community,
            kind="warned",
            object_kind="complaint",
            object_id=object_id,
        )


def _mine(house: House) -> dict[str, str]:
    with house.services.database.read() as db:
        return {row.object_id: row.id for row in notices.mine(db, house.owner)}


def test_old_ones_go_when_they_are_over(house: House) -> None:
    for name in ("cmp_seen", "cmp_settled", "cmp_open"):
        _told(house, name)
    notices.seen(house.services, house.owner, _mine(house)["cmp_seen"])
    with house.services.database.write() as db:
        staff_notices.settle(db, "complaint", "cmp_settled")
    house.clock.advance(seconds=notices.KEPT.total_seconds() - 60)
    assert notices.sweep(house.services) == 0
    house.clock.advance(minutes=2)
    assert notices.sweep(house.services) == 2
    assert set(_mine(house)) == {"cmp_open"}, "what nobody saw stays"


def test_what_may_not_be_read_takes_no_place_in_the_list(house: House) -> None:
    answerer = house.user("answerer")
    with house.services.database.write() as db:
        for kind, object_id in (("group_question", "msg_1"), ("complaint", "cmp_1"), ("incident", "inc_1")):
            staff_notices.add(db, [answerer.id], community_id="mama", kind="x", object_kind=kind, object_id=object_id)
    with house.services.database.read() as db:
        assert [row.object_id for row in notices.mine(db, answerer, 1)] == ["msg_1"]
        assert len(notices.mine(db, house.user("service"))) == 0
