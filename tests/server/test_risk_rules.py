"""Rules of communities, their dry run and the test of a text, over HTTP."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from agent.flows import access
from agent.services import Services
from core.caller import Caller
from server.app import create_app
from tests.house import House

pytestmark = pytest.mark.usefixtures("community")
AD = "加薇❤ abc123，日赚300，宝妈兼职"
WORD = {"word": "小蓝鲸", "label": "gambling", "weight": 0.9}
EMPTY: dict[str, Any] = {"words": [], "allowed": [], "off": None, "thresholds": {}}


def put(client: TestClient, community: str | None = "mama", **rules: Any) -> Any:
    return client.put("/v1/risks/rules", params={"community": community} if community else {}, json=rules)


def test_a_text_with_everything_behind_its_verdict(client: TestClient) -> None:
    found = client.post("/v1/risks/test", json={"text": AD}).json()
    assert found["verdict"]["labels"][0]["label"] == "ad_spam"
    assert "加微信" in found["reading"]
    seen = next(one for one in found["disguises"] if one["word"] == "加微信")
    start, end = seen["span"]
    assert (seen["text"], AD[start:end], seen["view"]) == ("加薇❤", "加薇❤", "sound")
    assert {sign["layer"] for sign in found["signs"]} >= {"lexicon", "pattern"}
    assert all(0 <= sign["span"][0] < sign["span"][1] <= len(AD) for sign in found["signs"])
    (score,) = [one for one in found["scores"] if one["label"] == "ad_spam"]
    assert score["holds"] and score["score"] > score["threshold"] == 0.5


def test_a_text_by_the_rules_of_a_community(client: TestClient) -> None:
    text = f"{WORD['word']}今天几点开门"
    assert put(client, words=[WORD]).status_code == 200
    body = {"text": text, "community_id": "mama"}
    assert client.post("/v1/risks/test", json=body).json()["verdict"]["action"] == "remove"
    staff = client.post("/v1/risks/test", json=body | {"sender_role": "staff"}).json()
    assert staff["verdict"]["reason"] == "staff_not_penalised"
    assert client.post("/v1/risks/test", json={"text": text}).json()["verdict"]["labels"] == []
    unknown = client.post("/v1/risks/test", json={"text": text, "community_id": "nowhere"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "community_not_found")
    assert client.post("/v1/risks/test", json={"text": "长" * 8_001}).status_code == 422
    assert client.post("/v1/risks/test", json={"text": ""}).json()["verdict"]["level"] == "none"


def test_rules_are_read_and_changed(client: TestClient) -> None:
    # scope: 28
    assert client.get("/v1/risks/rules?community=mama").json() == {
        "community_id": "mama",
        "version": 0,
        "own": EMPTY,
        "inherited": EMPTY,
        "effective": EMPTY,
    }
    assert put(client, None, words=[WORD], off=["flooding"]).json()["community_id"] is None
    done = put(client, allowed=["上车"], thresholds={"abuse": 0.7}, version=0).json()
    assert (done["version"], done["own"]["allowed"], done["inherited"]["words"]) == (2, ["上车"], [WORD])
    assert done["effective"] == {
        "words": [WORD],
        "allowed": ["上车"],
        "off": ["flooding"],
        "thresholds": {"abuse": 0.7},
    }
    lost = put(client, version=0)
    assert (lost.status_code, lost.json()["code"]) == (409, "risk_rules_changed")
    assert lost.json()["current"] == {"version": 2}


def test_rules_that_cannot_be(client: TestClient) -> None:
    for rules, code in (
        ({"off": ["self_harm"]}, "risk_rules_self_harm"),
        ({"thresholds": {"self_harm": 0.9}}, "risk_rules_self_harm"),
        ({"thresholds": {"abuse": 3}}, "invalid_request"),
        ({"words": [{"word": "", "label": "abuse"}]}, "invalid_request"),
        ({"words": [{"word": "词", "label": "nonsense"}]}, "invalid_request"),
        ({"wrods": []}, "invalid_request"),
    ):
        refused = put(client, **rules)
        assert (refused.status_code, refused.json()["code"]) == (422, code), rules
    assert put(client, "nowhere").status_code == 404


def test_dry_run_over_http(client: TestClient, house: House) -> None:
    # scope: 28
    house.say(f"{WORD['word']}今天几点开门，电话13800138000", "m-1")
    house.say("早上好", "m-2")
    body = {"community_id": "mama", "rules": {"words": [WORD]}, "days": 7}
    found = client.post("/v1/risks/rules:dry-run", json=body).json()
    assert (found["total"], found["screened"], found["changed"], found["ended"]) == (2, 2, 1, None)
    assert {"label": "gambling", "before": 0, "after": 1} in found["labels"]
    (example,) = found["examples"]
    assert "13800138000" not in example["text"] and "gambling" in example["after"]["labels"]
    assert client.get("/v1/risks/rules?community=mama").json()["version"] == 0


def test_only_who_may(services: Services, owner: Caller, stranger: TestClient) -> None:
    key = access.create_key(services, owner, name="reader", role="auditor", within=["mama"])
    with TestClient(create_app(services)) as reader:
        reader.headers["authorization"] = f"Bearer {key.key}"
        assert reader.get("/v1/risks/rules?community=mama").status_code == 200
        assert reader.get("/v1/risks/rules?community=root").status_code == 404
        assert put(reader).status_code == 403
        assert reader.post("/v1/risks/test", json={"text": "你好", "community_id": "root"}).status_code == 404
    assert stranger.get("/v1/risks/rules").status_code == 401
