"""Candidates, stale entries, versions and what went unanswered, over HTTP."""

from datetime import date
from typing import Any

import pytest
from fastapi.testclient import TestClient

from agent.flows import access, communities, settings
from agent.flows import knowledge as knowledge_flow
from agent.services import Services
from core.vocabulary import CommunityType, EntryKind
from knowledge.entry_in import EntryIn
from server.app import create_app
from tests.house import ASKS_REFUND, House

CARD = ("会员卡丢了怎么补办？", "卡弄丢了还能再补一张不？", "想补一张会员卡要什么手续？")
ANSWER = "带身份证到前台补卡，工本费十元。"


def asked(house: House, texts: tuple[str, ...] = CARD) -> list[str]:
    settings.change(house.services, house.owner, "reply.gate_threshold", 1.0)
    ids = [
        house.say(text, f"m-{number}", sender={"id": f"wx-{number}", "name": f"成员{number}"})
        for number, text in enumerate(texts)
    ]
    house.work()
    return ids


@pytest.fixture
def candidate(wise: House, client: TestClient) -> dict[str, Any]:
    """Asked three times, answered once."""
    first = asked(wise)[0]
    draft = wise.draft_of(first)
    assert draft is not None
    client.post(f"/v1/drafts/{draft.id}/decision", json={"decision": "modify", "version": 1, "text": ANSWER})
    done = client.post("/v1/knowledge/candidates:gather").json()
    assert done == {"questions": 3, "candidates": 1, "answers": 1}
    [found] = client.get("/v1/knowledge/candidates").json()["candidates"]
    return dict(found)


def test_a_candidate_with_what_it_rests_on_becomes_an_entry(client: TestClient, candidate: dict[str, Any]) -> None:
    # scope: 2
    assert (candidate["count"], candidate["status"], candidate["kind"]) == (3, "open", "entry")
    case = client.get(f"/v1/knowledge/candidates/{candidate['id']}").json()
    assert {one["text"] for one in case["asked"]} == set(CARD)
    assert [(one["source"], one["text"]) for one in case["answers"]] == [("draft", ANSWER)]
    assert case["suggested"]["answer"] == ANSWER

    body = {"decision": "accept", "version": case["version"], "entry": case["suggested"]}
    done = client.post(f"/v1/knowledge/candidates/{candidate['id']}/decision", json=body).json()
    assert (done["status"], done["version"]) == ("accepted", 2)
    entry = client.get(f"/v1/knowledge/entries/{done['entry_id']}").json()
    assert (entry["answer"], entry["status"], entry["community"]) == (ANSWER, "approved", "mama")

    again = client.post(f"/v1/knowledge/candidates/{candidate['id']}/decision", json=body)
    assert (again.status_code, again.json()["code"]) == (409, "candidate_changed")
    assert again.json()["current"]["entry_id"] == done["entry_id"]


def test_a_candidate_as_a_phrasing(client: TestClient, candidate: dict[str, Any]) -> None:
    url = f"/v1/knowledge/candidates/{candidate['id']}/decision"
    nothing = client.post(url, json={"decision": "accept", "version": 1})
    assert (nothing.status_code, nothing.json()["code"]) == (422, "nothing_to_accept")
    body = {"decision": "accept", "version": 1, "phrasing": {"entry_id": "points-where", "phrasings": [CARD[0]]}}
    assert client.post(url, json=body).json()["entry_id"] == "points-where"
    assert client.get("/v1/knowledge/entries/points-where").json()["phrasings"][-1] == CARD[0]
    changed = client.get("/v1/knowledge/entries/points-where/diff").json()
    assert (changed["from_version"], changed["to_version"]) == (1, 2)
    assert [one["field"] for one in changed["changed"]] == ["phrasings"]
    assert changed["changed"][0]["pieces"][-1] == {"sign": "+", "text": CARD[0]}


def test_lists_are_filtered_and_paged(client: TestClient, candidate: dict[str, Any], wise: House) -> None:
    wise.ask("谁有搬家公司推荐吗？", "other", sender={"id": "wx-9", "name": "九"})
    client.post("/v1/knowledge/candidates:gather")

    def ids(**params: Any) -> list[str]:
        page = client.get("/v1/knowledge/candidates", params=params).json()
        return [one["id"] for one in page["candidates"]]

    assert ids() == [candidate["id"]]
    both = ids(least=1)
    assert len(both) == 2
    assert ids(community="root") == ids(community="mama") == [candidate["id"]]
    assert ids(community="nowhere") == ids(kind="phrasing") == ids(status="rejected") == []
    first = client.get("/v1/knowledge/candidates", params={"least": 1, "limit": 1}).json()
    second = client.get("/v1/knowledge/candidates", params={"least": 1, "limit": 1, "after": first["next"]}).json()
    assert [one["candidates"][0]["id"] for one in (first, second)] == both
    for broken in ("x", "3", "-1.cand", "99999999999.cand"):
        answer = client.get("/v1/knowledge/candidates", params={"after": broken})
        assert (answer.status_code, answer.json()["code"]) == (422, "cursor_invalid")


def test_the_answerer_reads_and_does_not_decide(client: TestClient, candidate: dict[str, Any], wise: House) -> None:
    access.create_user(wise.services, wise.owner, login="lin", name="小林", role="answerer")
    headers = {"x-qunzhu-user": "lin"}
    assert client.get("/v1/knowledge/candidates", headers=headers).status_code == 200
    url = f"/v1/knowledge/candidates/{candidate['id']}/decision"
    for path, body in ((url, {"decision": "reject", "version": 1}), ("/v1/knowledge/candidates:gather", None)):
        answer = client.post(path, json=body, headers=headers)
        assert (answer.status_code, answer.json()["scope"]) == (403, "knowledge:edit")


def test_an_unknown_candidate(client: TestClient) -> None:
    answer = client.get("/v1/knowledge/candidates/cand_nothing")
    assert (answer.status_code, answer.json()["code"]) == (404, "candidate_not_found")


def test_pick_fills_the_answer_and_marks_the_draft(client: TestClient, wise: House) -> None:
    draft = wise.ask("我攒的分数在啥地方看呀？")
    done = client.post(f"/v1/drafts/{draft.id}/pick", json={"entry_id": "points-where"}).json()
    assert done == {"text": "小满妈妈您好，打开小程序“我的”页面，点“积分明细”就能看到。", "missing": []}
    shown = client.get(f"/v1/drafts/{draft.id}").json()
    assert shown["version"] == 1
    assert [one["entry_id"] for one in shown["alternatives"] if one["picked"]] == ["points-where"]
    lacking = client.post(f"/v1/drafts/{draft.id}/pick", json={"entry_id": "courier-phone"}).json()
    assert lacking["missing"] == ["courier_phone"]
    assert [
        one["entry_id"] for one in client.get(f"/v1/drafts/{draft.id}").json()["alternatives"] if one["picked"]
    ] == ["courier-phone"]


def entry(**values: Any) -> EntryIn:
    fields = {"id": "e-1", "kind": EntryKind.FAQ, "title": "怎么停车", "phrasings": ["停哪儿"], "answer": "负一楼。"}
    return EntryIn.model_validate(fields | values)


def test_stale_entries_are_listed_with_their_reason(client: TestClient, wise: House) -> None:
    services, owner = wise.services, wise.owner
    wise.ask(ASKS_REFUND)
    retired = client.get("/v1/knowledge/entries/refund-wrong").json()
    body = {name: value for name, value in retired.items() if name in EntryIn.model_fields} | {"status": "retired"}
    client.put("/v1/knowledge/entries/refund-wrong", params={"version": 1}, json=body)
    for key, until in (("gone", date(2026, 11, 20)), ("today", date(2026, 11, 21)), ("later", date(2026, 12, 6))):
        knowledge_flow.save(services, owner, entry(id=key, valid_until=until), version=None)
    knowledge_flow.save(
        services, owner, entry(id="unused-draft", valid_until=date(2026, 1, 1), status="draft"), version=None
    )

    found = client.get("/v1/knowledge/stale").json()["stale"]
    assert [(one["entry"]["id"], one["reason"], one["drafts"]) for one in found] == [
        ("refund-wrong", "retired_but_cited", 1),
        ("gone", "expired", 0),
        ("today", "expiring", 0),
    ]
    client.put("/v1/settings/knowledge.stale_days", json={"value": 15})
    assert client.get("/v1/knowledge/stale").json()["stale"][-1]["entry"]["id"] == "later"


def test_what_is_used_and_unchanged_for_long_is_to_be_reviewed(client: TestClient, wise: House) -> None:
    wise.clock.advance(days=181)
    assert client.get("/v1/knowledge/stale").json()["stale"] == []
    wise.ask(ASKS_REFUND)
    found = client.get("/v1/knowledge/stale").json()["stale"]
    assert [(one["entry"]["id"], one["reason"]) for one in found] == [("refund-wrong", "not_reviewed")]


def test_versions_are_compared(client: TestClient, wise: House) -> None:
    for version, answer in enumerate(("负一楼。", "负二楼。", "负二楼，免费。")):
        knowledge_flow.save(wise.services, wise.owner, entry(answer=answer), version=version or None)
    newest = client.get("/v1/knowledge/entries/e-1/diff").json()
    assert (newest["from_version"], newest["to_version"]) == (2, 3)
    assert newest["changed"][0]["unified"] == "@@ -1 +1 @@\n-负二楼。\n+负二楼，免费。"
    whole = client.get("/v1/knowledge/entries/e-1/diff", params={"from": 1, "to": 3}).json()
    assert [one["text"] for one in whole["changed"][0]["pieces"] if one["sign"] == "+"] == ["二", "，免费"]
    first = client.get("/v1/knowledge/entries/e-1/diff", params={"to": 1}).json()
    assert first["from_version"] is None
    assert "answer" in [one["field"] for one in first["changed"]]
    for path, code in (("e-1/diff?to=9", "version_not_found"), ("nothing/diff", "entry_not_found")):
        assert client.get(f"/v1/knowledge/entries/{path}").json()["code"] == code


def test_what_went_unanswered_by_week_and_reason(client: TestClient, wise: House) -> None:
    asked(wise)
    wise.clock.advance(days=7)
    wise.ask("谁有搬家公司推荐吗？", "later", sender={"id": "wx-9", "name": "九"})
    weeks = client.get("/v1/knowledge/unanswered", params={"weeks": 3}).json()["weeks"]
    assert [(one["week"], one["total"]) for one in weeks] == [("2026-11-23", 1), ("2026-11-16", 3), ("2026-11-09", 0)]
    assert weeks[1]["reasons"]["policy"] == 0
    assert sum(weeks[1]["reasons"].values()) == 3


def test_entries_by_hits_and_by_text(client: TestClient, wise: House) -> None:
    wise.ask(ASKS_REFUND)

    def ids(**params: Any) -> list[str]:
        return [one["id"] for one in client.get("/v1/knowledge/entries", params=params).json()["entries"]]

    assert ids(sort="hits")[0] == "refund-wrong"
    assert ids(sort="hits", limit=1, after="refund-wrong") == ["courier-phone"]
    assert ids(q="积分怎么看") == ["points-where"]
    assert ids(q="%") == ids(q="_where_") == []
    knowledge_flow.save(wise.services, wise.owner, entry(), version=None)
    wise.clock.advance(seconds=1)
    knowledge_flow.save(wise.services, wise.owner, entry(id="e-2"), version=None)
    assert ids(sort="updated")[:2] == ["e-2", "e-1"]
    assert ids(sort="updated", limit=2, after="e-2")[0] != "e-2"


def test_of_another_community_nothing_is_told(services: Services, candidate: dict[str, Any], wise: House) -> None:
    communities.create(
        services,
        wise.owner,
        community_id="papa",
        name="爸爸群",
        type=CommunityType.INTEREST,
        channel="wecom",
        parent_id="root",
    )
    key = access.create_key(services, wise.owner, name="papa-bot", within=["papa"]).key
    with TestClient(create_app(services)) as other:
        other.headers["authorization"] = f"Bearer {key}"
        assert other.get("/v1/knowledge/candidates", params={"least": 1}).json()["candidates"] == []
        assert other.get(f"/v1/knowledge/candidates/{candidate['id']}").status_code == 404
        assert other.get("/v1/knowledge/unanswered").json()["weeks"][0]["total"] == 0
