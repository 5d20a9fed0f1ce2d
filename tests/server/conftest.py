"""The HTTP application over the small community, and a bot's endpoint on loopback."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from fastapi.testclient import TestClient

from agent.services import Services
from core.caller import Caller
from core.clock import ManualClock
from server.app import create_app
from tests.house import House


@pytest.fixture
def house(services: Services, clock: ManualClock, owner: Caller, community: str, bot: Caller) -> House:
    return House(services, clock, owner, bot, community)


@pytest.fixture
def wise(house: House) -> House:
    """The house with its knowledge."""
    house.learn()
    return house


@pytest.fixture
def stranger(services: Services) -> Iterator[TestClient]:
    """The application called by nobody in particular; an unexpected error is an answer, as over the wire."""
    with TestClient(create_app(services, cli_token="-"), raise_server_exceptions=False) as made:
        yield made


@dataclass(slots=True)
class Endpoint:
    """A bot's endpoint: answers with the next of `answers` (the last one again and again) and keeps what it got."""

    url: str = ""
    answers: list[int | str] = field(default_factory=lambda: [200])
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def release(self) -> None:
        """Requests that hang end without an answer."""
        self.over.set()

    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.got]

    def next_answer(self) -> int | str:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def _handler(endpoint: Endpoint) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            endpoint.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
            answer = endpoint.next_answer()
            if answer == "hang":
                endpoint.over.wait(10)
                return
            if answer == "drop":
                return
            self.send_response(int(answer))
            if answer == 302:
                self.send_header("location", endpoint.url)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    return Handler


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with running_endpoint() as made:
        yield made


@contextmanager
def running_endpoint() -> Iterator[Endpoint]:
    """For tests that need several."""
    made = Endpoint()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(made))
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_port}/qunzhu"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield made
    finally:
        made.release()
        server.shutdown()
        thread.join()
        server.server_close()
