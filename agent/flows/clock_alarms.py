"""What falls due of the reply clocks: the warning, the breach, each report further up the ladder. Each happens once:
its effect and the end of its timer are one transaction, which only the worker that holds the claim can commit.

Clocks of one community that go off together make one alert, so that a busy morning does not flood the staff's group.
"""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from agent.flows import clock_rules, clocks, duty, risk_items
from agent.flows.clock_rules import Rules
from agent.services import Services
from agent.steps import clock_texts
from agent.steps.clock_texts import Told
from core import log, tunables
from core.caller import system_caller
from core.errors import Unavailable
from core.office_hours import NeverOpen
from core.scopes import Scope
from core.vocabulary import ClockKind, ClockMark
from store import changes, communities, due, settings, staff_notices, timers, users
from store import clocks as stored
from store.audit import Deed
from store.cases import CaseRow
from store.clocks import ClockRow
from store.due import Claim
from store.session import WriteSession
from store.timers import TimerRow

_log = log.get(__name__)
QUEUE: Final = timers.of_kinds(list(ClockMark))
_CLOCKS: Final = system_caller("clocks")
_DEEDS: Final = {ClockMark.WARN: "warned", ClockMark.BREACH: "breached", ClockMark.ESCALATE: "escalated"}
_READS: Final = {ClockKind.GROUP_QUESTION: Scope.DRAFTS_READ, ClockKind.COMPLAINT: Scope.COMPLAINTS_READ}
_MOST_NAMES: Final = 5
_SECONDS_LEFT: Final = 60


class Alarm(NamedTuple):
    """A mark of a clock that goes off now; `step` is how far up the ladder it is reported."""

    clock: ClockRow
    mark: ClockMark
    step: int


class Place(NamedTuple):
    """A kind of clock in a community: its rules, and whom each step calls (steps that nobody fills left out)."""

    rules: Rules
    rungs: tuple[tuple[str, tuple[str, ...]], ...]

    def called(self, mark: ClockMark, step: int) -> list[str]:
        """Users to tell, the first responsible ones first: a breach calls these too."""
        wanted = (0,) if mark is ClockMark.WARN else (0, step) if mark is ClockMark.BREACH else (step,)
        found = [one for rung in wanted if rung < len(self.rungs) for one in self.rungs[rung][1]]
        return list(dict.fromkeys(found))

    def role(self, step: int) -> str | None:
        return self.rungs[step][0] if step < len(self.rungs) else None


def handle(services: Services, claims: Sequence[Claim]) -> int:
    """Work off timers that were claimed; how many marks went off. What fails is tried again by itself."""
    try:
        return _work(services, claims)
    except Unavailable:
        raise
    except Exception as error:
        if len(claims) > 1:
            return sum(handle(services, [claim]) for claim in claims)
        _put_back(services, claims[0], error)
        return 0


def _put_back(services: Services, claim: Claim, error: Exception) -> None:
    _log.error("clock_failed", timer=claim.id, exc_info=error)
    with services.database.write() as db:
        tries = settings.value(db, tunables.DUE_TRIES)
        due.retry(db, TimerRow, claim, error=type(error).__name__, tries=tries)


def _work(services: Services, claims: Sequence[Claim]) -> int:
    with services.database.write() as db:
        planned = timers.many(db, [claim.id for claim in claims])
        rows = _locked(db, [_clock_id(timer) for timer in planned])
        mine = {claim.id for claim in due.held(db, TimerRow, claims)}
        places = _Places(db, services)
        fallen = [
            alarm
            for timer in planned
            if timer.id in mine and (alarm := _fall(db, places, rows.get(_clock_id(timer)), timer)) is not None
        ]
        for group in _grouped(fallen):
            _tell(db, services, places, group)
        timers.drop(db, mine)
        _tell_pages(db, fallen)
    return len(fallen)


def _tell_pages(db: WriteSession, fallen: Sequence[Alarm]) -> None:
    """Lists that show the clocks are drawn anew."""
    for kind, topic in ((ClockKind.GROUP_QUESTION, changes.DRAFTS), (ClockKind.COMPLAINT, changes.COMPLAINTS)):
        if any(alarm.clock.kind == kind for alarm in fallen):
            changes.note(db, topic)
            changes.note(db, changes.NOTICES)


def _clock_id(timer: TimerRow) -> str:
    return timer.object_id.partition(":")[0]


def _locked(db: WriteSession, clock_ids: Sequence[str]) -> dict[str, ClockRow]:
    """The clocks, locked; their cases before them, as everybody locks them."""
    of_cases = [row.object_id for row in stored.many(db, clock_ids) if row.kind == ClockKind.COMPLAINT]
    if of_cases:
        stored.lock_cases(db, of_cases)
    return stored.lock(db, clock_ids)


def _fall(db: WriteSession, places: "_Places", row: ClockRow | None, timer: TimerRow) -> Alarm | None:
    """Write down what fell due; None where there is nothing to tell (any more)."""
    if row is None or row.stopped_at is not None or row.paused_at is not None:
        return None
    match ClockMark(timer.kind):
        case ClockMark.WARN:
            return _warn(db, row)
        case ClockMark.BREACH:
            return _breach(db, places, row)
        case ClockMark.ESCALATE:
            return _escalate(db, places, row, timer)


def _warn(db: WriteSession, row: ClockRow) -> Alarm | None:
    if row.warned_at is not None:
        return None
    row.warned_at = db.now
    # After a standstill the breach is due as well, and says it.
    late = row.respond_by is not None and row.respond_by <= db.now
    return None if late else Alarm(row, ClockMark.WARN, 0)


def _breach(db: WriteSession, places: "_Places", row: ClockRow) -> Alarm | None:
    if row.breached_at is not None or row.respond_by is None:
        return None
    row.breached_at, row.step, row.stepped_at = row.respond_by, 1, db.now
    case = db.get(CaseRow, row.object_id) if row.kind == ClockKind.COMPLAINT else None
    if case is not None:
        case.breached = True
    place = places.of(row)
    _go_on(db, place, row, row.respond_by)
    return Alarm(row, ClockMark.BREACH, min(1, max(len(place.rungs) - 1, 0)))


def _escalate(db: WriteSession, places: "_Places", row: ClockRow, timer: TimerRow) -> Alarm | None:
    step = row.step + 1
    place = places.of(row)
    if timer.object_id != f"{row.id}:{step}" or step >= len(place.rungs):
        return None
    row.step, row.stepped_at = step, db.now
    _go_on(db, place, row, timer.due_at or db.now)
    return Alarm(row, ClockMark.ESCALATE, step)


def _go_on(db: WriteSession, place: Place, row: ClockRow, planned: datetime) -> None:
    """Plan the next report, where there is somebody further up and a time set for it."""
    if row.step + 1 >= len(place.rungs) or not row.step_seconds:
        return
    wait = timedelta(seconds=row.step_seconds)
    try:
        at = place.rules.hours.after(planned, wait)
        # After a standstill the next one gets its time too: nobody could have acted in between.
        clocks.set_step(db, row, at if at > db.now else place.rules.hours.after(db.now, wait))
    except NeverOpen:
        _log.warning("clock_never_opens", community=row.community_id)


class _Places:
    """What a community's settings and people make of a kind of clock, asked for once a transaction."""

    def __init__(self, db: WriteSession, services: Services) -> None:
        self._db = db
        self._services = services
        self._known: dict[tuple[str, str], Place] = {}

    def of(self, row: ClockRow) -> Place:
        key = (row.community_id, row.kind)
        if key not in self._known:
            self._known[key] = self._found(row.community_id, ClockKind(row.kind))
        return self._known[key]

    def _found(self, community_id: str, kind: ClockKind) -> Place:
        rules = clock_rules.rules(self._db, kind, community_id)
        lineage = communities.lineage(self._db, community_id)
        holders = users.with_roles(self._db, rules.ladder, lineage)
        on = duty.now_on(self._db, self._services, lineage, [_READS[kind]])
        rungs: list[tuple[str, tuple[str, ...]]] = []
        for role in rules.ladder:
            people = holders.get(role, [])
            called = [one for one in on if one in people] or people
            if not rungs and on:
                called = on  # who is on duty and may open it answers first, whatever their role
            if called:
                rungs.append((role, tuple(called)))
        return Place(rules, tuple(rungs))


def _grouped(alarms: Sequence[Alarm]) -> list[list[Alarm]]:
    groups: dict[tuple[str, str, ClockMark, int], list[Alarm]] = {}
    for alarm in alarms:
        key = (alarm.clock.community_id, alarm.clock.kind, alarm.mark, alarm.step)
        groups.setdefault(key, []).append(alarm)
    return list(groups.values())


def _tell(db: WriteSession, services: Services, places: _Places, group: Sequence[Alarm]) -> None:
    """One alert for the staff's group, a notice for everybody who is called, a line in the audit for each clock."""
    first, place = group[0], places.of(group[0].clock)
    called = place.called(first.mark, first.step)
    known = users.names(db, called)
    names = [known[one] for one in called if one in known]
    text = clock_texts.alert(_told(db, place, group, names))
    decision = f"{first.clock.id}:{first.mark}:{first.step}"
    risk_items.send_alert(db, services, first.clock.community_id, text, decision=decision)
    for alarm in group:
        _notify(db, alarm, called)
        details = {"clock": alarm.clock.kind, "object": alarm.clock.object_id, "step": alarm.step, "told": len(called)}
        action = f"clock.{_DEEDS[alarm.mark]}"
        db.audit(Deed(_CLOCKS, action, "clock", alarm.clock.id, alarm.clock.community_id, details))


def _told(db: WriteSession, place: Place, group: Sequence[Alarm], names: Sequence[str]) -> Told:
    first = group[0].clock
    left = _SECONDS_LEFT
    if first.respond_by is not None:
        left = max(int(place.rules.hours.span(db.now, first.respond_by).total_seconds()), left)
    return Told(
        community=risk_items.community_name(db, first.community_id),
        kind=ClockKind(first.kind),
        mark=group[0].mark,
        number=len(group),
        limit=first.limit_seconds // 60,
        left=math.ceil(left / 60),
        object_id=first.object_id,
        people=[*names[:_MOST_NAMES], *(["…"] if len(names) > _MOST_NAMES else [])],
        role=place.role(group[0].step),
    )


def _notify(db: WriteSession, alarm: Alarm, called: Sequence[str]) -> None:
    row = alarm.clock
    case = db.get(CaseRow, row.object_id) if row.kind == ClockKind.COMPLAINT else None
    owner = [case.owner_id] if case is not None and case.owner_id is not None else []
    staff_notices.add(
        db,
        [*called, *owner],
        community_id=row.community_id,
        kind=alarm.mark,
        object_kind=row.kind,
        object_id=row.object_id,
        cause_id=row.id,
        step=alarm.step,
    )
