"""The pages of the knowledge base: what they show, to whom, and what their forms do."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from agent.flows import gathering, knowledge, settings
from agent.services import Services
from core.caller import Caller
from core.vocabulary import EntryKind
from knowledge.entry_in import EntryIn
from store import candidates
from store import knowledge as entries
from store.candidates import CandidateRow

Person = Callable[..., TestClient]
Ask = Callable[..., str]
CARD = ("会员卡丢了怎么补办？", "卡弄丢了还能再补一张不？", "想补一张会员卡要什么手续？")
_XSS = "<img src=x onerror=alert(1)>"


def form(csrf: Callable[[], str], **values: Any) -> dict[str, Any]:
    filled = {"id": "faq-new", "title": "停车收费吗", "phrasings": "停哪儿\r\n\r\n停车要钱不", "answer": "两小时免费。"}
    return {"csrf": csrf(), "kind": "faq", "status": "approved", "audience": "all"} | filled | values


def entry_of(services: Services, entry_id: str) -> Any:
    with services.database.read() as db:
        return entries.get(db, entry_id)


@pytest.fixture
def candidate(services: Services, owner: Caller, refund: str, ask: Ask) -> CandidateRow:
    assert refund
    settings.change(services, owner, "reply.gate_threshold", 1.0)
    for number, text in enumerate(CARD):
        ask(text, name=f"成员{number}{_XSS}")
    gathering.gather(services)
    with services.database.read() as db:
        [row] = candidates.page(db, communities=None)
    return row


def test_entry_is_made_by_the_form(person: Person, csrf: Callable[[], str], services: Services) -> None:
    client = person("owner")
    values = form(csrf, tags="停车, 门店，到店", valid_until="2027-01-31", group_types=["fans", "service"])
    made = client.post("/console/knowledge/new", data=values)
    assert (made.status_code, made.headers["location"]) == (303, "/console/knowledge/entries/faq-new?done=entry_saved")
    row = entry_of(services, "faq-new")
    assert (row.phrasings, row.tags, row.group_types) == (
        ["停哪儿", "停车要钱不"],
        ["停车", "门店", "到店"],
        ["fans", "service"],
    )
    assert "停车要钱不" in client.get("/console/knowledge/entries/faq-new").text
    assert client.get("/console/knowledge/faq-new").headers["location"] == "/console/knowledge/entries/faq-new"


def test_what_is_wrong_is_said_and_what_was_typed_stays(person: Person, csrf: Callable[[], str]) -> None:
    client = person("owner")
    page = client.post(
        "/console/knowledge/new", data=form(csrf, phrasings="", answer="仍在这里", valid_until="2020-13-01")
    )
    assert page.status_code == 422
    assert "「大家怎么问」" in page.text or "大家怎么问" in page.text
    assert "「有效期至」要写成日期" in page.text
    assert "仍在这里" in page.text


def test_id_that_is_taken_is_no_overwriting(
    person: Person, csrf: Callable[[], str], refund: str, services: Services
) -> None:
    page = person("owner").post("/console/knowledge/new", data=form(csrf, id=refund))
    assert page.status_code == 422 and "条目 id 已经有了" in page.text
    assert entry_of(services, refund).version == 1


def test_edit_that_lost_a_race_is_told_and_may_be_saved_again(
    person: Person, csrf: Callable[[], str], refund: str, services: Services, owner: Caller
) -> None:
    client = person("owner")
    stored = knowledge.written(entry_of(services, refund))
    knowledge.save(services, owner, stored.model_copy(update={"answer": "四天内退回。"}), version=1)
    url = f"/console/knowledge/entries/{refund}"
    lost = client.post(url, data=form(csrf, version=1, answer="五天内退回。"))
    assert lost.status_code == 422 and "刚刚被改过" in lost.text and "五天内退回。" in lost.text
    assert 'name="version" value="2"' in lost.text
    assert client.post(url, data=form(csrf, version=2, answer="五天内退回。")).status_code == 303
    assert (entry_of(services, refund).version, entry_of(services, refund).answer) == (3, "五天内退回。")


def test_form_of_another_site_changes_nothing(person: Person, services: Services, candidate: CandidateRow) -> None:
    client = person("owner")
    address = f"/console/knowledge/candidates/{candidate.id}"
    for path in ("/console/knowledge/new", f"{address}/entry", f"{address}/phrasing", f"{address}/reject"):
        assert client.post(path, data=form(lambda: "wrong", seen=1)).status_code == 403
    assert entry_of(services, "faq-new") is None


def test_list_finds_filters_and_escapes(person: Person, services: Services, owner: Caller, refund: str) -> None:
    entry = EntryIn(id="faq-odd", kind=EntryKind.FAQ, title=_XSS, phrasings=["怪"], answer="好", status="draft")
    knowledge.save(services, owner, entry, version=None)
    client = person("owner")
    assert _XSS not in client.get("/console/knowledge").text
    for query, seen in (
        ("q=退款", {refund}),
        ("status=draft", {"faq-odd"}),
        ("kind=script", set()),
        ("sort=hits", None),
    ):
        page = client.get(f"/console/knowledge?{query}").text
        found = {key for key in (refund, "faq-odd") if f"/console/knowledge/entries/{key}" in page}
        assert found == (seen if seen is not None else {refund, "faq-odd"})
    assert client.get("/console/knowledge?status=nonsense").status_code == 400


def test_reader_sees_no_form(person: Person, refund: str, candidate: CandidateRow) -> None:
    client = person("answerer")
    assert 'method="post" action="/console/knowledge' not in client.get(f"/console/knowledge/entries/{refund}").text
    page = client.get(f"/console/knowledge/candidates/{candidate.id}")
    assert CARD[0] in page.text and f"candidates/{candidate.id}/entry" not in page.text
    assert client.get("/console/knowledge/new").status_code == 403


def test_content_editor_of_one_group_is_offered_that_group_only(person: Person, refund: str) -> None:
    client = person("content", within="mama")
    page = client.get("/console/knowledge/new").text
    assert '<option value="mama" selected>' in page and '<option value="">全部社群' not in page
    assert "可以查看，但不能修改" in client.get(f"/console/knowledge/entries/{refund}").text


def test_candidate_becomes_an_entry(
    person: Person, csrf: Callable[[], str], services: Services, candidate: CandidateRow
) -> None:
    client = person("owner")
    listed = client.get("/console/knowledge/candidates").text
    assert candidate.question in listed and _XSS not in listed
    address = f"/console/knowledge/candidates/{candidate.id}"
    page = client.get(address).text
    assert all(text in page for text in CARD) and _XSS not in page
    assert "还没有人答过" in page
    empty = client.post(f"{address}/entry", data=form(csrf, seen=1, answer=""))
    assert (empty.status_code == 422 and "「答案」" in empty.text) or "答案" in empty.text
    done = client.post(f"{address}/entry", data=form(csrf, seen=1, community="mama"))
    assert done.headers["location"] == "/console/knowledge/candidates?done=candidate_accepted"
    assert entry_of(services, "faq-new").community_id == "mama"
    lost = client.post(f"{address}/reject", data={"csrf": csrf(), "seen": 1})
    assert lost.status_code == 422 and "已经有人处理了" in lost.text
    assert "已采纳" in client.get(address).text
    assert candidate.question in client.get("/console/knowledge/candidates?status=accepted").text


def test_candidate_becomes_a_phrasing_of_the_chosen_entry(
    person: Person, csrf: Callable[[], str], services: Services, refund: str, candidate: CandidateRow
) -> None:
    client = person("owner")
    address = f"/console/knowledge/candidates/{candidate.id}"
    nothing = client.post(f"{address}/phrasing", data={"csrf": csrf(), "seen": 1})
    assert nothing.status_code == 422 and "没有说采纳成什么" in nothing.text
    values = {"csrf": csrf(), "seen": 1, "entry_id": refund, "phrasings": [CARD[0], CARD[1]]}
    assert client.post(f"{address}/phrasing", data=values).status_code == 303
    assert entry_of(services, refund).phrasings[-2:] == [CARD[0], CARD[1]]


def test_rejected_with_a_reason(person: Person, csrf: Callable[[], str], candidate: CandidateRow) -> None:
    client = person("owner")
    address = f"/console/knowledge/candidates/{candidate.id}"
    client.post(f"{address}/reject", data={"csrf": csrf(), "seen": 1, "reason": "前台有告示"})
    assert "前台有告示" in client.get(address).text
    assert candidate.question not in client.get("/console/knowledge/candidates").text
