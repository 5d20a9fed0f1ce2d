"""Communities, users, keys, settings: what owners and the command line manage."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from agent.flows import access
from agent.flows import communities as communities_flow
from agent.flows import demo as demo_flow
from agent.flows import settings as settings_flow
from agent.flows.incoming import Channel, Name, Strict, Word
from core import tunables
from core.errors import Forbidden
from core.scopes import Scope
from core.vocabulary import CommunityType
from server.state import Here, Whoever
from store import communities, keys, settings

router = APIRouter(prefix="/v1", tags=["administration"])


class CommunityView(BaseModel):
    id: str
    name: str
    type: CommunityType
    channel: str
    parent_id: str | None


@router.get("/communities")
def list_communities(services: Here, caller: Whoever) -> list[CommunityView]:
    """Those that the caller belongs to."""
    all_of_them = any(grant.communities is None for grant in caller.grants)
    within = None if all_of_them else frozenset().union(*(grant.communities or () for grant in caller.grants))
    with services.database.read() as db:
        rows = communities.every(db, within)
    return [CommunityView.model_validate(row, from_attributes=True) for row in rows]


class CommunityIn(Strict):
    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{1,39}$", examples=["mama-2"])]
    name: Annotated[Word, Field(max_length=120)]
    type: CommunityType
    channel: Channel
    parent_id: Word | None = None


@router.post("/communities", status_code=201)
def create_community(wanted: CommunityIn, services: Here, caller: Whoever) -> CommunityView:
    communities_flow.create(
        services,
        caller,
        community_id=wanted.id,
        name=wanted.name,
        type=wanted.type,
        channel=wanted.channel,
        parent_id=wanted.parent_id,
    )
    with services.database.read() as db:
        return CommunityView.model_validate(communities.get(db, wanted.id), from_attributes=True)


class KeyIn(Strict):
    name: Annotated[Name, Field(min_length=1, max_length=80)]
    role: Word = "bot"
    communities: list[Word] | None = Field(None, description="null: all")


class KeyMade(BaseModel):
    id: str
    key: str = Field(description="told once")


class KeyView(BaseModel):
    id: str
    name: str
    role: str
    communities: list[str] | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


@router.get("/keys")
def list_keys(services: Here, caller: Whoever) -> list[KeyView]:
    """Keys that reach no further than the caller."""
    caller.require(Scope.KEYS_READ)
    within = caller.communities(Scope.KEYS_READ)
    with services.database.read() as db:
        rows = keys.every(db)
    seen = [
        row for row in rows if within is None or (row.communities is not None and within.issuperset(row.communities))
    ]
    return [KeyView.model_validate(row, from_attributes=True) for row in seen]


@router.post("/keys", status_code=201)
def create_key(wanted: KeyIn, services: Here, caller: Whoever) -> KeyMade:
    """A new API key. Nobody hands out more than they hold."""
    made = access.create_key(services, caller, name=wanted.name, role=wanted.role, within=wanted.communities)
    return KeyMade(id=made.id, key=made.key)


class RotateIn(Strict):
    grace_minutes: int = Field(60, ge=0, le=10_080, description="how long the old key works on")


@router.post("/keys/{key_id}/rotate", status_code=201)
def rotate_key(key_id: str, wanted: RotateIn, services: Here, caller: Whoever) -> KeyMade:
    made = access.rotate_key(services, caller, key_id, grace_minutes=wanted.grace_minutes)
    return KeyMade(id=made.id, key=made.key)


@router.delete("/keys/{key_id}", status_code=204)
def revoke_key(key_id: str, services: Here, caller: Whoever) -> None:
    access.revoke_key(services, caller, key_id)


class UserIn(Strict):
    login: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{1,79}$", examples=["lin"])]
    name: Annotated[Word, Field(max_length=80)]
    role: Word = Field(examples=["answerer"])
    community_id: Word | None = Field(None, description="null: everywhere")
    password: Annotated[str, Field(max_length=200)] | None = None


class UserMade(BaseModel):
    id: str


@router.post("/users", status_code=201)
def create_user(wanted: UserIn, services: Here, caller: Whoever) -> UserMade:
    return UserMade(id=access.create_user(services, caller, **wanted.model_dump()))


class LinkIn(Strict):
    login: Word | None = Field(None, description="default: the first owner")


class LinkMade(BaseModel):
    token: str = Field(description="opens `/console/link/<token>` once within 24 hours")


@router.post("/login-links", status_code=201)
def make_link(wanted: LinkIn, services: Here, caller: Whoever) -> LinkMade:
    return LinkMade(token=access.login_link(services, caller, wanted.login))


class SettingView(BaseModel):
    key: str
    community_id: str | None
    value: Any
    version: int


class SettingIn(Strict):
    value: Any
    community_id: Word | None = None


@router.get("/settings")
def list_settings(services: Here, caller: Whoever) -> list[SettingView]:
    """Every setting with its value for the whole deployment, and the values that communities have of their own."""
    caller.require(Scope.SETTINGS_READ)
    with services.database.read() as db:
        rows = {(row.key, row.community_id): row for row in settings.every(db)}
    within = caller.communities(Scope.SETTINGS_READ)
    if within is not None:
        rows = {place: row for place, row in rows.items() if place[1] in within or place[1] == settings.DEPLOYMENT}
    shown = [
        SettingView(key=row.key, community_id=row.community_id or None, value=row.value, version=row.version)
        for row in rows.values()
    ]
    unset = [key for key in tunables.ALL if (key, settings.DEPLOYMENT) not in rows]
    shown += [SettingView(key=key, community_id=None, value=tunables.ALL[key].default, version=0) for key in unset]
    return sorted(shown, key=lambda one: (one.key, one.community_id or ""))


@router.put("/settings/{key}")
def change_setting(key: str, wanted: SettingIn, services: Here, caller: Whoever) -> SettingView:
    version = settings_flow.change(services, caller, key, wanted.value, wanted.community_id)
    return SettingView(key=key, community_id=wanted.community_id, value=wanted.value, version=version)


class DemoInstalled(BaseModel):
    steps: list[str]
    entries: int


@router.post("/demo")
def install_demo(services: Here, caller: Whoever) -> DemoInstalled:
    """Lay down the demo community; idempotent."""
    if not all(caller.communities(scope) is None and caller.allows(scope) for scope in Scope):
        raise Forbidden("scope_missing", scope="owner")
    steps: list[str] = []
    demo_flow.install(services, caller, steps.append)
    services.knowledge.refresh()
    return DemoInstalled(steps=steps, entries=services.knowledge.size)


class Reindexed(BaseModel):
    added: int
    changed: int
    removed: int
    kept: int


class IndexState(BaseModel):
    """`done` and `total` count passages. An interrupted rebuild stands still until it is asked for again."""

    state: Literal["at_rest", "filling", "rebuilding"]
    done: int
    total: int


@router.get("/reindex")
def index_state(services: Here, caller: Whoever) -> IndexState:
    """How far a rebuild, or the filling after a large import, is."""
    caller.require(Scope.KNOWLEDGE_EDIT)
    filling = services.knowledge.filling()
    if filling is None:
        return IndexState(state="at_rest", done=services.knowledge.passages, total=services.knowledge.passages)
    return IndexState(state=filling.state, done=filling.done, total=filling.total)


@router.post("/reindex")
def reindex(services: Here, caller: Whoever) -> Reindexed:
    """Make every vector anew beside those that answer meanwhile; goes on where an interrupted one was."""
    caller.require(Scope.KNOWLEDGE_EDIT)
    return Reindexed(**services.knowledge.rebuild()._asdict())
