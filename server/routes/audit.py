"""Who did what, for those who may know, and whether anybody tampered with it."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from agent.flows.incoming import Moment, Strict
from core.scopes import Scope
from server import paging
from server.places import Community
from server.state import Here, Whoever
from store import audit, communities, users
from store.audit import Head, Search

router = APIRouter(prefix="/v1", tags=["administration"])
Id = Annotated[str | None, Query(max_length=200)]
Action = Annotated[str | None, Query(max_length=64, description="`draft.approved`, or `draft.` for all of them")]


class AuditView(BaseModel):
    """`details` are ids, states, counts, moments and hashes (`#` and 32 digits stand for a text)."""

    number: int
    at: datetime
    actor_kind: str
    actor_id: str
    action: str
    object_kind: str
    object_id: str
    community_id: str | None
    details: dict[str, Any]


@router.get("/audit")
def list_audit(
    services: Here,
    caller: Whoever,
    actor_id: Annotated[str | None, Query(max_length=80, description="a user's id or login, a key's id")] = None,
    object_kind: Annotated[str | None, Query(max_length=32)] = None,
    object_id: Id = None,
    action: Action = None,
    community: Community = None,
    since: Annotated[Moment | None, Query(description="from then on")] = None,
    until: Annotated[Moment | None, Query(description="before then")] = None,
    before: Annotated[int | None, Query(ge=1, le=paging.MOST_INT)] = None,
    limit: paging.Limit = 50,
) -> list[AuditView]:
    """Who did what, newest first; page on with `before` = the last number."""
    caller.require(Scope.AUDIT_READ)
    with services.database.read() as db:
        within = caller.communities(Scope.AUDIT_READ)
        if community is not None:
            chosen = communities.with_children(db, [community])
            within = chosen if within is None else chosen & within
        known = users.by_login(db, actor_id) if actor_id is not None else None
        who = known.id if known is not None else actor_id
        wanted = Search(within, who, object_kind, object_id, action, since, until, before)
        rows = audit.search(db, wanted, limit)
        return [AuditView.model_validate(row, from_attributes=True) for row in rows]


class Kept(Strict):
    """A head that was noted elsewhere."""

    number: int = Field(ge=0, le=paging.MOST_INT, examples=[0])
    hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", examples=["0" * 64])]


class VerifyIn(Strict):
    anchors: list[Kept] = Field([], max_length=100, description="heads that you kept: the chain must still hold them")


class AuditVerified(BaseModel):
    """`why`: `row_missing`, `row_changed`, `end_missing`, `head_not_signed`, `anchor_differs`. `anchors` is how many
    noted heads fitted."""

    rows: int
    broken_at: int | None
    why: str | None
    anchors: int
    head: str = Field(description="hash of the last row that fits")


@router.post("/audit:verify")
def verify_audit(services: Here, caller: Whoever, wanted: VerifyIn | None = None) -> AuditVerified:
    """Walk the whole chain, and compare it with the heads noted in the data folder and those sent along."""
    caller.require(Scope.AUDIT_READ)
    kept = [Head(one.number, one.hash) for one in wanted.anchors] if wanted is not None else []
    found = services.database.verify_audit(kept)
    return AuditVerified.model_validate(found, from_attributes=True)


class AuditHeadView(BaseModel):
    number: int
    hash: str


@router.get("/audit:head")
def audit_head(services: Here, caller: Whoever) -> AuditHeadView:
    """The newest row's number and hash, to be kept somewhere else and given to a later `audit:verify`."""
    caller.require(Scope.AUDIT_READ)
    with services.database.read() as db:
        found = audit.head(db)
    return AuditHeadView(number=found.number, hash=found.hash)
