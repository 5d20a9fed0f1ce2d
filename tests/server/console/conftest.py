"""A person at the console: a client with cookies and no key, and a worker that runs when it is told to."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from agent.flows import access, inbox, intake, knowledge, settings
from agent.flows.incoming import IncomingMessage, Sender
from agent.services import Services
from core import tunables
from core.caller import Caller
from core.vocabulary import EntryKind
from knowledge.entry_in import EntryIn
from server.app import create_app
from server.state import COOKIE
from store import due, suggestions, users
from store.messages import MessageRow
from store.suggestions import SuggestionRow

QUESTION = "请问买错了怎么退款呀？"
ANSWER = "在订单里点申请退款，三天内原路退回。"


@pytest.fixture
def visitor(services: Services) -> Iterator[TestClient]:
    """A browser that nobody is signed in with yet. Redirects are not followed."""
    with TestClient(create_app(services), follow_redirects=False) as made:
        made.headers["sec-fetch-site"] = "same-origin"
        yield made


@pytest.fixture
def csrf(services: Services, visitor: TestClient) -> Callable[[], str]:
    """The token that the signed-in person's forms carry."""

    def read() -> str:
        with services.database.read() as db:
            row = users.session(db, services.keyring.token_hash(visitor.cookies[COOKIE]))
        assert row is not None
        return row.csrf

    return read


@pytest.fixture
def enter(
    services: Services, owner: Caller, visitor: TestClient, csrf: Callable[[], str]
) -> Callable[[str], TestClient]:
    """Signs a user in by link; the browser then sends their CSRF token with calls."""

    def sign_in(login: str) -> TestClient:
        token = access.login_link(services, owner, login)
        assert visitor.post(f"/console/link/{token}").status_code == 303
        visitor.headers["x-csrf-token"] = csrf()
        return visitor

    return sign_in


@pytest.fixture
def person(
    services: Services, owner: Caller, community: str, enter: Callable[[str], TestClient]
) -> Callable[..., TestClient]:
    """Makes somebody with this role and signs them in."""
    assert community

    def sign_in(role: str = "answerer", within: str | None = None, login: str = "lin") -> TestClient:
        access.create_user(services, owner, login=login, name="小林", role=role, community_id=within)
        return enter(login)

    return sign_in


@pytest.fixture
def worker(services: Services) -> Callable[[], None]:
    """Works off what has come in."""

    def work() -> None:
        with services.database.write() as db:
            claims = due.claim(db, MessageRow, worker="test", lease=timedelta(seconds=30), most=16)
        inbox.handle(services, claims)

    return work


@pytest.fixture
def refund(services: Services, owner: Caller) -> str:
    """An entry that answers `QUESTION`; its id."""
    entry = EntryIn(
        id="faq-refund",
        kind=EntryKind.FAQ,
        title="怎么退款",
        phrasings=[QUESTION],
        answer=ANSWER,
        community=None,
    )
    knowledge.save(services, owner, entry, version=None)
    services.knowledge.refresh()
    return entry.id


@pytest.fixture
def ask(services: Services, owner: Caller, community: str, worker: Callable[[], None]) -> Callable[..., str]:
    """A member asks, and the worker has seen it; the message's id."""
    numbers = iter(range(1000))
    settings.change(services, owner, tunables.BURST_SECONDS.key, 0)

    def said(text: str = QUESTION, name: str = "小满妈妈", within: str = community, channel: str = "wecom") -> str:
        incoming = IncomingMessage(
            channel=channel,
            community_id=within,
            message_id=f"m-{next(numbers)}",
            sender=Sender(id=f"id-{name}", name=name),
            text=text,
            sent_at=services.clock.now(),
        )
        receipt = intake.receive(services, owner, incoming)
        worker()
        return receipt.message_id

    return said


@pytest.fixture
def suggestion(services: Services, ask: Callable[..., str]) -> SuggestionRow:
    """What a member suggested, new or routed."""
    ask("建议你们出个小包装的，出门带着方便")
    with services.database.read() as db:
        (row,) = suggestions.page(db, statuses=["new", "routed"], communities=None)
    return row
