"""A real service with its worker on a free port, and a real browser before it."""

import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from agent.flows import access, communities, knowledge, settings
from agent.services import Services
from core import tunables
from core.clock import SystemClock
from core.crypto import Keyring
from core.ids import new_id
from core.settings import Environment
from core.vocabulary import CommunityType, EntryKind
from evals.service import free_port
from knowledge import gate
from knowledge.base import KnowledgeBase
from knowledge.embeddings import Embedder
from knowledge.entry_in import EntryIn
from knowledge.index import VectorIndex
from server.app import create_app
from store import migrate
from store.session import Database
from tests.conftest import absent

TOKEN = "token-of-the-browser-tests"
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
UNDO_SECONDS = 6


@pytest.fixture
def house(encoder: Embedder, tmp_path: Path) -> Iterator[Services]:
    """A community with one entry, on the real clock, with worker threads and a short undo window."""
    env = Environment(env="test", data_dir=tmp_path, worker_threads=2)
    database = Database(env.sqlalchemy_url, SystemClock(), Keyring(b"k" * 32))
    migrate.upgrade(database)
    index = VectorIndex(tmp_path / "index", None, encoder.dimensions, encoder.name)
    made = Services(
        env, database.clock, database.keyring, database, KnowledgeBase(database, index, encoder, gate.shipped())
    )
    access.bootstrap(made)
    _furnish(made)
    yield made
    made.knowledge.close()
    database.close()


def _furnish(services: Services) -> None:
    owner = access.caller_of_login(services, None)
    groups = (("root", "禾苗生活", None), ("mama", "妈妈交流群", "root"))
    for community_id, name, parent in groups:
        kind = CommunityType.INTEREST if parent else CommunityType.ORGANISATION
        communities.create(
            services, owner, community_id=community_id, name=name, type=kind, channel="wecom", parent_id=parent
        )
    settings.change(services, owner, tunables.UNDO_SECONDS.key, UNDO_SECONDS)
    settings.change(services, owner, tunables.BURST_SECONDS.key, 0)
    entry = EntryIn(
        id="faq-refund",
        kind=EntryKind.FAQ,
        title="怎么退款",
        phrasings=["请问买错了怎么退款呀？"],
        answer="在「我的订单」里点「申请退款」，三天内原路退回。",
    )
    knowledge.save(services, owner, entry, version=None)
    services.knowledge.refresh()


@pytest.fixture
def url(house: Services) -> Iterator[str]:
    """The served application's address."""
    port = free_port()
    app = create_app(house, cli_token=TOKEN)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(timeout=20)


@dataclass
class Bot:
    """What a bot does over HTTP."""

    url: str
    client: httpx2.Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = httpx2.Client(
            base_url=self.url, headers={"authorization": f"Bearer {TOKEN}"}, trust_env=False, timeout=30
        )

    def call(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.client.request(method, path, json=body)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def say(self, text: str = "请问买错了怎么退款呀？", name: str = "小满妈妈") -> str:
        message = {
            "channel": "wecom",
            "community_id": "mama",
            "message_id": new_id("m"),
            "sender": {"id": f"id-{name}", "name": name},
            "text": text,
            "sent_at": SystemClock().now().isoformat(),
        }
        done = self.call("POST", "/v1/messages?wait=20", message)
        return str(done["draft"]["id"] if done.get("draft") else done["id"])

    def pull(self) -> list[Any]:
        return list(self.call("GET", "/v1/deliveries")["deliveries"])

    def link(self, login: str | None = None) -> str:
        return f"{self.url}/console/link/{self.call('POST', '/v1/login-links', {'login': login})['token']}"


@pytest.fixture
def bot(url: str) -> Iterator[Bot]:
    made = Bot(url)
    yield made
    made.client.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; skips where there is none."""
    if not Path(CHROMIUM).exists():
        absent("chromium", f"{CHROMIUM} is not there")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


def _is_error(message: ConsoleMessage) -> bool:
    """A lost race is no error, but the browser logs every answer of 400 and above."""
    return message.type == "error" and "status of 409" not in message.text


@pytest.fixture(params=[(1280, 800), (390, 844)], ids=["wide", "narrow"])
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """A page of a fresh browser profile; any error that its console saw fails the test."""
    width, height = request.param
    context = browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened = context.new_page()
    errors: list[str] = []
    opened.on("console", lambda message: errors.append(message.text) if _is_error(message) else None)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()
    assert not errors


@pytest.fixture
def entered(page: Page, bot: Bot) -> Page:
    """The owner has come in by link."""
    page.goto(bot.link())
    page.get_by_role("button", name="进入控制台").click()
    page.wait_for_url("**/console/drafts*")
    return page
