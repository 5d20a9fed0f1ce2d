"""Our own text, checked before it goes anywhere."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field, StringConstraints

from agent.flows import copy_review
from agent.flows.copy_review import Wanted
from agent.flows.incoming import Strict
from core.copy_hits import CopyHit
from server.state import Here, Whoever

router = APIRouter(prefix="/v1/copy", tags=["copy"])
Text = Annotated[str, StringConstraints(min_length=1, max_length=copy_review.MOST_TEXT)]


class CopyIn(Strict):
    text: Text = Field(examples=["全网最低价，手慢无"])
    sources: list[Text] = Field(
        [], max_length=copy_review.MOST_SOURCES, description="texts that its facts may come from"
    )
    entry_ids: list[str] = Field(
        [], max_length=copy_review.MOST_SOURCES, description="entries that its facts may come from"
    )
    community_id: str | None = Field(None, max_length=80, description="whose slot values its facts may come from")


class CopyLabelView(CopyHit):
    """`text` are the words, `advice` what to write instead."""

    text: str


class CopyCheckView(BaseModel):
    labels: list[CopyLabelView]
    blocks: bool = Field(description="whether an approval of this text would be refused")


@router.post("/check")
def check(wanted: CopyIn, services: Here, caller: Whoever) -> CopyCheckView:
    """What advertising law and our own rules say of a text. Nothing is stored."""
    asked = Wanted(wanted.text, tuple(wanted.sources), tuple(wanted.entry_ids), wanted.community_id)
    hits = copy_review.check(services, caller, asked)
    labels = [CopyLabelView(**hit.model_dump(), text=wanted.text[slice(*hit.span)]) for hit in hits]
    return CopyCheckView(labels=labels, blocks=bool(hits))
