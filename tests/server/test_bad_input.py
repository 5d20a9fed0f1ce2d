"""Whatever comes in broken: a clear problem document, and nothing stored."""

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from agent.flows import access
from server.problems import MEDIA_TYPE
from tests.house import House, row_counts

_IMAGE = {"kind": "image", "name": "a.jpg", "mime": "image/jpeg"}


@pytest.fixture
def unchanged(house: House) -> Iterator[None]:
    """Nothing may be stored by what the test does."""
    before = row_counts(house.services.database)
    yield
    assert row_counts(house.services.database) == before


def _body(house: House, **values: Any) -> dict[str, Any]:
    wire = house.message("你好").model_dump(mode="json", exclude_none=True)
    return wire | values


def _problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert answer.headers["content-type"] == MEDIA_TYPE
    found: dict[str, Any] = answer.json()
    assert (answer.status_code, found["status"], found["code"]) == (status, status, code)
    assert found["type"] == f"urn:qunzhu:problem:{code}"
    assert found["title"] and found["detail"]
    assert found["correlation_id"] == answer.headers["x-correlation-id"]
    return found


def _post(client: TestClient, house: House, **values: Any) -> Any:
    return client.post("/v1/messages", json=_body(house, **values))


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"{", "body_not_json"),
        (b"hello", "body_not_json"),
        (b'{"text": "\xff\xfe"}', "malformed"),
        ("{'text': '你好'}".encode("gb18030"), "malformed"),
        (b"[" * 100_000, "malformed"),
    ],
)
def test_body_that_cannot_be_read(client: TestClient, content: bytes, code: str) -> None:
    answer = client.post("/v1/messages", content=content, headers={"content-type": "application/json"})
    _problem(answer, 400, code)


@pytest.mark.usefixtures("unchanged")
def test_ten_megabytes_are_too_much(client: TestClient, house: House) -> None:
    _problem(_post(client, house, text="长" * 3_500_000), 413, "body_too_large")


@pytest.mark.usefixtures("unchanged")
def test_ten_megabytes_without_an_announced_length_are_too_much(client: TestClient) -> None:
    def pieces() -> Iterator[bytes]:
        yield b'{"text": "'
        for _ in range(100):
            yield b"x" * 100_000

    answer = client.post("/v1/messages", content=pieces(), headers={"content-type": "application/json"})
    _problem(answer, 413, "body_too_large")


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"text": ""}, "text_empty"),
        ({"text": " \n\u3000"}, "text_empty"),
        ({"text": "字" * 20_000}, "text_too_long"),
        ({"text": "字" * 8_001}, "text_too_long"),
        ({"attachments": [_IMAGE] * 21}, "too_many_attachments"),
        ({"surprise": 1}, "invalid_request"),
        ({"sender": {"id": "x", "role": "emperor"}}, "invalid_request"),
        ({"sender": {"id": ""}}, "invalid_request"),
        ({"sender": None}, "invalid_request"),
        ({"message_id": ""}, "invalid_request"),
        ({"message_id": "x" * 201}, "invalid_request"),
        ({"channel": "We Com!"}, "invalid_request"),
        ({"revision": -1}, "invalid_request"),
        ({"sent_at": "2026-11-21T10:00:00"}, "invalid_request"),
        ({"sent_at": "yesterday"}, "invalid_request"),
        ({"sent_at": "0001-01-01T00:00:00+14:00"}, "invalid_request"),
        ({"sent_at": "9999-12-31T23:59:59-14:00"}, "invalid_request"),
        ({"attachments": [_IMAGE | {"url": "javascript:alert(1)"}]}, "invalid_request"),
        ({"text": "零\u0000字符"}, "value_not_storable"),
        ({"sender": {"id": "x\u0000"}}, "value_not_storable"),
    ],
)
def test_message_outside_the_contract(client: TestClient, house: House, values: dict[str, Any], code: str) -> None:
    found = _problem(_post(client, house, **values), 422, code)
    assert found["errors"]
    # Told is where and what, never the value: it may be somebody's data.
    assert "字字字" not in json.dumps(found, ensure_ascii=False)


@pytest.mark.usefixtures("unchanged")
def test_half_a_surrogate_pair_is_no_text(client: TestClient, house: House) -> None:
    raw = json.dumps(_body(house)).replace(json.dumps("你好"), '"\\ud83d"').encode()
    answer = client.post("/v1/messages", content=raw, headers={"content-type": "application/json"})
    assert _problem(answer, 422, "value_not_storable")


def test_history_may_be_larger_than_a_message(client: TestClient, house: House) -> None:
    batch = [_body(house, message_id=f"m-{n}", text="字" * 8_000) for n in range(20)]
    answer = client.post("/v1/messages:batch", json={"messages": batch})
    assert (answer.status_code, answer.json()["added"]) == (200, 20)


def test_eight_thousand_characters_are_taken(client: TestClient, house: House) -> None:
    assert _post(client, house, text="字" * 8_000).status_code == 202


@pytest.mark.usefixtures("unchanged")
def test_future_message(client: TestClient, house: House) -> None:
    sent_at = (house.clock.now() + timedelta(hours=1)).isoformat()
    assert _problem(_post(client, house, sent_at=sent_at), 422, "sent_at_in_future")["field"] == "sent_at"


@pytest.mark.usefixtures("unchanged")
def test_unknown_community(client: TestClient, house: House) -> None:
    found = _problem(_post(client, house, community_id="nowhere"), 404, "community_not_found")
    assert found["community_id"] == "nowhere"


def test_same_key_other_body_and_reused_idempotency_key(client: TestClient, house: House) -> None:
    headers = {"idempotency-key": "k-1"}
    first = client.post("/v1/messages", json=_body(house), headers=headers)
    again = client.post("/v1/messages", json=_body(house), headers=headers)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()
    before = row_counts(house.services.database)
    _problem(_post(client, house, text="别的"), 422, "message_changed")
    answer = client.post("/v1/messages", json=_body(house, message_id="m-2"), headers=headers)
    _problem(answer, 422, "idempotency_key_reused")
    assert row_counts(house.services.database) == before


@pytest.mark.parametrize("header", [None, "Bearer qz_nothing.x", "Bearer ", "Basic abc", "Bearer qz_\u00ff"])
def test_wrong_or_missing_key(stranger: TestClient, house: House, header: str | None) -> None:
    before = row_counts(house.services.database)
    headers = {} if header is None else {b"authorization": header.encode("latin-1")}
    answer = stranger.post("/v1/messages", json=_body(house), headers=headers)
    code = "key_invalid" if header and header.startswith("Bearer q") else answer.json()["code"]
    _problem(answer, 401, code)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert row_counts(house.services.database) == before


def test_key_of_another_community(stranger: TestClient, house: House) -> None:
    # scope: 36
    made = access.create_key(house.services, house.owner, name="bot", within=["mama"])
    before = row_counts(house.services.database)
    stranger.headers["authorization"] = f"Bearer {made.key}"
    found = _problem(_post(stranger, house, community_id="root"), 403, "scope_missing")
    assert found["scope"] == "messages:write"
    assert row_counts(house.services.database) == before


_NO_CURSOR = ["!", "bm8=", base64.urlsafe_b64encode(b"[1,2]").decode(), base64.urlsafe_b64encode(b"\xff").decode()]
_FAR = base64.urlsafe_b64encode(b'["0001-01-01T00:00:00+14:00", "x"]').decode()
_NAIVE = base64.urlsafe_b64encode(b'["2026-01-01T00:00:00", "x"]').decode()


def test_bad_cursor(client: TestClient) -> None:
    for cursor in (*_NO_CURSOR, _FAR, _NAIVE):
        _problem(client.get("/v1/drafts", params={"cursor": cursor}), 422, "cursor_invalid")


def test_bad_limit(client: TestClient) -> None:
    for limit in (0, -1, 201, "many"):
        _problem(client.get("/v1/drafts", params={"limit": str(limit)}), 422, "invalid_request")


_IDS = ["nothing", "../../etc/passwd", "' OR 1=1 --", "x" * 3000, "名字", "%ff"]


def test_ids_that_nothing_has(client: TestClient) -> None:
    for noun in ("drafts", "messages", "deliveries", "knowledge/entries"):
        for id_ in _IDS:
            answer = client.get(f"/v1/{noun}/{id_}")
            assert (answer.status_code, answer.headers["content-type"]) == (404, MEDIA_TYPE), (noun, id_, answer.text)


def test_nul_in_an_address_is_no_server_error(stranger: TestClient, house: House) -> None:
    made = access.create_key(house.services, house.owner, name="all", role="owner")
    for path in ("drafts/%00", "messages/%00", "knowledge/entries/%00", "deliveries?after=%00"):
        answer = stranger.get(f"/v1/{path}", headers={"authorization": f"Bearer {made.key}"})
        assert answer.status_code in (200, 404, 422), answer.text


def test_version_that_cannot_be_one(client: TestClient, house: House) -> None:
    (draft_id,) = house.make_drafts(1)
    for version in (0, -1, 2**31, 10**30, "one", 1.5, None):
        answer = client.post(f"/v1/drafts/{draft_id}/decision", json={"decision": "approve", "version": version})
        _problem(answer, 422, "invalid_request")
    assert house.deliveries() == []


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/v1/keys", {"name": "x", "role": "emperor"}, 422, "role_unknown"),
        ("POST", "/v1/keys", {"name": "", "role": "bot"}, 422, "invalid_request"),
        ("POST", "/v1/keys", {"name": "长" * 81}, 422, "invalid_request"),
        ("POST", "/v1/keys", {"name": "x", "communities": ["nowhere"]}, 404, "community_not_found"),
        ("POST", "/v1/users", {"login": "Lin!", "name": "x", "role": "bot"}, 422, "invalid_request"),
        ("POST", "/v1/users", {"login": "lin", "name": "x", "role": "bot", "password": "short"}, 422, "password_short"),
        ("PUT", "/v1/settings/no.such", {"value": 1}, 422, "setting_unknown"),
        ("PUT", "/v1/settings/deliveries.tries", {"value": 0}, 422, "setting_invalid"),
        ("PUT", "/v1/settings/deliveries.tries", {"value": "eight"}, 422, "setting_invalid"),
        (
            "PUT",
            "/v1/settings/deliveries.tries",
            {"value": 2, "community_id": "mama"},
            422,
            "setting_not_per_community",
        ),
        ("PUT", "/v1/settings/reply.tone", {"value": "rude"}, 422, "setting_invalid"),
        ("PUT", "/v1/settings/reply.tone", {"value": "friendly", "community_id": "no"}, 404, "community_not_found"),
        ("POST", "/v1/webhooks", {"community_id": "mama", "channel": "wecom", "url": "http://[x/"}, 422, "url_invalid"),
        ("POST", "/v1/events", {"events": []}, 422, "invalid_request"),
        ("POST", "/v1/messages:batch", {"messages": []}, 422, "invalid_request"),
        ("GET", "/v1/nothing", None, 404, "route_not_found"),
        ("DELETE", "/v1/messages", None, 405, "method_not_allowed"),
    ],
)
def test_other_requests_that_cannot_be(
    client: TestClient, method: str, path: str, body: object, status: int, code: str
) -> None:
    _problem(client.request(method, path, json=body), status, code)


@pytest.mark.usefixtures("unchanged")
def test_setting_that_is_no_number(client: TestClient) -> None:
    answer = client.put("/v1/settings/reply.gate_threshold", content=b'{"value": NaN}')
    _problem(answer, 422, "invalid_request")


_GOOD = "- {id: one, kind: faq, title: 一, phrasings: [问], answer: 答}\n"


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    "data",
    [
        b"- {id: one, kind: faq",
        b"\xff\xfe\x00",
        b"just words",
        _GOOD.encode() + "- {id: two, kind: faq, title: 二}\n".encode(),
        _GOOD.encode() + "- {id: two, kind: poem, title: 二, answer: 答}\n".encode(),
        _GOOD.encode() + "- {id: two, kind: faq, title: 二, answer: 答, community: nowhere}\n".encode(),
    ],
)
def test_broken_knowledge_file_stores_none_of_it(client: TestClient, data: bytes) -> None:
    found = _problem(client.post("/v1/knowledge/import", content=data), 422, "knowledge_file_invalid")
    assert found["errors"]
    assert all({"row", "field", "code", "message"} <= one.keys() for one in found["errors"])


def test_partial_import_takes_the_good_rows(client: TestClient) -> None:
    data = (_GOOD + "- {id: two, kind: poem}\n").encode()
    answer = client.post("/v1/knowledge/import", content=data, params={"partial": True})
    assert answer.status_code == 200
    assert (answer.json()["added"], {one["row"] for one in answer.json()["errors"]}) == (1, {2})


def test_batch_names_the_bad_and_stores_the_others(client: TestClient, house: House) -> None:
    good, unknown = _body(house, message_id="m-1"), _body(house, message_id="m-2", community_id="nowhere")
    late = _body(house, message_id="m-3", sent_at=(house.clock.now() + timedelta(hours=1)).isoformat())
    house.say("第三版", "m-4", revision=3)
    old = _body(house, message_id="m-4", revision=1)
    last = _body(house, message_id="m-5")
    answer = client.post("/v1/messages:batch", json={"messages": [good, unknown, late, old, good, last]})
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "added": 2,
        "known": 1,
        "errors": [
            {"index": 1, "code": "community_not_found"},
            {"index": 2, "code": "sent_at_in_future"},
            {"index": 3, "code": "revision_too_low"},
        ],
    }


def test_batch_by_somebody_who_may_not_write(stranger: TestClient, house: House) -> None:
    made = access.create_key(house.services, house.owner, name="x", role="auditor")
    before = row_counts(house.services.database)
    stranger.headers["authorization"] = f"Bearer {made.key}"
    found = _problem(stranger.post("/v1/messages:batch", json={"messages": [_body(house)]}), 403, "scope_missing")
    assert found["scope"] == "messages:write"
    assert row_counts(house.services.database) == before


def _event(house: House, **values: Any) -> dict[str, Any]:
    wire = {"channel": "wecom", "community_id": "mama", "event_id": "e-1", "type": "join", "member": {"id": "wx-1"}}
    return wire | {"at": house.clock.now().isoformat()} | values


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("values", "status", "code"),
    [
        ({"type": "explode"}, 422, "invalid_request"),
        ({"community_id": "nowhere"}, 404, "community_not_found"),
        ({"at": "2030-01-01T00:00:00Z"}, 422, "at_in_future"),
        ({"data": {"x": "y" * 5000}}, 422, "data_too_large"),
        ({"data": {"x": "\u0000"}}, 422, "value_not_storable"),
        ({"data": {"x": [[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]}}, 422, "value_not_storable"),
    ],
)
def test_one_bad_event_refuses_the_batch(
    client: TestClient, house: House, values: dict[str, Any], status: int, code: str
) -> None:
    good = _event(house, event_id="e-0")
    _problem(client.post("/v1/events", json={"events": [good, _event(house, **values)]}), status, code)


def test_english_is_spoken_to_who_asks_for_it(client: TestClient) -> None:
    chinese = client.get("/v1/drafts/x").json()
    english = client.get("/v1/drafts/x", headers={"accept-language": "en-GB,en;q=0.8"}).json()
    assert chinese["code"] == english["code"]
    assert chinese["title"] != english["title"]


def test_correlation_id_of_the_caller_is_kept_if_it_is_plain(client: TestClient) -> None:
    kept = client.get("/v1/drafts/x", headers={"x-correlation-id": "abc-123"})
    made = client.get("/v1/drafts/x", headers={"x-correlation-id": 'a"\tb'})
    assert (kept.headers["x-correlation-id"], kept.json()["correlation_id"]) == ("abc-123", "abc-123")
    assert made.headers["x-correlation-id"] not in ("", 'a"\tb')
