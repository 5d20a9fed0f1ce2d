"""The reply clocks (响应时钟): started by a question or a complaint, stopped by an answer, paused and taken up again,
all within the transaction of whoever calls. What falls due is worked off in `clock_alarms`."""

from datetime import datetime, timedelta
from typing import Final

from agent.flows import clock_rules
from agent.flows.clock_rules import Rules
from agent.services import Services
from core import log
from core.caller import system_caller
from core.ids import new_id
from core.office_hours import NeverOpen
from core.vocabulary import ClockKind, ClockMark
from store import changes, clocks, staff_notices, timers
from store.audit import Deed
from store.cases import CaseRow
from store.clocks import ClockRow
from store.session import WriteSession

_log = log.get(__name__)
_CLOCKS: Final = system_caller("clocks")
_LONGEST_AGO: Final = timedelta(days=7)
"""A message that comes in later than this waits since then: nobody counts the minutes of last month."""

_A_SWEEP: Final = 200


def start(
    db: WriteSession, _services: Services, *, kind: ClockKind, object_id: str, community_id: str, since: datetime
) -> ClockRow | None:
    """Start the clock of a question or a case whose member has waited since `since`; it runs from the next opening.
    An object that has, or had, a clock keeps that one. None where this kind of clock is off in the community, or it
    never opens.

    A case must have been flushed; its `respond_by` is set.
    """
    known = clocks.newest(db, kind, object_id)
    return known or _begin(db, kind, object_id, community_id, since)


def restart(
    db: WriteSession,
    services: Services,
    *,
    kind: ClockKind,
    object_id: str,
    community_id: str,
    since: datetime,
    by: str,
) -> ClockRow | None:
    """A fresh clock for an object that is open again; one that still runs ends. None as with `start`."""
    stop(db, services, kind=kind, object_id=object_id, at=since, by=by, why="restarted")
    row = _begin(db, kind, object_id, community_id, since)
    if row is not None:
        _audit(db, row, "restarted", by=by)
    return row


def stop(
    db: WriteSession, _services: Services, *, kind: ClockKind, object_id: str, at: datetime, by: str, why: str
) -> bool:
    """Stop the clock of an object at the moment `at` (that of the answer, say); False where none runs. `by` is who
    did it, `why` a short code. Whether it was in time goes by `at`: an answer that came in time and reached us late
    takes a breach back, one that came too late has breached even where no alarm had gone off yet."""
    row = clocks.running(db, kind, object_id)
    if row is None:
        return False
    row.stopped_at, row.stopped_by, row.why = at, by[:40], why[:32]
    _judge(db, row, by)
    timers.drop_lane(db, row.id)
    staff_notices.settle(db, kind, object_id)
    _tell_case(db, row, None)
    db.flush()
    return True


def pause(db: WriteSession, _services: Services, *, kind: ClockKind, object_id: str, by: str) -> bool:
    """Let the clock of an object rest: what it has used is kept, nothing falls due. False where none runs."""
    row = clocks.running(db, kind, object_id)
    if row is None or row.paused_at is not None:
        return False
    hours = clock_rules.hours(db, row.community_id)
    row.used_seconds += max(hours.span(row.runs_since, db.now), timedelta(0)).total_seconds()
    row.paused_at = db.now
    if row.breached_at is None:
        row.respond_by = None
    timers.drop_lane(db, row.id)
    _tell_case(db, row, row.respond_by)
    _audit(db, row, "paused", by=by)
    db.flush()
    return True


def resume(db: WriteSession, _services: Services, *, kind: ClockKind, object_id: str, by: str) -> bool:
    """Let a paused clock go on with the business time that it has left. False where none is paused."""
    row = clocks.running(db, kind, object_id)
    if row is None or row.paused_at is None:
        return False
    rules = clock_rules.rules(db, kind, row.community_id)
    try:
        row.runs_since = rules.hours.opening(db.now)
        _plan(db, row, rules)
    except NeverOpen:
        return False
    row.paused_at = None
    _tell_case(db, row, row.respond_by)
    _audit(db, row, "resumed", by=by)
    db.flush()
    return True


def sweep(services: Services) -> int:
    """Stop the clocks of questions that nobody asks any more; how many."""
    with services.database.read() as db:
        if not clocks.needless(db, 1):
            return 0
    with services.database.write() as db:
        found = clocks.needless(db, _A_SWEEP)
        for one in found:
            kind, by = ClockKind.GROUP_QUESTION, _CLOCKS.id
            stop(db, services, kind=kind, object_id=one.message_id, at=one.at, by=by, why=one.why)
        if found:
            changes.note(db, changes.DRAFTS)
            changes.note(db, changes.NOTICES)
    return len(found)


def _begin(db: WriteSession, kind: ClockKind, object_id: str, community_id: str, since: datetime) -> ClockRow | None:
    rules = clock_rules.rules(db, kind, community_id)
    if not rules.on:
        return None
    since = max(since, db.now - _LONGEST_AGO)
    try:
        values = _values(rules, kind, object_id, community_id, since)
    except NeverOpen:
        _log.warning("clock_never_opens", community=community_id)
        return None
    if clocks.add(db, values):
        row = clocks.newest(db, kind, object_id)
        assert row is not None
        _set_timers(db, row)
        _tell_case(db, row, row.respond_by)
        return row
    return clocks.newest(db, kind, object_id)


def _values(rules: Rules, kind: ClockKind, object_id: str, community_id: str, since: datetime) -> dict[str, object]:
    """The columns of a fresh clock. Raises `NeverOpen`."""
    opens = rules.hours.opening(since)
    return {
        "id": new_id("clk"),
        "kind": kind,
        "object_id": object_id,
        "community_id": community_id,
        "since": since,
        "started_at": opens,
        "runs_since": opens,
        "warn_seconds": int(rules.warn.total_seconds()),
        "limit_seconds": int(rules.limit.total_seconds()),
        "step_seconds": int(rules.step.total_seconds()),
        "used_seconds": 0.0,
        "warn_at": rules.hours.after(opens, rules.warn) if rules.warn else None,
        "respond_by": rules.hours.after(opens, rules.limit),
        "step": 0,
    }


def _plan(db: WriteSession, row: ClockRow, rules: Rules) -> None:
    """The moments and timers of what has not happened yet, by the business time that is left. Raises `NeverOpen`."""

    def due_at(seconds: float) -> datetime:
        return rules.hours.after(row.runs_since, timedelta(seconds=max(seconds - row.used_seconds, 0.0)))

    if row.warned_at is None and row.warn_seconds:
        row.warn_at = due_at(row.warn_seconds)
    if row.breached_at is None:
        row.respond_by = due_at(row.limit_seconds)
        _set_timers(db, row)
    elif row.step_seconds:
        set_step(db, row, due_at(row.limit_seconds + row.step * row.step_seconds))


def _set_timers(db: WriteSession, row: ClockRow) -> None:
    if row.warn_at is not None and row.warned_at is None:
        _set(db, row, ClockMark.WARN, row.id, row.warn_at)
    if row.respond_by is not None and row.breached_at is None:
        _set(db, row, ClockMark.BREACH, row.id, row.respond_by)


def set_step(db: WriteSession, row: ClockRow, due_at: datetime) -> None:
    """The timer of the next report up the ladder."""
    _set(db, row, ClockMark.ESCALATE, f"{row.id}:{row.step + 1}", due_at)


def _set(db: WriteSession, row: ClockRow, mark: ClockMark, object_id: str, due_at: datetime) -> None:
    timers.put(
        db,
        timer_id=new_id("tmr"),
        kind=mark,
        object_id=object_id,
        due_at=due_at,
        lane=row.id,
        community_id=row.community_id,
    )


def _judge(db: WriteSession, row: ClockRow, by: str) -> None:
    """Whether it was in time goes by the moment of the answer, not by when we heard of it."""
    assert row.stopped_at is not None
    late = row.respond_by is not None and row.stopped_at > row.respond_by
    if late == (row.breached_at is not None):
        return
    row.breached_at = row.respond_by if late else None
    _flag_case(db, row, breached=late)
    _audit(db, row, "breached" if late else "breach_withdrawn", by=by)


def _tell_case(db: WriteSession, row: ClockRow, respond_by: datetime | None) -> None:
    """A case shows until when it has to be answered."""
    case = db.get(CaseRow, row.object_id) if row.kind == ClockKind.COMPLAINT else None
    if case is not None:
        case.respond_by = respond_by


def _flag_case(db: WriteSession, row: ClockRow, *, breached: bool) -> None:
    case = db.get(CaseRow, row.object_id) if row.kind == ClockKind.COMPLAINT else None
    if case is not None:
        # What an earlier clock of it was too late with is not taken back.
        db.flush()
        case.breached = breached or clocks.ever_breached(db, row.kind, row.object_id)


def _audit(db: WriteSession, row: ClockRow, what: str, *, by: str) -> None:
    details = {"clock": row.kind, "object": row.object_id, "by": by[:40]}
    db.audit(Deed(_CLOCKS, f"clock.{what}", "clock", row.id, row.community_id, details))
