"""Which pages there are, and who may see them. A new page adds its line here."""

from typing import Final, NamedTuple

from core.caller import Caller
from core.scopes import Scope


class Place(NamedTuple):
    """`key` names the texts `nav.<key>` and marks the page that is open."""

    key: str
    path: str
    scope: Scope


PLACES: Final = (
    Place("drafts", "/console/drafts", Scope.DRAFTS_READ),
    Place("paste", "/console/paste", Scope.DRAFTS_DECIDE),
    Place("deliveries", "/console/deliveries", Scope.DRAFTS_READ),
    Place("copy", "/console/copy", Scope.COPY_CHECK),
    Place("knowledge", "/console/knowledge", Scope.KNOWLEDGE_READ),
)


def places(caller: Caller) -> list[Place]:
    """Those that the caller may open, in their order."""
    return [place for place in PLACES if caller.allows(place.scope)]
