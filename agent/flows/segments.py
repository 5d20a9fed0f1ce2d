"""What a campaign sees: the communities of a caller, the names in them, and a segment before anybody is written to."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import BaseModel

from agent.flows.community import REPORTING_ZONE
from agent.services import Services
from agent.steps import campaign_rules
from agent.steps.campaign_rules import Limits, Picked, QuietHours
from core import segments as tree
from core import tunables
from core.caller import Caller
from core.errors import BadInput, NotFound
from core.scopes import Scope
from core.vocabulary import ExclusionReason
from store import activity, communities, segments, settings
from store.communities import CommunityRow
from store.segments import View
from store.session import ReadSession
from tools.context import KnownCommunity, Names, ToolContext
from tools.segments import Exclusion, Preview, look, segment_id


@dataclass(frozen=True, slots=True)
class Place:
    """Where a campaign belongs: `home` with its `lineage`, the communities below it that the caller may use, and the
    settings there."""

    home: str
    lineage: tuple[str, ...]
    communities: tuple[CommunityRow, ...]
    limits: Limits
    quiet: QuietHours
    quiet_words: str
    control_share: float

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(one.id for one in self.communities)

    def only(self, ids: frozenset[str]) -> "Place":
        """The same place, seen from these communities alone."""
        return replace(self, communities=tuple(one for one in self.communities if one.id in ids))


def place(db: ReadSession, caller: Caller, scope: Scope, community_id: str | None) -> Place:
    """The place of `community_id`, or of the one community that all of the caller's lie in.

    Raises `NotFound` `community_not_found`, `Forbidden` `scope_missing`, `BadInput` `community_needed` where a caller
    of several separate communities names none.
    """
    caller.require(scope)
    rows = {row.id: row for row in communities.every(db, caller.communities(scope))}
    home = community_id or _top(rows)
    if home not in rows:
        if communities.get(db, home) is None:
            raise NotFound("community_not_found", extra={"community_id": home})
        caller.require_seen(scope, home, "community")
        raise NotFound("community_not_found", extra={"community_id": home})
    lineage = communities.lineage(db, home)
    below = communities.with_children(db, [home])
    return Place(
        home,
        tuple(lineage),
        tuple(row for row in rows.values() if row.id in below),
        Limits(
            settings.value(db, tunables.CAMPAIGN_CAP_DAYS, lineage),
            settings.value(db, tunables.CAMPAIGN_MOST, lineage),
        ),
        QuietHours.of(settings.value(db, tunables.QUIET_HOURS, lineage)),
        settings.value(db, tunables.QUIET_HOURS, lineage),
        settings.value(db, tunables.CONTROL_SHARE, lineage),
    )


def _top(rows: dict[str, CommunityRow]) -> str:
    tops = [row.id for row in rows.values() if row.parent_id not in rows]
    if len(tops) != 1:
        raise BadInput("community_needed", extra={"field": "community_id"})
    return tops[0]


def context(
    db: ReadSession,
    services: Services,
    caller: Caller,
    where: Place,
    check: Callable[[BaseModel], BaseModel] | None = None,
) -> ToolContext:
    """What the tools of one run know."""
    known = tuple(KnownCommunity(row.id, row.name, row.channel, row.parent_id) for row in where.communities)
    names = Names(
        communities=known,
        channels=tuple(sorted({row.channel for row in where.communities})),
        sources=tuple(segments.sources(db, where.ids)),
    )
    return ToolContext(
        caller=caller,
        database=services.database,
        now=services.clock.now(),
        zone=REPORTING_ZONE,
        communities=where.ids,
        names=names,
        check=check,
        knowledge=services.knowledge,
        lineage=where.lineage,
    )


def pick(
    db: ReadSession, services: Services, where: Place, segment: tree.Node, *, seed: str, send_at: datetime
) -> Picked:
    """The members to write to at `send_at`, by today's data."""
    view = View(where.ids, services.clock.now(), REPORTING_ZONE, activity.limits(db))
    return campaign_rules.pick(segments.reaches(db, segment, view), where.limits, seed=seed, send_at=send_at)


def exclusions(picked: Picked) -> list[Exclusion]:
    return [Exclusion(reason=reason, count=picked.excluded[reason]) for reason in ExclusionReason]


def with_exclusions(db: ReadSession, services: Services, where: Place, preview: Preview) -> Preview:
    """The preview with what the rules say, as if the message went out at the next allowed minute."""
    segment = tree.parse(preview.definition)
    at = campaign_rules.next_allowed(services.clock.now(), where.quiet, REPORTING_ZONE)
    picked = pick(db, services, where, segment, seed=segment_id(segment), send_at=at)
    return preview.model_copy(update={"reachable": len(picked.recipients), "exclusions": exclusions(picked)})


def require_known(where: Place, segment: tree.Node) -> None:
    """A definition that names a community which isn't there, or isn't the caller's, is no empty segment.

    Raises `NotFound` `community_not_found`.
    """
    for community_id in sorted(tree.communities(segment) - where.ids):
        raise NotFound("community_not_found", extra={"community_id": community_id, "field": "segment"})


def preview(services: Services, caller: Caller, definition: dict[str, object], community_id: str | None) -> Preview:
    """Count, masked sample, exclusions. Raises `BadInput` `segment_invalid`, `NotFound` `community_not_found`,
    and what `place` raises."""
    segment = tree.parse(definition)
    with services.database.read() as db:
        where = place(db, caller, Scope.CAMPAIGNS_READ, community_id)
        require_known(where, segment)
        tools = context(db, services, caller, where)
    found = look(tools, segment)
    with services.database.read() as db:
        return with_exclusions(db, services, where, found)
