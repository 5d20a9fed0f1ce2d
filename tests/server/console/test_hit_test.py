"""The page for hit-testing: what it shows, to whom, and a wording that becomes a candidate."""

from collections.abc import Callable
from typing import Any

from fastapi.testclient import TestClient

from agent.flows import communities, knowledge
from agent.services import Services
from core.caller import Caller
from core.vocabulary import ANSWERING_KINDS, CommunityType, EntryKind
from knowledge.blend import Scores
from knowledge.entry_in import EntryIn
from knowledge.evidence import DocumentEvidence, Evidence
from knowledge.gate import Verdict
from server.console import texts
from store import candidates
from tests.server.console.conftest import QUESTION

Person = Callable[..., TestClient]
URL = "/console/knowledge/test"
_XSS = "<img src=x onerror=alert(1)>"


def form(csrf: Callable[[], str], text: str = QUESTION, **values: Any) -> dict[str, Any]:
    kinds = [kind.value for kind in ANSWERING_KINDS]
    return {"csrf": csrf(), "text": text, "place": "mama", "kinds": kinds, "audience": ""} | values


def waiting(services: Services) -> list[tuple[str, str | None]]:
    with services.database.read() as db:
        return [(row.question, row.entry_id) for row in candidates.page(db, communities=None)]


def test_verdict_views_and_evidence_have_names(person: Person, csrf: Callable[[], str], refund: str) -> None:
    client = person()
    assert "能回答的可能性" not in client.get(URL).text
    shown = client.post(URL, data=form(csrf)).text
    for said in ("能回答", "作答门槛", refund, "最近问法", "字面", "覆盖", "判定的依据", "领先第二名"):
        assert said in shown
    assert "第二编码" not in shown, "there is no second encoder here"
    assert "style=" not in shown


def test_every_word_of_the_page_is_there() -> None:
    known = texts.load("zh-CN")
    names = [f"hit_test.is.{one}" for one in Verdict] + [f"hit_test.means.{one}" for one in Verdict]
    for part in ("hit_view", "hit_view_hint"):
        names += [f"{part}.{view}" for view in Scores._fields]
    for part in ("hit_evidence", "hit_evidence_hint"):
        names += [f"{part}.entry.{name}" for name in Evidence._fields]
        names += [f"{part}.document.{name}" for name in DocumentEvidence._fields]
    names += [f"hit_test.boundary_of.{reason}" for reason in ("needs_member_data", "policy")]
    names += [f"hit_test.as_{one}" for one in ("any", "new", "old")]
    assert not [name for name in names if name not in known]


def test_why_it_does_not_answer_and_what_stays_with_people(
    person: Person, csrf: Callable[[], str], refund: str
) -> None:
    assert refund
    client = person()
    shown = client.post(URL, data=form(csrf, "周年庆的蛋糕是什么口味的？")).text
    assert "为什么答不了" in shown
    assert "要查成员自己的资料" in client.post(URL, data=form(csrf, "帮我查一下我的订单到哪了")).text


def test_kinds_and_audience_are_kept(
    person: Person, csrf: Callable[[], str], services: Services, owner: Caller, refund: str
) -> None:
    assert refund
    entry = EntryIn(
        id="case-1",
        kind=EntryKind.CASE,
        title="同行怎么退款",
        phrasings=["同行怎么退款"],
        answer="三小时。",
        source="访谈",
    )
    knowledge.save(services, owner, entry, version=None)
    services.knowledge.refresh()
    client = person()
    shown = client.post(URL, data=form(csrf, "同行怎么退款", kinds=["case"], audience="old")).text
    assert "case-1" in shown and "出处: 访谈" in shown and refund not in shown
    assert '<option value="old" selected>' in shown
    assert "作为这条的问法" not in shown, "a case is found by search alone"
    assert "case-1" not in client.post(URL, data=form(csrf, "同行怎么退款", kinds=[])).text


def test_what_is_typed_is_escaped(person: Person, csrf: Callable[[], str], refund: str) -> None:
    assert refund
    assert _XSS not in person().post(URL, data=form(csrf, f"{_XSS}怎么退款{_XSS}")).text


def test_question_becomes_a_candidate(person: Person, csrf: Callable[[], str], services: Services, refund: str) -> None:
    client = person()
    sent = client.post(f"{URL}/phrasing", data=form(csrf, "拍错东西了钱还能回来不？", entry_id=refund))
    assert sent.status_code == 303
    assert waiting(services) == [("拍错东西了钱还能回来不？", refund)]
    page = client.get(sent.headers["location"]).text
    assert "已提为候选" in page and "拍错东西了钱还能回来不？" in page


def test_wording_that_the_entry_has_is_refused_on_the_page(
    person: Person, csrf: Callable[[], str], services: Services, refund: str
) -> None:
    page = person().post(f"{URL}/phrasing", data=form(csrf, QUESTION, entry_id=refund))
    assert page.status_code == 422
    assert "这条已经有这种问法" in page.text and "能回答的可能性" in page.text
    assert waiting(services) == []


def test_who_only_reads_may_try_and_not_propose(
    person: Person, csrf: Callable[[], str], services: Services, refund: str
) -> None:
    client = person("auditor")
    assert "作为这条的问法" not in client.post(URL, data=form(csrf, "钱能退吗")).text
    refused = client.post(f"{URL}/phrasing", data=form(csrf, "钱能退吗", entry_id=refund))
    assert refused.status_code == 422 and "没有权限" in refused.text
    assert waiting(services) == []


def test_form_of_another_site_proposes_nothing(person: Person, services: Services, refund: str) -> None:
    client = person()
    for path in (URL, f"{URL}/phrasing"):
        assert client.post(path, data=form(lambda: "wrong", "钱能退吗", entry_id=refund)).status_code == 403
    assert waiting(services) == []


def test_other_communities_are_closed(
    person: Person, csrf: Callable[[], str], services: Services, owner: Caller, community: str
) -> None:
    assert community
    communities.create(
        services,
        owner,
        community_id="papa",
        name="爸爸群",
        type=CommunityType.INTEREST,
        channel="wecom",
        parent_id="root",
    )
    client = person("answerer", within="papa")
    assert client.post(URL, data=form(csrf, place="mama")).status_code == 403
    assert client.post(URL, data=form(csrf, place="nowhere")).status_code == 404
    assert client.post(URL, data=form(csrf, place="papa")).status_code == 200
