"""Threads of the world outside: they send, decide and pull all the time, and repeat what got no answer."""

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from uuid import uuid4

import httpx2

from evals.crash.book import Book, Decided

_PAUSE: Final = 0.2
_REPEATED: Final = 0.05
"""Share of messages that are sent again after they were acknowledged, as bots do that forgot."""
_TIMEOUT: Final = 10.0


class Group(NamedTuple):
    community: str
    channel: str


@dataclass(frozen=True, slots=True)
class World:
    """Where the APIs are, with which keys, and what is said."""

    urls: Sequence[str]
    bot_key: str
    decider_key: str
    groups: Sequence[Group]
    texts: Sequence[str]
    book: Book


@contextmanager
def running(jobs: Sequence[Callable[[threading.Event], None]]) -> Iterator[None]:
    """Run each job in a thread of its own until the block ends."""
    stop = threading.Event()
    threads = [threading.Thread(target=job, args=(stop,), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=_TIMEOUT + 5)


class Line:
    """To one of the APIs, and to the next where one does not answer."""

    def __init__(self, urls: Sequence[str], key: str) -> None:
        headers = {"authorization": f"Bearer {key}"}
        self._clients = [
            httpx2.Client(base_url=url, headers=headers, timeout=_TIMEOUT, trust_env=False) for url in urls
        ]
        self._at = random.randrange(len(urls))

    def request(self, method: str, path: str, body: Mapping[str, Any] | None) -> httpx2.Response:
        return self._clients[self._at].request(method, path, json=body)

    def turn(self) -> None:
        self._at = (self._at + 1) % len(self._clients)

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.close()


def sender(world: World, per_second: float) -> Callable[[threading.Event], None]:
    """Sends messages of ever new members, about `per_second`."""

    def job(stop: threading.Event) -> None:
        with Line(world.urls, world.bot_key) as client:
            while not stop.wait(random.expovariate(per_second)):
                message = _message(world)
                _send(world.book, client, message, stop)
                if random.random() < _REPEATED:
                    world.book.count("messages_repeated")
                    _send(world.book, client, message, stop)

    return job


def _message(world: World) -> dict[str, Any]:
    group = random.choice(world.groups)
    # A member of its own for each message: what one member says within seconds would be answered by one draft.
    return {
        "channel": group.channel,
        "community_id": group.community,
        "message_id": f"crash-{uuid4().hex}",
        "sender": {"id": f"crash-{uuid4().hex[:12]}", "name": "路人"},
        "text": random.choice(world.texts),
        "sent_at": datetime.now(UTC).isoformat(),
    }


def _send(book: Book, client: Line, message: dict[str, Any], stop: threading.Event) -> None:
    answer = _ask(book, client, "POST", "/v1/messages", message, stop)
    if answer is None:
        return
    if answer.status_code in (200, 202):
        book.took(message["message_id"], answer.json()["id"])
    else:
        book.violated("message_refused", f"{message['message_id']} {answer.status_code} {_code(answer)}")


def decider(world: World) -> Callable[[threading.Event], None]:
    """Approves every draft that has a text which passes the copy check, and rejects the others. Several of these race
    for the same drafts."""

    def job(stop: threading.Event) -> None:
        with Line(world.urls, world.decider_key) as client:
            while not stop.wait(_PAUSE):
                answer = _ask(world.book, client, "GET", "/v1/drafts?limit=20", None, stop)
                found = answer.json()["drafts"] if answer is not None and answer.status_code == 200 else []
                for draft in random.sample(found, len(found)):
                    _decide(world.book, client, draft, stop)

    return job


def _decide(book: Book, client: Line, draft: dict[str, Any], stop: threading.Event) -> None:
    lost = book.counts["connections_lost"]
    answer = _rule(book, client, draft, "approve" if draft["text"] else "reject", stop)
    if answer is not None and _code(answer) == "copy_blocked":
        answer = _rule(book, client, draft, "reject", stop)
    if answer is None:
        return
    if answer.status_code == 200:
        made = answer.json()
        book.carried_out(draft["id"], Decided(made["status"], made["delivery_id"]))
    elif answer.status_code == 409:
        with book.lock:
            book.counts["decisions_lost_race"] += 1
            if book.counts["connections_lost"] > lost and draft["id"] not in book.decided:
                book.lost_answers.add(draft["id"])
    else:
        book.violated("decision_refused", f"{draft['id']} {answer.status_code} {_code(answer)}")


def puller(world: World) -> Callable[[threading.Event], None]:
    """Pulls, posts each delivery once, and acknowledges it until that is answered."""

    def job(stop: threading.Event) -> None:
        acknowledged: set[str] = set()
        with Line(world.urls, world.bot_key) as client:
            while not stop.wait(_PAUSE):
                answer = _ask(world.book, client, "GET", "/v1/deliveries", None, stop)
                if answer is None or answer.status_code != 200:
                    continue
                for delivery in answer.json()["deliveries"]:
                    _post(world.book, client, delivery, acknowledged, stop)

    return job


def _post(book: Book, client: Line, delivery: Mapping[str, Any], acknowledged: set[str], stop: threading.Event) -> None:
    delivery_id = delivery["id"]
    if delivery_id in acknowledged:
        book.violated("listed_after_ack", delivery_id)
    with book.lock:
        book.posted[delivery_id] = delivery["reply_to"]
    answer = _ask(book, client, "POST", f"/v1/deliveries/{delivery_id}/ack", None, stop)
    if answer is None:
        return
    if answer.status_code == 200:
        acknowledged.add(delivery_id)
    else:
        book.violated("ack_refused", f"{delivery_id} {answer.status_code} {_code(answer)}")


def _ask(
    book: Book, client: Line, method: str, path: str, body: Mapping[str, Any] | None, stop: threading.Event
) -> httpx2.Response | None:
    """The answer, asked for again after a lost connection or a 5xx; None where the run ends first."""
    while True:
        try:
            answer = client.request(method, path, body)
        except httpx2.HTTPError:
            book.count("connections_lost")
        else:
            if answer.status_code < 500:
                return answer
            book.count(f"answers_{answer.status_code}")
        client.turn()
        if stop.wait(_PAUSE):
            return None


def _rule(
    book: Book, client: Line, draft: dict[str, Any], decision: str, stop: threading.Event
) -> httpx2.Response | None:
    ruling = {"decision": decision, "version": draft["version"]}
    return _ask(book, client, "POST", f"/v1/drafts/{draft['id']}/decision", ruling, stop)


def _code(answer: httpx2.Response) -> str:
    try:
        return str(answer.json().get("code"))
    except ValueError:
        return "no problem document"


def wait_until(happened: Callable[[], bool], seconds: float) -> bool:
    """Poll twice a second; whether it happened in time."""
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            return False
        time.sleep(0.5)
    return True
