"""Flagged messages of which a language model said something, on their page."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from agent.flows import risk_items
from agent.services import Services
from core.vocabulary import ModelSays, RiskLabel, RiskLevel, RiskOrigin
from store import messages, risks

Person = Callable[..., TestClient]
Ask = Callable[..., str]
AD = "诚招宝妈兼职，日入300元，加V信 abc12345 了解"


@pytest.fixture
def unjudged(services: Services, ask: Ask) -> str:
    """An item without labels, which the model could not judge."""
    message = ask("手里有点闲货想处理")
    with services.database.write() as db:
        row = messages.get(db, message)
        assert row is not None
        return risk_items.add(db, services, row, [], RiskLevel.LOW, RiskOrigin.SCREEN, model=ModelSays.FAILED)


def test_what_the_model_could_not_judge_says_so_and_is_decided_on(
    person: Person, unjudged: str, services: Services
) -> None:
    client = person("supervisor")
    assert "模型没能判断" in client.get("/console/risks/list").text
    panel = client.get(f"/console/risks/{unjudged}/panel").text
    assert "模型没能判断，请人看一眼。" in panel
    wanted = {"version": 1, "decision": "confirm", "labels": [RiskLabel.AD_SPAM.value], "action": "warn_private"}
    assert client.post(f"/console/api/risks/{unjudged}/decision", json=wanted).status_code == 200
    with services.database.read() as db:
        item = risks.get(db, unjudged)
    assert item is not None and (item.confirmed, item.taken_action) == (",ad_spam,", "warn_private")


def test_item_that_the_model_denies_says_so(person: Person, services: Services, ask: Ask) -> None:
    message = ask(AD)
    with services.database.write() as db:
        item = risks.lock_of_message(db, message)
        assert item is not None
        item.model = ModelSays.DENIES
    page = person("supervisor").get("/console/risks/list").text
    assert "模型认为不是" in page and "广告引流" in page
