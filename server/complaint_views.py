"""Complaint cases as the contract shows them (`docs/complaints.md`). The member's name goes in here, for whoever may
read the case; everything else was masked before it was stored."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from agent.flows.outgoing import Words
from agent.services import Services
from agent.steps import case_states
from core.vocabulary import (
    CaseAnswer,
    CaseState,
    ClockKind,
    CompensationKind,
    CompensationStatus,
    ComplaintCategory,
    Department,
    Engine,
    SenderRole,
    Severity,
)
from server.views import DraftView, draft_views
from store import case_events, cases, clocks, communities, drafts, messages, users
from store.cases import CaseEventRow, CaseRow, CompensationRow
from store.messages import MessageRow
from store.session import ReadSession

_AROUND = 20


class CaseMember(BaseModel):
    id: str | None
    name: str | None


class CaseOwner(BaseModel):
    id: str
    name: str


class CaseView(BaseModel):
    """A complaint case. `overdue`: its clock ran out and nobody has answered yet."""

    id: str
    version: int = Field(description="send it back with an action")
    state: CaseState
    next_states: list[CaseState]
    community_id: str
    community: str
    channel: str
    member: CaseMember
    message_id: str
    category: ComplaintCategory
    severity: Severity
    topic: str | None
    quote: str
    score: float
    engine: Engine
    owner: CaseOwner | None
    routed_to: Department | None
    incident_id: str | None
    respond_by: datetime | None
    breached: bool
    overdue: bool
    opened_at: datetime
    acknowledged_at: datetime | None
    resolved_at: datetime | None
    told_at: datetime | None
    closed_at: datetime | None
    answer: CaseAnswer | None
    result: str | None


class CaseEventView(BaseModel):
    """A line of a case's history: `by` is a user, or `system:…`."""

    at: datetime
    by: str
    by_name: str | None
    kind: str
    from_state: CaseState | None
    to_state: CaseState | None
    details: dict[str, Any]
    note: str | None


class CaseSaid(BaseModel):
    """What was said; `mine` are the messages of the case."""

    id: str
    sent_at: datetime
    role: SenderRole
    member: str | None
    text: str
    conversation: str
    recalled: bool
    mine: bool


class CompensationView(BaseModel):
    """`cents` are fen; `points` where it is points."""

    id: str
    kind: CompensationKind
    cents: int
    points: int
    status: CompensationStatus
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None
    decided_at: datetime | None


class CaseClock(BaseModel):
    """The clock of the first answer; `state`: running, warned, overdue, paused, stopped."""

    state: str
    since: datetime
    started_at: datetime
    warn_at: datetime | None
    respond_by: datetime | None
    breached_at: datetime | None
    stopped_at: datetime | None


class CaseFull(CaseView):
    """With its conversation, history, clock, drafts and what was offered."""

    conversation: list[CaseSaid]
    events: list[CaseEventView]
    clock: CaseClock | None
    drafts: list[DraftView]
    compensations: list[CompensationView]


def case_views(db: ReadSession, services: Services, rows: Sequence[CaseRow]) -> list[CaseView]:
    """Several cases at once."""
    words = Words(db, services)
    words.expect({row.member_id for row in rows if row.member_id is not None})
    names = {row.id: row.name for row in communities.many(db, {row.community_id for row in rows})}
    people = users.names(db, {row.owner_id for row in rows if row.owner_id is not None})
    now = services.clock.now()
    return [CaseView.model_validate(_values(row, words, names, people, now)) for row in rows]


def _values(row: CaseRow, words: Words, names: dict[str, str], people: dict[str, str], now: datetime) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in CaseView.model_fields if hasattr(row, name)}
    owner = None if row.owner_id is None else CaseOwner(id=row.owner_id, name=people.get(row.owner_id, row.owner_id))
    late = row.respond_by is not None and row.respond_by <= now
    return values | {
        "next_states": list(case_states.follows(CaseState(row.state))),
        "community": names.get(row.community_id, row.community_id),
        "member": CaseMember(id=row.member_id, name=words.name(row.member_id)),
        "owner": owner,
        "overdue": late and CaseState.DISMISSED in case_states.follows(CaseState(row.state)),
    }


def case_full(db: ReadSession, services: Services, row: CaseRow) -> CaseFull:
    """One case with everything around it."""
    plain = case_views(db, services, [row])[0]
    words = Words(db, services)
    events = case_events.of_case(db, row.id)
    people = users.names(db, {event.by for event in events})
    return CaseFull(
        **plain.model_dump(),
        conversation=[_said(one, mine, words) for one, mine in conversation(db, row)],
        events=[_event(event, people) for event in events],
        clock=_clock(db, services, row),
        drafts=draft_views(db, services, drafts.of_case(db, row.id)),
        compensations=[compensation_view(one) for one in case_events.compensations(db, row.id)],
    )


def conversation(db: ReadSession, row: CaseRow) -> list[tuple[MessageRow, bool]]:
    """What was said around the case's messages, in the group and in private, oldest first; whether each is its own."""
    own = {one.id: one for one in messages.many(db, cases.message_ids(db, row.id) or [row.message_id])}
    if not own:
        return []
    since = min(one.sent_at for one in own.values())
    until = max(one.sent_at for one in own.values())
    found = dict(own)
    for lane in {row.lane, f"{row.community_id}:{row.member_id}"}:
        around = [*messages.conversation(db, lane, since, 6), *messages.after(db, lane, until, _AROUND)]
        found |= {one.id: one for one in around}
    return [(one, one.id in own) for one in sorted(found.values(), key=lambda one: (one.sent_at, one.id))]


def _said(row: MessageRow, mine: bool, words: Words) -> CaseSaid:
    return CaseSaid(
        id=row.id,
        sent_at=row.sent_at,
        role=SenderRole(row.sender_role),
        member=words.name(row.member_id),
        text=row.text,
        conversation=row.conversation,
        recalled=row.recalled,
        mine=mine,
    )


def _event(event: CaseEventRow, people: dict[str, str]) -> CaseEventView:
    values = {name: getattr(event, name) for name in CaseEventView.model_fields if hasattr(event, name)}
    return CaseEventView.model_validate(values | {"by_name": people.get(event.by)})


def _clock(db: ReadSession, services: Services, row: CaseRow) -> CaseClock | None:
    found = clocks.newest(db, ClockKind.COMPLAINT, row.id)
    if found is None:
        return None
    values = {name: getattr(found, name) for name in CaseClock.model_fields if name != "state"}
    return CaseClock(state=found.state(services.clock.now()), **values)


def compensation_view(row: CompensationRow) -> CompensationView:
    """What was offered."""
    return CompensationView.model_validate({name: getattr(row, name) for name in CompensationView.model_fields})
