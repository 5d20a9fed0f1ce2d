"""Notices for a person of the staff: what an open console shows of clocks that run out."""

from datetime import timedelta
from typing import Final

from agent.services import Services
from core.caller import Caller
from core.errors import NotFound
from core.scopes import Scope
from core.vocabulary import ClockKind
from store import staff_notices
from store.session import ReadSession
from store.staff_notices import NoticeRow, Readable

MOST: Final = 100
KEPT: Final = timedelta(days=90)
_A_SWEEP: Final = 500


def mine(db: ReadSession, caller: Caller, limit: int = MOST) -> list[NoticeRow]:
    """The caller's own open notices, the newest first, of what they may still read."""
    questions, others = caller.communities(Scope.DRAFTS_READ), caller.communities(Scope.COMPLAINTS_READ)
    # What they may not read takes no place in the list.
    readable = Readable(ClockKind.GROUP_QUESTION, questions, others)
    return staff_notices.open_of(db, caller.id, limit, readable)


def seen(services: Services, caller: Caller, notice_id: str) -> bool:
    """Mark one's own notice as seen; False where it was. Raises `NotFound` `notice_not_found`."""
    with services.database.write() as db:
        row = staff_notices.get(db, notice_id)
        if row is None or row.user_id != caller.id:
            raise NotFound("notice_not_found")
        return staff_notices.see(db, notice_id)


def sweep(services: Services) -> int:
    """Drop what was seen or settled and is older than `KEPT`; how many."""
    with services.database.write() as db:
        return staff_notices.sweep(db, db.now - KEPT, _A_SWEEP)
