"""Complaint cases over HTTP."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.agent.flows.test_cases import BROKEN, LATE, complain
from tests.house import House


def case_id(house: House, text: str = BROKEN, message_id: str = "m-1", **values: Any) -> str:
    return complain(house, text, message_id, **values).id


# scope: 20
def test_result_of_a_message_names_its_case(house: House, client: TestClient) -> None:
    case = complain(house)
    shown = client.get(f"/v1/messages/{case.message_id}").json()
    assert shown["complaint"] == {
        "case_id": case.id,
        "category": "product_quality",
        "severity": "high",
        "quote": case.quote,
        "state": "new",
        "owner": None,
        "respond_by": shown["complaint"]["respond_by"],
    }
    assert shown["draft"]["case_id"] == case.id and shown["draft"]["kind"] == "reply"
    assert shown["triage"]["kind"] == "complaint"


def test_list_filters_and_pages(house: House, client: TestClient) -> None:
    first = case_id(house)
    second = case_id(house, LATE, "m-2", sender={"id": "wx-2", "name": "果果妈"})
    page = client.get("/v1/complaints").json()
    assert [one["id"] for one in page["complaints"]] == [second, first] and page["counts"] == {"new": 2}
    cut = client.get("/v1/complaints", params={"limit": 1}).json()
    rest = client.get("/v1/complaints", params={"limit": 1, "after": cut["next"]}).json()
    assert [one["id"] for one in rest["complaints"]] == [first]
    for params, expected in (
        ({"category": "logistics"}, [second]),
        ({"state": "closed"}, []),
        ({"overdue": True}, []),
        ({"community": "mama"}, [second, first]),
        ({"owner": "me"}, []),
    ):
        found = client.get("/v1/complaints", params=params).json()["complaints"]
        assert [one["id"] for one in found] == expected
    assert client.get("/v1/complaints", params={"state": "closed"}).json()["counts"] == {"new": 2}


def test_case_with_everything_around_it(house: House, client: TestClient) -> None:
    shown = client.get(f"/v1/complaints/{case_id(house)}").json()
    assert [one["mine"] for one in shown["conversation"]] == [True]
    assert [one["kind"] for one in shown["events"]] == ["opened"]
    assert shown["clock"]["state"] == "running" and shown["next_states"] == ["acknowledged", "dismissed"]
    assert {one["kind"] for one in shown["drafts"]} == {"reply", "private"}
    assert all("小满妈妈" in one["text"] for one in shown["drafts"])


# scope: 23, 24
def test_actions_and_what_they_lack(house: House, client: TestClient) -> None:
    url = f"/v1/complaints/{case_id(house)}/actions"

    def act(action: str, version: int, **given: Any) -> Any:
        return client.post(url, json={"action": action, "version": version} | given)

    done = act("acknowledge", 1).json()
    assert done["state"] == "acknowledged" and done["owner"]["id"] == house.owner.id
    late = act("investigate", 1)
    assert late.status_code == 409 and late.json()["code"] == "case_changed"
    assert late.json()["current"]["version"] == done["version"]
    done = act("investigate", done["version"]).json()
    assert act("resolve", done["version"]).json()["code"] == "case_needs_result"
    done = act("resolve", done["version"], text="换新的").json()
    assert act("close", done["version"]).json()["code"] == "case_not_told"
    assert act("note", done["version"]).json()["code"] == "case_field_missing"
    assert act("told", done["version"], owner="x").json()["code"] == "case_field_not_expected"
    done = act("told", done["version"]).json()
    done = act("close", done["version"], answer="satisfied").json()
    assert (done["state"], done["answer"], done["result"]) == ("closed", "satisfied", "换新的")


# scope: 26
def test_compensation_over_http(house: House, client: TestClient) -> None:
    url = f"/v1/complaints/{case_id(house)}/compensation"
    wrong = client.post(url, json={"version": 1, "kind": "points", "cents": 5})
    assert wrong.status_code == 422 and wrong.json()["code"] == "compensation_amount"
    made = client.post(url, json={"version": 1, "kind": "points", "points": 50})
    assert made.status_code == 201
    body = made.json()
    assert body["compensation"]["status"] == "approved" and body["complaint"]["compensations"]
    again = f"{url}/{body['compensation']['id']}/decision"
    decided = client.post(again, json={"version": body["complaint"]["version"], "approve": False})
    assert decided.status_code == 409 and decided.json()["code"] == "compensation_decided"


def test_scopes_and_communities(house: House, client: TestClient) -> None:
    case = case_id(house)
    for role in ("content", "auditor", "service"):
        house.user(role, login=role)

    def as_(login: str) -> dict[str, str]:
        return {"x-qunzhu-user": login}

    assert client.get("/v1/complaints", headers=as_("content")).status_code == 403
    assert client.get(f"/v1/complaints/{case}", headers=as_("auditor")).status_code == 200
    body = {"action": "acknowledge", "version": 1}
    path = f"/v1/complaints/{case}/actions"
    assert client.post(path, json=body, headers=as_("auditor")).status_code == 403
    assert client.get("/v1/complaints/cas_nothing", headers=as_("service")).status_code == 404
    done = client.post(path, json=body | {"owner": "auditor"}, headers=as_("service"))
    assert done.json()["code"] == "owner_not_allowed"
    assert client.post(path, json=body, headers=as_("service")).json()["owner"]["name"] == "service"


@pytest.mark.parametrize("body", [{}, {"action": "acknowledge"}, {"action": "eat", "version": 1}])
def test_bad_input(house: House, client: TestClient, body: dict[str, Any]) -> None:
    assert client.post(f"/v1/complaints/{case_id(house)}/actions", json=body).status_code == 422


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_report_at_the_ends_of_the_calendar_is_refused(client: TestClient, day: str) -> None:
    answer = client.get("/v1/reports/complaints", params={"from": day})
    assert answer.status_code == 422 and answer.json()["code"] == "report_period"
