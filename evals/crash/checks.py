"""Holds the database against the book: each broken promise becomes one named violation.

What counts as delivered twice: one id sent again after a 2xx answer, two ids for one decision, or, at an endpoint that
is not idempotent, one id sent twice by itself. Two repeats are within the contract and only counted: after an answered
503, and, at the idempotent endpoint, where the process was killed before it could note the 2xx.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from core.vocabulary import DeliveryState, DraftStatus, MessageStage
from evals.crash.book import Arrival, Book
from store import deliveries, drafts, due, messages
from store.deliveries import DeliveryRow
from store.drafts import DraftRow
from store.messages import MessageRow
from store.session import Database, ReadSession

NOTING_SECONDS: Final = 1.0
"""How long after a 2xx answer its commit may still be under way."""
SENDING_SECONDS: Final = 3.0
"""How long a push takes at most: the endpoints answer within half a second, the rest is a busy machine."""
_CLOCK_SECONDS: Final = 0.1
_FINISHED: Final = (MessageStage.DONE, MessageStage.HELD)
_SENT: Final = (DraftStatus.APPROVED, DraftStatus.MODIFIED)
_UNSETTLED: Final = (DeliveryState.QUEUED, DeliveryState.SENDING)


class Places(NamedTuple):
    """The three communities by how they are served."""

    plain: str
    idempotent: str
    pulled: str


def drained(database: Database) -> bool:
    """Nothing is due, no draft is open, nothing waits to be pulled."""
    with database.read() as db:
        if due.next_due(db, MessageRow) or due.next_due(db, DeliveryRow):
            return False
        if drafts.page(db, statuses=(DraftStatus.PENDING, DraftStatus.ESCALATED), communities=None, limit=1):
            return False
        return not deliveries.pullable(
            db, now=database.clock.now(), communities=None, channel=None, after=None, limit=1
        )


def check(database: Database, book: Book, places: Places) -> None:
    """Adds every violation to the book, and what is worth knowing to its counts."""
    with database.read() as db:
        made = list(_all_drafts(db))
        by_draft = {draft.id: deliveries.of_draft(db, draft.id) for draft in made}
        _messages(db, book, made)
        _decisions(book, made, by_draft)
        _states(book, places, [row for rows in by_draft.values() for row in rows])
    found = database.verify_audit()
    if found.broken_at is not None:
        book.violated("audit_broken", f"at {found.broken_at}: {found.why}")
    book.counts["audit_rows"] = found.rows
    _arrivals(book, places)
    _one_id_a_message(book)


def _all_drafts(db: ReadSession) -> Iterator[DraftRow]:
    after = None
    while page := drafts.page(db, statuses=tuple(DraftStatus), communities=None, after=after, limit=200):
        yield from page
        after = (page[-1].created_at, page[-1].id)


def _messages(db: ReadSession, book: Book, made: Sequence[DraftRow]) -> None:
    """Every acknowledged message is there and finished; one that wants a draft has exactly one."""
    answering = drafts.message_ids(db, [draft.id for draft in made])
    kinds = Counter((message_id, draft.kind) for draft in made for message_id in answering[draft.id])
    for (message_id, kind), count in kinds.items():
        if count > 1:
            book.violated("two_drafts", f"{count} of kind {kind} for {message_id}")
    drafted = {message_id for message_id, _ in kinds}
    for external_id, message_id in book.taken.items():
        row = messages.get(db, message_id)
        if row is None or row.external_id != external_id:
            book.violated("acknowledged_message_lost", external_id)
        else:
            _finished(book, row, drafted)


def _finished(book: Book, row: MessageRow, drafted: set[str]) -> None:
    if row.stage not in _FINISHED:
        book.violated("message_not_finished", f"{row.id} {row.stage} {row.last_error}")
        return
    if (row.no_draft is None) != (row.id in drafted):
        book.violated("draft_missing" if row.no_draft is None else "draft_not_wanted", row.id)
    book.counts["messages_drafted"] += row.id in drafted
    book.counts["messages_taken_over"] += row.attempts > 1


def _decisions(book: Book, made: Sequence[DraftRow], by_draft: Mapping[str, Sequence[DeliveryRow]]) -> None:
    """Every decision that was answered stands, and every sent draft has exactly one delivery."""
    rows = {draft.id: draft for draft in made}
    for draft_id, decided in book.decided.items():
        if draft_id not in rows or rows[draft_id].status != decided.status:
            book.violated("acknowledged_decision_lost", draft_id)
        elif decided.delivery_id not in (None, *(row.id for row in by_draft[draft_id])):
            book.violated("acknowledged_delivery_lost", f"{draft_id} {decided.delivery_id}")
    for draft in made:
        wanted = 1 if draft.status in _SENT else 0
        if len(by_draft[draft.id]) != wanted:
            book.violated("deliveries_of_decision", f"{draft.id} {draft.status}: {len(by_draft[draft.id])}")


def _states(book: Book, places: Places, rows: Sequence[DeliveryRow]) -> None:
    """Every delivery is settled, what counts as delivered did arrive, and nothing else arrived."""
    arrived = {a.webhook_id for a in book.arrivals if _is_ok(a)} | set(book.posted)
    for stray in sorted(({a.webhook_id for a in book.arrivals} | set(book.posted)) - {row.id for row in rows}):
        book.violated("arrived_without_a_decision", stray)
    for row in rows:
        book.counts[f"deliveries_{row.state}"] += 1
        if row.state in _UNSETTLED:
            book.violated("delivery_stuck", f"{row.id} {row.state} {row.last_error}")
        elif row.state == DeliveryState.DELIVERED and row.id not in arrived:
            book.violated("delivered_but_never_arrived", row.id)
        elif row.state == DeliveryState.UNKNOWN and row.community_id != places.plain:
            book.violated("unknown_where_it_may_repeat", f"{row.id} at {row.community_id}")
        _in_flight(book, places, row)


def _in_flight(book: Book, places: Places, row: DeliveryRow) -> None:
    """Only what was on its way when its process was killed may be left `unknown`."""
    if row.community_id != places.plain or row.sent_at is None:
        return
    sent = row.sent_at.timestamp()
    hit = any(sent - _CLOCK_SECONDS <= kill <= sent + SENDING_SECONDS for kill in book.sender_kills)
    unknown = row.state == DeliveryState.UNKNOWN
    book.counts["sends_near_a_kill"] += hit
    if unknown and not hit:
        book.violated("unknown_without_a_kill", f"{row.id} {row.last_error}")


def _arrivals(book: Book, places: Places) -> None:
    """No delivery was sent again where it must not be."""
    by_id: dict[str, list[Arrival]] = defaultdict(list)
    for arrival in sorted(book.arrivals, key=lambda one: one.begun):
        by_id[arrival.webhook_id].append(arrival)
    for webhook_id, arrivals in by_id.items():
        for first, second in pairwise(arrivals):
            _repeat(book, places, webhook_id, first, second)
        book.counts["dropped_by_endpoint"] += max(0, sum(map(_is_ok, arrivals)) - 1)


def _repeat(book: Book, places: Places, webhook_id: str, first: Arrival, second: Arrival) -> None:
    if not _is_ok(first) and second.begun >= first.answered:
        book.counts["repeated_after_503"] += 1
    elif first.community == places.plain:
        book.violated("sent_twice_to_plain_endpoint", webhook_id)
    elif any(first.begun <= kill <= first.answered + NOTING_SECONDS for kill in book.kills):
        book.counts["repeated_after_kill"] += 1
    else:
        book.violated("sent_again_after_2xx", webhook_id)


def _one_id_a_message(book: Book) -> None:
    """Each message has a draft that is decided once: two ids that answer one message are two for one decision.

    What goes to a complaint privately quotes no message; `_decisions` counts the deliveries of its draft, and `_states`
    lets no id arrive that is none of them.
    """
    ids: dict[str | None, set[str]] = defaultdict(set)
    for arrival in book.arrivals:
        ids[arrival.reply_to].add(arrival.webhook_id)
    for delivery_id, reply_to in book.posted.items():
        ids[reply_to].add(delivery_id)
    for reply_to, found in ids.items():
        if reply_to is not None and len(found) > 1:
            book.violated("two_ids_for_one_decision", f"{reply_to}: {sorted(found)}")


def _is_ok(arrival: Arrival) -> bool:
    return 200 <= arrival.status < 300
