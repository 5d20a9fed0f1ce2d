"""Retention (留存期限): words older than the deployment keeps them are blanked, members who left long ago are erased.
Both are off until somebody sets a number of days."""

from datetime import timedelta
from typing import Final

from agent.flows import erasure
from agent.services import Services
from core import log, tunables
from core.caller import system_caller
from store import clearing, erasure_log, member_list, settings
from store.alone import alone
from store.audit import Deed

_log = log.get(__name__)
CALLER: Final = system_caller("retention")
MOST_A_SWEEP: Final = 20_000
"""Rows a sweep blanks at most; the next one goes on."""
MOST_MEMBERS: Final = 20


def sweep(services: Services) -> int:
    """Blank what is too old, erase who left too long ago; how many rows and members."""
    with services.database.read() as db:
        text_days = settings.value(db, tunables.PRIVACY_MESSAGE_DAYS)
        left_days = settings.value(db, tunables.PRIVACY_LEFT_DAYS)
    if not text_days and not left_days:
        return 0
    with alone(services.database, "retention"):
        return _blank(services, text_days) + _forget(services, left_days)


def _blank(services: Services, days: int) -> int:
    if not days:
        return 0
    total = 0
    for name, where in clearing.old(services.clock.now() - timedelta(days=days)):
        while total < MOST_A_SWEEP:
            services.pace()
            with services.database.read() as db:
                found = clearing.holding(db, name, where)
            if not found:
                break
            with services.database.write() as db:
                clearing.overwrite(db, name, where, found)
            total += len(found)
    if total:
        with services.database.write() as db:
            details = {"days": days, "rows": total}
            db.audit(Deed(CALLER, "privacy.blanked", "deployment", "texts", details=details))
        clearing.checkpoint(services.database)
        _log.info("old_texts_blanked", rows=total, days=days)
    return total


def _forget(services: Services, days: int) -> int:
    if not days:
        return 0
    with services.database.read() as db:
        gone = member_list.left_before(db, services.clock.now() - timedelta(days=days), MOST_MEMBERS)
    noted = services.env.data_dir / erasure_log.FILE
    for member_id in gone:
        services.pace()
        erasure.begin(services.database, CALLER, member_id, noted, why=erasure.LEFT)
        erasure.finish(services.database, member_id, services.pace)
    return len(gone)
