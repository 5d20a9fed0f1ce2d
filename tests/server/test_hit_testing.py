"""Hit-testing and proposed phrasings over HTTP; what may be found and what may be quoted."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from agent.scripted import Scripted, ScriptedModel
from agent.steps.asking import Failure, ModelUnavailable
from agent.steps.phrasings import PROMPT
from tests.agent.flows.test_audience import PAIR
from tests.house import ASKS_REFUND, House

CASE = """
- id: case-rival-refund
  kind: case
  title: 请问买错了怎么退款呀
  phrasings: [请问买错了怎么退款呀, 对手家退款怎么做的]
  answer: 隔壁团长的做法：先退款后退货，三小时到账，复购高了一成。
  source: 同行群访谈
- id: case-only
  kind: case
  title: 对手的会员日怎么办
  phrasings: [同行会员日做什么活动]
  answer: 每月八号全场九折，老会员提前一天。
  source: 公开海报
"""
MANUAL = """# 装修手册

## 地板保养

地板每周用拧干的拖把擦一次，不能用蒸汽拖把，蒸汽会让板材受潮起拱。

## 墙面修补

墙面小裂缝用补墙膏填平，干透以后用细砂纸打磨，再刷两遍同色漆。
"""


def search(client: TestClient, text: str, **values: Any) -> dict[str, Any]:
    answer = client.post("/v1/knowledge/search", json={"text": text, "community_id": "mama"} | values)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.usefixtures("wise")
def test_every_score_and_the_verdict(client: TestClient) -> None:
    found = search(client, ASKS_REFUND)
    best = found["results"][0]
    assert (found["verdict"], found["reasons"], best["entry_id"]) == ("answers", [], "refund-wrong")
    assert found["score"] >= found["threshold"]
    assert set(best["scores"]) == {"nearest", "asked", "whole", "answer", "lexical", "coverage", "second"}
    assert {"lead", "covered", "holds"} <= set(found["evidence"])
    assert (found["boundary"], found["questions"]) == (None, [ASKS_REFUND])


@pytest.mark.usefixtures("wise")
def test_what_is_not_answered_says_why(client: TestClient) -> None:
    found = search(client, "你们周年庆的蛋糕是什么口味的？")
    assert found["verdict"] in ("related", "nothing")
    assert found["reasons"] and found["score"] < found["threshold"]


@pytest.mark.usefixtures("wise")
def test_questions_of_a_message_and_its_boundary(client: TestClient) -> None:
    found = search(client, "买错了怎么退款？另外多久发货呀？")
    assert found["questions"] == ["买错了怎么退款？", "多久发货呀？"]
    assert search(client, "帮我查一下我的订单到哪了")["boundary"] == "needs_member_data"


def test_asked_as_a_new_or_an_old_member(client: TestClient, wise: House) -> None:
    wise.learn(PAIR)
    ids = {
        audience: [one["entry_id"] for one in search(client, "怎么攒积分", audience=audience)["results"]]
        for audience in ("new", "old", "all", None)
    }
    assert ids["new"][0] == "faq-points-new" and "faq-points-old" not in ids["new"]
    assert ids["old"][0] == "faq-points-old" and "faq-points-new" not in ids["old"]
    assert {"faq-points-new", "faq-points-old"} <= set(ids["all"])
    assert ids["all"] == ids[None]


def test_a_passage_is_found_with_its_source(client: TestClient, wise: House) -> None:
    # scope: 6
    done = client.post("/v1/knowledge/import", params={"format": "markdown", "name": "装修手册.md"}, content=MANUAL)
    assert done.json()["added"] == 2
    wise.services.knowledge.refresh()
    best = search(client, "地板能不能用蒸汽拖把")["results"][0]
    assert best["kind"] == "document"
    assert "不能用蒸汽拖把" in best["answer"]
    assert "装修手册" in best["source"] and "地板保养" in best["source"]
    assert "地板保养" in best["title"]


def test_a_case_is_found_and_never_quoted(client: TestClient, wise: House) -> None:
    # scope: 111
    wise.learn(CASE)
    found = search(client, ASKS_REFUND, kinds=["case"])["results"]
    assert (found[0]["entry_id"], found[0]["source"]) == ("case-rival-refund", "同行群访谈")
    assert all(one["kind"] != "case" for one in search(client, ASKS_REFUND)["results"])

    for number, text in enumerate((ASKS_REFUND, "同行会员日做什么活动？")):
        draft = wise.ask(text, f"m-{number}")
        shown = client.get(f"/v1/drafts/{draft.id}").json()
        named = [one["entry_id"] for one in (*shown["citations"], *shown["alternatives"])]
        assert not [one for one in named if one.startswith("case-")]
        assert "三小时" not in (shown["text"] or "") and "九折" not in (shown["text"] or "")
        picked = client.post(f"/v1/drafts/{draft.id}/pick", json={"entry_id": "case-only"})
        assert (picked.status_code, picked.json()["code"]) == (422, "case_not_quoted")


def test_a_case_is_no_material_for_the_model_either(wise: House) -> None:
    # scope: 111
    wise.learn(CASE)
    model = ScriptedModel({})
    wise.services.model = model
    wise.ask("同行会员日做什么活动？")
    wise.work_with_model()
    assert not [call.prompt for call in model.calls if "全场九折" in call.text]


def test_search_elsewhere_is_refused(client: TestClient, wise: House) -> None:
    assert wise.community == "mama"
    body = {"text": "退款", "community_id": "nowhere"}
    assert client.post("/v1/knowledge/search", json=body).json()["code"] == "community_not_found"
    wrong = client.post("/v1/knowledge/search", json=body | {"community_id": "mama", "audience": "somebody"})
    assert wrong.status_code == 422


def test_proposed_phrasings(client: TestClient, wise: House) -> None:
    url = "/v1/knowledge/entries/refund-wrong/phrasings:propose"
    none = client.post(url)
    assert (none.status_code, none.json()["code"]) == (422, "model_not_configured")
    script: list[Scripted] = [
        {"phrasings": ["拍错东西了钱还能回来不", "请问多久发货呀"]},
        ModelUnavailable(Failure.TIMEOUT),
    ]
    wise.services.model = ScriptedModel({PROMPT: script})
    done = client.post(url).json()
    assert [one["question"] for one in done["candidates"]] == ["拍错东西了钱还能回来不"]
    assert done["left_out"] == [{"text": "请问多久发货呀", "why": "nearer_to_another", "entry_id": "shipping-time"}]
    [listed] = client.get("/v1/knowledge/candidates", params={"kind": "phrasing"}).json()["candidates"]
    assert (listed["origin"], listed["entry_id"]) == ("model", "refund-wrong")
    down = client.post(url)
    assert (down.status_code, down.json()["code"], down.json()["reason"]) == (503, "model_unavailable", "timeout")
    assert client.get("/v1/knowledge/entries/refund-wrong").json()["version"] == 1
