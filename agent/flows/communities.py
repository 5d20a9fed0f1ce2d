"""Communities are made here, as nodes of the tree."""

from agent.services import Services
from core.caller import Caller
from core.errors import BadInput, Conflict, NotFound
from core.scopes import Scope
from core.vocabulary import CommunityType
from store import communities
from store.audit import Deed
from store.communities import CommunityRow
from store.session import ReadSession


def create(
    services: Services,
    caller: Caller,
    *,
    community_id: str,
    name: str,
    type: CommunityType,
    channel: str,
    parent_id: str | None,
) -> None:
    """The first is the organisation; a group without a parent goes below it.

    Raises `Conflict` `community_exists`, `NotFound` `community_not_found` for the parent, `Forbidden`, `BadInput`
    (`root_exists` for a second organisation, `organisation_first`)."""
    with services.database.write() as db:
        if parent_id is None and type != CommunityType.ORGANISATION:
            parent_id = _organisation(db)
        if parent_id is not None and communities.get(db, parent_id) is None:
            raise NotFound("community_not_found", extra={"community_id": parent_id})
        caller.require(Scope.SETTINGS_EDIT, parent_id)
        if communities.get(db, community_id) is not None:
            raise Conflict("community_exists", extra={"community_id": community_id})
        if parent_id is None and any(row.parent_id is None for row in communities.every(db)):
            raise BadInput("root_exists", extra={"field": "parent_id"})
        row = CommunityRow(
            id=community_id, name=name, type=type, channel=channel, parent_id=parent_id, created_at=db.now
        )
        db.add(row)
        db.audit(Deed(caller, "community.created", "community", community_id, community_id))


def _organisation(db: ReadSession) -> str:
    root = next((row.id for row in communities.every(db) if row.parent_id is None), None)
    if root is None:
        raise BadInput("organisation_first", extra={"field": "type"})
    return root
