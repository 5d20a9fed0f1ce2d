"""What a flow knows of a community while it works: its place in the tree, slot values, and the settings of a reply."""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from core import tunables
from store import communities, settings
from store.session import ReadSession

REPORTING_ZONE = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class CommunityView:
    """`lineage` is the community itself and those above it. `values` fill slots (the community's name among them)."""

    id: str
    name: str
    channel: str
    lineage: tuple[str, ...]
    values: dict[str, str]
    threshold: float | None
    tone: str


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
    )


def today(now: datetime) -> date:
    """The day in the deployment's reporting zone."""
    return now.astimezone(REPORTING_ZONE).date()
