"""Flagged messages for people to decide on, and how well the screening does by what they decided."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from agent.flows import risk_report
from agent.flows import risks as flow
from agent.flows.incoming import Strict
from agent.flows.risks import Choice, Ruling
from core.errors import NotFound
from core.scopes import Scope
from core.vocabulary import AlarmStatus, RiskAction, RiskLabel, RiskLevel, RiskStatus
from server import paging
from server.places import Community, within
from server.risk_views import AlarmView, RiskCase, RiskView, SentView, alarm_views, risk_case, risk_views, sent_view
from server.state import Here, Whoever
from store import risk_alarms, risks
from store.risks import RiskItemRow
from store.session import ReadSession

router = APIRouter(tags=["risks"])
After = Annotated[str | None, Query(max_length=300, description="`next` of the page before")]
Days = Annotated[int, Query(ge=1, le=3_650, description="what was decided within so many days")]


class RiskPage(BaseModel):
    risks: list[RiskView]
    next: str | None = Field(description="cursor of the next page")


@router.get("/v1/risks")
def page(
    services: Here,
    caller: Whoever,
    status: Annotated[list[RiskStatus], Query()] = [RiskStatus.PENDING],  # noqa: B006
    label: RiskLabel | None = None,
    level: RiskLevel | None = None,
    community: Community = None,
    limit: paging.Limit = 50,
    after: After = None,
) -> RiskPage:
    """Review items in these states: pending ones the most urgent first, all other lists the newest first."""
    caller.require(Scope.RISKS_READ)
    with services.database.read() as db:
        rows = risks.page(
            db,
            statuses=status,
            communities=within(db, caller, Scope.RISKS_READ, community),
            label=label,
            level=level,
            after=_place(after),
            limit=limit,
        )
        shown = risk_views(db, services, rows)
    return RiskPage(risks=shown, next=_cursor(rows[-1]) if len(rows) == limit else None)


def _cursor(row: RiskItemRow) -> str:
    return paging.encode(row.created_at, f"{row.rank}.{row.id}")


def _place(after: str | None) -> tuple[datetime, str, int] | None:
    if after is None:
        return None
    created_at, place = paging.decode(after)
    rank, _, id_ = place.partition(".")
    return created_at, id_, int(rank) if rank.isascii() and rank.isdigit() and len(rank) == 1 else 0


class LabelFigures(BaseModel):
    """`precision` = confirmed / (confirmed + dismissed) of what the screening found; `small`: n below 30."""

    label: RiskLabel
    confirmed: int
    dismissed: int = Field(description="false alarms")
    missed: int = Field(description="flagged by people, not by the screening")
    pending: int
    precision: float | None
    n: int
    small: bool


class Totals(BaseModel):
    confirmed: int
    dismissed: int
    missed: int
    pending: int
    precision: float | None
    n: int
    small: bool


class Figures(BaseModel):
    days: int
    since: datetime
    labels: list[LabelFigures]
    total: Totals


@router.get("/v1/risks/figures")
def figures(services: Here, caller: Whoever, days: Days = 30, community: Community = None) -> Figures:
    """By what people decided: how often each label was right, and what was missed."""
    caller.require(Scope.RISKS_READ)
    with services.database.read() as db:
        found = risk_report.figures(db, services, within(db, caller, Scope.RISKS_READ, community), days)
    return Figures.model_validate(found, from_attributes=True)


@router.get("/v1/risks/export", response_class=StreamingResponse)
def export(services: Here, caller: Whoever, days: Days = 365, community: Community = None) -> StreamingResponse:
    """Decided items as JSON lines, texts masked."""
    caller.require(Scope.RISKS_READ)
    with services.database.read() as db:
        chosen = within(db, caller, Scope.RISKS_READ, community)

    def lines() -> Iterator[str]:
        with services.database.read() as db:
            yield from risk_report.export(db, services, chosen, days)

    return StreamingResponse(lines(), media_type="application/x-ndjson")


class AlarmPage(BaseModel):
    alarms: list[AlarmView]
    next: str | None


@router.get("/v1/risks/alarms")
def alarms(
    services: Here,
    caller: Whoever,
    status: Annotated[list[AlarmStatus], Query()] = [AlarmStatus.OPEN, AlarmStatus.CLOSED],  # noqa: B006
    community: Community = None,
    limit: paging.Limit = 50,
    after: After = None,
) -> AlarmPage:
    """Alarms about the mood of groups, the newest first."""
    caller.require(Scope.RISKS_READ)
    with services.database.read() as db:
        place = paging.decode(after) if after else None
        chosen = within(db, caller, Scope.RISKS_READ, community)
        rows = risk_alarms.page(db, statuses=status, communities=chosen, after=place, limit=limit)
        shown = alarm_views(db, rows)
    more = paging.encode(rows[-1].opened_at, rows[-1].id) if len(rows) == limit else None
    return AlarmPage(alarms=shown, next=more)


@router.get("/v1/risks/{risk_id}")
def read(risk_id: str, services: Here, caller: Whoever) -> RiskCase:
    """One item, with what was said around it and the member's other items."""
    with services.database.read() as db:
        row = risks.get(db, risk_id)
        if row is None:
            raise NotFound("risk_not_found")
        caller.require_seen(Scope.RISKS_READ, row.community_id, "risk")
        return risk_case(db, services, row, caller.communities(Scope.RISKS_READ))


class DecisionIn(Strict):
    """With `confirm`, whatever is left out is as proposed; with `dismiss` only `reason` may be given."""

    decision: Choice
    version: int = Field(ge=1, le=paging.MOST_INT, description="the version that was seen", examples=[1])
    labels: list[RiskLabel] | None = Field(None, min_length=1, max_length=len(RiskLabel))
    action: RiskAction | None = Field(None, description="any may be taken, `none` too", examples=[None])
    minutes: int | None = Field(None, ge=1, le=43_200, description="with `mute`")
    private_text: str | None = None
    rules_text: str | None = None
    send_private: bool | None = None
    send_rules: bool | None = None
    reason: str | None = Field(None, max_length=500)
    override_copy: bool = Field(False, description="let a failed copy check pass; needs `copy:override` and a reason")

    def ruling(self) -> Ruling:
        """As the flow takes it."""
        given = self.model_dump(exclude={"decision", "labels"})
        return Ruling(self.decision, labels=tuple(dict.fromkeys(self.labels)) if self.labels else None, **given)


class UndoIn(Strict):
    version: int = Field(ge=1, le=paging.MOST_INT, description="the version that the decision made")


class DecidedView(BaseModel):
    """`not_undone` went out before the item was dismissed: put it right by hand."""

    risk: RiskView
    undo_seconds: int
    cancelled: list[str]
    not_undone: list[SentView]


@router.post("/v1/risks/{risk_id}/decision")
def decide(risk_id: str, wanted: DecisionIn, services: Here, caller: Whoever) -> DecidedView:
    """Confirm or dismiss. Who loses a race gets 409 `risk_decided` with the state that won."""
    done = flow.decide(services, caller, risk_id, wanted.ruling(), undoable=False)
    with services.database.read() as db:
        return decided_view(db, services, done)


@router.post("/v1/risks/{risk_id}/undo")
def undo(risk_id: str, wanted: UndoIn, services: Here, caller: Whoever) -> DecidedView:
    """Take a decision back while nothing of it was handed out; the item is pending again."""
    done = flow.undo(services, caller, risk_id, wanted.version)
    with services.database.read() as db:
        return decided_view(db, services, done)


def decided_view(db: ReadSession, services: Here, done: flow.Decided) -> DecidedView:
    """What came of a decision."""
    return DecidedView(
        risk=risk_views(db, services, [done.row])[0],
        undo_seconds=done.undo_seconds,
        cancelled=list(done.cancelled),
        not_undone=[sent_view(row) for row in done.not_undone],
    )


class FlagIn(Strict):
    labels: list[RiskLabel] = Field(min_length=1, max_length=len(RiskLabel), examples=[["scam"]])
    reason: str | None = Field(None, max_length=500)


@router.post("/v1/messages/{message_id}/risk", status_code=201)
def flag(message_id: str, wanted: FlagIn, services: Here, caller: Whoever) -> RiskView:
    """Flag a message that the screening missed; it becomes a review item."""
    row = flow.flag(services, caller, message_id, wanted.labels, wanted.reason)
    with services.database.read() as db:
        return risk_views(db, services, [row])[0]
