"""What the processes do while PostgreSQL or the Chroma server is away, and that they come back by themselves: real
processes, a PostgreSQL of this test's own (nobody else's is stopped), a Chroma server of its own."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from evals.databases import Cluster
from evals.fleet import Fleet, scaled
from evals.service import NotReady, asked, lay_down_demo, new_key
from tests.conftest import absent

OUTAGE_SECONDS = 10.0
BACK_SECONDS = 90.0
"""Until all is worked off: the longest pause of a worker (10 s), a lease (30 s), and a busy machine."""


class Deployment:
    """An API and a worker, and what they stand on."""

    def __init__(self, fleet: Fleet, cluster: Cluster, bot: str) -> None:
        self.fleet = fleet
        self.cluster = cluster
        self.bot = fleet.first.client(bot, timeout=30)
        self.probes = [httpx2.Client(base_url=one.url, timeout=10, trust_env=False) for one in fleet.services]

    def send(self, message: dict[str, Any], wait: int = 0) -> httpx2.Response:
        return self.bot.post(f"/v1/messages?wait={wait}", json=message)

    def ready(self) -> list[dict[str, str]]:
        """What the API and the worker say of themselves."""
        return [probe.get("/readyz").json()["checks"] for probe in self.probes]

    def close(self) -> None:
        for client in (self.bot, *self.probes):
            client.close()


@pytest.fixture(scope="module")
def deployment(chroma_url: str) -> Iterator[Deployment]:
    assert chroma_url
    with tempfile.TemporaryDirectory(prefix="qunzhu-outage-") as folder:
        try:
            cluster = Cluster(Path(folder))
        except NotReady as error:
            absent("postgresql", str(error))
        cluster.start()
        fleet = scaled(Path(folder), cluster.url, apis=1, workers=1)
        try:
            fleet.start()
            lay_down_demo(fleet.first)
            with fleet.first.client() as owner:
                asked(owner, "PUT", "/v1/settings/inbox.burst_seconds", {"value": 0})
            made = Deployment(fleet, cluster, new_key(fleet.first, "bot", "bot"))
            yield made
            made.close()
        finally:
            fleet.stop()
            cluster.stop()


def _message(text: str) -> dict[str, Any]:
    return {
        "channel": "feishu",
        "community_id": "hemiao-service",
        "message_id": uuid4().hex,
        "sender": {"id": f"wx-{uuid4().hex[:8]}", "name": "路人"},
        "text": text,
        "sent_at": datetime.now(UTC).isoformat(),
    }


def _until(happened: Callable[[], bool], seconds: float = BACK_SECONDS) -> None:
    end = monotonic() + seconds
    while not happened():
        assert monotonic() < end, "it never happened"
        sleep(0.3)


FINE = {"database": "ok", "index": "ok", "backlog": "ok"}


def test_database_away_for_ten_seconds(deployment: Deployment) -> None:
    pids = [service.pid for service in deployment.fleet.services]
    before = deployment.send(_message("请问怎么退款？"), wait=20).json()
    assert before["draft"]["citations"]
    deployment.cluster.stop()
    back = monotonic() + OUTAGE_SECONDS
    late = _message("请问会员积分在哪里查？")
    refused = deployment.send(late)
    assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
    assert refused.headers["retry-after"]
    assert [checks["database"] for checks in deployment.ready()] == ["database_unavailable"] * 2
    assert deployment.probes[0].get("/healthz").status_code == 200, "alive, not fit: nobody should restart it"
    sleep(max(0.0, back - monotonic()))
    deployment.cluster.start()
    _until(lambda: deployment.send(late).status_code in (200, 202))
    _until(lambda: deployment.send(late, wait=5).json()["status"] == "done")
    assert deployment.send(late).json()["draft"]["citations"]
    assert deployment.ready() == [FINE] * 2
    assert [service.pid for service in deployment.fleet.services] == pids
    with deployment.fleet.first.client() as owner:
        assert asked(owner, "POST", "/v1/audit:verify")["broken_at"] is None
        assert asked(owner, "GET", "/v1/messages:failed")["messages"] == []


def test_vector_server_killed_and_its_folder_lost(deployment: Deployment) -> None:
    chroma = deployment.fleet.chroma
    assert chroma is not None
    chroma.kill()
    shutil.rmtree(chroma.path)
    question, greeting = _message("请问怎么退款？"), _message("大家早上好呀")
    taken = deployment.send(question, wait=2)
    assert (taken.status_code, taken.json()["status"]) == (202, "received"), "taken in, its draft waits"
    assert deployment.send(greeting, wait=20).json()["status"] == "done", "what needs no knowledge is not held up"
    assert [checks["index"] for checks in deployment.ready()] == ["index_unreachable"] * 2
    with deployment.fleet.first.client() as owner:
        asked_for = {"text": "怎么退款", "community_id": "hemiao-service"}
        found = owner.post("/v1/knowledge/search", json=asked_for)
        assert (found.status_code, found.json()["code"]) == (503, "index_unreachable")
    chroma.start()
    _until(lambda: deployment.send(question, wait=5).json()["status"] == "done")
    draft = deployment.send(question).json()["draft"]
    assert draft["text"], "it waited for the index; an empty one would have made it abstain"
    assert draft["citations"]
    _until(lambda: deployment.ready() == [FINE] * 2)
    with deployment.fleet.first.client() as owner:
        assert asked(owner, "GET", "/v1/messages:failed")["messages"] == []
