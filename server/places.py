"""Which communities a list is about."""

from typing import Annotated

from fastapi import Query

from core.caller import Caller
from core.scopes import Scope
from store import communities
from store.session import ReadSession

Community = Annotated[str | None, Query(max_length=80, description="this community and those below it")]


def within(db: ReadSession, caller: Caller, scope: Scope, community: str | None) -> frozenset[str] | None:
    """Those in which the caller holds `scope`, narrowed to one and its sub-groups; None for all."""
    allowed = caller.communities(scope)
    if community is None:
        return allowed
    chosen = communities.with_children(db, [community])
    return chosen if allowed is None else chosen & allowed
