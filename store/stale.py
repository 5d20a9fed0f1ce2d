"""Which entries of the knowledge base somebody should look at again."""

from collections import Counter
from datetime import date, datetime
from typing import Final, NamedTuple

import sqlalchemy as sa

from core.vocabulary import OPEN_DRAFT_STATUSES, EntryStatus, StaleReason
from store.drafts import DraftRow
from store.knowledge import EntryRow, seen_in
from store.session import ReadSession

MOST_DRAFTS: Final = 2_000


class Stale(NamedTuple):
    """`drafts` counts the open drafts whose text rests on the entry."""

    entry: EntryRow
    reason: StaleReason
    drafts: int


class Limits(NamedTuple):
    """`soon` is the last day that counts as expiring; changed before `changed_before` and used since `used_since` is
    due for a review."""

    today: date
    soon: date
    changed_before: datetime
    used_since: datetime


def entries(db: ReadSession, limits: Limits, communities: frozenset[str] | None) -> list[Stale]:
    """Entries that have expired or will soon, that are used and were not changed for long, and retired ones on which
    open drafts rest; the most urgent first, one reason each."""
    cited = _cited(db)
    query = sa.select(EntryRow).where(*seen_in(communities), sa.or_(*_conditions(limits, list(cited))))
    found = [Stale(row, _reason(row, limits), cited[row.id]) for row in db.execute(query).scalars()]
    order = list(StaleReason)
    return sorted(found, key=lambda one: (order.index(one.reason), one.entry.valid_until or limits.soon, one.entry.id))


def _conditions(limits: Limits, cited: list[str]) -> list[sa.ColumnElement[bool]]:
    approved = EntryRow.status == EntryStatus.APPROVED
    return [
        sa.and_(approved, EntryRow.valid_until <= limits.soon),
        sa.and_(approved, EntryRow.updated_at < limits.changed_before, EntryRow.last_hit_at >= limits.used_since),
        sa.and_(EntryRow.status == EntryStatus.RETIRED, EntryRow.id.in_(cited)),
    ]


def _reason(row: EntryRow, limits: Limits) -> StaleReason:
    if row.status == EntryStatus.RETIRED:
        return StaleReason.RETIRED_BUT_CITED
    if row.valid_until is None or row.valid_until > limits.soon:
        return StaleReason.NOT_REVIEWED
    return StaleReason.EXPIRED if row.valid_until < limits.today else StaleReason.EXPIRING


def _cited(db: ReadSession) -> Counter[str]:
    """How many open drafts use each entry."""
    query = sa.select(DraftRow.citations).where(DraftRow.status.in_(OPEN_DRAFT_STATUSES))
    rows = db.execute(query.order_by(DraftRow.created_at.desc()).limit(MOST_DRAFTS)).scalars()
    return Counter(cited["entry_id"] for citations in rows for cited in citations if cited["used"])
