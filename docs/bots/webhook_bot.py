"""A bot that is called: verifies the Standard Webhooks signature of each delivery, drops those it has seen, posts the
rest. Register it as `idempotent`, and Qunzhu may safely repeat what it got no answer to.

    WEBHOOK_SECRET=whsec_… PORT=9000 python webhook_bot.py

Needs `standardwebhooks`.
"""

import os
import sqlite3
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

SECRET = Webhook(os.environ["WEBHOOK_SECRET"])
SEEN = sqlite3.connect(os.environ.get("SEEN_FILE", "webhook_bot.db"), check_same_thread=False, isolation_level=None)
SEEN.execute("CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY)")
LOCK = threading.Lock()
MOST_BODY = 1024 * 1024


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("content-length", 0)), MOST_BODY))
        try:
            delivery = SECRET.verify(body, dict(self.headers))
        except (WebhookVerificationError, ValueError):  # ValueError: headers or a body that can't even be parsed
            return self.answer(401)
        try:
            take(self.headers["webhook-id"], delivery)
        except Exception:
            self.answer(500)  # comes again later
            raise
        return self.answer(204)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Texts of members do not belong into an access log."""


def take(webhook_id: str, delivery: dict[str, Any]) -> None:
    """Post and remember, or drop. The id is committed after the posting: where posting fails it is not remembered, the
    caller gets a 500, and the delivery comes again."""
    with LOCK, SEEN:
        SEEN.execute("BEGIN IMMEDIATE")
        if SEEN.execute("INSERT OR IGNORE INTO seen VALUES (?)", (webhook_id,)).rowcount:
            say(f"posted {webhook_id} reply_to={delivery['reply_to']}: {delivery['text']}")  # call the platform here
        else:
            say(f"dropped {webhook_id}")


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "9000"))), Handler)
    say(f"listening on {server.server_port}")
    server.serve_forever()
