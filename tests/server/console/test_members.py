"""成员与隐私 in the console: masked, revealed with a reason, exported, erased only where it was typed."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from agent.flows import intake, member_access
from agent.flows.incoming import IncomingMessage
from agent.services import Services
from core.caller import Caller

PHONE = "13912345678"
Person = Callable[..., TestClient]


@pytest.fixture
def member(services: Services, owner: Caller, bot: Caller) -> str:
    said = {
        "channel": "wecom",
        "community_id": "mama",
        "message_id": "m-1",
        "sender": {"id": "wx-console-1", "name": "小满妈妈"},
        "text": f"我的电话{PHONE}",
        "sent_at": services.clock.now(),
    }
    intake.receive(services, bot, IncomingMessage.model_validate(said))
    (row,) = member_access.find(services, owner, name="小满妈妈")
    return row.id


# scope: 35, 36
def test_masked_until_somebody_says_why(person: Person, csrf: Callable[[], str], member: str) -> None:
    client = person("service")
    listed = client.get("/console/members").text
    assert "小***" in listed and "小满妈妈" not in listed and "wx-console-1" not in listed
    found = client.post("/console/members", data={"csrf": csrf(), "by": "name", "sought": "小满妈妈"}).text
    assert member in found
    at = f"/console/members/{member}"
    assert "删除这位成员" not in client.get(at).text
    bare = client.post(f"{at}/reveal", data={"csrf": csrf(), "fields": ["name"], "reason": ""})
    assert bare.status_code == 422 and "小满妈妈" not in bare.text
    shown = client.post(f"{at}/reveal", data={"csrf": csrf(), "fields": ["name", "identities"], "reason": "回访"})
    assert "小满妈妈" in shown.text and "wx-console-1" in shown.text
    assert "no-store" in shown.headers["cache-control"]
    assert "回访" in client.get(at).text and "小满妈妈" not in client.get(at).text
    assert client.post(f"{at}/erase", data={"csrf": csrf(), "typed": member[-6:]}).status_code == 422


def test_consent_export_and_erasure(person: Person, csrf: Callable[[], str], member: str) -> None:
    client, at = person("owner"), f"/console/members/{member}"
    said = {"csrf": csrf(), "kind": "marketing", "said": "refused", "source": "电话里说的"}
    assert client.post(f"{at}/consent", data=said).status_code == 303
    assert "电话里说的" in client.get(at).text
    file = client.post(f"{at}/export", data={"csrf": csrf(), "form": "json", "reason": "本人要求"})
    assert file.json()["messages"][0]["text"] == f"我的电话{PHONE}"
    assert "attachment" in file.headers["content-disposition"]
    assert client.post(f"{at}/erase", data={"csrf": csrf(), "typed": "错了"}).headers["location"].endswith("#erase")
    assert client.post(f"{at}/erase", data={"csrf": csrf(), "typed": member[-6:], "reason": ""}).status_code == 303
    assert "只留下编号" in client.get(at).text
    assert member not in client.get("/console/members").text


def test_who_may_not_read_members_sees_no_such_page(person: Person, csrf: Callable[[], str], member: str) -> None:
    client = person("answerer")
    assert client.get("/console/members").status_code == 403
    assert client.get(f"/console/members/{member}").status_code == 403
    assert client.post("/console/members", data={"csrf": csrf(), "sought": "小满妈妈"}).status_code == 403
    assert client.post(f"/console/members/{member}/reveal", data={"csrf": "wrong"}).status_code == 403
    assert "/console/members" not in client.get("/console/drafts").text


def test_a_form_that_is_refused_keeps_what_was_typed(person: Person, csrf: Callable[[], str], member: str) -> None:
    client, at = person("owner"), f"/console/members/{member}"
    none = client.post(f"{at}/reveal", data={"csrf": csrf(), "reason": "回访一下"})
    assert none.status_code == 422 and 'value="回访一下"' in none.text
    said = {"csrf": csrf(), "kind": "introduction", "said": "granted", "source": ""}
    refused = client.post(f"{at}/consent", data=said)
    assert refused.status_code == 422
    assert 'value="introduction" selected' in refused.text and 'value="granted" selected' in refused.text
    export = client.post(f"{at}/export", data={"csrf": csrf(), "form": "csv", "reason": " "})
    assert export.status_code == 422 and 'value="csv" selected' in export.text
