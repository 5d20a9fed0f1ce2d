"""What keeps the knowledge base right: entries that are due for a look, versions compared, questions that went
unanswered by week. Everything here only reads."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from agent.flows.community import REPORTING_ZONE, today
from agent.services import Services
from core import tunables
from core.caller import Caller
from core.errors import NotFound
from core.scopes import Scope
from core.vocabulary import AbstainedReason
from knowledge.difference import Changed, difference
from store import communities, knowledge, settings, stale, unanswered
from store.knowledge import EntryRow, EntryVersionRow
from store.session import ReadSession
from store.stale import Limits, Stale

MOST_WEEKS: Final = 26


def readable(db: ReadSession, caller: Caller) -> frozenset[str] | None:
    """Communities whose entries the caller reads: their own and those above, whose entries hold for them too; None for
    all. Raises `Forbidden` `scope_missing`."""
    caller.require(Scope.KNOWLEDGE_READ)
    within = caller.communities(Scope.KNOWLEDGE_READ)
    if within is None:
        return None
    return frozenset(above for one in within for above in communities.lineage(db, one))


def found(db: ReadSession, caller: Caller, entry_id: str) -> EntryRow:
    """An entry that the caller may read. Raises `NotFound` `entry_not_found`."""
    within = readable(db, caller)
    row = knowledge.get(db, entry_id)
    if row is None or (within is not None and row.community_id is not None and row.community_id not in within):
        raise NotFound("entry_not_found")
    return row


def limits(db: ReadSession, now: datetime) -> Limits:
    """What the settings call stale."""
    day = today(now)
    review = timedelta(days=settings.value(db, tunables.REVIEW_DAYS))
    return Limits(day, day + timedelta(days=settings.value(db, tunables.STALE_DAYS)), now - review, now - review)


def stale_entries(services: Services, caller: Caller) -> list[Stale]:
    """Raises `Forbidden` `scope_missing`."""
    with services.database.read() as db:
        return stale.entries(db, limits(db, services.clock.now()), readable(db, caller))


class Compared(NamedTuple):
    before: EntryVersionRow | None
    after: EntryVersionRow
    changed: list[Changed]


def compare(
    services: Services, caller: Caller, entry_id: str, *, before: int | None = None, after: int | None = None
) -> Compared:
    """Two versions of an entry: the newest with the one before it, unless said otherwise. The first version is compared
    with nothing.

    Raises `NotFound` (`entry_not_found`, `version_not_found`).
    """
    with services.database.read() as db:
        row = found(db, caller, entry_id)
        newer = _version(db, entry_id, after or row.version)
        older = _version(db, entry_id, before) if before is not None else None
        if before is None and newer.version > 1:
            older = _version(db, entry_id, newer.version - 1)
    return Compared(older, newer, difference(older.content if older else {}, newer.content))


def _version(db: ReadSession, entry_id: str, number: int) -> EntryVersionRow:
    row = knowledge.version(db, entry_id, number)
    if row is None:
        raise NotFound("version_not_found", extra={"version": number})
    return row


class Week(NamedTuple):
    """`monday` is the week's first day; `reasons` has every reason, 0 too."""

    monday: str
    total: int
    reasons: dict[str, int]


def unanswered_by_week(services: Services, caller: Caller, weeks: int) -> list[Week]:
    """How many drafts had no text, by reason, for the last weeks, this one first."""
    caller.require(Scope.KNOWLEDGE_READ)
    mondays = _mondays(services.clock.now(), weeks)
    within = caller.communities(Scope.KNOWLEDGE_READ)
    with services.database.read() as db:
        rows = unanswered.abstentions(db, communities=within, since=mondays[-1])
    counts = {(monday, reason): count for monday, reason, count in rows}
    return [_week(f"{monday.astimezone(REPORTING_ZONE):%Y-%m-%d}", counts) for monday in mondays]


def _week(monday: str, counts: dict[tuple[str, str], int]) -> Week:
    reasons = {reason.value: counts.get((monday, reason), 0) for reason in AbstainedReason}
    return Week(monday, sum(reasons.values()), reasons)


def _mondays(now: datetime, weeks: int) -> list[datetime]:
    here = now.astimezone(REPORTING_ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    first = here - timedelta(days=here.weekday())
    return [first - timedelta(weeks=number) for number in range(weeks)]
