"""The page of flagged messages: what it shows, whom it lets decide, and the pages beside it."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from fastapi.testclient import TestClient

from agent.flows import access, communities, risk_rules
from agent.flows.risk_rules import Rules
from agent.services import Services
from agent.steps import behaviour, community_rules, injection_forms, lexicon, patterns, risk_classifier
from agent.steps.views.disguises import View
from core.caller import Caller
from core.clock import ManualClock
from core.vocabulary import CommunityType, RiskAction, RiskLabel, RiskStatus
from server.console import texts
from store import deliveries, risks
from store.users import RoleRow

Person = Callable[..., TestClient]
Ask = Callable[..., str]
AD = "诚招宝妈兼职，日入300元，加V信 abc12345 了解"
DESPAIR = "我真的不想活了，活着没意思"
_XSS = "<img src=x onerror=alert(1)>"


@pytest.fixture
def flag(services: Services, ask: Ask) -> Callable[..., str]:
    """A member says something risky; the item's id."""

    def said(text: str = AD, **where: Any) -> str:
        message = ask(text, **where)
        with services.database.read() as db:
            row = risks.of_message(db, message)
        assert row is not None
        return row.id

    return said


Flag = Callable[..., str]


def _decide(client: TestClient, risk_id: str, **body: Any) -> Any:
    return client.post(f"/console/api/risks/{risk_id}/decision", json={"version": 1, "decision": "confirm"} | body)


def _said(page: str) -> str:
    """What the page says, without markup."""
    return unescape(re.sub(r"<[^>]*>", "", page))


def test_nothing_is_flagged(person: Person) -> None:
    page = person("supervisor").get("/console/risks")
    assert page.status_code == 200 and "没有待处理的风险" in page.text


def test_danger_to_life_is_on_top_with_a_note_and_no_penalty(person: Person, flag: Flag, clock: ManualClock) -> None:
    first = flag(name="果果妈")
    clock.advance(minutes=3)
    urgent = flag(DESPAIR, name="豆豆爸")
    client = person("supervisor")
    page = client.get("/console/risks/list").text
    assert page.index(urgent) < page.index(first)
    assert "果果妈" in page and "广告引流" in page and "mama群" in page
    panel = client.get(f"/console/risks/{urgent}/panel").text
    assert "可能有生命危险" in panel and "永远不作处罚" in panel
    assert 'value="mute"' not in panel and 'value="remove"' not in panel and 'value="hold_and_alert"' in panel
    assert "12356" in panel
    refused = _decide(client, urgent, action="mute")
    assert (refused.status_code, refused.json()["code"]) == (422, "risk_no_penalty")


def test_panel_has_message_evidence_ladder_history_and_words(person: Person, ask: Ask, flag: Flag) -> None:
    # scope: 29
    ask("大家好呀", name="果果妈")
    client = person("supervisor")
    first = flag()
    assert _decide(client, first).json()["sends"] == 2
    second = flag(AD + "，名额不多")
    page = client.get(f"/console/risks/{second}").text
    assert "<mark" in page and "大家好呀" in page and "30 天内第 2 次" in page
    assert re.search(r'aria-current="step">.*?第 2 次.*?禁言', page, re.S)
    assert "这位成员的其他记录" in page and f"/console/risks/{first}" in page
    assert "小满妈妈您好" in page and "先请您休息60分钟" in page
    assert "【群规提醒】" in page


@pytest.mark.parametrize("path", ["/console/risks", "/console/risks/{risk}", "/console/risks/{risk}/panel"])
def test_names_and_messages_are_never_markup(path: str, person: Person, flag: Flag) -> None:
    risk = flag(f"{AD}{_XSS}", name=_XSS)
    page = person("supervisor").get(path.format(risk=risk)).text
    assert "<img src=x" not in page
    assert _XSS in _said(page)


def test_confirming_waits_and_can_be_undone(services: Services, person: Person, flag: Flag) -> None:
    risk, client = flag(), person("supervisor")
    done = _decide(client, risk, action="mute", minutes=30, send_private=True, private_text="请看群规").json()
    assert (done["status"], done["undo_seconds"], done["sends"]) == ("confirmed", 10, 2)
    with services.database.read() as db:
        waiting = deliveries.of_risks(db, [risk])[risk]
    assert [(row.kind, row.not_before > services.clock.now()) for row in waiting] == [
        ("private", True),
        ("moderation", True),
    ]
    closed = client.get(f"/console/risks/{risk}/panel").text
    assert "小林" in closed and "30 分钟" in closed and "请看群规" in closed and "改判为误报" in closed
    assert client.post(f"/v1/risks/{risk}/undo", json={"version": 2}).json()["risk"]["status"] == "pending"
    assert risk in client.get("/console/risks/list").text


def test_agreeing_forces_no_penalty(person: Person, flag: Flag) -> None:
    done = _decide(person("supervisor"), flag(), action="none").json()
    assert (done["status"], done["sends"], done["not_undone"]) == ("confirmed", 0, [])


def test_words_follow_the_action(person: Person, flag: Flag) -> None:
    risk, client = flag(), person("supervisor")

    def words(**query: Any) -> Any:
        return client.get(f"/console/api/risks/{risk}/texts", params=query).json()

    warned, muted = words(action="warn_private"), words(action="mute", minutes=45)
    assert "小满妈妈" in warned["private_text"] and "45" in muted["private_text"]
    assert words(action="restate_rules")["rules_text"]
    assert words(action="none") == {"private_text": None, "rules_text": None}
    assert words(action="warn_private", labels="abuse")["private_text"] != warned["private_text"]


def test_loser_of_a_race_is_told_who_won(
    services: Services, owner: Caller, person: Person, enter: Callable[[str], TestClient], flag: Flag
) -> None:
    risk, client = flag(), person("supervisor")
    _decide(client, risk, decision="dismiss")
    access.create_user(services, owner, login="mei", name="小梅", role="supervisor")
    lost = _decide(enter("mei"), risk)
    won = lost.json()["current"]
    assert (lost.status_code, won["status"], won["decided_by_name"]) == (409, "dismissed", "小林")


def test_call_without_csrf_is_refused(person: Person, flag: Flag) -> None:
    risk, client = flag(), person("supervisor")
    del client.headers["x-csrf-token"]
    assert _decide(client, risk).status_code == 403
    assert client.post("/console/risks/rules", data={"place": "mama"}).status_code == 403
    assert client.post("/console/risks/test", data={"text": AD}).status_code == 403


def test_auditor_reads_and_is_offered_nothing(person: Person, flag: Flag) -> None:
    risk, client = flag(), person("auditor")
    page = client.get(f"/console/risks/{risk}").text
    assert "data-decide" not in page and "但不能裁定" in page
    assert _decide(client, risk).status_code == 403


def test_other_community_is_not_shown(services: Services, owner: Caller, person: Person, flag: Flag) -> None:
    communities.create(
        services,
        owner,
        community_id="other",
        name="别的群",
        type=CommunityType.FANS,
        channel="wecom",
        parent_id="root",
    )
    risk, client = flag(), person("supervisor", within="other")
    assert risk not in client.get("/console/risks").text
    for path in (f"/console/risks/{risk}", f"/console/api/risks/{risk}/texts?action=none"):
        assert client.get(path).status_code == 404
    assert client.get("/console/risks/rules?place=mama").status_code == 404


def test_list_is_filtered(person: Person, flag: Flag) -> None:
    ad, urgent = flag(name="果果妈"), flag(DESPAIR, name="豆豆爸")
    client = person("supervisor")

    def listed(**query: str) -> list[bool]:
        page = client.get("/console/risks/list", params=query).text
        return [risk in page for risk in (ad, urgent)]

    assert listed() == [True, True]
    assert listed(label="self_harm") == [False, True]
    assert listed(level="medium") == [True, False]
    assert listed(label="nonsense") == [True, True]
    assert listed(status="dismissed") == [False, False]
    _decide(client, ad, decision="dismiss")
    assert listed(status="dismissed") == [True, False]


def test_navigation_counts_and_pages_follow(person: Person, flag: Flag) -> None:
    client = person("supervisor")
    assert re.search(r'data-count="risks" hidden', client.get("/console/drafts").text)
    before = client.get("/console/changes").json()["risks"]
    risk = flag()
    assert "<span data-number>1</span>" in client.get("/console/drafts").text
    now = client.get("/console/changes", params={"risk": risk}).json()
    assert (now["risks"], now["risk"]) == (before + 1, {"version": 1, "status": "pending"})


def test_who_only_reads_risks_is_kept_fresh(services: Services, person: Person) -> None:
    with services.database.write() as db:
        db.add(RoleRow(name="guard", scopes=["risks:read"], builtin=False))
    client = person("guard")
    assert client.get("/console").headers["location"] == "/console/risks"
    assert client.get("/console/changes").status_code == 200


def test_answerer_has_no_such_page(person: Person) -> None:
    client = person("answerer")
    assert 'href="/console/risks"' not in client.get("/console/drafts").text
    for path in ("", "/figures", "/test", "/rules"):
        assert client.get(f"/console/risks{path}").status_code == 403


def test_figures(person: Person, flag: Flag) -> None:
    client = person("supervisor")
    assert "这段时间还没有裁定过" in client.get("/console/risks/figures").text
    _decide(client, flag())
    _decide(client, flag(AD + "，速来"), decision="dismiss")
    page = _said(client.get("/console/risks/figures?days=7").text)
    assert "广告引流" in page and "50%" in page and "1/2" in page and "样本少" in page


def test_text_is_tested(services: Services, owner: Caller, person: Person, csrf: Callable[[], str]) -> None:
    client = person("supervisor")
    form = {"csrf": csrf(), "text": f"加薇❤ abc123，日赚300 {_XSS}", "place": "mama", "role": "member"}
    page = client.post("/console/risks/test", data=form).text
    said = _said(page)
    assert "广告引流" in said and "加微信" in said and "谐音" in said and "0.50 起算" in said
    assert "<img src=x" not in page
    assert "测一下" in client.post("/console/risks/test", data=form | {"text": " "}).text
    risk_rules.save(services, owner, "mama", Rules(off=(RiskLabel.AD_SPAM,)))
    assert "这里不查：广告引流" in _said(client.post("/console/risks/test", data=form).text)


def test_rules_are_tried_then_saved(person: Person, ask: Ask, csrf: Callable[[], str]) -> None:
    # scope: 28
    ask("小蓝鲸今天几点开门呀")
    client = person("admin")
    form: dict[str, Any] = {
        "csrf": csrf(),
        "place": "mama",
        "version": "0",
        "word": ["小蓝鲸", ""],
        "word_label": ["gambling", "ad_spam"],
        "word_weight": ["0.9", "0.6"],
        "allowed": "上车\r\n上车\r\n\r\n",
        "off_own": "above",
        "threshold_abuse": "0.7",
    }
    tried = client.post("/console/risks/rules/try", data=form)
    assert tried.status_code == 200
    said = " ".join(_said(tried.text).split())
    assert "看了 1 条成员的消息，1 条会判得不一样" in said and "小蓝鲸今天几点开门呀" in said and "+1" in said
    assert 'value="小蓝鲸"' in tried.text
    saved = client.post("/console/risks/rules", data=form)
    assert saved.headers["location"] == "/console/risks/rules?place=mama&done=rules_saved"
    page = client.get(saved.headers["location"]).text
    assert "规则已保存" in page and 'value="小蓝鲸"' in page and "上车" in page and 'value="0.7"' in page
    stale = client.post("/console/risks/rules", data=form)
    assert stale.status_code == 422 and "规则刚刚被别人改过" in stale.text


def test_rules_that_cannot_be_keep_what_was_typed(person: Person, csrf: Callable[[], str]) -> None:
    client = person("admin")
    form = {"csrf": csrf(), "place": "mama", "version": "0", "word": "很长" * 30, "word_label": "abuse"}
    wrong = client.post("/console/risks/rules", data=form | {"word_weight": "0.6", "threshold_scam": "7"})
    assert wrong.status_code == 422
    assert "每个词 1 到 40 个字" in wrong.text and "0.05 到 1" in wrong.text and 'value="7"' in wrong.text
    above = client.post("/console/risks/rules", data={"csrf": csrf(), "threshold_self_harm": "0.9"})
    assert above.status_code == 422 and "自伤求助总是要查" in above.text


def test_who_may_not_edit_sees_the_rules(person: Person, csrf: Callable[[], str]) -> None:
    client = person("supervisor")
    page = client.get("/console/risks/rules?place=mama").text
    assert "但不能修改" in page and "保存规则" not in page
    saved = client.post("/console/risks/rules", data={"csrf": csrf(), "place": "mama", "version": "0"})
    assert saved.status_code == 422 and "没有" in saved.text


def test_every_word_of_the_vocabulary_has_a_text() -> None:
    known = texts.load("zh-CN")
    wanted = [f"risk_take.{one}" for one in RiskAction] + [f"risk_status.{one}" for one in RiskStatus]
    wanted += [f"js.risk_status.{one}" for one in RiskStatus] + [f"risk_label.{one}" for one in RiskLabel]
    layers = (behaviour.LAYER, community_rules.LAYER, injection_forms.LAYER, lexicon.LAYER, patterns.LAYER)
    fitted = (risk_classifier.LAYER, risk_classifier.OWN_LAYER)
    wanted += [f"risk_layer.{one}" for one in (*layers, *fitted)]
    wanted += [f"disguise.{one}" for one in View]
    assert [key for key in wanted if key not in known] == []
