"""知识库: the list of entries, one entry with its versions, and new ones."""

from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from agent.flows import entry_care
from agent.flows import knowledge as flow
from agent.services import Services
from core import tunables
from core.caller import Caller
from core.errors import ForPeople
from core.scopes import Scope
from core.vocabulary import (
    Audience,
    CandidateStatus,
    CommunityType,
    EntryKind,
    EntryStatus,
    Scene,
    Tone,
)
from knowledge.difference import Changed, difference
from server.console import entry_form, texts
from server.console.entry_form import Fields, Problem, Typed
from server.console.inbox import name_of_decider
from server.console.page_route import PageRoute
from server.console.render import page
from server.console.visitor import Sent, Signed, Visitor
from server.state import Here
from store import candidates, communities, knowledge, settings, stale
from store.knowledge import EntryRow, EntryVersionRow, Sort
from store.session import ReadSession

router = APIRouter(route_class=PageRoute, include_in_schema=False)
SHOWN: Final = 50
VERSIONS: Final = 20
_CHOICES: Final[dict[str, Any]] = {
    "kinds": [one.value for one in EntryKind],
    "statuses": [one.value for one in EntryStatus],
    "scenes": [one.value for one in Scene],
    "audiences": [one.value for one in Audience],
    "tones": [one.value for one in Tone],
    "types": [one.value for one in CommunityType],
}
Word = Annotated[str, Query(max_length=100)]


@router.get("/knowledge")
def show(
    request: Request,
    services: Here,
    visitor: Signed,
    q: Word = "",
    kind: EntryKind | Literal[""] = "",
    status: EntryStatus | Literal[""] = "",
    sort: Sort = "updated",
    after: Annotated[str, Query(max_length=80)] = "",
) -> Response:
    """Entries that hold in the communities chosen, with what wants a look first."""
    chosen = {"q": q.strip(), "kind": kind, "status": status, "sort": sort}
    with services.database.read() as db:
        within = _within(db, visitor)
        rows = knowledge.page(
            db,
            communities=within,
            kind=kind or None,
            status=status or None,
            text=q.strip() or None,
            sort=sort,
            after=after or None,
            limit=SHOWN + 1,
        )
        wanting = stale.entries(db, entry_care.limits(db, services.clock.now()), within)
        waiting = _waiting(db, services, visitor)
    reasons = {one.entry.id: one.reason.value for one in wanting}
    more = urlencode({**chosen, "after": rows[SHOWN - 1].id}) if len(rows) > SHOWN else None
    lists: dict[str, Any] = {"rows": rows[:SHOWN], "wanting": wanting, "reasons": reasons, "waiting": waiting}
    return page(
        request,
        "knowledge.html",
        visitor,
        current="knowledge",
        chosen=chosen,
        after=after,
        more=more,
        **lists,
        **_CHOICES,
    )


def _within(db: ReadSession, visitor: Visitor) -> frozenset[str] | None:
    """Where entries must hold: in what the visitor may read, narrowed to the community they filtered to."""
    readable = entry_care.readable(db, visitor.caller)
    if visitor.community_id is None:
        return readable
    around = {*communities.lineage(db, visitor.community_id), *communities.with_children(db, [visitor.community_id])}
    return frozenset(around) if readable is None else readable & around


def _waiting(db: ReadSession, services: Services, visitor: Visitor) -> int:
    """How many candidates there are to decide on."""
    within = visitor.within(services, Scope.KNOWLEDGE_READ)
    least = settings.value(db, tunables.CANDIDATE_LEAST)
    return candidates.number(db, communities=within, statuses=(CandidateStatus.OPEN,), kind=None, least=least)


@router.get("/knowledge/new")
def new(request: Request, visitor: Signed) -> Response:
    visitor.caller.require(Scope.KNOWLEDGE_EDIT)
    places = entry_form.places(visitor)
    here = visitor.community_id or ("" if entry_form.everywhere(visitor) else places[0].id)
    return _form(request, visitor, Fields(community=here), [])


@router.post("/knowledge/new")
def create(request: Request, services: Here, visitor: Sent, typed: Typed) -> Response:
    saved = _save(services, visitor, typed)
    if isinstance(saved, list):
        return _form(request, visitor, typed, saved, status=422)
    return _saved(saved.id)


def _form(request: Request, visitor: Visitor, typed: Fields, problems: list[Problem], *, status: int = 200) -> Response:
    return page(
        request,
        "knowledge_new.html",
        visitor,
        status=status,
        current="knowledge",
        **form_values(visitor, typed, problems),
    )


def form_values(visitor: Visitor, typed: Fields, problems: list[Problem]) -> dict[str, Any]:
    """What the form's template needs."""
    places, everywhere = entry_form.places(visitor), entry_form.everywhere(visitor)
    return {"typed": typed, "problems": problems, "places_to_edit": places, "everywhere": everywhere, **_CHOICES}


def _save(services: Services, visitor: Visitor, typed: Fields) -> EntryRow | list[Problem]:
    entry = entry_form.read(typed, visitor.locale)
    if isinstance(entry, list):
        return entry
    try:
        return flow.save(services, visitor.caller, entry, version=typed.version)
    except ForPeople as error:
        return [Problem("", " ".join(texts.of_error(error, visitor.locale)))]


def _saved(entry_id: str) -> Response:
    return RedirectResponse(f"/console/knowledge/entries/{entry_id}?done=entry_saved", 303)


@router.get("/knowledge/entries/{entry_id}")
def show_one(entry_id: str, request: Request, services: Here, visitor: Signed) -> Response:
    return _entry_page(request, services, visitor, entry_id, None, [])


@router.post("/knowledge/entries/{entry_id}")
def change(entry_id: str, request: Request, services: Here, visitor: Sent, typed: Typed) -> Response:
    """Save an edit; who loses a race keeps what they typed and is shown what won."""
    saved = _save(services, visitor, typed.model_copy(update={"id": entry_id, "version": typed.version or 1}))
    if isinstance(saved, list):
        return _entry_page(request, services, visitor, entry_id, typed, saved)
    return _saved(entry_id)


def _entry_page(
    request: Request,
    services: Services,
    visitor: Visitor,
    entry_id: str,
    typed: Fields | None,
    problems: list[Problem],
) -> Response:
    with services.database.read() as db:
        row = entry_care.found(db, visitor.caller, entry_id)
        versions = knowledge.versions(db, entry_id)[: VERSIONS + 1]
        history = [_step(db, newer, older) for newer, older in zip(versions, [*versions[1:], None], strict=True)]
        wanting = stale.entries(db, entry_care.limits(db, services.clock.now()), None)
    stored = entry_form.shown(flow.written(row).model_dump(mode="json"), version=row.version)
    # The newest version goes with a form that lost a race: what was typed is then saved over it knowingly.
    form = (typed or stored).model_copy(update={"id": entry_id, "version": row.version})
    return page(
        request,
        "knowledge_entry.html",
        visitor,
        status=422 if problems else 200,
        current="knowledge",
        row=row,
        place=visitor.name_of(row.community_id) if row.community_id else None,
        reason=next((one.reason.value for one in wanting if one.entry.id == entry_id), None),
        may_edit=_may_edit(visitor.caller, row),
        history=history[:VERSIONS],
        **form_values(visitor, form, problems),
    )


def _may_edit(caller: Caller, row: EntryRow) -> bool:
    if row.community_id is None:
        return caller.communities(Scope.KNOWLEDGE_EDIT) is None
    return caller.allows(Scope.KNOWLEDGE_EDIT, row.community_id)


def _step(db: ReadSession, newer: EntryVersionRow, older: EntryVersionRow | None) -> dict[str, Any]:
    """One version with what it changed."""
    changed: list[Changed] = difference(older.content, newer.content) if older is not None else []
    return {"version": newer.version, "by": name_of_decider(db, newer.by), "at": newer.at, "changed": changed}


@router.get("/knowledge/{entry_id}")
def to_entry(entry_id: str, visitor: Signed) -> Response:
    """The short address of an entry; ids that are names of pages have the long one only."""
    visitor.caller.require(Scope.KNOWLEDGE_READ)
    return RedirectResponse(f"/console/knowledge/entries/{entry_id}", 303)
