"""What got stuck is set going again: by the sweeper after a clock was set back, by a person after failures."""

from collections.abc import Sequence
from datetime import timedelta

from agent.services import Services
from core import log
from core.caller import Caller
from core.errors import NotFound
from core.scopes import Scope
from core.vocabulary import MessageStage
from store import due, messages
from store.audit import Deed
from store.deliveries import DeliveryRow
from store.messages import MessageRow
from store.session import WriteSession
from store.timers import TimerRow

_log = log.get(__name__)
HORIZON = timedelta(minutes=11)
"""The longest lease, backoff and burst are ten minutes: `core.tunables`, `store.due.backoff`."""
_MOST = 1_000


def sweep(services: Services) -> None:
    """Leases and retries that lie impossibly far ahead are taken as over."""
    with services.database.write() as db:
        found = due.unstick(db, MessageRow, HORIZON, retries_only=False)
        found += due.unstick(db, DeliveryRow, HORIZON, retries_only=True)
        found += due.unstick(db, TimerRow, HORIZON, retries_only=True)
    if found:
        _log.warning("clock_was_set_back", rows=found)


def failed(services: Services, caller: Caller) -> list[MessageRow]:
    """Messages that ran out of tries, oldest first, in communities that the caller may see; at most 1,000.

    Raises `Forbidden` `scope_missing`.
    """
    caller.require(Scope.DRAFTS_DECIDE)
    with services.database.read() as db:
        found = due.dead(db, MessageRow, _MOST)
    return [row for row in found if caller.allows(Scope.DRAFTS_DECIDE, row.community_id)]


def requeue(services: Services, caller: Caller, message_ids: Sequence[str] | None) -> list[str]:
    """Have failed messages thought about again: these, or (None) all that the caller may see; the ids of those that
    were.

    Raises `NotFound` `message_not_found`, `Forbidden` `scope_missing`.
    """
    caller.require(Scope.DRAFTS_DECIDE)
    wanted = message_ids if message_ids is not None else [row.id for row in failed(services, caller)]
    with services.database.write() as db:
        done = [message_id for message_id in wanted if _again(db, caller, message_id)]
    if done:
        services.message_due()
    return done


def _again(db: WriteSession, caller: Caller, message_id: str) -> bool:
    row = messages.get(db, message_id)
    if row is None:
        raise NotFound("message_not_found")
    caller.require_seen(Scope.DRAFTS_DECIDE, row.community_id, "message")
    # What failed after its draft was stored is only judged again.
    anew = {"stage": MessageStage.RECEIVED, "done_at": None} if row.stage == MessageStage.FAILED else {}
    revived = due.revive(db, MessageRow, message_id, **anew)
    if revived:
        db.audit(Deed(caller, "message.requeued", "message", message_id, row.community_id))
    return revived
