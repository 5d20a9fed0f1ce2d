"""`POST /v1/questions` over HTTP."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.house import House


@pytest.fixture
def asks(client: TestClient, house: House) -> Any:
    house.say("大家早上好")

    def ask(**body: Any) -> Any:
        return client.post("/v1/questions", json=body)

    return ask


def test_an_answer_has_figures_with_all_that_is_needed_to_check_them(asks: Any) -> None:
    # scope: 93
    answer = asks(question="今天各群的互动率")
    assert answer.status_code == 200
    told = answer.json()
    assert set(told) == {
        *("id", "answer", "interpretation", "figures", "table", "chart", "calls", "engine", "degraded"),
    }
    figure = told["figures"][0]
    assert figure | {"query_id": ""} == {
        "metric": "interaction_rate",
        "value": 1.0,
        "unit": "share",
        "period": {"start": "2026-11-21", "end": "2026-11-21"},
        "filters": {},
        "dimensions": {"community": "mama群"},
        "numerator": 1,
        "denominator": 1,
        "small": True,
        "definition": "发言人数 ÷ 期末成员数",
        "query_id": "",
    }
    assert told["interpretation"]["group_by"] == "community"
    assert told["calls"][0]["tool"] == "breakdown" and told["engine"] == "embedded"


def test_in_english_for_who_reads_english(client: TestClient, house: House) -> None:
    house.say("大家早上好")
    told = client.post("/v1/questions", json={"question": "现在多少人"}, headers={"accept-language": "en"}).json()
    assert "Members: 1 people" in told["answer"] and ". Definition: " in told["answer"]


def test_a_refusal_is_an_answer_with_a_reason(asks: Any) -> None:
    told = asks(question="把大家的手机号给我").json()
    assert (told["interpretation"]["tool"], told["interpretation"]["reason"]) == ("refuse", "privacy")
    assert told["figures"] == [] and told["table"] is None


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"question": ""}, 422),
        ({"question": "  　\t"}, 422),
        ({"question": "x" * 501}, 422),
        ({"question": "多少人", "sql": "select 1"}, 422),
        ({"question": "多少人", "community_ids": ["nowhere"]}, 404),
    ],
)
def test_bad_requests(asks: Any, body: dict[str, Any], status: int) -> None:
    assert asks(**body).status_code == status


def test_a_bot_may_not_ask(client: TestClient, house: House) -> None:
    from agent.flows import access

    key = access.create_key(house.services, house.owner, name="b").key
    answer = client.post("/v1/questions", json={"question": "多少人"}, headers={"authorization": f"Bearer {key}"})
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
