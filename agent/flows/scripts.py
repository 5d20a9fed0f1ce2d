"""Scripts for one message, or one scene, in one community: nothing is stored, a person sends what they like."""

from collections.abc import Mapping

from agent.flows import community as communities_view
from agent.flows.outgoing import MEMBER_NAME
from agent.services import Services
from agent.steps import scenes, scripts
from agent.steps.scripts import Place, Rendered, Suggestion
from core.caller import Caller
from core.errors import BadInput, NotFound
from core.scopes import Scope
from core.vocabulary import Audience, CommunityType, EntryKind, Tone
from core.vocabulary import Scene as SceneName
from knowledge.retriever import Scope as SearchScope
from knowledge.slots import fill, slots
from store import communities

_FETCHED = 20


def suggest(
    services: Services, caller: Caller, text: str, community_id: str, *, member_name: str | None = None
) -> list[Suggestion]:
    """Up to three scripts for a message, best first, each filled as far as values exist.

    Raises `NotFound` `community_not_found`, `Forbidden` `scope_missing`, `EmbeddingError`, `IndexFailure`.
    """
    place = _place(services, caller, community_id, member_name)
    found = services.knowledge.retriever.search(text, _scope(services, place), _FETCHED)
    return scripts.suggest(found, scenes.guess(text), place)


def render(
    services: Services,
    caller: Caller,
    scene: SceneName,
    community_id: str,
    *,
    member_name: str | None = None,
    audience: Audience | None = None,
    tone: Tone | None = None,
    values: Mapping[str, str] | None = None,
) -> Rendered:
    """The script of a scene that suits the community best, of those that can be filled to the last slot.

    Raises `NotFound` (`community_not_found`, `script_not_found`), `BadInput` `script_slots_missing` with the slots
    that the best one lacks, `Forbidden` `scope_missing`.
    """
    place = _place(services, caller, community_id, member_name, values)
    usable = services.knowledge.retriever.entries(_scope(services, place))
    chosen = scripts.choose(usable, scene, place, audience, tone)
    if not chosen:
        raise NotFound("script_not_found", extra={"scene": scene.value}, scene=scene.value)
    made = scripts.first_complete(chosen, place.values)
    if made is None:
        missing = list(fill(chosen[0].answer, place.values).missing)
        extra = {"script_id": chosen[0].id, "missing": missing, "variables": slots(chosen[0].answer)}
        raise BadInput("script_slots_missing", extra=extra, slots="、".join(missing))
    return made


def _place(
    services: Services,
    caller: Caller,
    community_id: str,
    member_name: str | None,
    values: Mapping[str, str] | None = None,
) -> Place:
    with services.database.read() as db:
        row = communities.get(db, community_id)
        if row is None:
            raise NotFound("community_not_found", extra={"community_id": community_id})
        caller.require(Scope.KNOWLEDGE_READ, community_id)
        view = communities_view.view(db, community_id)
    named = {MEMBER_NAME: member_name} if member_name else {}
    return Place(CommunityType(row.type), view.lineage, Tone(view.tone), view.values | named | dict(values or {}))


def _scope(services: Services, place: Place) -> SearchScope:
    return SearchScope(place.lineage, communities_view.today(services.clock.now()), (EntryKind.SCRIPT,))
