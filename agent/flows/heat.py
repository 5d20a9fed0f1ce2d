"""The mood of groups (群情): an alarm where the share of negative messages jumps against what is usual there. Once a
breach: the alarm stays open until the share fell below the threshold that it went off at."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from agent.flows import risk_items
from agent.services import Services
from agent.steps import risk_texts
from core import log, tunables
from core.ids import new_id
from core.vocabulary import AlarmStatus
from store import changes, communities, risk_alarms, settings
from store.risk_alarms import Mood, RiskAlarmRow
from store.session import ReadSession, WriteSession

_log = log.get(__name__)
_LEAST_BEFORE: Final = 30
"""Messages below which nothing can be called usual in a group: the baseline is 0 then, and only the least share of the
setting counts."""


class Limits(NamedTuple):
    """Settings of one community."""

    window: timedelta
    before: timedelta
    least: int
    share: float
    factor: float


class Breach(NamedTuple):
    """A group whose mood turned."""

    community_id: str
    name: str
    mood: Mood
    baseline: float
    threshold: float
    minutes: int


def sweep(services: Services) -> int:
    """Open alarms where a mood turned, close those where it is over; how many went off."""
    now = services.clock.now()
    with services.database.read() as db:
        opened = risk_alarms.open_by_community(db)
        moods = _moods(db, now)
        breaches = [
            breach
            for community_id, (limits, mood) in moods.items()
            if community_id not in opened and (breach := _breach(db, community_id, limits, mood, now)) is not None
        ]
    over = [alarm for alarm in opened.values() if _is_over(alarm, moods.get(alarm.community_id))]
    higher = [(alarm.id, moods[key][1].share) for key, alarm in opened.items() if _is_higher(alarm, moods.get(key))]
    if not (breaches or over or higher):
        return 0
    with services.database.write() as db:
        for alarm in over:
            risk_alarms.close(db, alarm.id)
        for alarm_id, share in higher:
            risk_alarms.note_peak(db, alarm_id, share)
        rung = sum(_ring(db, services, breach) for breach in breaches)
        changes.note(db, changes.RISKS)
    return rung


def _moods(db: ReadSession, now: datetime) -> dict[str, tuple[Limits, Mood]]:
    """Groups in which anything was said within their own window."""
    limits = _limits(db)
    found = {}
    for window in {one.window for one in limits.values()}:
        alike = [key for key, one in limits.items() if one.window == window]
        for community_id, mood in risk_alarms.moods(db, alike, now - window, now).items():
            found[community_id] = (limits[community_id], mood)
    return found


def _limits(db: ReadSession) -> dict[str, Limits]:
    """Of all communities, in two queries: there may be many of them, twice a minute."""
    rows = communities.every(db)
    parents = {row.id: row.parent_id for row in rows}
    stored = settings.Stored(db)
    found = {}
    for row in rows:
        lineage, above = [row.id], row.parent_id
        while above is not None and above not in lineage:
            lineage.append(above)
            above = parents.get(above)
        found[row.id] = Limits(
            timedelta(minutes=stored.value(tunables.HEAT_MINUTES, lineage)),
            timedelta(days=stored.value(tunables.HEAT_DAYS, lineage)),
            stored.value(tunables.HEAT_LEAST, lineage),
            stored.value(tunables.HEAT_SHARE, lineage),
            stored.value(tunables.HEAT_FACTOR, lineage),
        )
    return found


def _breach(db: ReadSession, community_id: str, limits: Limits, mood: Mood, now: datetime) -> Breach | None:
    if mood.messages < limits.least or mood.share < limits.share:
        return None
    # Asked only now: two weeks of a busy group are many rows.
    start = now - limits.window
    before = risk_alarms.baseline(db, community_id, start - limits.before, start)
    usual = before.share if before.messages >= _LEAST_BEFORE else 0.0
    threshold = max(limits.share, limits.factor * usual)
    if mood.share < threshold:
        return None
    name = risk_items.community_name(db, community_id)
    return Breach(community_id, name, mood, usual, threshold, int(limits.window / timedelta(minutes=1)))


def _is_over(alarm: RiskAlarmRow, seen: tuple[Limits, Mood] | None) -> bool:
    return seen is None or seen[1].messages == 0 or seen[1].share < alarm.threshold


def _is_higher(alarm: RiskAlarmRow, seen: tuple[Limits, Mood] | None) -> bool:
    return seen is not None and seen[1].share > alarm.peak


def _ring(db: WriteSession, services: Services, breach: Breach) -> bool:
    """False where another worker has just rung it."""
    alarm_id, mood = new_id("alm"), breach.mood
    values = {
        "id": alarm_id,
        "community_id": breach.community_id,
        "status": AlarmStatus.OPEN,
        "opened_at": db.now,
        "closed_at": None,
        "share": mood.share,
        "baseline": breach.baseline,
        "threshold": breach.threshold,
        "negative": mood.negative,
        "messages": mood.messages,
        "peak": mood.share,
    }
    if not risk_alarms.add(db, values):
        return False
    text = risk_texts.heat(breach.name, breach.minutes, mood.negative, mood.messages, breach.baseline)
    risk_items.send_alert(db, services, breach.community_id, text, decision=f"{alarm_id}:alert")
    _log.warning("group_mood_turned", alarm=alarm_id, community=breach.community_id, share=round(mood.share, 3))
    return True
