"""Hit-testing (命中测试): what a message would find, and what stands in the way of an answer. Changes nothing."""

from dataclasses import dataclass

from agent.flows import community as communities_view
from agent.services import Services
from agent.steps.boundaries import boundary
from agent.steps.triage import questions
from core.caller import Caller
from core.errors import NotFound
from core.scopes import Scope
from core.vocabulary import ANSWERING_KINDS, AbstainedReason, Audience, EntryKind
from knowledge.gate import Judged
from knowledge.retriever import Candidate
from store import communities
from tools.knowledge import search_knowledge


@dataclass(frozen=True, slots=True)
class Wanted:
    """A text as a member of `community_id` might send it; without an `audience` (None or `all`) entries for new and
    for old members alike are searched."""

    text: str
    community_id: str
    kinds: tuple[EntryKind, ...] = ANSWERING_KINDS
    audience: Audience | None = None
    k: int = 5


@dataclass(frozen=True, slots=True)
class Tested:
    """What the whole text finds. `questions` are those that a reply would look for one by one (none where nothing is
    asked); with a `boundary` a reply abstains whatever was found."""

    candidates: list[Candidate]
    judged: Judged
    questions: list[str]
    boundary: AbstainedReason | None


def hit_test(services: Services, caller: Caller, wanted: Wanted) -> Tested:
    """Raises `NotFound` `community_not_found`, `Forbidden` `scope_missing`."""
    with services.database.read() as db:
        if communities.get(db, wanted.community_id) is None:
            raise NotFound("community_not_found", extra={"community_id": wanted.community_id})
        caller.require(Scope.KNOWLEDGE_READ, wanted.community_id)
        view = communities_view.view(db, wanted.community_id)
    found = search_knowledge(
        caller,
        services.knowledge,
        wanted.text,
        communities=view.lineage,
        today=communities_view.today(services.clock.now()),
        kinds=wanted.kinds,
        audience=None if wanted.audience is Audience.ALL else wanted.audience,
        threshold=view.threshold,
        k=wanted.k,
    )
    return Tested(found.candidates, found.judged, questions(wanted.text), boundary(wanted.text))
