"""From a brief to a stored proposal: what it may not ask for is taken out first, then the loop looks and proposes, and
the rules complete what came of it."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, Final

from agent import loop
from agent.flows import campaign_proposal as rules
from agent.flows import community, outgoing
from agent.flows import segments as seen
from agent.flows.campaign_proposal import Ground
from agent.flows.community import REPORTING_ZONE
from agent.flows.segments import Place
from agent.planners.campaigns import CampaignPlanner
from agent.services import Services
from agent.steps import campaign_brief, campaign_traps
from agent.steps.campaign_brief import Known
from core.caller import Caller
from core.errors import BadInput
from core.ids import new_id
from core.masking import mask
from core.scopes import Scope
from core.vocabulary import CampaignStatus, Engine
from prompts.loader import render
from store.audit import Deed
from store.campaigns import CampaignRow, CampaignVersionRow
from store.session import ReadSession, WriteSession
from store.vault import MemberKeys
from tools.campaigns import Proposal, Traced
from tools.context import ToolContext
from tools.registry import Effect

MOST_BRIEF: Final = 2_000
OPEN_DAYS: Final = 7
"""A proposal that nobody decided on is over after a week: its segment and its reasons have aged."""


def propose(services: Services, caller: Caller, brief: str, community_id: str | None = None) -> CampaignRow:
    """Turn a brief into a stored proposal, status `proposed`, version 1.

    Raises `BadInput` (`brief_empty`, `brief_too_long`, `community_needed`, `campaign_not_proposed`), `NotFound`
    `community_not_found`, `Forbidden`.
    """
    if not brief.strip():
        raise BadInput("brief_empty", extra={"field": "brief"})
    if len(brief) > MOST_BRIEF:
        raise BadInput("brief_too_long", extra={"field": "brief"}, most=MOST_BRIEF)
    campaign_id = new_id("cmp")
    masked = mask(brief).text
    with services.database.read() as db:
        where = seen.place(db, caller, Scope.CAMPAIGNS_PROPOSE, community_id)
        context = seen.context(db, services, caller, where)
        stands_on = ground(db, services, where, masked, context, seed=campaign_id)
    context = replace(context, check=partial(rules.checker, services, stands_on))
    run = _plan(services, context, stands_on, campaign_id)
    if not run.proposals:
        failed = next((call.error for call in reversed(run.calls) if call.error), None)
        raise BadInput("campaign_not_proposed", why=failed or "no_proposal")
    proposal = run.proposals[-1].model_copy(
        update={
            "name": (stands_on.brief or masked)[:40],
            "communities": sorted(where.ids),
            "calls": [Traced(tool=call.tool, arguments=call.arguments, error=call.error) for call in run.calls],
        }
    )
    with services.database.write() as db:
        return _store(db, services, caller, where, brief, proposal, campaign_id, run.engine)


def ground(db: ReadSession, services: Services, where: Place, brief: str, context: ToolContext, *, seed: str) -> Ground:
    """What the rules stand on: refused parts are found in the whole brief and then left out of it."""
    traps = campaign_traps.detect(brief)
    clean = campaign_traps.without(brief, traps)
    names = context.names
    known = Known(
        [campaign_brief.Community(one.id, one.name) for one in names.communities if one.id != where.home],
        names.channels if len(names.channels) > 1 else (),
        names.sources,
        names.tags,
        next((campaign_brief.Community(one.id, one.name) for one in names.communities if one.id == where.home), None),
    )
    read = campaign_brief.read(clean, services.clock.now().astimezone(REPORTING_ZONE), known, whole=brief)
    values = community.view(db, where.home).values
    return Ground(where, clean, read, tuple(traps), values, seed)


def _plan(services: Services, context: ToolContext, ground: Ground, campaign_id: str) -> loop.Run:
    """The loop, with the model where there is one; whatever it leaves without a proposal the planner does."""
    planner = CampaignPlanner(found=ground.read, fillable=frozenset((*ground.values, outgoing.MEMBER_NAME)))
    request = loop.Request(
        text=ground.brief or "-",
        system=render("campaign/plan", today=context.today.isoformat()),
        effects=(Effect.READ, Effect.PROPOSE),
    )
    make = getattr(services.model, "chat", None)
    if make is None:
        return loop.run(context, request, planner=planner)
    run = loop.run(context, request, planner=planner, chat=make("campaign", campaign_id))
    return run if run.proposals else loop.run(context, request, planner=planner)


def _store(
    db: WriteSession,
    services: Services,
    caller: Caller,
    where: Place,
    brief: str,
    proposal: Proposal,
    campaign_id: str,
    engine: Engine,
) -> CampaignRow:
    protected = MemberKeys(db, services.keyring).protect(None, brief, "brief")
    row = CampaignRow(
        id=campaign_id,
        community_id=where.home,
        status=CampaignStatus.PROPOSED,
        version=1,
        brief=protected.masked,
        brief_original=protected.sealed,
        proposal=plain(proposal),
        engine=engine,
        created_by=caller.id,
        created_at=db.now,
        expires_at=db.now + timedelta(days=OPEN_DAYS),
        send_at=proposal.send.at,
    )
    db.add(row)
    db.flush()
    keep(db, caller, campaign_id, 1, CampaignStatus.PROPOSED, proposal)
    details = {
        "version": 1,
        "segment": proposal.segment.id,
        "count": proposal.segment.count,
        "refused": [refusal.label.value for refusal in proposal.refusals],
    }
    db.audit(Deed(caller, "campaign.proposed", "campaign", campaign_id, where.home, details))
    return row


def keep(
    db: WriteSession, caller: Caller, campaign_id: str, version: int, status: CampaignStatus, proposal: Proposal
) -> None:
    """One more version that was on the table, and whose it is."""
    row = CampaignVersionRow(
        campaign_id=campaign_id, version=version, status=status, proposal=plain(proposal), by=caller.id, at=db.now
    )
    db.add(row)
    db.flush()


def plain(proposal: Proposal) -> dict[str, Any]:
    """As it is stored."""
    return proposal.model_dump(mode="json", by_alias=True)
