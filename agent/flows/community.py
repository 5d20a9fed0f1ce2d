"""What a flow knows of a community while it works: its place in the tree, slot values, and the settings of a reply."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from agent.services import BurstWindow, Services
from core import tunables
from store import communities, settings
from store.session import ReadSession

REPORTING_ZONE = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class CommunityView:
    """`lineage` is the community itself and those above it. `values` fill slots (the community's name among them).
    `respond_minutes`: how soon a complaint is answered."""

    id: str
    name: str
    channel: str
    lineage: tuple[str, ...]
    values: dict[str, str]
    threshold: float | None
    tone: str
    context: timedelta
    cascade: bool
    new_days: int
    respond_minutes: int = 30


def view(db: ReadSession, community_id: str) -> CommunityView:
    """Everything at once; the community must exist."""
    row = communities.get(db, community_id)
    assert row is not None
    lineage = tuple(communities.lineage(db, community_id))
    return CommunityView(
        id=row.id,
        name=row.name,
        channel=row.channel,
        lineage=lineage,
        values=settings.variables(db, lineage) | {"community_name": row.name},
        threshold=settings.value(db, tunables.GATE_THRESHOLD, lineage),
        tone=settings.value(db, tunables.TONE, lineage),
        cascade=settings.value(db, tunables.CASCADE),
        new_days=settings.value(db, tunables.ACTIVITY_NEW_DAYS),
        respond_minutes=settings.value(db, tunables.COMPLAINT_MINUTES, lineage),
        context=timedelta(minutes=settings.value(db, tunables.CONTEXT_MINUTES, lineage)),
    )


_REMEMBERED = timedelta(seconds=5)


def burst_window(db: ReadSession, services: Services, community_id: str) -> BurstWindow:
    """How long a member may pause before their burst is over. Remembered for some seconds, since every message asks:
    another process's change of the setting is seen that much later."""
    now = services.clock.now()
    known = services.burst_windows.get(community_id)
    if known is not None and abs(now - known[1]) < _REMEMBERED:
        return known[0]
    lineage = communities.lineage(db, community_id)
    pause, most = (settings.value(db, one, lineage) for one in (tunables.BURST_SECONDS, tunables.BURST_MOST_SECONDS))
    window = BurstWindow(timedelta(seconds=pause), timedelta(seconds=most))
    services.burst_windows[community_id] = (window, now)
    return window


def today(now: datetime) -> date:
    """The day in the deployment's reporting zone."""
    return now.astimezone(REPORTING_ZONE).date()
