"""Pushes a delivery to a bot's endpoint, signed by the Standard Webhooks specification (HMAC-SHA-256 over id,
timestamp and body; headers `webhook-id`, `webhook-timestamp`, `webhook-signature`)."""

import json
from datetime import UTC, datetime

import httpx2
from standardwebhooks import Webhook

from agent.flows.deliveries import Parcel, Result, Sent

_CONNECT_SECONDS = 5.0
_RETRIED = 429


class WebhookSender:
    """Redirects are not followed: they could lead the signed text to a
    host that nobody registered."""

    def __init__(self, transport: httpx2.BaseTransport | None = None) -> None:
        self._client = httpx2.Client(transport=transport, follow_redirects=False, trust_env=False)

    def send(self, parcel: Parcel) -> Result:
        """One request, no retries: the row decides whether there is another one."""
        body = json.dumps(parcel.body, ensure_ascii=False)
        timeout = httpx2.Timeout(parcel.timeout, connect=min(_CONNECT_SECONDS, parcel.timeout))
        headers = _headers(parcel, body)
        try:
            # The status is the answer; a body that never ends must not hold the worker.
            with self._client.stream(
                "POST", parcel.url, content=body.encode(), headers=headers, timeout=timeout
            ) as answer:
                return _judged(answer.status_code)
        except httpx2.InvalidURL as error:
            return Result(Sent.REFUSED, type(error).__name__)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            return Result(Sent.RETRY, type(error).__name__)
        except httpx2.HTTPError as error:
            return Result(Sent.UNKNOWN, type(error).__name__)

    def close(self) -> None:
        self._client.close()


def _headers(parcel: Parcel, body: str) -> dict[str, str]:
    now = datetime.now(UTC)
    return {
        "content-type": "application/json",
        "webhook-id": parcel.id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(parcel.secret).sign(parcel.id, now, body),
    }


def _judged(status: int) -> Result:
    detail = f"http_{status}"
    if 200 <= status < 300:
        return Result(Sent.DELIVERED, detail)
    if status == _RETRIED or status >= 500:
        return Result(Sent.RETRY, detail)
    return Result(Sent.REFUSED, detail)
