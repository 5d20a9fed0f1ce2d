"""Incidents, suggestions, satisfaction and the report of complaints over HTTP."""

from collections import deque
from datetime import timedelta
from types import SimpleNamespace

import pytest
from fastapi.testclient import TestClient

from core.vocabulary import SurveyKind
from server.routes import surveys as routes
from store import cases
from store import surveys as store
from tests.agent.flows import test_incidents as incident_tests
from tests.agent.flows.test_suggestions import WISH, suggest
from tests.agent.flows.test_surveys import TEN, ask, rows, told_case
from tests.house import House


def test_an_incident_from_list_to_close(client: TestClient, house: House) -> None:
    # scope: 27
    row = incident_tests.opened(house)
    page = client.get("/v1/incidents?status=open&limit=1").json()
    assert [one["id"] for one in page["incidents"]] == [row.id]
    assert client.get("/v1/incidents", params={"after": page["next"], "limit": 1}).json()["incidents"] == []
    shown = client.get(f"/v1/incidents/{row.id}").json()
    assert (len(shown["complaints"]), shown["script_status"], shown["steps_done"]) == (3, "pending", 0)
    assert shown["checklist"][0]["text"].startswith("核实事实")
    ticked = client.post(f"/v1/incidents/{row.id}/actions", json={"action": "tick", "version": 1, "step": "facts"})
    assert (ticked.status_code, ticked.json()["steps_done"]) == (200, 1)
    late = client.post(f"/v1/incidents/{row.id}/actions", json={"action": "tick", "version": 1, "step": "owner"})
    assert (late.status_code, late.json()["code"], late.json()["current"]["version"]) == (409, "incident_changed", 2)
    done = client.post(f"/v1/incidents/{row.id}/actions", json={"action": "close", "version": 2, "text": "已全部换货"})
    assert (done.json()["status"], done.json()["result"], done.json()["script_status"]) == (
        "closed",
        "已全部换货",
        "expired",
    )
    assert client.get("/v1/incidents/inc_none").status_code == 404


def test_a_suggestion_over_http(client: TestClient, house: House) -> None:
    # scope: 117
    suggest(house)
    (one,) = client.get("/v1/suggestions?department=product").json()["suggestions"]
    assert (one["text"], one["status"], one["member"]) == (WISH, "routed", "m1")
    body = {"status": "planned", "version": one["version"], "words": "谢谢"}
    done = client.post(f"/v1/suggestions/{one['id']}/status", json=body).json()
    assert (done["status"], done["draft_status"], done["version"]) == ("planned", "pending", 2)
    drafts = client.get("/v1/drafts").json()["drafts"]
    assert [draft["id"] for draft in drafts] == [done["draft_id"]]
    assert client.post(f"/v1/suggestions/{one['id']}/status", json=body).status_code == 409


def test_answers_come_in_by_api(client: TestClient, house: House) -> None:
    # scope: 120
    at = house.clock.now().isoformat()
    plain = {"channel": "wecom", "community_id": "mama", "kind": "nps", "at": at}
    answers = [plain | {"answer_id": f"a{n}", "score": score} for n, score in enumerate(TEN)]
    assert client.post("/v1/surveys/answers", json={"answers": answers}).json() == {"added": 10, "known": 0}
    assert client.post("/v1/surveys/answers", json={"answers": answers}).json() == {"added": 0, "known": 10}
    wrong = [plain | {"answer_id": "x", "kind": "csat", "score": 0}]
    refused = client.post("/v1/surveys/answers", json={"answers": wrong})
    assert (refused.status_code, refused.json()["code"]) == (422, "score_out_of_range")


def token_of(house: House) -> str:
    case_id = told_case(house)
    ask(house, case_id)
    with house.services.database.read() as db:
        link = store.link_of_case(db, case_id, SurveyKind.CSAT)
        case = cases.get(db, case_id)
    assert link is not None and case is not None
    return link.token


def test_a_member_answers_on_a_page_without_signing_in(stranger: TestClient, house: House) -> None:
    # scope: 120
    token = token_of(house)
    page = stranger.get(f"/s/{token}")
    assert (page.status_code, page.headers["cache-control"], page.text.count('type="radio"')) == (200, "no-store", 5)
    assert "m1" not in page.text and "米粉" not in page.text and "已换货" not in page.text
    assert stranger.get(f"/s/{token}").status_code == 200  # looking takes no answer
    assert stranger.post(f"/s/{token}", data={"score": "9"}).status_code == 422
    thanks = stranger.post(f"/s/{token}", data={"score": "5"})
    assert thanks.status_code == 200 and "谢谢" in thanks.text
    again = stranger.post(f"/s/{token}", data={"score": "1"}, headers={"accept-language": "en"})
    assert again.status_code == 422 and "one answer" in again.text
    assert [row.score for row in rows(house)] == [5]


def test_a_bot_gets_a_link_for_one_answer(client: TestClient, stranger: TestClient, house: House) -> None:
    # scope: 120
    wanted = {"channel": "wecom", "community_id": "mama", "kind": "nps", "member": {"id": "m9"}}
    made = client.post("/v1/surveys/links", json=wanted)
    assert (made.status_code, made.json()["url"]) == (201, None)
    path = made.json()["path"]
    assert stranger.get(path).text.count('type="radio"') == 11
    assert stranger.post(path, data={"score": "10"}).status_code == 200
    assert [(row.kind, row.score, row.source) for row in rows(house)] == [("nps", 10, "link")]
    refused = client.post("/v1/surveys/links", json=wanted | {"community_id": "nowhere"})
    assert refused.status_code == 404


def test_guessed_links_are_turned_away_and_a_real_one_still_opens(
    stranger: TestClient, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Tries are counted for the whole process by its own clock: those of other tests are none of this one's.
    monkeypatch.setattr(routes, "_bad", deque(maxlen=routes._BAD_A_MINUTE))
    monkeypatch.setattr(routes, "time", SimpleNamespace(monotonic=lambda: 1000.0))
    token = token_of(house)
    found = [stranger.get(f"/s/svy_{n}.{'0' * 32}").status_code for n in range(70)]
    assert found == [404] * 60 + [429] * 10
    assert stranger.get(f"/s/{token}").status_code == 200


@pytest.mark.parametrize("path", ["/v1/incidents", "/v1/suggestions", "/v1/reports/complaints"])
def test_strangers_see_nothing(stranger: TestClient, house: House, path: str) -> None:
    assert house.community and stranger.get(path).status_code == 401


def test_the_report_of_last_week_and_of_days(client: TestClient, house: House) -> None:
    day = (house.clock.now() - timedelta(days=1)).date().isoformat()
    assert client.get("/v1/reports/complaints").json()["start"] == "2026-11-09"
    found = client.get("/v1/reports/complaints", params={"from": day, "to": day}).json()
    assert (found["total"]["due"], found["total"]["sla_hit_rate"], found["communities"]) == (0, None, [])
    wrong = client.get("/v1/reports/complaints", params={"from": "2026-11-09", "to": "2026-11-01"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "report_period")
