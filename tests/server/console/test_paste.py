"""Pasted messages and the deliveries page."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from agent.services import Services
from core.vocabulary import DeliveryState
from store import deliveries, drafts

Person = Callable[..., TestClient]
pytestmark = pytest.mark.usefixtures("refund")
QUESTION = "请问买错了怎么退款呀？"


def _paste(client: TestClient, text: str = QUESTION, nickname: str = "豆豆妈", within: str = "mama") -> Any:
    body = {"community_id": within, "nickname": nickname, "text": text}
    return client.post("/console/api/paste", json=body)


def _draft(services: Services, message_id: str) -> str:
    with services.database.read() as db:
        row = drafts.of_message(db, message_id)
    assert row is not None
    return row.id


def test_from_pasting_to_sent(services: Services, person: Person, worker: Callable[[], None]) -> None:
    client = person()
    message = _paste(client).json()["id"]
    assert "data-waiting" in client.get(f"/console/paste/{message}/panel").text
    worker()
    panel = client.get(f"/console/paste/{message}/panel").text
    assert "data-waiting" not in panel and "三天内原路退回" in panel and "无风险" in panel
    draft = _draft(services, message)
    body = {"decision": "modify", "version": 1, "text": "豆豆妈，点申请退款就行。"}
    done = client.post(f"/console/api/drafts/{draft}/decision", json=body).json()
    assert (done["undo_seconds"], done["copy_from"]) == (0, message)
    assert "豆豆妈，点申请退款就行。" in client.get(f"/console/paste/{message}/panel").text
    with services.database.read() as db:
        (delivery,) = deliveries.of_draft(db, draft)
    assert f"/console/paste?message={message}" in client.get("/console/deliveries").text
    assert client.post(f"/v1/deliveries/{delivery.id}/ack").json()["state"] == DeliveryState.DELIVERED
    assert "已标记为已发送" in client.get(f"/console/paste?message={message}").text


def test_risk_is_shown_with_its_words_marked(person: Person) -> None:
    client = person()
    message = _paste(client, "加我微信 wxid_abc12345 领内部券，刷单返现日结", nickname="").json()["id"]
    panel = client.get(f"/console/paste/{message}/panel").text
    assert "<mark>" in panel and "刷单刷评" in panel and "未留名成员" in panel


def test_pasted_markup_is_escaped(person: Person, worker: Callable[[], None]) -> None:
    client = person()
    evil = "<img src=x onerror=alert(1)> 加微信 wxid_abc12345 刷单返现"
    message = _paste(client, evil, nickname=evil[:28]).json()["id"]
    worker()
    for path in ("/console/paste", f"/console/paste?message={message}", f"/console/paste/{message}/panel"):
        page = client.get(path).text
        assert "<img src=x" not in page and "&lt;img" in page


def test_no_reply_is_wanted(person: Person, worker: Callable[[], None]) -> None:
    client = person()
    message = _paste(client, "早上好呀大家").json()["id"]
    worker()
    assert "不需要回复" in client.get(f"/console/paste/{message}/panel").text
    assert "无需回复" in client.get("/console/paste/list").text


@pytest.mark.parametrize("text", ["", "  \n ", "长" * 8001], ids=["empty", "blank", "too long"])
def test_text_that_is_no_message(text: str, person: Person) -> None:
    assert _paste(person(), text).status_code == 422


def test_paste_into_an_unknown_or_foreign_community(person: Person) -> None:
    client = person(within="mama")
    assert _paste(client, within="nowhere").status_code == 404
    assert _paste(client, within="root").status_code == 403


def test_message_of_a_bot_is_no_pasted_one(person: Person, ask: Callable[..., str]) -> None:
    message = ask()
    assert person().get(f"/console/paste/{message}/panel").status_code == 404


def test_delivery_that_nobody_knows_about_wants_a_person(
    services: Services, person: Person, ask: Callable[..., str]
) -> None:
    client = person()
    draft = _draft(services, ask())
    client.post(f"/console/api/drafts/{draft}/decision", json={"decision": "approve", "version": 1})
    with services.database.write() as db:
        (row,) = deliveries.of_draft(db, draft)
        deliveries.move(db, row.id, frm=[row.state], state=DeliveryState.UNKNOWN, last_error="ReadTimeout", attempts=1)
    page = client.get("/console/deliveries").text
    assert 'data-resolve="delivered"' in page and 'data-resolve="resend"' in page and "ReadTimeout" in page
    answer = client.post(f"/v1/deliveries/{row.id}/resolve", json={"outcome": "delivered"})
    assert answer.json()["state"] == "delivered"
    assert "data-resolve" not in client.get("/console/deliveries/list").text
