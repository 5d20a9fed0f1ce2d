"""Clocks, roster and notices over HTTP: who may see what, and what is refused."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from agent.flows import access
from core.vocabulary import ClockKind
from tests.agent.flows.clocking import person, staff, start, work
from tests.house import House


@pytest.fixture
def house(services: Any, clock: Any, owner: Any, community: str, bot: Any) -> House:
    return House(services, clock, owner, bot, community)


def _as(house: House, client: TestClient, login: str) -> dict[str, str]:
    assert house.services is not None
    return dict(client.headers) | {"x-qunzhu-user": login}


def test_overdue_questions_are_listed_first_due_first(house: House, client: TestClient) -> None:
    # scope: 14
    staff(house)
    start(house, "msg_late")
    house.clock.advance(minutes=3)
    start(house, "msg_new")
    start(house, "case_1", ClockKind.COMPLAINT)
    house.clock.advance(minutes=4)
    work(house)
    page = client.get("/v1/clocks").json()
    assert [one["object_id"] for one in page["clocks"]] == ["msg_late", "msg_new", "case_1"]
    assert [(one["state"], one["minutes_left"]) for one in page["clocks"]] == [
        ("overdue", -2.0),
        ("warned", 1.0),
        ("running", 26.0),
    ]
    assert [one["object_id"] for one in client.get("/v1/clocks?state=overdue").json()["clocks"]] == ["msg_late"]
    assert [one["object_id"] for one in client.get("/v1/clocks?state=warned").json()["clocks"]] == ["msg_new"]
    assert client.get("/v1/clocks?kind=complaint").json()["count"] == 1
    first = client.get("/v1/clocks?limit=2").json()
    rest = client.get("/v1/clocks", params={"limit": 2, "after": first["next"]}).json()
    assert (first["count"], [one["object_id"] for one in rest["clocks"]], rest["next"]) == (3, ["case_1"], None)


def test_each_sees_the_clocks_of_what_they_may_read(house: House, client: TestClient) -> None:
    staff(house)
    person(house, "elsewhere", "answerer", "staff")
    start(house, "msg_1")
    start(house, "case_1", ClockKind.COMPLAINT)

    def seen(login: str, **params: Any) -> Any:
        answer = client.get("/v1/clocks", headers=_as(house, client, login), params=params)
        return (
            [one["object_id"] for one in answer.json()["clocks"]] if answer.status_code == 200 else answer.status_code
        )

    assert seen("answerer") == ["msg_1"]
    assert seen("answerer", kind="complaint") == 403
    assert seen("service") == ["msg_1", "case_1"]
    assert seen("elsewhere") == []
    assert seen("service", community="staff") == []
    bots = access.create_key(house.services, house.owner, name="b").key
    assert client.get("/v1/clocks", headers={"authorization": f"Bearer {bots}"}).status_code == 403


def test_roster_is_replaced_read_and_thinned(house: House, client: TestClient) -> None:
    staff(house)
    shifts = [
        {"login": "answerer", "weekday": "sat", "shift": "09:00-12:00"},
        {"login": "service", "day": "2026-11-21", "shift": "09:00-18:00"},
    ]
    made = client.put("/v1/duty", json={"community_id": "root", "shifts": shifts})
    assert made.status_code == 200, made.text
    found = client.get("/v1/duty?community=root").json()
    assert found["on_duty"] == ["service"], "the day's own shifts take the place of the weekly ones"
    assert client.get("/v1/duty?community=mama").json() == {"shifts": [], "on_duty": ["service"]}
    single = next(one for one in found["shifts"] if one["day"])
    assert client.delete(f"/v1/duty/{single['id']}").status_code == 204
    assert client.delete(f"/v1/duty/{single['id']}").json()["code"] == "duty_not_found"
    assert client.get("/v1/duty?community=root").json()["on_duty"] == ["answerer"]


@pytest.mark.parametrize(
    ("shift", "code"),
    [
        ({"login": "answerer", "shift": "09:00-12:00"}, "duty_day_unclear"),
        ({"login": "answerer", "weekday": "mon", "day": "2026-11-21", "shift": "09:00-12:00"}, "duty_day_unclear"),
        ({"login": "answerer", "weekday": "mon", "shift": "9点到12点"}, "shift_invalid"),
        ({"login": "answerer", "weekday": "mon", "shift": "09:00-09:00"}, "shift_invalid"),
        ({"login": "nobody", "weekday": "mon", "shift": "09:00-12:00"}, "user_not_found"),
        ({"login": "elsewhere", "weekday": "mon", "shift": "09:00-12:00"}, "duty_not_seen"),
    ],
)
def test_shift_that_makes_no_sense(house: House, client: TestClient, shift: dict[str, str], code: str) -> None:
    staff(house)
    person(house, "elsewhere", "answerer", "staff")
    answer = client.post("/v1/duty", json={"community_id": "mama", "shifts": [shift]})
    assert (answer.json()["code"], client.get("/v1/duty").json()["shifts"]) == (code, [])


def test_roster_is_changed_by_who_may_change_settings(house: House, client: TestClient) -> None:
    staff(house)
    body = {"community_id": "root", "shifts": []}
    assert client.put("/v1/duty", json=body, headers=_as(house, client, "supervisor")).status_code == 403
    assert client.get("/v1/duty", headers=_as(house, client, "supervisor")).status_code == 200
    assert client.put("/v1/duty", json=body, headers=_as(house, client, "admin")).status_code == 200


def test_notices_are_ones_own_until_seen_or_settled(house: House, client: TestClient) -> None:
    staff(house)
    start(house, "msg_1")
    start(house, "case_1", ClockKind.COMPLAINT)
    house.clock.advance(minutes=5)
    work(house)
    mine = client.get("/v1/notices", headers=_as(house, client, "answerer")).json()["notices"]
    assert [(one["kind"], one["object_id"]) for one in mine] == [("clock_breach", "msg_1")]
    notice = f"/v1/notices/{mine[0]['id']}/seen"
    assert client.post(notice, headers=_as(house, client, "service")).json()["code"] == "notice_not_found"
    assert client.post(notice, headers=_as(house, client, "answerer")).json() == {"changed": True}
    assert client.post(notice, headers=_as(house, client, "answerer")).json() == {"changed": False}
    assert client.get("/v1/notices", headers=_as(house, client, "answerer")).json() == {"notices": []}
    assert len(client.get("/v1/notices", headers=_as(house, client, "service")).json()["notices"]) == 1


def test_figures_of_clocks(house: House, client: TestClient) -> None:
    start(house, "msg_1")
    start(house, "msg_2", since=house.clock.now() - timedelta(minutes=10))
    text = client.get("/metrics").text
    assert 'qunzhu_clocks_open{kind="group_question",state="running"} 2.0' in text
    assert 'qunzhu_clocks_open{kind="group_question",state="overdue"} 1.0' in text
