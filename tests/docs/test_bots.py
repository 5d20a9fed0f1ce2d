"""The sample bots as a community's operator runs them: processes of their own against a service over HTTP."""

import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from standardwebhooks import Webhook

from agent.flows import access, communities, knowledge
from agent.services import Services
from core.caller import Caller
from core.clock import SystemClock
from core.crypto import Keyring
from core.settings import Environment
from core.vocabulary import CommunityType, DeliveryState, EntryKind
from evals.service import free_port
from knowledge import gate
from knowledge.base import KnowledgeBase
from knowledge.embeddings import Embedder
from knowledge.entry_in import EntryIn
from knowledge.index import VectorIndex
from server.app import create_app
from store import migrate
from store.session import Database

BOTS = Path(__file__).parents[2] / "docs" / "bots"
TOKEN = "token-of-the-bot-tests"
QUESTION = "怎么申请退款"
ANSWER = "在「我的订单」里选中订单，点「申请退款」，提交后等审核。"
PATIENCE = 30.0


class Bot:
    """A running bot and the lines it has said."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line.strip())

    def said(self, beginning: str) -> str:
        """The next line, which must begin like this."""
        line = self.lines.get(timeout=PATIENCE)
        assert line.startswith(beginning), line
        return line

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


RunBot = Callable[..., Bot]


@pytest.fixture
def run_bot(tmp_path: Path) -> Iterator[RunBot]:
    """Starts a bot by its file name, with arguments and environment; all end with the test."""
    started: list[Bot] = []

    def run(name: str, arguments: Sequence[str] = (), **environ: str) -> Bot:
        process = subprocess.Popen(
            [sys.executable, str(BOTS / name), *arguments],
            cwd=tmp_path,
            env=os.environ | environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        started.append(Bot(process))
        return started[-1]

    yield run
    for bot in started:
        bot.end()


@pytest.fixture
def living_services(encoder: Embedder, tmp_path: Path) -> Iterator[Services]:
    """One community with one entry, on the real clock, with worker threads."""
    env = Environment(env="test", data_dir=tmp_path, worker_threads=2)
    database = Database(env.sqlalchemy_url, SystemClock(), Keyring(b"k" * 32))
    migrate.upgrade(database)
    base = KnowledgeBase(
        database, VectorIndex(tmp_path / "index", None, encoder.dimensions, encoder.name), encoder, gate.shipped()
    )
    made = Services(env, database.clock, database.keyring, database, base)
    access.bootstrap(made)
    _furnish(made, access.caller_of_login(made, None))
    yield made
    base.close()
    database.close()


def _furnish(services: Services, owner: Caller) -> None:
    for community_id, parent in (("root", None), ("mama", "root")):
        kind = CommunityType.INTEREST if parent else CommunityType.ORGANISATION
        communities.create(
            services, owner, community_id=community_id, name="群", type=kind, channel="wecom", parent_id=parent
        )
    entry = EntryIn(id="faq-refund", kind=EntryKind.FAQ, title="怎么退款", phrasings=[QUESTION], answer=ANSWER)
    knowledge.save(services, owner, entry, version=None)
    services.knowledge.refresh()


@pytest.fixture
def url(living_services: Services) -> Iterator[str]:
    """A served application on a free port."""
    port = free_port()
    app = create_app(living_services, cli_token=TOKEN)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert _until(lambda: server.started)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(timeout=PATIENCE)


@pytest.fixture
def owner(url: str) -> Iterator[httpx2.Client]:
    headers = {"authorization": f"Bearer {TOKEN}"}
    with httpx2.Client(base_url=url, headers=headers, timeout=PATIENCE, trust_env=False) as client:
        yield client


def _until(happened: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if happened():
            return True
        time.sleep(0.05)
    return False


def _ask(owner: httpx2.Client, method: str, path: str, body: object = None) -> Any:
    answer = owner.request(method, path, json=body)
    assert answer.is_success, answer.text
    return answer.json()


def _approved(owner: httpx2.Client) -> str:
    """Wait for the one open draft, approve it; its delivery's id."""
    found: list[dict[str, Any]] = []

    def drafted() -> bool:
        found[:] = _ask(owner, "GET", "/v1/drafts")["drafts"]
        return bool(found)

    assert _until(drafted)
    assert found[0]["text"] is not None
    decision = {"decision": "approve", "version": found[0]["version"]}
    delivery: str = _ask(owner, "POST", f"/v1/drafts/{found[0]['id']}/decision", decision)["delivery_id"]
    return delivery


def _becomes(owner: httpx2.Client, delivery_id: str, state: DeliveryState) -> bool:
    return _until(lambda: _ask(owner, "GET", f"/v1/deliveries/{delivery_id}")["state"] == state)


def test_pull_bot_posts_and_acknowledges_what_was_approved(owner: httpx2.Client, url: str, run_bot: RunBot) -> None:
    key = _ask(owner, "POST", "/v1/keys", {"name": "bot"})["key"]
    bot = run_bot("pull_bot.py", ["wecom", "mama", "wx-1", QUESTION], QUNZHU_URL=url, QUNZHU_KEY=key)
    bot.said("received msg_")
    delivery = _approved(owner)
    assert ANSWER in bot.said(f"posted {delivery}")
    assert _becomes(owner, delivery, DeliveryState.DELIVERED)


def test_pull_bot_reads_its_text_from_standard_input(owner: httpx2.Client, url: str, run_bot: RunBot) -> None:
    key = _ask(owner, "POST", "/v1/keys", {"name": "bot"})["key"]
    bot = run_bot("pull_bot.py", ["wecom", "mama", "wx-1"], QUNZHU_URL=url, QUNZHU_KEY=key)
    assert bot.process.stdin is not None
    bot.process.stdin.write(QUESTION + "\n")
    bot.process.stdin.flush()
    bot.said("received msg_")


def test_pull_bot_that_lost_its_ack_does_not_post_again(
    owner: httpx2.Client, url: str, run_bot: RunBot, tmp_path: Path
) -> None:
    key = _ask(owner, "POST", "/v1/keys", {"name": "bot"})["key"]
    message = _message() | {"message_id": "m-before"}
    _ask(owner, "POST", "/v1/messages", message)
    delivery = _approved(owner)
    (tmp_path / "pull_bot.posted").write_text(delivery + "\n")
    bot = run_bot("pull_bot.py", ["wecom", "mama", "wx-1", "早"], QUNZHU_URL=url, QUNZHU_KEY=key)
    bot.said("received msg_")
    assert _becomes(owner, delivery, DeliveryState.DELIVERED)
    assert bot.lines.empty()


def _message() -> dict[str, Any]:
    return {
        "channel": "wecom",
        "community_id": "mama",
        "message_id": "m-1",
        "sender": {"id": "wx-1"},
        "text": QUESTION,
        "sent_at": "2026-11-01T10:00:00+08:00",
    }


def _registered(owner: httpx2.Client, port: int) -> Any:
    hook = {"community_id": "mama", "channel": "wecom", "url": f"http://127.0.0.1:{port}/", "idempotent": True}
    return _ask(owner, "POST", "/v1/webhooks", hook)


def test_webhook_bot_takes_a_ping_and_what_was_approved(owner: httpx2.Client, run_bot: RunBot) -> None:
    port = free_port()
    hook = _registered(owner, port)
    bot = run_bot("webhook_bot.py", WEBHOOK_SECRET=hook["secret"], PORT=str(port))
    bot.said("listening")
    ping = _ask(owner, "POST", f"/v1/webhooks/{hook['id']}/ping")["delivery_id"]
    assert bot.said(f"posted {ping}").endswith("ping")
    _ask(owner, "POST", "/v1/messages", _message())
    delivery = _approved(owner)
    line = bot.said(f"posted {delivery}")
    assert "reply_to=m-1" in line
    assert ANSWER in line
    assert _becomes(owner, delivery, DeliveryState.DELIVERED)


SECRET = "whsec_" + "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
BODY = '{"reply_to": "m-1", "text": "好"}'


def _push(port: int, signer: str = SECRET, body: str = BODY, **headers: str) -> int:
    now = datetime.now(UTC)
    signed = {
        "webhook-id": "dlv_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(signer).sign("dlv_1", now, body),
    }
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.post(f"http://127.0.0.1:{port}/", content=body.encode(), headers=signed | names).status_code


@pytest.fixture
def endpoint(run_bot: RunBot) -> tuple[Bot, int]:
    port = free_port()
    bot = run_bot("webhook_bot.py", WEBHOOK_SECRET=SECRET, PORT=str(port))
    bot.said("listening")
    return bot, port


def test_webhook_bot_drops_what_it_has_seen_after_a_restart_too(endpoint: tuple[Bot, int], run_bot: RunBot) -> None:
    bot, port = endpoint
    assert _push(port) == 204
    bot.said("posted dlv_1 reply_to=m-1: 好")
    assert _push(port) == 204
    bot.said("dropped dlv_1")
    bot.process.kill()
    bot.process.wait()
    port = free_port()
    again = run_bot("webhook_bot.py", WEBHOOK_SECRET=SECRET, PORT=str(port))
    again.said("listening")
    assert _push(port) == 204
    again.said("dropped dlv_1")


def test_webhook_bot_refuses_a_foreign_signature(endpoint: tuple[Bot, int]) -> None:
    bot, port = endpoint
    assert _push(port, signer="whsec_" + "A" * 43 + "=") == 401
    assert bot.lines.empty()


@pytest.mark.parametrize("signature", ["", "v1", "v1,%%%", "v2,AAAA"])
def test_webhook_bot_refuses_a_signature_that_is_none(endpoint: tuple[Bot, int], signature: str) -> None:
    assert _push(endpoint[1], webhook_signature=signature) == 401


def test_webhook_bot_refuses_an_old_timestamp(endpoint: tuple[Bot, int]) -> None:
    assert _push(endpoint[1], webhook_timestamp="1700000000") == 401


def test_webhook_bot_remembers_nothing_that_it_could_not_post(endpoint: tuple[Bot, int]) -> None:
    bot, port = endpoint
    assert _push(port, body='{"text": "no reply_to"}') == 500
    assert _push(port) == 204
    bot.said("posted dlv_1")
