"""Members over HTTP: masked by default, in clear by scope and with a reason, and gone when erased."""

import io
import zipfile
from typing import Any

import pytest
from fastapi.testclient import TestClient

from agent.flows import access, member_access
from agent.flows.member_access import masked
from server.app import create_app
from server.routes.members import member_case
from store import members
from tests.house import House

PHONE = "13912345678"


def _post(client: TestClient, house: House, text: str, message_id: str = "m-1", **values: Any) -> str:
    wire = house.message(text, message_id, sender={"id": "wx-xiaoman", "name": "小满妈妈"}, **values)
    answer = client.post("/v1/messages", json=wire.model_dump(mode="json", exclude_none=True))
    assert answer.status_code in (200, 202), answer.text
    return str(answer.json()["id"])


@pytest.fixture
def member(client: TestClient, house: House) -> str:
    _post(client, house, f"我的电话是{PHONE}，麻烦回电")
    (found,) = client.post("/v1/members/find", json={"name": "小满妈妈"}).json()["members"]
    put = client.put(f"/v1/members/{found['id']}/contacts/phone", json={"values": [PHONE]})
    assert put.status_code == 204
    return str(found["id"])


# scope: 35
def test_masked_everywhere_and_revealed_with_a_reason(client: TestClient, member: str) -> None:
    listed = client.get("/v1/members").text
    shown = client.get(f"/v1/members/{member}")
    found = client.post("/v1/members/find", json={"contact": "139 1234 5678"})
    for text in (listed, shown.text, found.text):
        assert "小***" in text
        assert PHONE not in text and "小满妈妈" not in text and "wx-xiaoman" not in text
    assert found.json()["members"][0]["id"] == member
    assert client.post("/v1/members/find", json={"contact": "wx-xiaoman", "channel": "wecom"}).json()["members"]

    assert client.post(f"/v1/members/{member}/reveal", json={"fields": ["phone"]}).status_code == 422
    done = client.post(f"/v1/members/{member}/reveal", json={"fields": ["phone", "name"], "reason": "小满妈妈要回电"})
    assert done.json()["fields"] == {"name": "小满妈妈", "phone": [PHONE]}
    (noted,) = client.get(f"/v1/members/{member}").json()["disclosures"]
    assert noted["fields"] == ["name", "phone"]
    assert "小满妈妈" not in noted["reason"]
    rows = [row for row in client.get("/v1/audit").json() if row["action"] == "member.reveal"]
    assert rows[0]["details"]["fields"] == ["name", "phone"]
    assert "回电" not in str(rows)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("张三 13912345678", "** 139****5678"),
        ("浙江省杭州市西湖区文三路478号3幢502 小满收", "浙江省杭州市西湖区************ ***"),
        ("z12345@qq.com 李四", "z*****@qq.com **"),
        ("13912345678", "139****5678"),
        ("wx-xiaoman", "w********n"),
        ("李雷", "李*"),
    ],
)
def test_what_stands_beside_a_contact_is_masked_too(value: str, shown: str) -> None:
    assert masked(value) == shown


def test_other_communities_are_not_told_of(client: TestClient, house: House, member: str) -> None:
    client.post("/v1/communities", json={"id": "other", "name": "别的群", "type": "interest", "channel": "wecom"})
    with house.services.database.write() as db:
        members.join(db, "other", member, db.now)
    client.put("/v1/settings/privacy.notice", json={"value": "我们收集昵称，用于答疑。"})
    for place in ("mama", "other"):
        said = {"kind": "marketing", "granted": False, "source": "电话", "community_id": place}
        assert client.post(f"/v1/members/{member}/consents", json=said).status_code == 201
        assert client.post(f"/v1/members/{member}/notices", json={"community_id": place}).status_code == 201
    everywhere = {"kind": "data", "granted": True, "source": "电话"}
    assert client.post(f"/v1/members/{member}/consents", json=everywhere).status_code == 201
    with house.services.database.read() as db:
        row = member_access.found(db, member)
        case = member_case(db, house.services, house.user("admin", "mama"), row)
        whole = member_case(db, house.services, house.owner, row)
    assert {one.community_id for one in case.consents} == {"mama", None}
    assert {one.community_id for one in case.stays} == {one.community_id for one in case.notices} == {"mama"}
    assert (len(whole.consents), len(whole.notices)) == (3, 2)


def test_reveals_of_messages_elsewhere_are_not_told_of(client: TestClient, house: House, member: str) -> None:
    client.post("/v1/communities", json={"id": "other", "name": "别的群", "type": "interest", "channel": "wecom"})
    for place, reason in (("mama", "核对地址"), ("other", "孕期群里的投诉")):
        said = _post(client, house, f"我的电话是{PHONE}", f"m-{place}", community_id=place)
        assert client.post(f"/v1/messages/{said}/reveal", json={"reason": reason}).status_code == 200
    client.post(f"/v1/members/{member}/reveal", json={"fields": ["phone"], "reason": "回电"})
    with house.services.database.read() as db:
        row = member_access.found(db, member)
        case = member_case(db, house.services, house.user("admin", "mama"), row)
        whole = member_case(db, house.services, house.owner, row)
    assert [one.reason for one in case.disclosures] == ["回电", "核对地址"]
    assert [one.reason for one in whole.disclosures] == ["回电", "孕期群里的投诉", "核对地址"]


def test_the_original_of_a_message(client: TestClient, house: House) -> None:
    message = _post(client, house, f"我的电话是{PHONE}")
    assert PHONE not in client.get(f"/v1/messages/{message}").text
    done = client.post(f"/v1/messages/{message}/reveal", json={"reason": "核对"})
    assert done.json() == {"id": message, "text": f"我的电话是{PHONE}"}
    assert client.post("/v1/messages/msg_none/reveal", json={"reason": "核对"}).status_code == 404


# scope: 36
def test_without_the_scope_no_full_phone(house: House, member: str) -> None:
    with TestClient(create_app(house.services, cli_token="-")) as other:

        def ask(role: str, method: str, path: str, **more: Any) -> int:
            key = access.create_key(house.services, house.owner, name=role, role=role).key
            return other.request(method, path, headers={"authorization": f"Bearer {key}"}, **more).status_code

        reveal = {"json": {"fields": ["phone"], "reason": "看看"}}
        assert ask("auditor", "GET", f"/v1/members/{member}") == 200
        assert ask("auditor", "POST", f"/v1/members/{member}/reveal", **reveal) == 403
        assert ask("service", "POST", f"/v1/members/{member}/reveal", **reveal) == 200
        assert ask("service", "DELETE", f"/v1/members/{member}") == 403
        assert ask("bot", "GET", f"/v1/members/{member}") == 403
        assert ask("bot", "GET", "/v1/members") == 403
        assert ask("bot", "GET", "/v1/privacy/notice") == 200


# scope: 37
def test_exported_erased_and_gone(client: TestClient, member: str) -> None:
    export = f"/v1/members/{member}/export"
    plain = client.post(export, json={"reason": "本人要求"})
    assert plain.json()["messages"][0]["text"].endswith("麻烦回电")
    packed = client.post(export, json={"reason": "本人要求", "format": "csv"})
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        assert {"member.json", "member.csv", "messages.csv"} <= set(archive.namelist())

    assert client.get(f"/v1/members/{member}").json()["holds"]["messages"] == 1
    gone = client.delete(f"/v1/members/{member}", params={"reason": "本人要求"})
    assert (gone.status_code, gone.json()["already"]) == (200, False)
    assert client.delete(f"/v1/members/{member}").json()["already"]
    assert client.post(export, json={"reason": "再来"}).json()["code"] == "member_erased"
    left = client.get(f"/v1/members/{member}").json()
    assert (left["name"], left["identities"], left["contacts"]) == (None, [], [])
    assert client.get("/v1/members").json()["members"] == []
    assert client.post("/v1/members/find", json={"contact": PHONE}).json()["members"] == []
    assert client.post("/v1/members/import", json=plain.json()).json()["code"] == "member_erased"


def test_consents_and_the_notice(client: TestClient, house: House, member: str) -> None:
    assert house
    said = {"kind": "marketing", "granted": False, "source": "电话里说的"}
    assert client.post(f"/v1/members/{member}/consents", json=said).status_code == 201
    assert client.get(f"/v1/members/{member}").json()["consents"][0]["granted"] is False
    assert client.get("/v1/privacy/notice").json()["hash"] is None
    client.put("/v1/settings/privacy.notice", json={"value": "我们收集昵称，用于答疑。"})
    told = client.get("/v1/privacy/notice", params={"community": "mama"}).json()
    shown = client.post(f"/v1/members/{member}/notices", json={"community_id": "mama", "source": "welcome"})
    assert shown.json()["hash"] == told["hash"] is not None
    assert client.get(f"/v1/members/{member}").json()["notices"][0]["notice_hash"] == told["hash"]
