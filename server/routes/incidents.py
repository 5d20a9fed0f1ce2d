"""Group incidents: several complaints about one thing, and what people do about it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from agent.flows import incident_actions as flow
from agent.flows.incident_actions import MOST_TEXT, Act
from agent.flows.incoming import Strict
from core import catalogue
from core.scopes import Scope
from core.vocabulary import CaseState, ComplaintCategory, DraftStatus, IncidentAction, IncidentStatus, Severity
from server import paging
from server.places import Community, within
from server.state import Here, Whoever
from store import communities, drafts, incidents, users
from store.cases import CaseRow
from store.incidents import IncidentRow
from store.session import ReadSession

router = APIRouter(prefix="/v1/incidents", tags=["complaints"])


class StepView(BaseModel):
    """A step of the plan (风险预案)."""

    key: str
    text: str = Field(description="in Chinese; other languages by `incident_step.<key>`")
    done_at: datetime | None
    done_by: str | None


class IncidentView(BaseModel):
    """`members` counts the different people who complain; `script` is the draft of the statement for the group, which
    only `crisis:release` may release."""

    id: str
    version: int = Field(description="send it back with an action")
    status: IncidentStatus
    community_id: str
    community: str
    category: ComplaintCategory
    topic: str | None
    owner_id: str | None
    owner: str | None
    cases: int
    members: int
    steps: int
    steps_done: int
    script_draft_id: str | None
    script_status: DraftStatus | None
    opened_at: datetime
    last_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    result: str | None


class MemberCase(BaseModel):
    """A case in an incident: its words are read where cases are read."""

    id: str
    state: CaseState
    severity: Severity
    category: ComplaintCategory
    quote: str
    owner_id: str | None
    opened_at: datetime


class IncidentCase(IncidentView):
    checklist: list[StepView]
    complaints: list[MemberCase]
    script_text: str | None


class IncidentPage(BaseModel):
    incidents: list[IncidentView]
    next: str | None = Field(description="cursor of the next page")


@router.get("")
def page(
    services: Here,
    caller: Whoever,
    status: Annotated[list[IncidentStatus], Query()] = [IncidentStatus.OPEN, IncidentStatus.CLOSED],  # noqa: B006
    community: Community = None,
    limit: paging.Limit = 50,
    after: paging.Cursor = None,
) -> IncidentPage:
    """Incidents in these states, the newest first."""
    caller.require(Scope.COMPLAINTS_READ)
    place = paging.decode(after) if after else None
    with services.database.read() as db:
        chosen = within(db, caller, Scope.COMPLAINTS_READ, community)
        rows = incidents.page(db, statuses=status, communities=chosen, after=place, limit=limit)
        shown = incident_views(db, rows)
    more = paging.encode(rows[-1].opened_at, rows[-1].id) if len(rows) == limit else None
    return IncidentPage(incidents=shown, next=more)


@router.get("/{incident_id}")
def read(incident_id: str, services: Here, caller: Whoever) -> IncidentCase:
    """One incident with its plan, its complaints and the draft of the statement."""
    with services.database.read() as db:
        return incident_case(db, flow.visible(db, caller, incident_id))


class ActionIn(Strict):
    """`assign` takes `owner` (login or id), `tick` and `untick` a `step`, `merge` and `split` a `case_id`, `close` the
    result in `text`."""

    action: IncidentAction
    version: int = Field(ge=1, le=paging.MOST_INT, description="the version that was seen", examples=[1])
    owner: str | None = Field(None, max_length=80)
    step: str | None = Field(None, max_length=40, examples=["facts"])
    case_id: str | None = Field(None, max_length=40)
    text: str | None = Field(None, max_length=MOST_TEXT)


@router.post("/{incident_id}/actions")
def act(incident_id: str, wanted: ActionIn, services: Here, caller: Whoever) -> IncidentCase:
    """Carry out one action. Who loses a race gets 409 `incident_changed` with the state that won."""
    flow.act(services, caller, incident_id, Act(**wanted.model_dump()))
    with services.database.read() as db:
        return incident_case(db, flow.visible(db, caller, incident_id))


def incident_views(db: ReadSession, rows: Sequence[IncidentRow]) -> list[IncidentView]:
    """Several at once, with the names of their communities and owners."""
    places = {row.id: row.name for row in communities.many(db, {row.community_id for row in rows})}
    people = users.names(db, {row.owner_id for row in rows if row.owner_id is not None})
    return [IncidentView(**_fields(db, row, places, people)) for row in rows]


def incident_case(db: ReadSession, row: IncidentRow) -> IncidentCase:
    """One with all that belongs to it."""
    (view,) = incident_views(db, [row])
    steps = [StepView(text=catalogue.text(f"incident_step.{one['key']}"), **one) for one in row.checklist]
    held = incidents.cases_of(db, [row.id])[row.id]
    draft = drafts.get(db, row.script_draft_id) if row.script_draft_id is not None else None
    text = (draft.final_text or draft.text) if draft is not None else None
    return IncidentCase(**dict(view), checklist=steps, complaints=[_case(one) for one in held], script_text=text)


def _fields(db: ReadSession, row: IncidentRow, places: dict[str, str], people: dict[str, str]) -> dict[str, Any]:
    draft = drafts.get(db, row.script_draft_id) if row.script_draft_id is not None else None
    own = {name: getattr(row, name) for name in IncidentView.model_fields if hasattr(row, name)}
    return own | {
        "community": places.get(row.community_id, row.community_id),
        "owner": people.get(row.owner_id or ""),
        "steps": len(row.checklist),
        "steps_done": sum(one["done_at"] is not None for one in row.checklist),
        "script_status": draft.status if draft is not None else None,
    }


def _case(row: CaseRow) -> MemberCase:
    return MemberCase.model_validate({name: getattr(row, name) for name in MemberCase.model_fields})
