"""The copy check over HTTP: one text, a draft's decision, the knowledge base."""

from fastapi.testclient import TestClient

from tests.house import House


def test_a_text_is_marked_with_advice(client: TestClient) -> None:
    # scope: 38
    answer = client.post("/v1/copy/check", json={"text": "姐妹们，全网最低价！"}).json()
    (found,) = answer["labels"]
    assert answer["blocks"] is True
    assert (found["label"], found["text"], found["span"]) == ("absolute_claim", "全网最低", [4, 8])
    assert found["advice"].startswith("写具体价格和比较依据")


def test_sources_bear_facts_out(client: TestClient) -> None:
    text = {"text": "活动价八折，晚上八点开始"}
    assert client.post("/v1/copy/check", json=text).json()["blocks"] is True
    sources = {"sources": ["全场打8折", "20:00开始"]}
    assert client.post("/v1/copy/check", json=text | sources).json() == {"labels": [], "blocks": False}


def test_a_blocked_draft_names_labels_and_spans(client: TestClient, house: House) -> None:
    # scope: 39
    (draft_id,) = house.make_drafts(1, text="保证一个月瘦 20 斤，放心。")
    one, body = f"/v1/drafts/{draft_id}/decision", {"decision": "approve", "version": 1}
    refused = client.post(one, json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "copy_blocked")
    assert refused.json()["labels"] == ["false_promise"]
    assert refused.json()["copy"][0]["span"][0] == 0
    done = client.post(one, json=body | {"override_copy": True, "reason": "核对过"})
    assert done.status_code == 200 and [hit["label"] for hit in done.json()["copy"]] == ["false_promise"]


def test_the_knowledge_base_is_checked(client: TestClient) -> None:
    # scope: 42
    report = client.post("/v1/knowledge/check").json()
    assert (report["entries"], report["findings"]) == (0, [])
    assert [one["id"] for one in client.get("/v1/knowledge/checks").json()["reports"]] == [report["id"]]
