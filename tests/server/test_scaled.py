"""APIs and workers as processes of their own, started by the commands of `compose.yaml`, on a real PostgreSQL and a
real Chroma server."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from evals.databases import own_database
from evals.fleet import Fleet, scaled
from evals.service import Service, asked, lay_down_demo, new_key

SHOP = {"channel": "feishu", "community_id": "hemiao-service"}


@pytest.fixture(scope="module")
def fleet(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, chroma_url: str
) -> Iterator[tuple[Fleet, dict[str, str]]]:
    """Two APIs and two workers with the demo, and keys of a bot and a moderator."""
    assert chroma_url
    with own_database(postgres_url) as url:
        made = scaled(tmp_path_factory.mktemp("scaled"), url, apis=2, workers=2)
        try:
            made.start()
            lay_down_demo(made.first)
            with made.first.client() as owner:
                asked(owner, "PUT", "/v1/settings/inbox.burst_seconds", {"value": 0})
            yield made, {role: new_key(made.first, role, role) for role in ("bot", "supervisor")}
        finally:
            made.stop()


def _message(text: str) -> dict[str, Any]:
    said = {"message_id": uuid4().hex, "text": text, "sent_at": datetime.now(UTC).isoformat()}
    return SHOP | said | {"sender": {"id": f"wx-{uuid4().hex[:8]}", "name": "路人"}}


def _post(service: Service, key: str, text: str, *, wait: int = 20) -> Any:
    with service.client(key, timeout=30) as bot:
        return asked(bot, "POST", f"/v1/messages?wait={wait}", _message(text))


def test_from_one_api_to_the_other_and_out(fleet: tuple[Fleet, dict[str, str]]) -> None:
    processes, keys = fleet
    one, other = processes.apis
    received = _post(one, keys["bot"], "请问会员积分在哪里查？")
    assert received["status"] == "done"
    draft = received["draft"]
    assert draft["citations"]
    with other.client(keys["supervisor"]) as moderator:
        assert draft["id"] in [row["id"] for row in asked(moderator, "GET", "/v1/drafts")["drafts"]]
        ruling = {"decision": "approve", "version": draft["version"]}
        decided = asked(moderator, "POST", f"/v1/drafts/{draft['id']}/decision", ruling)
    with one.client(keys["bot"]) as bot:
        pulled = {row["id"]: row for row in asked(bot, "GET", "/v1/deliveries")["deliveries"]}
        assert draft["text"] in pulled[decided["delivery_id"]]["text"]
        assert asked(bot, "POST", f"/v1/deliveries/{decided['delivery_id']}/ack")["state"] == "delivered"
    with other.client(keys["bot"]) as bot:
        assert decided["delivery_id"] not in [row["id"] for row in asked(bot, "GET", "/v1/deliveries")["deliveries"]]


def test_who_waits_is_told_by_another_process(fleet: tuple[Fleet, dict[str, str]]) -> None:
    """The workers are woken and the waiting request is told, both across processes: far below the 20 s it may wait."""
    processes, keys = fleet
    begun = monotonic()
    assert _post(processes.apis[1], keys["bot"], "请问怎么退款？")["status"] == "done"
    assert monotonic() - begun < 15


def test_the_loser_of_a_race_between_two_apis_gets_what_won(fleet: tuple[Fleet, dict[str, str]]) -> None:
    processes, keys = fleet
    draft = _post(processes.first, keys["bot"], "请问几天能发货呀？")["draft"]
    ruling = {"decision": "reject", "version": draft["version"], "reason": "试试"}

    def decide(service: Service) -> int:
        with service.client(keys["supervisor"]) as moderator:
            return moderator.post(f"/v1/drafts/{draft['id']}/decision", json=ruling).status_code

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(decide, processes.apis)) == [200, 409]


def test_knowledge_taught_to_one_api_is_found_by_the_other(fleet: tuple[Fleet, dict[str, str]]) -> None:
    one, other = fleet[0].apis
    entry = {
        "id": f"cat-{uuid4().hex[:8]}",
        "kind": "faq",
        "title": "门店可以带猫进去吗",
        "phrasings": ["能带猫咪逛店吗"],
        "answer": "可以带猫，请装在猫包里，并从北门进入。",
    }
    with one.client() as owner:
        assert asked(owner, "POST", "/v1/knowledge/entries", entry) is not None
    with other.client() as owner:
        body = {"text": "我能带猫咪去门店吗", "community_id": "hemiao-service"}
        found = asked(owner, "POST", "/v1/knowledge/search", body)
    assert found["results"][0]["entry_id"] == entry["id"]


def test_failed_logins_are_counted_over_all_apis(fleet: tuple[Fleet, dict[str, str]]) -> None:
    processes, _ = fleet
    form = {"login": "nobody", "password": "falsch-geraten"}
    codes = []
    for number in range(8):
        url = processes.apis[number % 2].url
        with httpx2.Client(base_url=url, trust_env=False, timeout=30, headers={"origin": url}) as visitor:
            codes.append(visitor.post("/console/login", data=form).status_code)
    assert codes[-1] == 429, codes


def test_every_process_says_how_it_is(fleet: tuple[Fleet, dict[str, str]]) -> None:
    for service in fleet[0].services:
        with httpx2.Client(base_url=service.url, trust_env=False, timeout=10) as probe:
            assert probe.get("/healthz").status_code == 200
            assert probe.get("/readyz").json()["checks"] == {"database": "ok", "index": "ok", "backlog": "ok"}
            assert "qunzhu_backlog{" in probe.get("/metrics").text
            assert probe.get("/nothing-here").status_code == 404


def test_a_worker_ends_when_it_is_told_to(fleet: tuple[Fleet, dict[str, str]]) -> None:
    processes, keys = fleet
    leaving = processes.workers[0]
    leaving.stop()
    try:
        assert _post(processes.first, keys["bot"], "请问怎么退款？")["status"] == "done"
    finally:
        leaving.start()


def test_processes_keep_nothing_on_disk_that_another_needs(fleet: tuple[Fleet, dict[str, str]]) -> None:
    homes: list[Path] = [service.data_dir for service in fleet[0].services]
    assert len(set(homes)) == 4
    kept = {path.name for home in homes for path in home.iterdir()}
    # Each process notes the heads of what it audited itself; the chain lies in the database.
    assert kept <= {"service.log", "service.json", "cli.token", "audit.anchor"}
