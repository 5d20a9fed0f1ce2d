"""Twenty kinds of identifiers go in by every door; none stands in clear in any file, table, log, figure or prompt, and
after the member was erased nothing of theirs can be opened."""

import base64
import io
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from agent.flows import access, erasure, retention, settings
from agent.scripted import ScriptedModel
from core import log
from server.app import create_app
from store.messages import MessageRow
from store.tables import METADATA
from store.vault import MemberKeys
from tests.house import ASKS_REFUND, KNOWLEDGE, House

CANARIES = {
    "phone": ("打我电话13982345671", "13982345671"),
    "phone_spaced": ("手机号 139 8234 5672 常用", "139 8234 5672"),
    "phone_dashed": ("电话139-8234-5673", "139-8234-5673"),
    "phone_wide": ("号码１３９８２３４５６７４", "１３９８２３４５６７４"),
    "phone_abroad": ("我的手机+86 13982345675", "13982345675"),
    "phone_words": ("电话一三九八二三四五六七六", "一三九八二三四五六七六"),
    "landline": ("座机 0571-87654321", "87654321"),
    "id_card": ("身份证号11010519491231002X", "11010519491231002X"),
    "bank_card": ("银行卡6222021234567890128", "6222021234567890128"),
    "address": ("住浙江省杭州市西湖区文三路478号3幢502室", "478号3幢502"),
    "plate": ("车牌浙A8K7M2", "浙A8K7M2"),
    "email": ("邮箱 zhangxiaoman.canary@qq.com", "zhangxiaoman.canary"),
    "wechat_id": ("我的微信号是xm_canary8866", "xm_canary8866"),
    "qq": ("加我QQ 2938475610", "2938475610"),
    "order_no": ("订单号 20261118993847561029", "20261118993847561029"),
    "tracking_no": ("快递单号SF1098765432109", "SF1098765432109"),
    "passport": ("护照号 E87654329", "E87654329"),
}
"""What is written, and the part of it that must be nowhere."""
NAME, SENDER, MENTIONED, FORWARDED = "金丝雀小满妈妈", "wx-canary-7731", "wx-canary-5521", "203.0.113.77"
ALL = "，".join(written for written, _ in CANARIES.values())
SECRETS = {kind: secret for kind, (_, secret) in CANARIES.items()} | {
    "name": NAME,
    "sender": SENDER,
    "mentioned": MENTIONED,
    "address_of_caller": FORWARDED,
}


def forms(secret: str) -> set[bytes]:
    """How a text may stand in a file: as it is, escaped, wide, packed for transport."""
    raw = secret.encode()
    found = {raw, secret.encode("utf-16-le"), secret.encode("utf-16-be"), json.dumps(secret)[1:-1].encode()}
    found |= {quote(secret).encode(), quote_plus(secret).encode(), raw.hex().encode()}
    for lead in range(3):
        packed = base64.b64encode(b"\0" * lead + raw)
        found.add(packed[4 if lead else 0 : -4])
    return {form for form in found if len(form) >= 8}


FORMS = {kind: forms(secret) for kind, secret in SECRETS.items()}


def leaks(content: bytes) -> set[str]:
    return {kind for kind, some in FORMS.items() if any(form in content for form in some)}


@dataclass
class Doors:
    """The application with a model that notes what it is asked, and everything that was answered and logged."""

    house: House
    client: TestClient
    model: ScriptedModel
    logged: io.StringIO
    answers: dict[str, int] = field(default_factory=dict)

    def send(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        answer = self.client.request(method, path, json=body, headers={"x-forwarded-for": FORWARDED}, **more)
        assert answer.status_code < 500, (path, answer.text)
        self.answers[f"{method} {path}"] = answer.status_code
        return answer

    def done(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        answer = self.send(method, path, body, **more)
        assert answer.is_success, (path, answer.text)
        return answer.json() if answer.content else None

    def wire(self, text: str, message_id: str, **values: Any) -> dict[str, Any]:
        sent = {
            "channel": "wecom",
            "community_id": "mama",
            "message_id": message_id,
            "sender": {"id": SENDER, "name": NAME},
            "text": text,
            "sent_at": self.house.clock.now().isoformat(),
            "mentions": [MENTIONED],
        }
        return sent | values

    def say(self, text: str, message_id: str, **values: Any) -> str:
        return str(self.done("POST", "/v1/messages", self.wire(text, message_id, **values))["id"])


@pytest.fixture
def doors(house: House, client: TestClient) -> Iterator[Doors]:
    logged = io.StringIO()
    before = logging.getLogger().handlers[:]
    log.configure("debug")
    for handler in logging.getLogger().handlers:
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(logged)
    model = ScriptedModel({})
    house.services.model = model
    house.learn(KNOWLEDGE)
    settings.change(house.services, house.owner, "model.cascade", value=False)
    # Else a message with personal data is held back and no model is asked about it.
    settings.change(house.services, house.owner, "risk.off", ["privacy"])
    yield Doors(house, client, model, logged)
    house.services.model = None
    logging.getLogger().handlers[:] = before


def _as_a_bot(doors: Doors) -> None:
    """Messages, edits, recalls, batches, attachments, events."""
    for number, (written, _) in enumerate(list(CANARIES.values())[::4]):
        doors.say(f"{ASKS_REFUND}{written}", f"q-{number}", conversation=("group", "private")[number % 2])
        doors.house.work()
        doors.house.work_with_model()
    doors.say(f"{ASKS_REFUND}{ALL}", "m-1")
    doors.say(f"改一下：{ALL}", "m-1", revision=1)
    doors.say(f"私下问：{ASKS_REFUND} {ALL}", "m-2", conversation="private")
    attachments = [{"kind": "file", "name": f"{written}.pdf"} for written, _ in list(CANARIES.values())[:15]]
    doors.say("", "m-3", attachments=attachments)
    doors.say(f"诚招宝妈兼职，日入300元，加V信 abc12345，{ALL}", "m-4")
    doors.say(f"买了三天就坏了，没人管！{ALL}", "m-5")
    doors.say(f"建议你们把包装做好一点，{ALL}", "m-7")
    doors.say(f"撤回这条 {ALL}", "m-6")
    doors.say("", "m-6", revision=1, recalled=True)
    batch = {"messages": [doors.wire(f"历史消息 {ALL}", f"h-{n}") for n in range(3)]}
    doors.done("POST", "/v1/messages:batch", batch)
    happened = {
        "channel": "wecom",
        "community_id": "mama",
        "event_id": "e-1",
        "type": "order",
        "member": {"id": SENDER, "name": NAME},
        "at": doors.house.clock.now().isoformat(),
        "data": {"remark": ALL, "list": [ALL, {"deep": ALL}], "phone": 13982345671},
    }
    doors.done("POST", "/v1/events", {"events": [happened]})


def _as_staff(doors: Doors) -> None:
    """Decisions, reasons, searches, tests, campaigns, knowledge."""
    doors.house.work()
    doors.house.work_with_model()
    for draft in doors.done("GET", "/v1/drafts", params={"limit": 50})["drafts"]:
        body = {
            "version": draft["version"],
            "decision": "modify",
            "text": f"{NAME}您好，{ALL}",
            "reason": f"{NAME} {ALL}"[:400],
        }
        doors.send("POST", f"/v1/drafts/{draft['id']}/decision", body | {"override_copy": True})
    for item in doors.done("GET", "/v1/risks")["risks"]:
        body = {
            "version": item["version"],
            "decision": "confirm",
            "private_text": f"{NAME}，{ALL}",
            "reason": ALL[:400],
        }
        doors.send("POST", f"/v1/risks/{item['id']}/decision", body | {"override_copy": True})
    doors.send("GET", "/v1/deliveries", params={"channel": "wecom"})
    for path, body in (
        ("/v1/questions", {"question": f"上周哪个群最活跃？{ALL}"[:500]}),
        ("/v1/knowledge/search", {"query": ALL[:300]}),
        ("/v1/scripts/suggest", {"text": ALL}),
        ("/v1/risks/test", {"text": ALL}),
        ("/v1/copy/check", {"text": ALL}),
        ("/v1/campaigns/propose", {"brief": f"唤醒沉睡3个月的老客，送满99减15券。{ALL}", "community_id": "root"}),
        ("/v1/no/such/route", {"text": ALL}),
    ):
        doors.send("POST", path, body)
    doors.send("POST", "/v1/messages", {"text": ALL, "sender": {"id": SENDER, "name": NAME}})


def _on_cases(doors: Doors) -> None:
    """Complaints, incidents, suggestions, surveys."""
    words = f"{NAME}说：{ALL}"[:1_500]
    for case in doors.done("GET", "/v1/complaints")["complaints"]:
        path = f"/v1/complaints/{case['id']}"
        for action in ("note", "acknowledge", "investigate", "resolve", "told", "reopen", "dismiss"):
            version = doors.done("GET", path)["version"]
            body = {"action": action, "version": version, "text": words, "owner": "owner"}
            doors.send("POST", f"{path}/actions", body)
    for one in doors.done("GET", "/v1/suggestions")["suggestions"]:
        body = {"status": "planned", "version": one["version"], "words": words[:300]}
        doors.send("POST", f"/v1/suggestions/{one['id']}/status", body)
    for one in doors.done("GET", "/v1/incidents")["incidents"]:
        body = {"action": "close", "version": one["version"], "text": words}
        doors.send("POST", f"/v1/incidents/{one['id']}/actions", body)
    answer = {"channel": "wecom", "community_id": "mama", "answer_id": "a-1", "kind": "nps", "score": 3}
    answer |= {"at": doors.house.clock.now().isoformat(), "member": {"id": SENDER, "name": NAME}}
    doors.done("POST", "/v1/surveys/answers", {"answers": [answer]})


def _at_the_console(doors: Doors) -> None:
    """The forms that a person fills in."""
    services = doors.house.services
    with TestClient(create_app(services), follow_redirects=False) as person:
        person.headers["sec-fetch-site"] = "same-origin"
        person.post(f"/console/link/{access.login_link(services, doors.house.owner, 'owner')}")
        shown = person.get("/console/drafts").text
        person.headers["x-csrf-token"] = csrf = shown.split('name="csrf-token" content="')[1].split('"')[0]
        forms_sent = {
            "/console/copy": {"text": ALL},
            "/console/risks/test": {"text": ALL, "place": "", "role": "member"},
            "/console/knowledge/test": {"text": ALL[:300]},
            "/console/members": {"by": "name", "sought": NAME},
            "/console/login": {"login": SENDER, "password": CANARIES["phone"][1]},
        }
        for path, fields in forms_sent.items():
            assert person.post(path, data={"csrf": csrf, **fields}).status_code < 500
        paste = {"community_id": "mama", "nickname": NAME, "text": f"{ASKS_REFUND}{ALL}"}
        assert person.post("/console/api/paste", json=paste).status_code < 500


def _about_the_member(doors: Doors) -> str:
    found = doors.done("POST", "/v1/members/find", {"contact": SENDER, "channel": "wecom"})["members"]
    member = str(found[0]["id"])
    path = f"/v1/members/{member}"
    doors.send("PUT", f"{path}/contacts/phone", {"values": ["13982345671"]})
    doors.send("PUT", f"{path}/contacts/address", {"values": [CANARIES["address"][0]]})
    doors.send("PUT", f"{path}/contacts/real_name", {"values": [NAME]})
    doors.done("POST", f"{path}/reveal", {"fields": ["name", "phone"], "reason": f"{NAME} {ALL}"[:500]})
    doors.done("POST", f"{path}/export", {"reason": f"{NAME} {ALL}"[:500]})
    doors.done("POST", f"{path}/consents", {"kind": "data", "granted": True, "source": "电话13982345671"})
    return member


def _all_tables(doors: Doors) -> dict[str, bytes]:
    with doors.house.services.database.engine.connect() as connection:
        return {
            table.name: "\n".join(repr(tuple(row)) for row in connection.execute(sa.select(table)).all()).encode()
            for table in METADATA.sorted_tables
        }


def _found(doors: Doors, folder: Path) -> dict[str, set[str]]:
    """Where anything stands in clear."""
    places = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    places |= {f"table {name}": content for name, content in _all_tables(doors).items()}
    places["log"] = doors.logged.getvalue().encode()
    places["metrics"] = doors.client.get("/metrics").content
    places["audit"] = doors.client.get("/v1/audit", params={"limit": 200}).content
    for call in doors.model.calls:
        places[f"prompt {call.prompt}"] = places.get(f"prompt {call.prompt}", b"") + call.text.encode()
    return {name: kinds for name, content in places.items() if (kinds := leaks(content))}


# scope: 35, 37
def test_no_canary_in_clear_and_none_readable_after_erasing(doors: Doors, tmp_path: Path) -> None:
    _as_a_bot(doors)
    _as_staff(doors)
    _on_cases(doors)
    _at_the_console(doors)
    member = _about_the_member(doors)
    assert _found(doors, tmp_path) == {}
    assert doors.model.calls, "nothing was asked of the model"
    assert len(SECRETS) >= 20

    erased = doors.done("DELETE", f"/v1/members/{member}", params={"reason": "本人要求"})
    assert erased["rows"] > 10
    assert retention.sweep(doors.house.services) == erasure.sweep(doors.house.services) == 0
    assert _found(doors, tmp_path) == {}
    services = doors.house.services
    with services.database.read() as db:
        assert MemberKeys(db, services.keyring).seal(member, "x", "message") is None, "the key is gone"
        rows = db.execute(sa.select(MessageRow).where(MessageRow.member_id == member)).scalars().all()
        assert rows
        assert {(row.text, row.original, tuple(row.attachments)) for row in rows} == {("", None, ())}
    words = ("没人管", "历史消息", "私下问", "诚招宝妈", "改一下", "包装做好")
    left = {name: content.decode("utf-8", "replace") for name, content in _all_tables(doors).items()}
    assert {(name, word) for name, content in left.items() for word in words if word in content} == set()
    if services.database.is_sqlite:
        for path in tmp_path.glob("qunzhu.db*"):
            assert "没人管".encode() not in path.read_bytes()


def test_the_forms_that_are_looked_for_are_found() -> None:
    secret = SECRETS["address"]
    for content in (secret.encode(), secret.encode("utf-16-le"), quote(secret).encode(), json.dumps(secret).encode()):
        assert leaks(b"xx" + content + b"yy") == {"address"}
    for lead in range(3):
        assert leaks(base64.b64encode(b"z" * lead + SECRETS["sender"].encode() + b"more")) == {"sender"}
