"""Erasing a member (删除): first everything that says who they are, in one transaction, then their words, slice by
slice. What was begun is finished by the sweeper, whatever became of the process that began it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.flows import member_access, outgoing
from agent.services import Services
from core import log
from core.caller import Caller, system_caller
from core.scopes import Scope
from store import changes, clearing, erasure_log, members, privacy
from store.audit import Deed
from store.privacy import ErasureRow
from store.session import Database, WriteSession

_log = log.get(__name__)
SWEEPER: Final = system_caller("erasure")
REQUESTED: Final = "requested"
LEFT: Final = "left"
RESTORED: Final = "restored"


@dataclass(frozen=True, slots=True)
class Erased:
    """`rows` is how many rows were cleared or went; `begun`: False where it had been erased before."""

    member_id: str
    rows: int
    begun: bool


def erase(services: Services, caller: Caller, member_id: str, reason: str | None = None) -> Erased:
    """Erase a member. Once this has begun nothing sealed of them can be opened any more; a repeat finishes what was
    interrupted.

    Raises `NotFound` `member_not_found`, `Forbidden`.
    """
    with services.database.read() as db:
        member_access.whole(db, caller, Scope.MEMBERS_ERASE, member_id)
        before = privacy.erasure(db, member_id)
    if before is None:
        noted = services.env.data_dir / erasure_log.FILE
        begin(services.database, caller, member_id, noted, why=REQUESTED, reason=_clean(services, member_id, reason))
    rows = finish(services.database, member_id, services.pace)
    services.gathered.wordings.clear()
    services.gathered.vectors.clear()
    return Erased(member_id, rows, before is None)


def _clean(services: Services, member_id: str, reason: str | None) -> str | None:
    if not reason:
        return None
    with services.database.read() as db:
        return outgoing.kept_reason(db, services, member_id, reason)


def begin(
    database: Database, caller: Caller, member_id: str, noted: Path, *, why: str, reason: str | None = None
) -> bool:
    """Make the member unknown; False where that was done before. `noted`, the log outside the database, is written
    before the commit: a backup that is restored must not bring back who was erased."""
    with database.write() as db:
        members.lock(db, member_id)
        if privacy.erasure(db, member_id) is not None or members.get(db, member_id) is None:
            return False
        rows = clearing.forget_person(db, member_id)
        db.add(ErasureRow(member_id=member_id, why=why, reason=reason, by=caller.id, begun_at=db.now, rows=rows))
        db.audit(Deed(caller, "member.erasing", "member", member_id, details={"why": why}))
        _tell_pages(db)
        erasure_log.append(noted, database.keyring, member_id, db.now)
    return True


def _tell_pages(db: WriteSession) -> None:
    for topic in (changes.DRAFTS, changes.DELIVERIES, changes.RISKS, changes.COMPLAINTS):
        changes.note(db, topic)


def finish(database: Database, member_id: str, pace: Callable[[], None] = lambda: None) -> int:
    """Clear the words of a member whose erasure was begun; how many rows in all. Idempotent."""
    with database.read() as db:
        answers = clearing.answers_to(db, member_id)
    cleared = 0
    for one in clearing.member_slices(member_id, answers):
        while True:
            pace()
            with database.write() as db:
                done = one(db)
            cleared += done
            if not done:
                break
    return _close(database, member_id, cleared)


def _close(database: Database, member_id: str, cleared: int) -> int:
    with database.write() as db:
        row = privacy.erasure(db, member_id)
        if row is None:
            return cleared
        row.rows += cleared
        row.reason = None if row.done_at else row.reason
        if row.done_at is None:
            row.done_at = db.now
            db.audit(Deed(SWEEPER, "member.erased", "member", member_id, details={"rows": row.rows, "why": row.why}))
            _tell_pages(db)
        total = row.rows
    clearing.checkpoint(database)
    return total


def sweep(services: Services) -> int:
    """Finish what was begun; how many members."""
    with services.database.read() as db:
        left = privacy.unfinished(db)
    for member_id in left:
        rows = finish(services.database, member_id, services.pace)
        _log.info("erasure_finished", member=member_id, rows=rows)
    return len(left)


def apply_log(database: Database, path: Path) -> int:
    """Erase again who was erased before a backup was restored; how many."""
    hashes = erasure_log.read(path)
    if not hashes:
        return 0
    with database.read() as db:
        known = [one for one in privacy.member_ids(db) if erasure_log.hashed(database.keyring, one) in hashes]
    again = [one for one in known if begin(database, SWEEPER, one, path, why=RESTORED)]
    for member_id in known:
        finish(database, member_id)
    return len(again)
