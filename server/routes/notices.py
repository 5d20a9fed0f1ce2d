"""Notices for who asks: what an open console shows of clocks that run out."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from agent.flows import notices as flow
from server import paging
from server.state import Here, Whoever

router = APIRouter(prefix="/v1/notices", tags=["clocks"])


class NoticeView(BaseModel):
    """`kind` says what happened to the object, `step` how far up the ladder it was reported."""

    id: str
    kind: str = Field(examples=["clock_breach"])
    object_kind: str = Field(examples=["complaint"])
    object_id: str
    community_id: str
    step: int
    at: datetime


class NoticeList(BaseModel):
    notices: list[NoticeView]


class Seen(BaseModel):
    changed: bool = Field(description="false where it was seen before")


@router.get("")
def mine(services: Here, caller: Whoever, limit: paging.Limit = 50) -> NoticeList:
    """The caller's own notices that are neither seen nor settled, the newest first; an API key has none."""
    with services.database.read() as db:
        rows = flow.mine(db, caller, limit)
    return NoticeList(notices=[NoticeView.model_validate(row, from_attributes=True) for row in rows])


@router.post("/{notice_id}/seen")
def seen(notice_id: str, services: Here, caller: Whoever) -> Seen:
    """Mark one of one's own as seen."""
    return Seen(changed=flow.seen(services, caller, notice_id))
