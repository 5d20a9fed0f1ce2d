"""Packs: what a new group, or a new operator, is given in one call."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field, StringConstraints

from agent.flows import packs
from agent.flows.incoming import Strict, Word
from agent.flows.packs import PackKind
from agent.steps.packs import ColdStart, OperatorKit
from server.state import Here, Whoever

router = APIRouter(prefix="/v1/knowledge", tags=["knowledge"])
Value = Annotated[str, StringConstraints(min_length=1, max_length=500)]
SlotName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class PackIn(Strict):
    kind: PackKind = "cold_start"
    group_type: Annotated[str, StringConstraints(min_length=1, max_length=40, strip_whitespace=True)] = Field(
        examples=["interest", "粉丝群", "母婴"], description="one of the six types, its Chinese name, or a theme"
    )
    theme: Annotated[str, StringConstraints(min_length=1, max_length=40, strip_whitespace=True)] | None = None
    community_id: Word | None = Field(None, description="fills slots from its settings, and adds its own entries")
    values: dict[SlotName, Value] = Field({}, max_length=50, description="slot values of one's own")


@router.post("/packs")
def make(
    wanted: PackIn, services: Here, caller: Whoever
) -> Annotated[ColdStart | OperatorKit, Field(discriminator="kind")]:
    """Rules in four parts, questions with answers, and for `cold_start` the welcome and a first week, for
    `operator_kit` crisis and complaint scripts and duties. A slot without a value stands as 「待填：…」 in the texts
    and in `missing`."""
    return packs.make(
        services,
        caller,
        wanted.kind,
        wanted.group_type,
        theme=wanted.theme,
        community_id=wanted.community_id,
        values=wanted.values,
    )
