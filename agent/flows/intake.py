"""A message comes in: think first (rules and patterns, milliseconds), then store it in one write block.

The answer is durable: when `receive` returns, the message, its risk verdict and the fact that a worker still owes it
something stand in the database.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from agent.flows import community, consents, people, risk_items, screening
from agent.flows.incoming import IncomingMessage
from agent.flows.screening import Screened
from agent.services import Services
from agent.steps.risk import RiskVerdict
from core import log
from core.caller import Caller, system_caller
from core.errors import BadInput, Conflict, NotFound
from core.ids import new_id
from core.masking import mask_values
from core.scopes import Scope
from core.vocabulary import Conversation, ExpiredReason, MessageStage, NoDraftReason, SenderRole
from store import changes, communities, drafts, idempotency, members, messages
from store.base import insert_new
from store.messages import MessageRevisionRow, MessageRow
from store.session import ReadSession, WriteSession
from store.vault import MemberKeys

MANUAL = "manual"
_AHEAD = timedelta(minutes=5)
_KEYS_KEPT = timedelta(days=7)
WORKER = system_caller("intake")


@dataclass(frozen=True, slots=True)
class Receipt:
    """`replayed` is True where the same message had come in before; then `verdict` is None, since the one that
    counts is stored."""

    message_id: str
    stage: MessageStage
    revision: int
    verdict: RiskVerdict | None
    replayed: bool


def receive(
    services: Services, caller: Caller, incoming: IncomingMessage, *, history: bool = False, key: str | None = None
) -> Receipt:
    """Store one message; `history` screens it but owes it nothing; `key` is the request's Idempotency-Key.

    Raises `NotFound` `community_not_found`, `Forbidden`, `BadInput` (`sent_at_in_future`, `message_changed`,
    `idempotency_key_reused`), `Conflict` `revision_too_low`.
    """
    _check_time(services, incoming)
    body_hash = services.keyring.lookup_hash("message", incoming.model_dump_json())
    _check_caller(services, caller, incoming)
    screened = screening.screen_message(services, incoming)
    write = partial(_write, services, caller, incoming, screened, body_hash, history=history, key=key)
    try:
        receipt = write()
    except Conflict as error:
        # Somebody was faster (the sender was erased just now): it is stored as things stand after that.
        if error.code != "changed_meanwhile":
            raise
        receipt = write()
    if receipt.stage == MessageStage.RECEIVED and not receipt.replayed:
        services.message_due()
    return receipt


def _write(
    services: Services,
    caller: Caller,
    incoming: IncomingMessage,
    screened: Screened,
    body_hash: str,
    *,
    history: bool,
    key: str | None,
) -> Receipt:
    with services.database.write() as db:
        _check_key(db, services, caller, key, body_hash)
        return _store(db, services, incoming, screened, body_hash, history=history)


def _check_time(services: Services, incoming: IncomingMessage) -> None:
    if incoming.sent_at > services.clock.now() + _AHEAD:
        raise BadInput("sent_at_in_future", extra={"field": "sent_at"})


def _check_caller(services: Services, caller: Caller, incoming: IncomingMessage) -> None:
    if incoming.community_id not in services.communities_seen:
        with services.database.read() as db:
            if communities.get(db, incoming.community_id) is None:
                raise NotFound("community_not_found", extra={"community_id": incoming.community_id})
        services.communities_seen.add(incoming.community_id)
    pasted = incoming.channel == MANUAL and caller.allows(Scope.DRAFTS_DECIDE, incoming.community_id)
    if not pasted:
        caller.require(Scope.MESSAGES_WRITE, incoming.community_id)


def _replay(db: ReadSession, row: MessageRow, incoming: IncomingMessage, body_hash: str) -> Receipt | None:
    """The receipt of a message that came in before; None for a new revision of it."""
    if incoming.revision > row.revision:
        return None
    seen = row.body_hash
    if incoming.revision < row.revision:
        older = messages.revision(db, row.id, incoming.revision)
        if older is None:
            raise Conflict("revision_too_low", extra={"revision": row.revision})
        seen = older.body_hash
    if seen != body_hash:
        raise BadInput("message_changed", extra={"id": row.id, "revision": row.revision})
    return Receipt(row.id, MessageStage(row.stage), incoming.revision, None, replayed=True)


def _check_key(db: WriteSession, services: Services, caller: Caller, key: str | None, body_hash: str) -> None:
    if key is None:
        return
    key_hash = services.keyring.lookup_hash("idempotency", key)
    if not idempotency.put(db, caller.id, key_hash, body_hash, None):
        known = idempotency.get(db, caller.id, key_hash)
        if known is None or known.body_hash != body_hash:
            raise BadInput("idempotency_key_reused")


def _store(
    db: WriteSession,
    services: Services,
    incoming: IncomingMessage,
    screened: Screened,
    body_hash: str,
    *,
    history: bool,
) -> Receipt:
    member_id, role = _sender(db, services, incoming)
    if screened.verdict.labels or incoming.revision:
        # Before any lock on a message: decisions on review items take them in this order.
        members.lock(db, member_id)
    if member_id is not None and not members.stays_known(db, member_id):
        raise Conflict("changed_meanwhile")
    content = _content(db, services, incoming, screened, body_hash, member_id)
    identity = _identity(db, incoming, new_id("msg"), member_id, role, history)
    turn = _turn(db, services, identity)
    if insert_new(db, MessageRow, content | identity | turn.values):
        turn.extend()
        consents.note_incoming(db, content | identity)
        if risk_items.note(db, services, identity["id"], screened.verdict):
            changes.note(db, changes.RISKS)
        return Receipt(identity["id"], turn.values["stage"], incoming.revision, screened.verdict, replayed=False)
    row = messages.by_key(db, incoming.channel, incoming.community_id, incoming.message_id)
    assert row is not None
    return _revise(db, services, row.id, incoming, content, screened.verdict)


@dataclass(frozen=True, slots=True)
class Turn:
    """Where a message stands in what its sender is saying: first of a burst, or one more of `burst`, which then ends
    later (`until`)."""

    values: dict[str, Any]
    burst: MessageRow | None = None
    until: datetime | None = None

    def extend(self) -> None:
        if self.burst is not None:
            self.burst.due_at = self.until


def _turn(db: WriteSession, services: Services, identity: dict[str, Any]) -> Turn:
    values = {"triage": None, "wants_model": False, "burst_id": identity["id"]}
    role, history = identity["sender_role"], identity["history"]
    if history or role == SenderRole.BOT:
        reason = NoDraftReason.HISTORY if history else NoDraftReason.NOT_FROM_MEMBER
        done = {"stage": MessageStage.DONE, "no_draft": reason, "due_at": None, "done_at": db.now}
        return Turn(values | done)
    values |= {"stage": MessageStage.RECEIVED, "no_draft": None, "done_at": None}
    if role == SenderRole.STAFF or identity["channel"] == MANUAL:
        # What a person pastes is all there is, and they wait for it.
        return Turn(values | {"due_at": db.now})
    window = community.burst_window(db, services, identity["community_id"])
    burst = messages.open_burst(db, identity["lane"], identity["member_id"]) if window.pause else None
    if burst is None:
        return Turn(values | {"due_at": db.now + window.pause})
    until = min(db.now + window.pause, burst.received_at + window.most)
    return Turn(values | {"burst_id": burst.id, "due_at": None}, burst, max(until, db.now))


def _sender(db: WriteSession, services: Services, incoming: IncomingMessage) -> tuple[str | None, SenderRole]:
    """The member (none for a bot) and in what role they speak."""
    if incoming.sender.role == SenderRole.BOT:
        return None, SenderRole.BOT
    arrival = people.Arrival(
        incoming.channel, incoming.community_id, incoming.sender, incoming.sender.role, incoming.sent_at
    )
    return people.arrive(db, services.keyring, arrival)


def _identity(
    db: WriteSession,
    incoming: IncomingMessage,
    message_id: str,
    member_id: str | None,
    role: SenderRole,
    history: bool,
) -> dict[str, Any]:
    return {
        "id": message_id,
        "lane": _lane(db, incoming, member_id, role),
        "channel": incoming.channel,
        "community_id": incoming.community_id,
        "external_id": incoming.message_id,
        "conversation": incoming.conversation,
        "member_id": member_id,
        "sender_role": role,
        "history": history,
        "releases": 0,
        "fence": 0,
        "attempts": 0,
    }


def _lane(db: WriteSession, incoming: IncomingMessage, member_id: str | None, role: SenderRole) -> str:
    """The conversation: the group, or the private one of a member. What staff or a bot write privately belongs to the
    conversation of the message that they answer."""
    if incoming.conversation != Conversation.PRIVATE:
        return incoming.community_id
    if role != SenderRole.MEMBER and incoming.reply_to is not None:
        answered = messages.by_key(db, incoming.channel, incoming.community_id, incoming.reply_to)
        if answered is not None:
            return answered.lane
    return f"{incoming.community_id}:{member_id}"


def _content(
    db: WriteSession,
    services: Services,
    incoming: IncomingMessage,
    screened: Screened,
    body_hash: str,
    member_id: str | None,
) -> dict[str, Any]:
    kept = MemberKeys(db, services.keyring).protect(member_id, incoming.text, "message")
    return {
        "revision": incoming.revision,
        "body_hash": body_hash,
        "type": incoming.type,
        "recalled": incoming.recalled,
        "text": kept.masked,
        "original": kept.sealed,
        "reply_to": incoming.reply_to,
        "mentions": [people.external_hash(services.keyring, incoming.channel, who) for who in incoming.mentions],
        "attachments": mask_values([a.model_dump(exclude_none=True) for a in incoming.attachments]),
        "sent_at": incoming.sent_at,
        "received_at": db.now,
        "fingerprint": screened.fingerprint,
        "risk": screened.verdict.model_dump(mode="json"),
        "risk_cleared": False,
        "risk_judged": None,
        "correlation_id": log.correlation(),
    }


def _revise(
    db: WriteSession,
    services: Services,
    message_id: str,
    incoming: IncomingMessage,
    values: dict[str, Any],
    verdict: RiskVerdict,
) -> Receipt:
    """The same again, or an edit or recall: keep what it replaces, expire what was drafted for it, and have a worker
    think again about the burst that it belongs to (which may still be open)."""
    row = messages.lock(db, message_id)
    assert row is not None
    replayed = _replay(db, row, incoming, values["body_hash"])
    if replayed is not None:
        return replayed
    db.add(_replaced(row))
    for name, value in values.items():
        setattr(row, name, value)
    db.flush()
    flagged = risk_items.revise(db, services, row, verdict)
    _expire(db, row)
    if not row.history and row.sender_role != SenderRole.BOT:
        think_again(db, row)
    if flagged:
        changes.note(db, changes.RISKS)
    return Receipt(message_id, MessageStage(row.stage), incoming.revision, verdict, replayed=False)


def _expire(db: WriteSession, row: MessageRow) -> None:
    reason = ExpiredReason.MESSAGE_RECALLED if row.recalled else ExpiredReason.MESSAGE_EDITED
    if drafts.expire_of_message(db, row.id, reason, WORKER.id):
        changes.note(db, changes.DRAFTS)


def think_again(db: WriteSession, row: MessageRow) -> None:
    """Have a worker think about the message and its burst again."""
    head = messages.lock(db, row.burst_id or row.id)
    assert head is not None
    still_open = head.due_at is not None and head.due_at > db.now and head.attempts == 0
    if not still_open:
        messages.reopen_burst(db, head.id, db.now)
        db.refresh(row)


def _replaced(row: MessageRow) -> MessageRevisionRow:
    return MessageRevisionRow(
        message_id=row.id,
        revision=row.revision,
        body_hash=row.body_hash,
        recalled=row.recalled,
        text=row.text,
        original=row.original,
        attachments=row.attachments,
        risk=row.risk,
        received_at=row.received_at,
    )


def sweep(services: Services) -> None:
    """Forget Idempotency-Keys after a week: no bot repeats a request later than that."""
    with services.database.write() as db:
        idempotency.sweep(db, db.now - _KEYS_KEPT)
