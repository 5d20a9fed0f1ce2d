"""The knowledge base: entries with their versions, and search with scores."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from agent.flows import entry_care
from agent.flows import knowledge as flow
from agent.flows.copy_review import Override
from agent.flows.hit_test import Wanted, hit_test
from agent.flows.incoming import Strict, Word
from core.errors import BadInput
from core.vocabulary import (
    ANSWERING_KINDS,
    AbstainedReason,
    Audience,
    Band,
    CommunityType,
    EntryKind,
    EntryStatus,
    Scene,
    Tone,
)
from knowledge.entry_in import EntryIn
from knowledge.gate import Reason, Verdict
from knowledge.retriever import Candidate
from server import paging
from server.state import Here, Whoever
from store import knowledge
from store.knowledge import EntryRow

router = APIRouter(prefix="/v1/knowledge", tags=["knowledge"])


class EntryView(BaseModel):
    id: str
    version: int
    kind: EntryKind
    status: EntryStatus
    title: str
    phrasings: list[str]
    answer: str
    scene: Scene | None
    variables: list[str]
    audience: Audience
    tone: Tone | None
    tags: list[str]
    owner: str | None
    valid_from: date | None
    valid_until: date | None
    community: str | None
    group_types: list[CommunityType]
    source: str | None
    hits: int = Field(description="how often a draft used it")
    last_hit_at: datetime | None
    updated_at: datetime


def entry_view(row: EntryRow) -> EntryView:
    values = {name: getattr(row, name) for name in EntryView.model_fields if name != "community"}
    return EntryView.model_validate(values | {"community": row.community_id})


class EntryPage(BaseModel):
    entries: list[EntryView]
    next: str | None


@router.get("/entries")
def page(
    services: Here,
    caller: Whoever,
    kind: EntryKind | None = None,
    scene: Scene | None = None,
    status: EntryStatus | None = None,
    q: Annotated[str | None, Query(max_length=100, description="stands in the title, a phrasing, the answer …")] = None,
    sort: knowledge.Sort = "id",
    limit: paging.Limit = 50,
    after: Annotated[str | None, Query(max_length=80)] = None,
) -> EntryPage:
    """Entries by id, by how often drafts used them, or those changed last first."""
    with services.database.read() as db:
        rows = knowledge.page(
            db,
            communities=entry_care.readable(db, caller),
            kind=kind,
            scene=scene,
            status=status,
            text=q,
            sort=sort,
            after=after,
            limit=limit,
        )
    return EntryPage(entries=[entry_view(row) for row in rows], next=rows[-1].id if len(rows) == limit else None)


@router.get("/entries/{entry_id}")
def read(entry_id: str, services: Here, caller: Whoever) -> EntryView:
    with services.database.read() as db:
        return entry_view(entry_care.found(db, caller, entry_id))


class VersionView(BaseModel):
    version: int
    by: str
    at: datetime
    content: dict[str, Any]


@router.get("/entries/{entry_id}/versions")
def read_versions(entry_id: str, services: Here, caller: Whoever) -> list[VersionView]:
    """Every version of an entry, newest first."""
    with services.database.read() as db:
        entry_care.found(db, caller, entry_id)
        rows = knowledge.versions(db, entry_id)
    return [VersionView.model_validate(row, from_attributes=True) for row in rows]


def _override(
    override_copy: Annotated[bool, Query(description="let a failed copy check pass (scope copy:override)")] = False,
    reason: Annotated[str | None, Query(max_length=500, description="why, with override_copy")] = None,
) -> Override:
    return Override(override_copy, reason)


Overriding = Annotated[Override, Depends(_override)]


@router.post("/entries", status_code=201)
def create(entry: EntryIn, services: Here, caller: Whoever, override: Overriding) -> EntryView:
    """A new entry; searchable at once where its status is `approved`. A script is then 422 `copy_blocked` where it
    fails the copy check."""
    return entry_view(flow.save(services, caller, entry, version=None, override=override))


@router.put("/entries/{entry_id}")
def replace(
    entry_id: str,
    entry: EntryIn,
    services: Here,
    caller: Whoever,
    version: Annotated[int, Query(ge=1, le=paging.MOST_INT, description="the version that this one replaces")],
    override: Overriding,
) -> EntryView:
    if entry.id != entry_id:
        raise BadInput("entry_id_differs", extra={"field": "id"})
    return entry_view(flow.save(services, caller, entry, version=version, override=override))


class SearchIn(Strict):
    text: str = Field(min_length=1, max_length=2000, examples=["怎么退款"])
    community_id: Word = Field(examples=["hemiao-mama"])
    kinds: list[EntryKind] = Field(list(ANSWERING_KINDS), min_length=1)
    audience: Audience | None = Field(None, description="as a `new` or `old` member; `all` or none: entries for either")
    k: int = Field(5, ge=1, le=20)


class FoundView(BaseModel):
    """`wording` is the phrasing (or the answer) that came nearest. Of a document `answer` is the passage and `source`
    where it stands."""

    entry_id: str
    version: int
    kind: EntryKind
    title: str
    answer: str
    source: str | None
    wording: str
    score: float
    scores: dict[str, float] = Field(description="every view of the entry, before they are weighed into `score`")
    expired: bool


class SearchView(BaseModel):
    """`verdict` is the gate's on the best entry: answers, related, nothing, stale; `score` the chance that it answers,
    `reasons` what speaks most against it, `evidence` what the gate looked at. `questions` are those that a reply would
    look for one by one; with a `boundary` a reply abstains whatever was found."""

    verdict: Verdict
    reasons: list[Reason]
    evidence: dict[str, float]
    score: float
    threshold: float
    confidence: Band
    questions: list[str]
    boundary: AbstainedReason | None
    results: list[FoundView]


@router.post("/search")
def search(wanted: SearchIn, services: Here, caller: Whoever) -> SearchView:
    """Hit-testing: what would be found for a question, with every score and the gate's verdict."""
    asked = Wanted(wanted.text, wanted.community_id, tuple(wanted.kinds), wanted.audience, wanted.k)
    tested = hit_test(services, caller, asked)
    return SearchView(
        verdict=tested.judged.verdict,
        reasons=list(tested.judged.reasons),
        evidence=_evidence(tested.candidates),
        score=round(tested.judged.score, 4),
        threshold=tested.judged.threshold,
        confidence=tested.judged.band,
        questions=tested.questions,
        boundary=tested.boundary,
        results=[_found(one) for one in tested.candidates],
    )


def _found(one: Candidate) -> FoundView:
    return FoundView(
        entry_id=one.entry.id,
        version=one.entry.version,
        kind=one.entry.kind,
        title=one.entry.title,
        answer=one.entry.answer,
        source=one.entry.source,
        wording=one.wording,
        score=round(one.score, 4),
        scores={name: round(value, 4) for name, value in one.scores._asdict().items()},
        expired=one.expired,
    )


def _evidence(candidates: Sequence[Candidate]) -> dict[str, float]:
    seen = candidates[0].evidence if candidates else None
    return {} if seen is None else {name: round(value, 4) for name, value in seen._asdict().items()}
