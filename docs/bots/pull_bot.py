"""A bot that pulls: hands one message of a group to Qunzhu, then fetches what people approved, posts it, and acks it.

    QUNZHU_URL=http://127.0.0.1:8000 QUNZHU_KEY=qz_… python pull_bot.py wecom hemiao-mama wx-xiaoman 怎么退款

Without a text it reads one line from standard input. Needs `httpx2`.
"""

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2

POSTED = Path(os.environ.get("POSTED_FILE", "pull_bot.posted"))
POLL_SECONDS = 1.0


def send(client: httpx2.Client, channel: str, community: str, sender: str, text: str) -> None:
    """`message_id` is the platform's own id. Here it is made up once, so that a repeated request is a replay."""
    message = {"channel": channel, "community_id": community, "message_id": uuid4().hex, "sender": {"id": sender}}
    message |= {"text": text, "sent_at": datetime.now(UTC).isoformat()}
    answer = call(client, "POST", "/v1/messages", message)
    say(f"received {answer['id']} risk={answer['risk']['level']}")


def call(client: httpx2.Client, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Repeats until the service answers: every call of a bot is safe to repeat."""
    while True:
        try:
            answer = client.request(method, path, json=body)
        except httpx2.TransportError:
            time.sleep(POLL_SECONDS)
            continue
        if answer.status_code < 500:
            found: dict[str, Any] = answer.raise_for_status().json()
            return found
        time.sleep(POLL_SECONDS)


def pull_once(client: httpx2.Client, channel: str, posted: set[str]) -> None:
    for delivery in call(client, "GET", f"/v1/deliveries?channel={channel}")["deliveries"]:
        if delivery["id"] not in posted:  # posted, but the ack was lost
            # call the platform here
            say(f"posted {delivery['id']} reply_to={delivery['reply_to']}: {delivery['text']}")
            with POSTED.open("a", encoding="utf-8") as file:
                file.write(delivery["id"] + "\n")
            posted.add(delivery["id"])
        call(client, "POST", f"/v1/deliveries/{delivery['id']}/ack")


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    channel, community, sender, *words = sys.argv[1:]
    posted = set(POSTED.read_text("utf-8").split()) if POSTED.exists() else set()
    headers = {"authorization": f"Bearer {os.environ['QUNZHU_KEY']}"}
    with httpx2.Client(base_url=os.environ["QUNZHU_URL"], headers=headers, timeout=30) as client:
        send(client, channel, community, sender, " ".join(words) or sys.stdin.readline().strip())
        while True:
            pull_once(client, channel, posted)
            time.sleep(POLL_SECONDS)
