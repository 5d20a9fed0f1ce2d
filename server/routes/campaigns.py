"""Segments and campaigns: look before, propose, decide."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from agent.flows import campaigns as flow
from agent.flows import segments
from agent.flows.campaigns import MOST_BRIEF, Changes, Ruling, Verdict
from agent.flows.incoming import Strict, Word
from agent.services import Services
from core.scopes import Scope
from core.vocabulary import Arm, CampaignStatus, Engine
from server import paging
from server.state import Here, Whoever
from store import campaigns
from store.campaigns import CampaignRow
from store.session import ReadSession
from tools.campaigns import Proposal
from tools.segments import Preview

router = APIRouter(prefix="/v1", tags=["campaigns"])


class PreviewIn(Strict):
    segment: dict[str, Any] = Field(examples=[{"op": "activity", "in": ["dormant"]}])
    community_id: Word | None = Field(None, description="seen from here; default: all that the caller may see")


@router.post("/segments/preview")
def preview(wanted: PreviewIn, services: Here, caller: Whoever) -> Preview:
    """How many members a definition means, some of them masked, and who would be left out of a campaign and why."""
    return segments.preview(services, caller, wanted.segment, wanted.community_id)


class CampaignView(BaseModel):
    """`people` counts the members of an approved campaign by arm, `deliveries` theirs by state."""

    id: str
    community_id: str
    status: CampaignStatus
    version: int = Field(description="send it back with a decision")
    brief: str = Field(description="masked")
    proposal: Proposal
    engine: Engine
    created_by: str
    created_at: datetime
    expires_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None
    send_at: datetime | None
    completed_at: datetime | None
    people: dict[Arm, int] = Field(default_factory=dict)
    deliveries: dict[str, int] = Field(default_factory=dict)


class CampaignPage(BaseModel):
    campaigns: list[CampaignView]
    next: str | None = Field(description="cursor of the next page")


class ProposeIn(Strict):
    brief: str = Field(max_length=MOST_BRIEF * 2, examples=["唤醒沉睡3个月的老客，送一张满99减15券，下周五晚上发"])
    community_id: Word | None = Field(None, description="the community that it is for, its sub-groups included")


@router.post("/campaigns/propose", status_code=201)
def propose(wanted: ProposeIn, services: Here, caller: Whoever) -> CampaignView:
    """Turn a brief into a proposal for a person to decide on. Nothing is sent."""
    row = flow.propose(services, caller, wanted.brief, wanted.community_id)
    return _shown(services, row)


@router.get("/campaigns")
def page(
    services: Here,
    caller: Whoever,
    status: Annotated[Sequence[CampaignStatus], Query()] = (),
    limit: paging.Limit = 50,
    cursor: paging.Cursor = None,
) -> CampaignPage:
    """Campaigns, newest first."""
    caller.require(Scope.CAMPAIGNS_READ)
    before = paging.decode(cursor) if cursor else None
    with services.database.read() as db:
        within = caller.communities(Scope.CAMPAIGNS_READ)
        rows = campaigns.page(db, communities=within, statuses=status, before=before, limit=limit)
        shown = [_view(db, row) for row in rows]
    more = paging.encode(rows[-1].created_at, rows[-1].id) if len(rows) == limit else None
    return CampaignPage(campaigns=shown, next=more)


@router.get("/campaigns/{campaign_id}")
def read(campaign_id: str, services: Here, caller: Whoever) -> CampaignView:
    with services.database.read() as db:
        return _view(db, flow.visible(db, caller, campaign_id))


class CampaignDecisionIn(Strict):
    decision: Verdict
    version: int = Field(ge=1, le=paging.MOST_INT, description="the version that was seen", examples=[1])
    changes: Changes | None = Field(None, description="with `modify` only")
    reason: str | None = Field(None, max_length=500)
    override: bool = Field(False, description="let copy-check failures pass (scope copy:override)")


@router.post("/campaigns/{campaign_id}/decision")
def decide(campaign_id: str, wanted: CampaignDecisionIn, services: Here, caller: Whoever) -> CampaignView:
    """Approve, modify or reject. Who loses a race gets 409 `campaign_decided` with the state that won."""
    ruling = Ruling(wanted.decision, wanted.version, wanted.changes, wanted.reason, wanted.override)
    return _shown(services, flow.decide(services, caller, campaign_id, ruling))


class CancelIn(Strict):
    version: int = Field(ge=1, le=paging.MOST_INT, description="the version that was seen")
    reason: str | None = Field(None, max_length=500)


@router.post("/campaigns/{campaign_id}/cancel")
def cancel(campaign_id: str, wanted: CancelIn, services: Here, caller: Whoever) -> CampaignView:
    """Stop an approved campaign: deliveries that nobody was handed yet are taken back."""
    return _shown(services, flow.cancel(services, caller, campaign_id, wanted.version, wanted.reason))


def _shown(services: Services, row: CampaignRow) -> CampaignView:
    with services.database.read() as db:
        return _view(db, row)


def _view(db: ReadSession, row: CampaignRow) -> CampaignView:
    values = {name: getattr(row, name) for name in CampaignView.model_fields if hasattr(row, name)}
    decision = campaigns.decision(db, row.id)
    counted: dict[str, Any] = {}
    if decision is not None:
        counted = {"people": campaigns.arms(db, row.id), "deliveries": campaigns.delivery_states(db, decision)}
    return CampaignView.model_validate(values | counted)
