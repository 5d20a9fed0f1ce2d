"""Deliveries on their way: pushed by signed webhook, or pulled and acknowledged; each ends in a state that a person
can see.

A push goes: claim and `sending` (committed) → request → result (committed). Whoever dies in between leaves the row
`sending` with a lease that runs out: the next worker repeats it under the same id where the endpoint drops ids it has
seen, and otherwise calls it `unknown`, for a person to say what happened.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from agent.flows import case_replies
from agent.flows.outgoing import Words
from agent.services import Services
from core import log, tunables
from core.caller import Caller
from core.errors import BadInput, Conflict, NotFound, Unavailable
from core.scopes import Scope
from core.vocabulary import DeliveryState
from store import changes, deliveries, due, members, privacy, settings
from store.audit import Deed
from store.deliveries import DeliveryRow, WebhookRow
from store.due import Claim
from store.session import ReadSession, WriteSession
from store.vault import MemberKeys

_log = log.get(__name__)
MANUAL = "manual"
_SETTLING = timedelta(seconds=15)
_PHASES = 3  # connecting, writing and reading each have the time limit of their own


class Sent(StrEnum):
    """What became of one request."""

    DELIVERED = "delivered"
    REFUSED = "refused"  # any other answer: never repeated
    RETRY = "retry"  # an answer (429, 5xx) or a connection that never was: surely not taken
    UNKNOWN = "unknown"  # the request went out and no answer came


@dataclass(frozen=True, slots=True)
class Result:
    sent: Sent
    detail: str


@dataclass(frozen=True, slots=True)
class Parcel:
    """What goes to a bot, by webhook or pull: `body` is the wire form of the delivery."""

    id: str
    url: str
    secret: str
    body: dict[str, object]
    timeout: float
    idempotent: bool


Send = Callable[[Parcel], Result]


def push(services: Services, claims: Sequence[Claim], send: Send) -> int:
    """Send claimed deliveries, one after another; how many were settled."""
    return sum(_push_one(services, claim, send) for claim in claims)


def _push_one(services: Services, claim: Claim, send: Send) -> bool:
    try:
        parcel = _begin(services, claim)
    except Unavailable:
        raise
    except Exception as error:
        return _broken(services, claim, error)
    if parcel is None:
        return False
    result = send(parcel)
    with services.database.write() as db:
        settled = _settle(db, services, claim, result, parcel)
        if settled:
            changes.note(db, changes.DELIVERIES)
    _log.info("delivery_pushed", delivery=claim.id, sent=result.sent, detail=result.detail, attempts=claim.attempts)
    return settled


def _broken(services: Services, claim: Claim, error: Exception) -> bool:
    """Nothing went out, since the row itself can't be read: it is retried apart from the others, then failed."""
    _log.exception("delivery_broken", delivery=claim.id, attempts=claim.attempts)
    with services.database.write() as db:
        tries = settings.value(db, tunables.DELIVERY_TRIES)
        state = DeliveryState.FAILED if claim.attempts >= tries else DeliveryState.QUEUED
        code = getattr(error, "code", type(error).__name__)
        return due.retry(db, DeliveryRow, claim, error=code, tries=tries, state=state)


def _begin(services: Services, claim: Claim) -> Parcel | None:
    """Mark the row `sending`, durable before anything goes out; None where it must not be sent."""
    with services.database.write() as db:
        row = deliveries.get(db, claim.id)
        if row is None or row.fence != claim.fence or row.webhook_id is None:
            return None
        # The lease must outlast the request (those before it in the batch may have taken all of it), or another worker
        # would take a request in flight for a dead one.
        timeout = settings.value(db, tunables.WEBHOOK_TIMEOUT)
        if not due.renew(db, DeliveryRow, claim, timedelta(seconds=_PHASES * timeout) + _SETTLING):
            return None
        hook = deliveries.webhook(db, row.webhook_id)
        assert hook is not None
        if row.state == DeliveryState.SENDING and not hook.idempotent:
            _end(db, claim, DeliveryState.UNKNOWN, "worker_died")
            return None
        if row.expires_at <= db.now:
            _end(db, claim, DeliveryState.EXPIRED, "expired")
            return None
        if _forgotten(db, row):
            _end(db, claim, DeliveryState.CANCELLED, "cleared")
            return None
        if not deliveries.move(db, row.id, frm=_SENDABLE, state=DeliveryState.SENDING, sent_at=db.now):
            due.finish(db, DeliveryRow, claim)
            return None
        return _parcel(db, services, row, hook, timeout)


_SENDABLE = (DeliveryState.QUEUED, DeliveryState.SENDING)


def _forgotten(db: ReadSession, row: DeliveryRow) -> bool:
    """Whether there is nothing to send any more: its words were cleared, or its member was erased."""
    erased = row.member_id is not None and privacy.erasure(db, row.member_id) is not None
    return erased or deliveries.cleared(row)


def _parcel(db: WriteSession, services: Services, row: DeliveryRow, hook: WebhookRow, timeout: float) -> Parcel:
    secret = MemberKeys(db, services.keyring).unseal(None, hook.secret_sealed, "webhook")
    assert secret is not None
    return Parcel(
        id=row.id,
        url=hook.url,
        secret=secret,
        body=wire(Words(db, services), row),
        timeout=timeout,
        idempotent=hook.idempotent,
    )


def _settle(db: WriteSession, services: Services, claim: Claim, result: Result, parcel: Parcel) -> bool:
    if result.sent == Sent.DELIVERED:
        return _end(db, claim, DeliveryState.DELIVERED, None) and _answers(db, services, claim.id)
    if result.sent == Sent.REFUSED:
        return _end(db, claim, DeliveryState.FAILED, result.detail)
    if result.sent == Sent.UNKNOWN and not parcel.idempotent:
        return _end(db, claim, DeliveryState.UNKNOWN, result.detail)
    tries = settings.value(db, tunables.DELIVERY_TRIES)
    last = DeliveryState.UNKNOWN if result.sent == Sent.UNKNOWN else DeliveryState.FAILED
    dead = claim.attempts >= tries
    state = last if dead else DeliveryState.QUEUED
    due.retry(db, DeliveryRow, claim, error=result.detail, tries=tries, state=state)
    return dead


def _answers(db: WriteSession, services: Services, delivery_id: str) -> bool:
    """What was drafted has reached its member: a clock may stop, a complaint be acknowledged. Always true."""
    row = deliveries.get(db, delivery_id)
    if row is not None and case_replies.delivered(db, services, row.draft_id):
        changes.note(db, changes.COMPLAINTS)
    return True


def _end(db: WriteSession, claim: Claim, state: DeliveryState, why: str | None) -> bool:
    moment = {"delivered_at": db.now} if state == DeliveryState.DELIVERED else {}
    return due.finish(db, DeliveryRow, claim, state=state, last_error=why, **moment)


def wire(words: Words, row: DeliveryRow) -> dict[str, object]:
    """A delivery as bots see it."""
    return {
        "id": row.id,
        "kind": row.kind,
        "community_id": row.community_id,
        "channel": row.channel,
        "to": words.contact(row),
        "reply_to": row.reply_to,
        "text": words.handed_out(row),
        "action": row.action,
        "minutes": row.minutes,
        "ai_generated": row.ai_generated,
        "not_before": row.not_before.isoformat(),
        "expires_at": row.expires_at.isoformat(),
    }


def acknowledge(services: Services, caller: Caller, delivery_id: str) -> DeliveryRow:
    """A bot has posted it (or, on channel `manual`, a person has): `delivered`. Idempotent.

    Raises `NotFound` `delivery_not_found`, `Forbidden`, `Conflict` `delivery_not_open` with the state.
    """
    with services.database.write() as db:
        row = _visible(db, caller, delivery_id)
        if not (row.channel == MANUAL and caller.allows(Scope.DRAFTS_DECIDE, row.community_id)):
            caller.require(Scope.DELIVERIES_PULL, row.community_id)
        if row.state == DeliveryState.DELIVERED:
            return row
        if row.webhook_id is not None or row.not_before > db.now:
            raise Conflict("delivery_not_open", extra=_state(row))
        values = {"state": DeliveryState.DELIVERED, "delivered_at": db.now, "settled_by": caller.id}
        if not deliveries.move(db, delivery_id, frm=(DeliveryState.QUEUED,), **values):
            raise Conflict("delivery_not_open", extra=_state(row))
        db.audit(Deed(caller, "delivery.acknowledged", "delivery", delivery_id, row.community_id))
        _answers(db, services, delivery_id)
        changes.note(db, changes.DELIVERIES)
        settled = deliveries.get(db, delivery_id)
        assert settled is not None
        return settled


class Outcome(StrEnum):
    DELIVERED = "delivered"
    RESEND = "resend"


def resolve(services: Services, caller: Caller, delivery_id: str, outcome: Outcome) -> DeliveryRow:
    """A person says what became of an `unknown` delivery (or sends a `failed` one again).

    Raises `NotFound`, `Forbidden`, `BadInput` `resend_only`, `Conflict` (`delivery_not_open`, `delivery_cleared` where
    nothing is left to send again).
    """
    with services.database.write() as db:
        row = _visible(db, caller, delivery_id)
        caller.require(Scope.DRAFTS_DECIDE, row.community_id)
        before = _state(row)
        if row.state == DeliveryState.FAILED and outcome != Outcome.RESEND:
            raise BadInput("resend_only")
        # Before the delivery itself, as an erasure takes them.
        members.lock(db, row.member_id)
        if not deliveries.move(db, delivery_id, frm=_RESOLVABLE, **_resolved(db, services, caller, row, outcome)):
            raise Conflict("delivery_not_open", extra=_state(row))
        settled = deliveries.get(db, delivery_id)
        assert settled is not None
        if outcome == Outcome.RESEND and _forgotten(db, settled):
            raise Conflict("delivery_cleared", extra=before)
        details = {"was": before["state"], "outcome": outcome.value}
        db.audit(Deed(caller, "delivery.resolved", "delivery", delivery_id, row.community_id, details))
        if outcome == Outcome.DELIVERED:
            _answers(db, services, delivery_id)
        changes.note(db, changes.DELIVERIES)
        db.after_commit(services.delivery_due)
        return settled


_RESOLVABLE = (DeliveryState.UNKNOWN, DeliveryState.FAILED)


def _resolved(
    db: WriteSession, services: Services, caller: Caller, row: DeliveryRow, outcome: Outcome
) -> dict[str, object]:
    if outcome == Outcome.DELIVERED:
        return {"state": DeliveryState.DELIVERED, "delivered_at": db.now, "settled_by": caller.id}
    hours = settings.value(db, tunables.DELIVERY_HOURS)
    return {
        "state": DeliveryState.QUEUED,
        "due_at": db.now if row.webhook_id else None,
        "dead_at": None,
        "attempts": 0,
        "expires_at": services.clock.now() + timedelta(hours=hours),
        "settled_by": caller.id,
    }


def sweep(services: Services) -> int:
    """What waited too long expires; how many."""
    with services.database.write() as db:
        expired = deliveries.expire_overdue(db)
        if expired:
            changes.note(db, changes.DELIVERIES)
    return expired


def _visible(db: ReadSession, caller: Caller, delivery_id: str) -> DeliveryRow:
    row = deliveries.get(db, delivery_id)
    if row is None:
        raise NotFound("delivery_not_found")
    if not any(g.communities is None or row.community_id in g.communities for g in caller.grants):
        raise NotFound("delivery_not_found")
    return row


def _state(row: DeliveryRow) -> dict[str, object]:
    return {"id": row.id, "state": row.state}
