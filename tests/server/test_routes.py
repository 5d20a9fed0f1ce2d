"""The contract over HTTP: who may call what, drafts and deliveries, and what is never told."""

from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from agent.flows import access, approvals
from agent.services import Services
from core.vocabulary import Decision, DeliveryState
from server.app import create_app
from store import users
from tests.house import ASKS_POINTS, ASKS_REFUND, House, in_parallel, row_counts


def _routes(services: Services) -> list[tuple[str, str]]:
    """Every (method, path) under /v1, with ids put in."""
    found = []
    paths = create_app(services).openapi()["paths"]
    for path, methods in paths.items():
        if path.startswith("/v1"):
            found += [(method.upper(), path.replace("{", "").replace("}", "")) for method in methods]
    return found


def test_every_route_is_closed_by_default(stranger: TestClient, house: House) -> None:
    # scope: 94
    routes = _routes(house.services)
    assert len(routes) > 25
    before = row_counts(house.services.database)
    open_ones = [
        (method, path, answer.status_code)
        for method, path in routes
        if (answer := stranger.request(method, path)).status_code != 401
    ]
    assert open_ones == []
    assert row_counts(house.services.database) == before


# What a key without any scope may call: the lists of communities and of notices (its own: none), and the notice on
# privacy that members are shown anyway, nothing else.
_HARMLESS = {("GET", "/v1/communities"), ("GET", "/v1/notices"), ("GET", "/v1/privacy/notice")}
_BODIES: dict[str, Any] = {
    "/v1/messages": None,
    "/v1/keys": {"name": "x"},
    "/v1/users": {"login": "lin", "name": "x", "role": "bot"},
    "/v1/login-links": {},
    "/v1/communities": {"id": "new", "name": "x", "type": "fans", "channel": "wecom", "parent_id": "root"},
    "/v1/webhooks": {"community_id": "mama", "channel": "wecom", "url": "http://127.0.0.1:9/"},
    "/v1/knowledge/search": {"text": "退款", "community_id": "mama"},
    "/v1/knowledge/entries": {"id": "one", "kind": "faq", "title": "一", "phrasings": ["问"], "answer": "答"},
    "/v1/settings/key": {"value": 1},
    "/v1/drafts/draft_id/decision": {"decision": "approve", "version": 1},
    "/v1/drafts/draft_id/undo": {"version": 1},
    "/v1/deliveries/delivery_id/resolve": {"outcome": "resend"},
    "/v1/keys/key_id/rotate": {},
}


def test_key_without_scopes_gets_nothing_from_any_route(stranger: TestClient, house: House) -> None:
    # scope: 36
    with house.services.database.write() as db:
        users.add_role(db, "nobody", [], builtin=False)
    made = access.create_key(house.services, house.owner, name="x", role="nobody")
    stranger.headers["authorization"] = f"Bearer {made.key}"
    (draft_id,) = house.make_drafts(1)
    bodies = _BODIES | {"/v1/messages": house.message("你好").model_dump(mode="json", exclude_none=True)}
    before = row_counts(house.services.database)
    for method, path in _routes(house.services):
        answer = stranger.request(method, path.replace("draft_id", draft_id), json=bodies.get(path))
        if (method, path) in _HARMLESS:
            assert answer.status_code == 200
            continue
        assert answer.status_code in (403, 404, 422), (method, path, answer.text)
    assert row_counts(house.services.database) == before


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/v1/drafts", "drafts:read"),
        ("GET", "/v1/audit", "audit:read"),
        ("POST", "/v1/audit:verify", "audit:read"),
        ("GET", "/v1/keys", "keys:read"),
        ("GET", "/v1/settings", "settings:read"),
        ("GET", "/v1/webhooks", "settings:read"),
        ("POST", "/v1/reindex", "knowledge:edit"),
        ("GET", "/v1/reindex", "knowledge:edit"),
    ],
)
def test_missing_scope_is_named(stranger: TestClient, house: House, method: str, path: str, scope: str) -> None:
    made = access.create_key(house.services, house.owner, name="bot")
    answer = stranger.request(method, path, headers={"authorization": f"Bearer {made.key}"})
    assert (answer.status_code, answer.json()["code"], answer.json()["scope"]) == (403, "scope_missing", scope)


def test_probes_need_no_key(stranger: TestClient, house: House) -> None:
    assert house.community
    for path in ("/healthz", "/readyz", "/metrics", "/openapi.json"):
        assert stranger.get(path).status_code == 200, path


def test_an_unfinished_rebuild_is_told_and_finished(client: TestClient, house: House) -> None:
    house.learn()
    index, passages = house.services.knowledge._index, house.services.knowledge.passages
    at_rest = {"state": "at_rest", "done": passages, "total": passages}
    assert client.get("/v1/reindex").json() == at_rest
    index.successor()
    assert client.get("/v1/reindex").json() == {"state": "rebuilding", "done": 0, "total": passages}
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["checks"]["index"]) == (200, f"rebuilding 0/{passages}")
    assert client.post("/v1/reindex").json() == {"added": passages, "changed": 0, "removed": 0, "kept": 0}
    assert client.get("/v1/reindex").json() == at_rest
    assert client.get("/readyz").json()["checks"]["index"] == "ok"


def test_hundred_parallel_posts_over_http_make_one_message(client: TestClient, house: House) -> None:
    wire = house.message("你好呀").model_dump(mode="json", exclude_none=True)
    answers = in_parallel(10, [lambda: client.post("/v1/messages", json=wire)] * 100)
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert row_counts(house.services.database)["messages"] == 1


def test_first_answer_holds_the_risk_and_no_draft(client: TestClient, house: House) -> None:
    wire = house.message("出银行卡四件套，加微信").model_dump(mode="json", exclude_none=True)
    answer = client.post("/v1/messages", json=wire)
    body = answer.json()
    assert (answer.status_code, body["status"], body["risk"]["level"]) == (202, "received", "high")
    assert body.get("draft") is None and body.get("triage") is None


def test_message_as_it_stands_after_the_work(client: TestClient, wise: House) -> None:
    wire = wise.message(ASKS_REFUND).model_dump(mode="json", exclude_none=True)
    received = client.post("/v1/messages", json=wire).json()["id"]
    wise.work()
    body = client.get(f"/v1/messages/{received}").json()
    assert (body["status"], body["triage"]["kind"]) == ("done", "question")
    assert body["draft"]["text"].startswith("七天内")
    assert body["draft"]["message_ids"] == [received]
    again = client.post("/v1/messages", json=wire)
    assert (again.status_code, again.json()["draft"]["id"]) == (200, body["draft"]["id"])


def test_worker_threads_answer_within_the_wait(wise: House) -> None:
    env = wise.services.env.model_copy(update={"worker_threads": 2})
    wise.services.env = env
    wise.without_bursts()
    with TestClient(create_app(wise.services, cli_token="t")) as client:
        wire = wise.message(ASKS_REFUND).model_dump(mode="json", exclude_none=True)
        answer = client.post("/v1/messages?wait=15", json=wire, headers={"authorization": "Bearer t"})
    assert (answer.status_code, answer.json()["status"]) == (200, "done")
    assert answer.json()["draft"]["text"].startswith("七天内")


def test_loser_of_a_race_gets_409_with_the_state(client: TestClient, house: House) -> None:
    (draft_id,) = house.make_drafts(1)
    url, body = f"/v1/drafts/{draft_id}/decision", {"decision": "approve", "version": 1}
    answers = in_parallel(8, [lambda: client.post(url, json=body)] * 24)
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [200] + [409] * 23
    losers = [answer.json() for answer in answers if answer.status_code == 409]
    assert {(one["code"], one["status"]) for one in losers} == {("draft_decided", 409)}
    won = {"id": draft_id, "status": "approved", "version": 2, "decided_by": house.owner.id}
    assert all(one["current"] == won for one in losers)
    assert len(house.deliveries()) == 1


def test_undo_over_http_is_too_late_at_once(client: TestClient, house: House) -> None:
    (draft_id,) = house.make_drafts(1)
    done = client.post(f"/v1/drafts/{draft_id}/decision", json={"decision": "approve", "version": 1}).json()
    assert done["undo_seconds"] == 0
    answer = client.post(f"/v1/drafts/{draft_id}/undo", json={"version": done["version"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "undo_too_late")


def test_drafts_page_through_without_loss_or_repeat(client: TestClient, house: House) -> None:
    ids = house.make_drafts(7)
    seen: list[str] = []
    cursor = None
    for _ in range(10):
        page = client.get("/v1/drafts", params={"limit": 3} | ({"cursor": cursor} if cursor else {})).json()
        seen += [draft["id"] for draft in page["drafts"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == sorted(ids)


def _bot(client: TestClient, house: House, within: list[str] | None = None) -> TestClient:
    made = access.create_key(house.services, house.owner, name="puller", within=within)
    client.headers["authorization"] = f"Bearer {made.key}"
    return client


def test_pull_lists_all_unacknowledged_and_after_only_pages(stranger: TestClient, house: House) -> None:
    ids = [house.decide(draft_id).delivery_id for draft_id in house.make_drafts(5)]
    bot = _bot(stranger, house)
    first = bot.get("/v1/deliveries", params={"limit": 3}).json()
    assert [one["id"] for one in first["deliveries"]] == ids[:3]
    rest = bot.get("/v1/deliveries", params={"limit": 3, "after": first["next"]}).json()
    assert ([one["id"] for one in rest["deliveries"]], rest["next"]) == (ids[3:], None)
    assert bot.post(f"/v1/deliveries/{ids[1]}/ack").status_code == 200
    again = bot.get("/v1/deliveries").json()
    assert [one["id"] for one in again["deliveries"]] == [ids[0], *ids[2:]]


def test_ack_is_idempotent(stranger: TestClient, house: House) -> None:
    (draft_id,) = house.make_drafts(1)
    delivery_id = house.decide(draft_id).delivery_id
    bot = _bot(stranger, house)
    answers = in_parallel(4, [lambda: bot.post(f"/v1/deliveries/{delivery_id}/ack")] * 8)
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert bot.post(f"/v1/deliveries/{delivery_id}/ack").json()["state"] == "delivered"
    assert house.delivery(delivery_id).state == DeliveryState.DELIVERED


def test_pull_waits_for_the_undo_window(stranger: TestClient, house: House) -> None:
    (draft_id,) = house.make_drafts(1)
    delivery_id = house.decide(draft_id, undoable=True).delivery_id
    bot = _bot(stranger, house)
    assert bot.get("/v1/deliveries").json()["deliveries"] == []
    assert bot.post(f"/v1/deliveries/{delivery_id}/ack").status_code == 409
    house.clock.advance(seconds=10)
    assert [one["id"] for one in bot.get("/v1/deliveries").json()["deliveries"]] == [delivery_id]


def test_undone_delivery_is_never_pulled(stranger: TestClient, house: House) -> None:
    (draft_id,) = house.make_drafts(1)
    first = house.decide(draft_id, undoable=True)
    approvals.undo(house.services, house.owner, draft_id, 2)
    second = house.decide(draft_id, version=3)
    house.clock.advance(minutes=5)
    bot = _bot(stranger, house)
    assert [one["id"] for one in bot.get("/v1/deliveries").json()["deliveries"]] == [second.delivery_id]
    assert bot.post(f"/v1/deliveries/{first.delivery_id}/ack").status_code == 409


def test_expired_delivery_is_not_pulled(stranger: TestClient, house: House) -> None:
    (draft_id,) = house.make_drafts(1)
    house.decide(draft_id)
    house.clock.advance(hours=24)
    assert _bot(stranger, house).get("/v1/deliveries").json()["deliveries"] == []


def test_bot_sees_its_own_community_only(stranger: TestClient, house: House) -> None:
    # scope: 36
    ids = [house.decide(house.make_drafts(1, community_id=c)[0]).delivery_id for c in ("mama", "root")]
    bot = _bot(stranger, house, ["mama"])
    assert [one["id"] for one in bot.get("/v1/deliveries").json()["deliveries"]] == [ids[0]]
    assert [one["id"] for one in bot.get("/v1/communities").json()] == ["mama"]
    for call in (bot.get(f"/v1/deliveries/{ids[1]}"), bot.post(f"/v1/deliveries/{ids[1]}/ack")):
        assert (call.status_code, call.json()["code"]) == (404, "delivery_not_found")


def test_draft_is_shown_with_the_name_and_the_audit_without(client: TestClient, wise: House) -> None:
    # scope: 35
    draft = wise.ask(ASKS_POINTS)
    shown = client.get(f"/v1/drafts/{draft.id}").json()
    assert shown["text"].startswith("小满妈妈您好")
    wise.decide(draft.id)
    assert "小满妈妈" not in client.get("/v1/audit").text
    assert client.post("/v1/audit:verify").json()["broken_at"] is None


def test_no_answer_shows_a_phone_number(client: TestClient, wise: House) -> None:
    # scope: 35
    draft = wise.ask("请问买错了怎么退款呀？我的电话13912345678")
    message_id = client.get(f"/v1/drafts/{draft.id}").json()["message_ids"][0]
    wise.decide(draft.id, Decision.MODIFY, text="好的，马上处理", reason="电话13912345678")
    for path in (
        "/v1/drafts",
        "/v1/drafts?status=modified",
        f"/v1/drafts/{draft.id}",
        f"/v1/messages/{message_id}",
        "/v1/audit",
        "/v1/deliveries:states?state=queued",
        "/v1/deliveries",
    ):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "13912345678" not in answer.text, path


def test_setting_is_changed_listed_and_audited(client: TestClient, house: House) -> None:
    made = client.put("/v1/settings/approvals.undo_seconds", json={"value": 20, "community_id": "mama"}).json()
    assert (made["value"], made["version"]) == (20, 1)
    listed = {(one["key"], one["community_id"]): one["value"] for one in client.get("/v1/settings").json()}
    assert listed[("approvals.undo_seconds", "mama")] == 20
    assert listed[("approvals.undo_seconds", None)] == 10
    assert house.owner.id in {row["actor_id"] for row in client.get("/v1/audit").json()}


def test_metrics_count_requests_by_route(client: TestClient, house: House) -> None:
    assert house.community
    client.get("/v1/drafts/x")
    text = client.get("/metrics").text
    assert 'qunzhu_requests_total{method="GET",route="/v1/drafts/{draft_id}",status="404"}' in text
    assert "qunzhu_backlog" in text


def test_unexpected_error_is_a_problem_and_counted(house: House) -> None:
    app = create_app(house.services, cli_token="t")

    def broken() -> None:
        raise RuntimeError("电话13912345678")

    app.router.routes.insert(0, APIRoute("/v1/broken", broken))
    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.get("/v1/broken")
        assert (answer.status_code, answer.json()["code"]) == (500, "internal")
        assert "139" not in answer.text
        assert 'route="/v1/broken",status="500"' in client.get("/metrics").text


def test_group_without_a_parent_goes_below_the_organisation(client: TestClient) -> None:
    # scope: 99
    group = {"id": "g1", "name": "一群", "type": "interest", "channel": "wecom"}
    early = client.post("/v1/communities", json=group)
    assert (early.status_code, early.json()["code"]) == (422, "organisation_first")
    assert client.post("/v1/communities", json=group | {"id": "top", "type": "organisation"}).status_code == 201
    assert client.post("/v1/communities", json=group).json()["parent_id"] == "top"


def test_a_bot_pulls_only_the_channel_that_it_names(client: TestClient, house: House) -> None:
    (draft_id,) = house.make_drafts(1)
    house.decide(draft_id)
    house.clock.advance(minutes=1)
    channel = house.deliveries()[0].channel
    assert len(client.get("/v1/deliveries", params={"channel": channel}).json()["deliveries"]) == 1
    assert client.get("/v1/deliveries", params={"channel": "elsewhere"}).json()["deliveries"] == []
