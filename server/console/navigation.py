"""Which pages there are, and who may see them. A new page adds its line here."""

from typing import Final, NamedTuple

from agent.services import Services
from core.caller import Caller
from core.scopes import Scope
from core.vocabulary import RiskStatus
from server.console.visitor import Visitor
from store import risks
from store.case_board import unanswered


class Place(NamedTuple):
    """`key` names the texts `nav.<key>` and marks the page that is open; `counted`: the navigation says how much
    waits there."""

    key: str
    path: str
    scope: Scope
    counted: bool = False


PLACES: Final = (
    Place("drafts", "/console/drafts", Scope.DRAFTS_READ),
    Place("paste", "/console/paste", Scope.DRAFTS_DECIDE),
    Place("risks", "/console/risks", Scope.RISKS_READ, counted=True),
    Place("complaints", "/console/complaints", Scope.COMPLAINTS_READ, counted=True),
    Place("deliveries", "/console/deliveries", Scope.DRAFTS_READ),
    Place("members", "/console/members", Scope.MEMBERS_READ),
    Place("copy", "/console/copy", Scope.COPY_CHECK),
    Place("knowledge", "/console/knowledge", Scope.KNOWLEDGE_READ),
    Place("audit", "/console/audit", Scope.AUDIT_READ),
)


def places(caller: Caller) -> list[Place]:
    """Those that the caller may open, in their order."""
    return [place for place in PLACES if caller.allows(place.scope)]


def waiting(services: Services, visitor: Visitor, place: Place) -> int:
    """How many items of a counted place wait for a person, within the visitor's filter."""
    if not place.counted:
        return 0
    within = visitor.within(services, place.scope)
    with services.database.read() as db:
        if place.scope is Scope.COMPLAINTS_READ:
            return unanswered(db, within)
        return risks.count(db, statuses=(RiskStatus.PENDING,), communities=within)
