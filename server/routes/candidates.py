"""Candidates of the knowledge base: what was asked and not answered, what people answered, and a person's decision."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from agent.flows import candidates as flow
from agent.flows import gathering, picking
from agent.flows.candidates import Case, Phrasing, Ruling
from agent.flows.incoming import Strict
from agent.steps.candidates import Answered
from core import tunables
from core.errors import BadInput
from core.scopes import Scope
from core.vocabulary import CandidateKind, CandidateOrigin, CandidateStatus
from knowledge import entry_in
from knowledge.entry_in import EntryIn
from server import paging
from server.places import Community
from server.state import Here, Whoever
from store import candidates, communities, settings
from store.candidates import CandidateRow
from store.messages import MessageRow

router = APIRouter(tags=["knowledge"])
Least = Annotated[int | None, Query(ge=1, le=100, description="asked so often; unset: `knowledge.candidate_least`")]


class CandidateView(BaseModel):
    """`question` stands for what was asked `count` times; `entry_id` is the entry that it is, or became, part of."""

    id: str
    version: int = Field(description="send it back with a decision")
    kind: CandidateKind
    origin: CandidateOrigin
    status: CandidateStatus
    community_id: str
    question: str
    count: int
    entry_id: str | None
    created_at: datetime
    last_asked_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None


class CandidatePage(BaseModel):
    candidates: list[CandidateView]
    next: str | None


def candidate_view(row: CandidateRow) -> CandidateView:
    return CandidateView.model_validate(row, from_attributes=True)


@router.get("/v1/knowledge/candidates")
def page(
    services: Here,
    caller: Whoever,
    status: Annotated[list[CandidateStatus], Query()] = [CandidateStatus.OPEN],  # noqa: B006
    kind: CandidateKind | None = None,
    community: Community = None,
    least: Least = None,
    limit: paging.Limit = 50,
    after: Annotated[str | None, Query(max_length=60, description="`next` of the page before")] = None,
) -> CandidatePage:
    """Candidates in these states, those asked most first."""
    caller.require(Scope.KNOWLEDGE_READ)
    with services.database.read() as db:
        within = caller.communities(Scope.KNOWLEDGE_READ)
        if community is not None:
            chosen = communities.with_children(db, [community])
            within = chosen if within is None else chosen & within
        rows = candidates.page(
            db,
            communities=within,
            statuses=status,
            kind=kind,
            least=least or settings.value(db, tunables.CANDIDATE_LEAST),
            after=_place(after),
            limit=limit,
        )
    more = f"{rows[-1].count}.{rows[-1].id}" if len(rows) == limit else None
    return CandidatePage(candidates=[candidate_view(row) for row in rows], next=more)


def _place(after: str | None) -> tuple[int, str] | None:
    if after is None:
        return None
    count, _, key = after.partition(".")
    if not (count.isascii() and count.isdigit() and len(count) < 10 and key):
        raise BadInput("cursor_invalid", extra={"field": "after"})
    return int(count), key


class AskedView(BaseModel):
    """A message that asked, personal data masked."""

    message_id: str
    community_id: str
    text: str
    sent_at: datetime


class AnsweredView(BaseModel):
    """What a person answered, word for word: `source` is `draft` (a decided one) or `staff` (a message)."""

    source: Literal["draft", "staff"]
    source_id: str
    message_id: str
    text: str
    at: datetime


class CandidateCase(CandidateView):
    """`suggested` has an entry's fields; without an answer of a person its `answer` is empty."""

    asked: list[AskedView]
    wordings: list[str]
    answers: list[AnsweredView]
    suggested: dict[str, Any]


def _asked(row: MessageRow) -> AskedView:
    return AskedView(message_id=row.id, community_id=row.community_id, text=row.text, sent_at=row.sent_at)


def _answered(one: Answered) -> AnsweredView:
    return AnsweredView.model_validate(one, from_attributes=True)


def _case(case: Case) -> CandidateCase:
    return CandidateCase(
        **candidate_view(case.row).model_dump(),
        asked=[_asked(row) for row in case.asked],
        wordings=case.wordings,
        answers=[_answered(one) for one in case.answers],
        suggested=case.suggested,
    )


@router.get("/v1/knowledge/candidates/{candidate_id}")
def read(candidate_id: str, services: Here, caller: Whoever) -> CandidateCase:
    """One candidate with at most 20 of the messages that asked and all answers of people."""
    with services.database.read() as db:
        return _case(flow.read(db, caller, candidate_id))


class PhrasingIn(Strict):
    entry_id: str = Field(max_length=80)
    phrasings: list[entry_in.Phrasing] | None = Field(
        None, min_length=1, max_length=30, description="unset: the candidate's question"
    )
    version: int | None = Field(None, ge=1, le=paging.MOST_INT, description="the entry's version that was seen")


class DecisionIn(Strict):
    """With `accept` either `entry` (a new one) or `phrasing` (of an entry that exists); a candidate of the kind
    `phrasing` needs neither."""

    decision: Literal["accept", "reject"]
    version: int = Field(ge=1, le=paging.MOST_INT, description="the version that was seen", examples=[1])
    entry: EntryIn | None = None
    phrasing: PhrasingIn | None = None
    reason: str | None = Field(None, max_length=500)


@router.post("/v1/knowledge/candidates/{candidate_id}/decision")
def decide(candidate_id: str, wanted: DecisionIn, services: Here, caller: Whoever) -> CandidateView:
    """Accept or reject. Who loses a race gets 409 `candidate_changed` with the state that won."""
    given = wanted.phrasing
    phrasing = Phrasing(given.entry_id, given.phrasings, given.version) if given else None
    ruling = Ruling(wanted.decision == "accept", wanted.version, wanted.entry, phrasing, wanted.reason)
    return candidate_view(flow.decide(services, caller, candidate_id, ruling))


class GatheredView(BaseModel):
    """What was new: messages placed, candidates made, answers of people found."""

    questions: int
    candidates: int
    answers: int


@router.post("/v1/knowledge/candidates:gather")
def gather(services: Here, caller: Whoever) -> GatheredView:
    """Gather what went unanswered since the last time; the worker does it twice a minute as well."""
    caller.require(Scope.KNOWLEDGE_EDIT)
    return GatheredView.model_validate(gathering.gather(services)._asdict())


class PickIn(Strict):
    entry_id: str = Field(max_length=80, examples=["faq-refund-how"])


class PickedView(BaseModel):
    """`missing`: slots that have no value here and stand in the text as `{name}`."""

    text: str
    missing: list[str]


@router.post("/v1/drafts/{draft_id}/pick", tags=["drafts"])
def pick(draft_id: str, wanted: PickIn, services: Here, caller: Whoever) -> PickedView:
    """Take an entry's answer for a question: the text, slots filled, for a decision with `modify`. Once that was sent,
    the wording is proposed as a phrasing of the entry."""
    done = picking.pick(services, caller, draft_id, wanted.entry_id)
    return PickedView(text=done.text, missing=list(done.missing))
