"""The duty roster (值班表): kept per community by whoever may change its settings, asked when a clock runs out."""

from collections.abc import Collection, Sequence
from datetime import date, timedelta
from typing import Final, NamedTuple

from agent.flows import access, clock_rules
from agent.services import Services
from agent.steps.roster import DutyShift, on_duty
from core import office_hours
from core.caller import Caller
from core.errors import BadInput, NotFound
from core.ids import new_id
from core.scopes import Scope
from store import communities, duty, users
from store.audit import Deed
from store.duty import DutyRow
from store.session import ReadSession, WriteSession

MOST: Final = 500
"""Entries of one community's roster."""
_READS: Final = (Scope.DRAFTS_READ, Scope.COMPLAINTS_READ)
_KEPT: Final = timedelta(days=2)


class Entry(NamedTuple):
    """A shift of the user with this login: weekly on `weekday` (0 Monday), or once on `day`; exactly one of them."""

    login: str
    weekday: int | None
    day: date | None
    shift: str


def now_on(
    db: ReadSession, services: Services, lineage: Sequence[str], scopes: Collection[Scope] = _READS
) -> list[str]:
    """Users on duty for a community who hold one of `scopes` there: by the roster of the nearest of its lineage that
    has such a one on duty now. Nobody is called for what they can't open."""
    rows = duty.of(db, lineage, since=services.clock.now().date() - _KEPT)
    if not rows:
        return []
    zone, now = clock_rules.zone(db), services.clock.now()
    for community_id in lineage:
        roster = [_shift(row) for row in rows if row.community_id == community_id]
        if found := able(db, on_duty(roster, now, zone), scopes, lineage[0]):
            return found
    return []


def able(db: ReadSession, user_ids: Sequence[str], scopes: Collection[Scope], community_id: str) -> list[str]:
    """Those of these people, in their order, who are there (any more) and hold one of `scopes` in the community."""
    known = [user for one in user_ids if (user := users.get(db, one)) is not None and user.disabled_at is None]
    callers = {user.id: access.caller_of_user(db, user) for user in known}
    return [one for one in callers if any(callers[one].allows(scope, community_id) for scope in scopes)]


def _shift(row: DutyRow) -> DutyShift:
    return DutyShift(row.user_id, row.weekday, row.day, row.shift)


def roster(db: ReadSession, services: Services, caller: Caller, community_id: str | None) -> list[DutyRow]:
    """The roster of a community, or of all that the caller may read; past days are left out.

    Raises `NotFound` `community_not_found`, `Forbidden`.
    """
    since = services.clock.now().date() - _KEPT
    if community_id is not None:
        _require_read(db, caller, community_id)
        return duty.of(db, [community_id], since=since)
    if not any(caller.allows(scope) for scope in _READS):
        caller.require(Scope.DRAFTS_READ)
    return [row for row in duty.of(db, None, since=since) if _reads(caller, row.community_id)]


def _reads(caller: Caller, community_id: str) -> bool:
    return any(caller.allows(scope, community_id) for scope in _READS)


def _require_read(db: ReadSession, caller: Caller, community_id: str) -> None:
    if communities.get(db, community_id) is None:
        raise NotFound("community_not_found", extra={"community_id": community_id})
    if not _reads(caller, community_id):
        caller.require_seen(Scope.DRAFTS_READ, community_id, "community")


def replace(services: Services, caller: Caller, community_id: str, entries: Sequence[Entry]) -> list[DutyRow]:
    """Put this roster in the place of the community's old one.

    Raises `NotFound` (`community_not_found`, `user_not_found`), `Forbidden`, `BadInput` (`shift_invalid`,
    `duty_day_unclear`, `duty_too_long`, `duty_not_seen`).
    """
    with services.database.write() as db:
        _require_edit(db, caller, community_id)
        rows = _made(db, caller, community_id, entries)
        duty.clear(db, community_id)
        duty.add(db, rows)
        db.audit(Deed(caller, "duty.replaced", "community", community_id, community_id, {"entries": len(rows)}))
    return rows


def add(services: Services, caller: Caller, community_id: str, entries: Sequence[Entry]) -> list[DutyRow]:
    """Add shifts to a community's roster. Raises as `replace`."""
    with services.database.write() as db:
        _require_edit(db, caller, community_id)
        # Days that are over are shown to nobody, so nobody could make room.
        kept = duty.of(db, [community_id], since=db.now.date() - _KEPT)
        rows = _made(db, caller, community_id, entries, already=len(kept))
        duty.add(db, rows)
        for row in rows:
            db.audit(Deed(caller, "duty.added", "duty", row.id, community_id, {"user": row.user_id}))
    return rows


def remove(services: Services, caller: Caller, duty_id: str) -> None:
    """Take a shift off the roster. Raises `NotFound` `duty_not_found`, `Forbidden`."""
    with services.database.write() as db:
        row = duty.get(db, duty_id)
        if row is None:
            raise NotFound("duty_not_found")
        caller.require_seen(Scope.SETTINGS_EDIT, row.community_id, "duty")
        db.audit(Deed(caller, "duty.removed", "duty", row.id, row.community_id, {"user": row.user_id}))
        duty.remove(db, row)


def _require_edit(db: ReadSession, caller: Caller, community_id: str) -> None:
    if communities.get(db, community_id) is None:
        raise NotFound("community_not_found", extra={"community_id": community_id})
    caller.require_seen(Scope.SETTINGS_EDIT, community_id, "community")


def _made(
    db: WriteSession, caller: Caller, community_id: str, entries: Sequence[Entry], already: int = 0
) -> list[DutyRow]:
    if already + len(entries) > MOST:
        raise BadInput("duty_too_long", extra={"field": "entries"}, most=MOST)
    known: dict[str, str] = {}
    for entry in entries:
        if entry.login not in known:
            known[entry.login] = _user_id(db, community_id, entry.login)
    return [_row(db, caller, community_id, known[entry.login], entry) for entry in entries]


def _user_id(db: ReadSession, community_id: str, login: str) -> str:
    """A user who can open what they are called for."""
    user = users.by_login(db, login)
    if user is None or user.disabled_at is not None:
        raise NotFound("user_not_found", extra={"login": login})
    if not _reads(access.caller_of_user(db, user), community_id):
        raise BadInput("duty_not_seen", extra={"login": login}, login=login)
    return user.id


def _row(db: WriteSession, caller: Caller, community_id: str, user_id: str, entry: Entry) -> DutyRow:
    if (entry.weekday is None) == (entry.day is None):
        raise BadInput("duty_day_unclear", extra={"login": entry.login})
    try:
        office_hours.parse(entry.shift)
    except ValueError:
        raise BadInput("shift_invalid", extra={"shift": entry.shift}, shift=entry.shift) from None
    return DutyRow(
        id=new_id("dty"),
        community_id=community_id,
        user_id=user_id,
        weekday=entry.weekday,
        day=entry.day,
        shift=entry.shift,
        added_by=caller.id,
        added_at=db.now,
    )
