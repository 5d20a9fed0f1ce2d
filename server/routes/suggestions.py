"""What members suggest, where it was routed, and what became of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from agent.flows import suggestions as flow
from agent.flows.incoming import Strict
from agent.flows.outgoing import Words
from agent.flows.suggestions import MOST_WORDS, Answer
from agent.services import Services
from core.scopes import Scope
from core.vocabulary import Department, DraftStatus, SuggestionStatus
from server import paging
from server.places import Community, within
from server.state import Here, Whoever
from store import communities, drafts, suggestions
from store.session import ReadSession
from store.suggestions import SuggestionRow

router = APIRouter(prefix="/v1/suggestions", tags=["complaints"])


class SuggestionView(BaseModel):
    """`text` are the member's words, masked; `draft_id` the newest note to them, which a person approves."""

    id: str
    version: int = Field(description="send it back with a status")
    status: SuggestionStatus
    department: Department | None
    community_id: str
    community: str
    member_id: str | None
    member: str | None
    topic: str | None
    text: str
    said_at: datetime
    created_at: datetime
    changed_at: datetime | None
    changed_by: str | None
    draft_id: str | None
    draft_status: DraftStatus | None


class SuggestionPage(BaseModel):
    suggestions: list[SuggestionView]
    next: str | None = Field(description="cursor of the next page")


@router.get("")
def page(
    services: Here,
    caller: Whoever,
    status: Annotated[list[SuggestionStatus], Query()] = list(SuggestionStatus),  # noqa: B006
    department: Department | None = None,
    community: Community = None,
    limit: paging.Limit = 50,
    after: paging.Cursor = None,
) -> SuggestionPage:
    """Suggestions in these states, the newest first."""
    caller.require(Scope.COMPLAINTS_READ)
    place = paging.decode(after) if after else None
    with services.database.read() as db:
        chosen = within(db, caller, Scope.COMPLAINTS_READ, community)
        rows = suggestions.page(
            db, statuses=status, communities=chosen, department=department, after=place, limit=limit
        )
        shown = suggestion_views(db, services, rows)
    more = paging.encode(rows[-1].created_at, rows[-1].id) if len(rows) == limit else None
    return SuggestionPage(suggestions=shown, next=more)


@router.get("/{suggestion_id}")
def read(suggestion_id: str, services: Here, caller: Whoever) -> SuggestionView:
    """One suggestion."""
    with services.database.read() as db:
        return suggestion_views(db, services, [flow.visible(db, caller, suggestion_id)])[0]


class StatusIn(Strict):
    """`words` go into the note to the member, `tell: false` drafts none."""

    status: SuggestionStatus
    version: int = Field(ge=1, le=paging.MOST_INT, description="the version that was seen", examples=[1])
    department: Department | None = None
    words: str | None = Field(None, max_length=MOST_WORDS)
    tell: bool = True


@router.post("/{suggestion_id}/status")
def answer(suggestion_id: str, wanted: StatusIn, services: Here, caller: Whoever) -> SuggestionView:
    """Set the status; the member's note becomes a pending draft. Who loses a race gets 409 `suggestion_changed`."""
    done = flow.answer(services, caller, suggestion_id, Answer(**wanted.model_dump()))
    with services.database.read() as db:
        return suggestion_views(db, services, [done.row])[0]


def suggestion_views(db: ReadSession, services: Services, rows: Sequence[SuggestionRow]) -> list[SuggestionView]:
    """Several at once, with their words and the names of their members."""
    places = {row.id: row.name for row in communities.many(db, {row.community_id for row in rows})}
    said = suggestions.messages_of(db, [row.id for row in rows])
    words = Words(db, services)
    words.expect({row.member_id for row in rows if row.member_id is not None})
    shown = []
    for row in rows:
        draft = drafts.get(db, row.draft_id) if row.draft_id is not None else None
        own = {name: getattr(row, name) for name in SuggestionView.model_fields if hasattr(row, name)}
        more = {
            "community": places.get(row.community_id, row.community_id),
            "member": words.name(row.member_id),
            "text": "\n".join(one.text for one in said[row.id] if not one.recalled),
            "draft_status": draft.status if draft is not None else None,
        }
        shown.append(SuggestionView.model_validate(own | more))
    return shown
