"""Where a community's deliveries are pushed: one endpoint for a community and channel, inherited by sub-groups."""

import base64
import secrets
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from agent.services import Services
from core import tunables
from core.caller import Caller
from core.errors import BadInput, NotFound
from core.ids import new_id
from core.scopes import Scope
from core.vocabulary import DeliveryKind, DeliveryState
from store import communities, deliveries, settings
from store.audit import Deed
from store.deliveries import DeliveryRow, WebhookRow
from store.session import WriteSession
from store.vault import MemberKeys

_MOST_URL = 1_000


@dataclass(frozen=True, slots=True)
class Registered:
    """`secret` (`whsec_…`, Standard Webhooks) is told once."""

    id: str
    secret: str


def register(
    services: Services, caller: Caller, *, community_id: str, channel: str, url: str, idempotent: bool
) -> Registered:
    """Register the endpoint of a community and channel in place of the one it had.

    Raises `NotFound` `community_not_found`, `Forbidden`, `BadInput` `url_invalid`.
    """
    _check_url(url)
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    with services.database.write() as db:
        if communities.get(db, community_id) is None:
            raise NotFound("community_not_found", extra={"community_id": community_id})
        caller.require(Scope.SETTINGS_EDIT, community_id)
        deliveries.remove_webhook_of(db, community_id, channel)
        sealed = MemberKeys(db, services.keyring).seal(None, secret, "webhook")
        assert sealed is not None
        row = WebhookRow(
            id=new_id("whk"),
            community_id=community_id,
            channel=channel,
            url=url,
            secret_sealed=sealed,
            idempotent=idempotent,
            created_at=db.now,
        )
        db.add(row)
        details = {"channel": channel, "idempotent": idempotent}
        db.audit(Deed(caller, "webhook.registered", "webhook", row.id, community_id, details))
    return Registered(row.id, secret)


def remove(services: Services, caller: Caller, webhook_id: str) -> None:
    """From now on the community pulls; what was queued for the endpoint still goes there."""
    with services.database.write() as db:
        row = _found(db, caller, webhook_id)
        deliveries.remove_webhook_of(db, row.community_id, row.channel)
        db.audit(Deed(caller, "webhook.removed", "webhook", webhook_id, row.community_id))


def ping(services: Services, caller: Caller, webhook_id: str) -> str:
    """Queue a `ping` for set-up; the delivery's id, under which its state can be read."""
    with services.database.write() as db:
        row = _found(db, caller, webhook_id)
        delivery_id = new_id("dlv")
        db.add(
            DeliveryRow(
                id=delivery_id,
                lane=row.id,
                kind=DeliveryKind.PING,
                state=DeliveryState.QUEUED,
                community_id=row.community_id,
                channel=row.channel,
                webhook_id=row.id,
                decision=f"ping:{delivery_id}",
                text="ping",
                ai_generated=False,
                created_at=db.now,
                not_before=db.now,
                due_at=db.now,
                expires_at=db.now + timedelta(hours=settings.value(db, tunables.DELIVERY_HOURS)),
                fence=0,
                attempts=0,
            )
        )
        db.audit(Deed(caller, "webhook.pinged", "webhook", webhook_id, row.community_id))
        db.after_commit(services.delivery_due)
    return delivery_id


def _found(db: WriteSession, caller: Caller, webhook_id: str) -> WebhookRow:
    row = deliveries.webhook(db, webhook_id)
    if row is None or row.removed_at is not None:
        raise NotFound("webhook_not_found")
    caller.require_seen(Scope.SETTINGS_EDIT, row.community_id, "webhook")
    return row


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        plain = bool(parts.hostname) and parts.username is None and parts.port != 0
    except ValueError:  # a broken IPv6 address, a port that is no number
        plain = False
    if not plain or parts.scheme not in ("http", "https") or len(url) > _MOST_URL:
        raise BadInput("url_invalid", extra={"field": "url"})
