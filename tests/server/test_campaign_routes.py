"""Segments and campaigns over HTTP, and a bot that pulls what was approved."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from agent.flows import access
from core.vocabulary import Arm
from tests.agent.flows.campaigning import BRIEF, Club
from tests.house import House

DORMANT = {"op": "activity", "in": ["dormant"]}


@pytest.fixture
def club(house: House) -> Club:
    made = Club(house)
    made.learn()
    return made


def _propose(client: TestClient, brief: str = BRIEF) -> dict[str, Any]:
    answer = client.post("/v1/campaigns/propose", json={"brief": brief})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_a_segment_is_previewed_with_its_exclusions(client: TestClient, club: Club) -> None:
    ids = club.sleepers(3)
    club.join("fresh", 1)
    club.consent(ids[0], granted=False)
    found = client.post("/v1/segments/preview", json={"segment": DORMANT}).json()
    assert (found["count"], found["reachable"], len(found["sample"])) == (3, 2, 3)
    assert {one["reason"]: one["count"] for one in found["exclusions"]}["opt_out"] == 1
    assert found["described"] == "活跃状态：沉睡" and found["definition"] == DORMANT


@pytest.mark.parametrize(
    "segment",
    [
        {},
        {"op": "sql"},
        {"op": "activity", "in": []},
        {"op": "activity", "in": ["dormant"], "where": "1=1"},
        {"op": "and"},
    ],
)
def test_a_wrong_definition_is_refused_with_its_place(client: TestClient, club: Club, segment: dict[str, Any]) -> None:
    assert club
    answer = client.post("/v1/segments/preview", json={"segment": segment})
    assert answer.status_code == 422 and answer.json()["code"] == "segment_invalid"


def test_a_definition_that_is_too_deep_is_refused(client: TestClient, club: Club) -> None:
    assert club
    deep: dict[str, Any] = {"op": "everyone"}
    for _ in range(12):
        deep = {"op": "not", "of": deep}
    assert client.post("/v1/segments/preview", json={"segment": deep}).json()["code"] == "segment_invalid"


def test_a_campaign_from_brief_to_the_bot(client: TestClient, stranger: TestClient, club: Club) -> None:
    club.sleepers(10)
    made = _propose(client)
    one = f"/v1/campaigns/{made['id']}"
    assert made["status"] == "proposed" and made["proposal"]["copy"]["text"]
    assert client.get("/v1/campaigns").json()["campaigns"][0]["id"] == made["id"]
    done = client.post(f"{one}/decision", json={"decision": "approve", "version": 1})
    assert done.status_code == 200, done.text
    assert done.json()["people"] == {"treated": 9, "control": 1} and done.json()["deliveries"] == {"queued": 9}
    again = client.post(f"{one}/decision", json={"decision": "reject", "version": 1})
    assert again.status_code == 409 and again.json()["code"] == "campaign_decided"
    assert (again.json()["current"]["status"], again.json()["current"]["version"]) == ("scheduled", 2)
    key = access.create_key(club.house.services, club.house.owner, name="puller").key
    stranger.headers["authorization"] = f"Bearer {key}"
    assert stranger.get("/v1/deliveries").json()["deliveries"] == []
    club.at(club.deliveries()[0].not_before)
    pulled = stranger.get("/v1/deliveries").json()["deliveries"]
    arms = {row.member_id: row.arm for row in club.members_of(made["id"])}
    names = {f"s{n}" for n in range(10)}
    assert len(pulled) == 9 and {row["to"] for row in pulled} < names
    assert all(f"{row['to']}妈妈，好久没见" in row["text"] and row["kind"] == "campaign" for row in pulled)
    written = {row.member_id for row in club.deliveries()}
    assert written == {one for one, arm in arms.items() if arm == Arm.TREATED}


def test_modify_reject_and_cancel(client: TestClient, club: Club) -> None:
    club.sleepers(3)
    one = f"/v1/campaigns/{_propose(client)['id']}"
    changed = client.post(
        f"{one}/decision", json={"decision": "modify", "version": 1, "changes": {"text": "{member_name}，回复TD退订"}}
    ).json()
    assert (changed["status"], changed["version"]) == ("proposed", 2)
    assert changed["proposal"]["copy"]["text"] == "{member_name}，回复TD退订"
    assert client.post(f"{one}/decision", json={"decision": "modify", "version": 2}).json()["code"] == "changes_missing"
    empty = {"decision": "modify", "version": 2, "changes": {}}
    assert client.post(f"{one}/decision", json=empty).json()["code"] == "changes_missing"
    early = client.post(f"{one}/cancel", json={"version": 2})
    assert early.status_code == 409 and early.json()["code"] == "campaign_not_approved"
    assert client.post(f"{one}/decision", json={"decision": "reject", "version": 2}).json()["status"] == "rejected"


def test_who_may_do_what(client: TestClient, stranger: TestClient, club: Club) -> None:
    """# scope: 94"""
    club.sleepers(2)
    made = _propose(client)
    house = club.house
    body = {"decision": "approve", "version": 1}
    for role, preview, propose, approve in (
        ("answerer", 403, 403, 404),
        ("content", 200, 201, 403),
        ("admin", 200, 201, 200),
    ):
        house.user(role, login=role)
        headers = {"x-qunzhu-user": role}
        assert client.post("/v1/segments/preview", json={"segment": DORMANT}, headers=headers).status_code == preview
        assert client.post("/v1/campaigns/propose", json={"brief": BRIEF}, headers=headers).status_code == propose
        decided = client.post(f"/v1/campaigns/{made['id']}/decision", json=body, headers=headers).status_code
        assert decided == approve or (role == "answerer" and decided == 403)
    key = access.create_key(house.services, house.owner, name="b").key
    stranger.headers["authorization"] = f"Bearer {key}"
    assert stranger.get("/v1/campaigns").status_code == 403
    assert stranger.post("/v1/campaigns/propose", json={"brief": BRIEF}).status_code == 403


@pytest.mark.parametrize(("brief", "code"), [("  ", "brief_empty"), ("券" * 2_001, "brief_too_long")])
def test_a_brief_that_cannot_be_read(client: TestClient, club: Club, brief: str, code: str) -> None:
    assert club
    assert client.post("/v1/campaigns/propose", json={"brief": brief}).json()["code"] == code


def test_a_phone_number_in_a_brief_is_masked_everywhere(client: TestClient, club: Club) -> None:
    club.sleepers(1)
    made = _propose(client, "唤醒沉睡3个月的老客，有事打13812345678，明天上午10点发")
    assert "13812345678" not in client.get(f"/v1/campaigns/{made['id']}").text
    assert made["brief"].startswith("唤醒沉睡3个月的老客")


@pytest.mark.parametrize(
    ("limits", "there"),
    [
        ({"from": "0001-01-01"}, False),
        ({"to": "9999-12-31"}, False),
        ({"from": "1990-01-01", "to": "8999-12-31"}, True),
    ],
)
def test_days_at_the_ends_of_the_calendar_are_refused(
    client: TestClient, club: Club, limits: dict[str, str], there: bool
) -> None:
    club.sleepers(1)
    answer = client.post("/v1/segments/preview", json={"segment": {"op": "joined", **limits}})
    assert answer.status_code == (200 if there else 422), answer.text
    assert there or answer.json()["code"] == "segment_invalid"


def test_a_community_that_is_not_there_is_no_empty_segment(client: TestClient, club: Club) -> None:
    club.sleepers(1)
    for leaf in ({"op": "community", "in": ["nowhere"]}, {"op": "joined", "in": ["nowhere"], "days_ago_most": 7}):
        segment = {"op": "not", "of": leaf}
        seen = client.post("/v1/segments/preview", json={"segment": segment})
        assert (seen.status_code, seen.json()["code"]) == (404, "community_not_found")
        body = {"decision": "modify", "version": 1, "changes": {"segment": segment}}
        changed = client.post(f"/v1/campaigns/{_propose(client)['id']}/decision", json=body)
        assert (changed.status_code, changed.json()["code"]) == (404, "community_not_found")


def test_an_unclear_audience_is_approved_only_after_a_person_set_it(client: TestClient, club: Club) -> None:
    club.sleepers(3)
    made = _propose(client, "给上海的沉睡会员送满99减15券，明天上午10点发")
    assert (made["proposal"]["audience"], made["proposal"]["unclear"]) == ("unclear", ["上海"])
    one = f"/v1/campaigns/{made['id']}/decision"
    refused = client.post(one, json={"decision": "approve", "version": 1, "override": True})
    assert (refused.status_code, refused.json()["code"]) == (422, "audience_unclear")
    changes = {"decision": "modify", "version": 1, "changes": {"segment": DORMANT}}
    changed = client.post(one, json=changes).json()["proposal"]
    assert (changed["audience"], changed["unclear"]) == ("set", [])
    done = client.post(one, json={"decision": "approve", "version": 2})
    assert done.status_code == 200, done.text
