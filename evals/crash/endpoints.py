"""Endpoints of two communities: one that drops a `webhook-id` it has seen, and one that can't. Both take their time
and are sometimes overloaded, so that kills fall between a request and its answer."""

import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from evals.crash.book import Arrival, Book

OVERLOADED: Final = 0.05
"""Share of requests answered with 503, which the contract lets the service repeat under the same id."""
_QUICK, _SLOW, _SHARE_SLOW = 0.05, 0.5, 0.1


@contextmanager
def endpoint(book: Book, community: str) -> Iterator[str]:
    """The URL of a running stub."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            begun = time.monotonic()
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            time.sleep(random.uniform(0, _SLOW if random.random() < _SHARE_SLOW else _QUICK))
            status = 503 if random.random() < OVERLOADED else 204
            _note(book, Arrival(community, body["id"], body["reply_to"], begun, time.monotonic(), status))
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Arrivals are in the book."""

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, name=f"endpoint-{community}", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The caller was killed before it could read its answer: that is the point of the exercise."""


def _note(book: Book, arrival: Arrival) -> None:
    with book.lock:
        book.arrivals.append(arrival)
