"""The knowledge base: entries with their versions, import, and search with scores."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from agent.flows import community as communities_view
from agent.flows import knowledge as flow
from agent.flows.incoming import Strict, Word
from core.errors import BadInput, NotFound
from core.scopes import Scope
from core.vocabulary import Audience, Band, CommunityType, EntryKind, EntryStatus, Scene, Tone
from knowledge.importing import MAX_BYTES, EntryIn
from server import paging
from server.state import Here, Whoever
from store import communities, knowledge
from store.knowledge import EntryRow
from tools.knowledge import search_knowledge

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
    limit: paging.Limit = 50,
    after: Annotated[str | None, Query(max_length=80)] = None,
) -> EntryPage:
    """Entries by id."""
    caller.require(Scope.KNOWLEDGE_READ)
    with services.database.read() as db:
        rows = knowledge.page(
            db,
            communities=_readable(services, caller),
            kind=kind,
            scene=scene,
            status=status,
            after=after,
            limit=limit,
        )
    return EntryPage(entries=[entry_view(row) for row in rows], next=rows[-1].id if len(rows) == limit else None)


def _readable(services: Here, caller: Whoever) -> frozenset[str] | None:
    """Communities whose entries the caller reads: their own and those above, whose entries hold for them too."""
    within = caller.communities(Scope.KNOWLEDGE_READ)
    if within is None:
        return None
    with services.database.read() as db:
        return frozenset(above for one in within for above in communities.lineage(db, one))


@router.get("/entries/{entry_id}")
def read(entry_id: str, services: Here, caller: Whoever) -> EntryView:
    return entry_view(_found(entry_id, services, caller))


def _found(entry_id: str, services: Here, caller: Whoever) -> EntryRow:
    caller.require(Scope.KNOWLEDGE_READ)
    readable = _readable(services, caller)
    with services.database.read() as db:
        row = knowledge.get(db, entry_id)
    if row is None or (readable is not None and row.community_id is not None and row.community_id not in readable):
        raise NotFound("entry_not_found")
    return row


class VersionView(BaseModel):
    version: int
    by: str
    at: datetime
    content: dict[str, Any]


@router.get("/entries/{entry_id}/versions")
def read_versions(entry_id: str, services: Here, caller: Whoever) -> list[VersionView]:
    """Every version of an entry, newest first."""
    _found(entry_id, services, caller)
    with services.database.read() as db:
        rows = knowledge.versions(db, entry_id)
    return [VersionView.model_validate(row, from_attributes=True) for row in rows]


@router.post("/entries", status_code=201)
def create(entry: EntryIn, services: Here, caller: Whoever) -> EntryView:
    """A new entry; searchable at once where its status is `approved`."""
    return entry_view(flow.save(services, caller, entry, version=None))


@router.put("/entries/{entry_id}")
def replace(
    entry_id: str,
    entry: EntryIn,
    services: Here,
    caller: Whoever,
    version: Annotated[int, Query(ge=1, le=paging.MOST_INT, description="the version that this one replaces")],
) -> EntryView:
    if entry.id != entry_id:
        raise BadInput("entry_id_differs", extra={"field": "id"})
    return entry_view(flow.save(services, caller, entry, version=version))


class RowErrorView(BaseModel):
    row: int
    line: int | None
    field: str
    code: str
    message: str


class ImportedView(BaseModel):
    added: int
    changed: int
    unchanged: int
    dry_run: bool
    errors: list[RowErrorView]


@router.post("/import", max_body_size=MAX_BYTES + 1024)
async def import_file(
    request: Request,
    services: Here,
    caller: Whoever,
    format: Literal["yaml", "jsonl"] = "yaml",
    dry_run: bool = False,
    partial: Annotated[bool, Query(description="store the good rows although others are bad")] = False,
) -> ImportedView:
    """The request's body is the file. With any bad row nothing is stored (422 with every row's error), unless
    `partial`; a dry run always answers 200 and says what would happen."""
    data = await request.body()
    done = await run_in_threadpool(flow.import_file, services, caller, data, format, dry_run=dry_run, partial=partial)
    if not dry_run and not partial:
        flow.check_errors(done.errors)
    errors = [RowErrorView.model_validate(error._asdict()) for error in done.errors]
    return ImportedView(
        added=done.added, changed=done.changed, unchanged=done.unchanged, dry_run=done.dry_run, errors=errors
    )


class SearchIn(Strict):
    text: str = Field(min_length=1, max_length=2000, examples=["怎么退款"])
    community_id: Word = Field(examples=["hemiao-mama"])
    kinds: list[EntryKind] = Field([EntryKind.FAQ], min_length=1)
    k: int = Field(5, ge=1, le=20)


class FoundView(BaseModel):
    """`wording` is the phrasing (or the answer) that came nearest."""

    entry_id: str
    version: int
    kind: EntryKind
    title: str
    answer: str
    wording: str
    score: float
    dense: float
    lexical: float
    expired: bool


class SearchView(BaseModel):
    """`verdict` is the gate's on the best entry: answers, related, nothing, stale."""

    verdict: str
    score: float
    threshold: float
    confidence: Band
    results: list[FoundView]


@router.post("/search")
def search(wanted: SearchIn, services: Here, caller: Whoever) -> SearchView:
    """Hit-testing: what would be found for a question, with every score and the gate's verdict."""
    with services.database.read() as db:
        if communities.get(db, wanted.community_id) is None:
            raise NotFound("community_not_found", extra={"community_id": wanted.community_id})
        view = communities_view.view(db, wanted.community_id)
    found = search_knowledge(
        caller,
        services.knowledge,
        wanted.text,
        communities=view.lineage,
        today=communities_view.today(services.clock.now()),
        kinds=tuple(wanted.kinds),
        threshold=view.threshold,
        k=wanted.k,
    )
    return SearchView(
        verdict=found.judged.verdict.value,
        score=round(found.judged.score, 4),
        threshold=found.judged.threshold,
        confidence=found.judged.band,
        results=[
            FoundView(
                entry_id=one.entry.id,
                version=one.entry.version,
                kind=one.entry.kind,
                title=one.entry.title,
                answer=one.entry.answer,
                wording=one.wording,
                score=round(one.score, 4),
                dense=round(one.dense, 4),
                lexical=round(one.lexical, 4),
                expired=one.expired,
            )
            for one in found.candidates
        ],
    )
