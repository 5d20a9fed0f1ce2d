"""What the bell in the header of every page says: how many notices wait, and which is the newest."""

from typing import NamedTuple

from agent.flows import notices
from agent.services import Services
from core.caller import Caller
from core.scopes import Scope
from store.session import ReadSession

_MOST = 100


class Bell(NamedTuple):
    """`number` is at most 100; `newest` the id of the newest one that waits."""

    number: int
    newest: str | None


def rings(caller: Caller) -> bool:
    """Whether notices can reach them at all."""
    return caller.allows(Scope.DRAFTS_READ) or caller.allows(Scope.COMPLAINTS_READ)


def bell(services: Services, caller: Caller) -> Bell | None:
    """None for who never gets a notice."""
    if not rings(caller):
        return None
    with services.database.read() as db:
        return state(db, caller)


def state(db: ReadSession, caller: Caller) -> Bell:
    """The same in a session that is open."""
    rows = notices.mine(db, caller, _MOST)
    return Bell(len(rows), rows[0].id if rows else None)
