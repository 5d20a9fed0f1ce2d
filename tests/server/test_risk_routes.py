"""Reviewing flagged messages over HTTP: lists, decisions, figures, export, alarms, and who may do what."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from agent.flows import access, heat
from agent.flows import communities as communities_flow
from core.masking import mask
from core.vocabulary import CommunityType
from server.app import create_app
from tests.agent.flows.test_heat import said
from tests.house import House

AD = "诚招宝妈兼职，日入300元，加V信 abc12345 了解"
MASKED_AD = mask(AD).text
SCAM = "我是官方客服，您的账户异常，请先转账到安全账户"
DESPAIR = "我真的不想活了，活着没意思"


def wire(house: House, text: str, message_id: str, number: int = 1) -> dict[str, Any]:
    sender = {"id": f"wx-{number}", "name": f"小满{number}"}
    return dict(house.message(text, message_id, sender=sender).model_dump(mode="json", exclude_none=True))


def post(client: TestClient, house: House, text: str, message_id: str = "m-1", number: int = 1) -> str:
    answer = client.post("/v1/messages", json=wire(house, text, message_id, number))
    assert answer.status_code in (200, 202), answer.text
    return str(answer.json()["id"])


def risks(client: TestClient, **params: Any) -> list[dict[str, Any]]:
    found = client.get("/v1/risks", params=params)
    assert found.status_code == 200, found.text
    return list(found.json()["risks"])


def decide(client: TestClient, item: dict[str, Any], decision: str = "confirm", **given: Any) -> Any:
    body = {"decision": decision, "version": item["version"], **given}
    return client.post(f"/v1/risks/{item['id']}/decision", json=body)


def test_from_the_message_to_the_bot_that_carries_it_out(house: House, client: TestClient) -> None:
    # scope: 29
    message = post(client, house, AD)
    [item] = risks(client)
    assert item["message"]["id"] == message
    assert item["member"]["name"] == "小满1"
    assert item["proposal"] == {"action": "warn_private", "minutes": None, "offence": 1, "why": "ladder"}
    assert item["private_text"].startswith("小满1您好，我是mama群的管理员")
    start, end = item["labels"][0]["spans"][0]
    assert item["message"]["text"][start:end]

    done = decide(client, item)
    assert done.status_code == 200
    risk = done.json()["risk"]
    assert (risk["status"], risk["version"], risk["taken"]) == (
        "confirmed",
        2,
        {"action": "warn_private", "minutes": None},
    )
    assert risk["confirmed_labels"] == [hit["label"] for hit in risk["labels"]]
    assert [one["kind"] for one in risk["deliveries"]] == ["private", "announcement"]

    pulled = client.get("/v1/deliveries", params={"channel": "wecom"}).json()["deliveries"]
    assert [(one["kind"], one["to"], one["action"]) for one in pulled] == [
        ("private", "wx-1", None),
        ("announcement", None, None),
    ]
    assert pulled[0]["text"].startswith("小满1您好")

    post(client, house, AD + "，速来", "m-2")
    [second] = risks(client)
    muted = decide(client, second, minutes=30).json()["risk"]
    assert muted["taken"] == {"action": "mute", "minutes": 30}
    mute = client.get("/v1/deliveries", params={"channel": "wecom"}).json()["deliveries"][-1]
    assert (mute["kind"], mute["to"], mute["reply_to"], mute["action"], mute["minutes"]) == (
        "moderation",
        "wx-1",
        "m-2",
        "mute",
        30,
    )
    post(client, house, AD + "，最后一天", "m-3")
    assert risks(client)[0]["proposal"]["action"] == "remove"


def test_lists_are_filtered_paged_and_in_order(house: House, client: TestClient) -> None:
    texts = [AD, SCAM, AD, DESPAIR, SCAM]
    for number, text in enumerate(texts):
        house.clock.advance(seconds=1)
        post(client, house, text, f"m-{number}", number)
    order = [item["message"]["text"] for item in risks(client)]
    assert order == [DESPAIR, SCAM, SCAM, MASKED_AD, MASKED_AD]
    assert [item["urgent"] for item in risks(client)][:2] == [True, False]

    seen, after = [], None
    while True:
        page = client.get("/v1/risks", params={"limit": 2} | ({"after": after} if after else {})).json()
        seen += [item["message"]["text"] for item in page["risks"]]
        after = page["next"]
        if after is None:
            break
    assert seen == order

    assert len(risks(client, label="scam")) == 2
    assert len(risks(client, level="high")) == 3
    assert len(risks(client, community="root")) == 5
    assert risks(client, community="nowhere") == []
    for item in risks(client, label="ad_spam"):
        decide(client, item, "dismiss")
    newest = risks(client, status=["dismissed", "pending"])
    assert [item["created_at"] for item in newest] == sorted((item["created_at"] for item in newest), reverse=True)
    first = client.get("/v1/risks", params={"status": ["dismissed", "pending"], "limit": 3}).json()
    rest = client.get(
        "/v1/risks", params={"status": ["dismissed", "pending"], "limit": 3, "after": first["next"]}
    ).json()
    assert [one["id"] for one in first["risks"] + rest["risks"]] == [item["id"] for item in newest]
    assert client.get("/v1/risks", params={"after": "nonsense"}).json()["code"] == "cursor_invalid"


def test_the_loser_of_a_race_sees_what_won(house: House, client: TestClient) -> None:
    post(client, house, AD)
    [item] = risks(client)
    assert decide(client, item, action="none").status_code == 200
    late = decide(client, item)
    assert (late.status_code, late.json()["code"]) == (409, "risk_decided")
    assert late.json()["current"]["status"] == "confirmed"
    # Dismissing a confirmed one is allowed, in the version that stands.
    assert decide(client, item, "dismiss").json()["code"] == "risk_changed"
    assert decide(client, item | {"version": 2}, "dismiss", reason="看错了").json()["risk"]["status"] == "dismissed"


def test_undo_and_what_can_not_be_undone(house: House, client: TestClient) -> None:
    post(client, house, AD)
    [item] = risks(client)
    done = decide(client, item, action="mute").json()["risk"]
    late = client.post(f"/v1/risks/{item['id']}/undo", json={"version": done["version"]})
    assert (late.status_code, late.json()["code"]) == (409, "undo_too_late")
    [mute] = done["deliveries"]
    assert client.post(f"/v1/deliveries/{mute['id']}/ack").status_code == 200
    told = decide(client, done, "dismiss").json()
    assert told["cancelled"] == []
    assert [(one["id"], one["action"], one["state"]) for one in told["not_undone"]] == [
        (mute["id"], "mute", "delivered")
    ]
    back = client.post(f"/v1/risks/{item['id']}/undo", json={"version": told["risk"]["version"]})
    assert (back.status_code, back.json()["risk"]["status"]) == (200, "pending")


def test_one_item_shows_what_was_said_around_it_and_the_members_past(house: House, client: TestClient) -> None:
    post(client, house, "大家早上好", "m-0", 2)
    house.clock.advance(seconds=1)
    post(client, house, AD, "m-1")
    decide(client, risks(client)[0], action="none")
    house.clock.advance(seconds=1)
    post(client, house, SCAM, "m-2")
    [item] = risks(client)
    case = client.get(f"/v1/risks/{item['id']}").json()
    assert [one["text"] for one in case["conversation"]] == ["大家早上好", MASKED_AD, SCAM]
    assert [one["this"] for one in case["conversation"]] == [False, False, True]
    assert [(one["status"], one["taken"]["action"]) for one in case["history"]] == [("confirmed", "none")]
    missing = client.get("/v1/risks/rsk_x")
    assert (missing.status_code, missing.json()["code"]) == (404, "risk_not_found")


def test_a_person_flags_what_was_missed_and_figures_count_it(house: House, client: TestClient) -> None:
    message = post(client, house, "这个课真的绝了，懂的来")
    made = client.post(f"/v1/messages/{message}/risk", json={"labels": ["ad_spam"], "reason": "暗广"})
    assert (made.status_code, made.json()["origin"], made.json()["status"]) == (201, "person", "pending")
    again = client.post(f"/v1/messages/{message}/risk", json={"labels": ["scam"]})
    assert (again.status_code, again.json()["code"]) == (409, "risk_exists")
    assert again.json()["current"]["id"] == made.json()["id"]
    decide(client, made.json(), action="none")
    post(client, house, SCAM, "m-2", 2)
    decide(client, risks(client)[0])
    found = client.get("/v1/risks/figures").json()
    by_label = {one["label"]: one for one in found["labels"]}
    assert (by_label["ad_spam"]["missed"], by_label["ad_spam"]["precision"]) == (1, None)
    assert (by_label["scam"]["confirmed"], by_label["scam"]["precision"], by_label["scam"]["small"]) == (1, 1.0, True)
    rows = [json.loads(line) for line in client.get("/v1/risks/export").text.splitlines()]
    assert [(row["origin"], row["labels"], row["decision"]) for row in rows] == [
        ("person", ["ad_spam"], "confirmed"),
        ("screen", rows[1]["labels"], "confirmed"),
    ]


def test_personal_data_never_leaves_in_clear(house: House, client: TestClient) -> None:
    # scope: 35
    post(client, house, "他电话13912345678，住建设路88号3栋2单元501，大家去骂他")
    [item] = risks(client)
    case = client.get(f"/v1/risks/{item['id']}").text
    words: dict[str, Any] = {"private_text": "请别发13912345678这种号码", "send_private": True}
    blocked = decide(client, item, **words)
    assert (blocked.status_code, blocked.json()["code"]) == (422, "copy_blocked")
    assert "13912345678" not in blocked.text
    assert decide(client, item, override_copy=True, reason="含13912345678", **words).status_code == 200
    shown = client.get("/v1/risks", params={"status": "confirmed"}).text + client.get("/v1/risks/export").text
    assert "13912345678" not in case + shown
    assert "1391234" not in client.get("/v1/audit").text
    sent = [one for one in client.get("/v1/deliveries").json()["deliveries"] if one["kind"] == "private"]
    assert "13912345678" in sent[0]["text"]  # what the decider typed leaves the house as it was typed


def test_roles_see_and_decide_what_is_theirs(house: House, client: TestClient) -> None:
    # scope: 36
    post(client, house, AD)
    [item] = risks(client)
    communities_flow.create(
        house.services,
        house.owner,
        community_id="other",
        name="别的群",
        type=CommunityType.INTEREST,
        channel="wecom",
        parent_id="root",
    )
    for role, place in (("answerer", None), ("auditor", None), ("supervisor", "other"), ("supervisor", "mama")):
        login = f"{role}-{place or 'all'}"
        access.create_user(house.services, house.owner, login=login, name=login, role=role, community_id=place)

    def as_(login: str) -> dict[str, str]:
        return {"x-qunzhu-user": login}

    body = {"decision": "confirm", "version": 1}
    path = f"/v1/risks/{item['id']}"
    assert client.get("/v1/risks", headers=as_("answerer-all")).status_code == 403
    assert len(client.get("/v1/risks", headers=as_("auditor-all")).json()["risks"]) == 1
    assert client.post(f"{path}/decision", json=body, headers=as_("auditor-all")).status_code == 403
    assert client.get("/v1/risks", headers=as_("supervisor-other")).json()["risks"] == []
    assert client.get(path, headers=as_("supervisor-other")).status_code == 404
    assert client.get("/v1/risks/figures", headers=as_("supervisor-other")).json()["labels"] == []
    assert client.post(f"{path}/decision", json=body, headers=as_("supervisor-mama")).status_code == 200


def test_alarms_are_listed(house: House, client: TestClient) -> None:
    # scope: 34
    said(house, bad=6, good=6)
    heat.sweep(house.services)
    [alarm] = client.get("/v1/risks/alarms", params={"status": "open"}).json()["alarms"]
    assert (alarm["community"], alarm["share"], alarm["negative"]) == ("mama群", 0.5, 6)
    assert client.get("/v1/risks/alarms", params={"status": "closed"}).json() == {"alarms": [], "next": None}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"decision": "maybe", "version": 1}, 422),
        ({"decision": "confirm"}, 422),
        ({"decision": "confirm", "version": 1, "labels": []}, 422),
        ({"decision": "confirm", "version": 1, "action": "ban"}, 422),
        ({"decision": "confirm", "version": 1, "minutes": 5}, 422),
        ({"decision": "dismiss", "version": 1, "action": "none"}, 422),
        ({"decision": "confirm", "version": 1, "surprise": 1}, 422),
    ],
)
def test_wrong_bodies_are_refused(house: House, client: TestClient, body: dict[str, Any], status: int) -> None:
    post(client, house, AD)
    [item] = risks(client)
    assert client.post(f"/v1/risks/{item['id']}/decision", json=body).status_code == status
    assert risks(client)[0]["version"] == 1


def test_a_bot_with_its_key_sees_no_reviews(house: House) -> None:
    key = access.create_key(house.services, house.owner, name="b2").key
    with TestClient(create_app(house.services, cli_token="-")) as other:
        other.headers["authorization"] = f"Bearer {key}"
        assert other.get("/v1/risks").status_code == 403
