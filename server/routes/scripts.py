"""Scripts (话术): three for a message, one for a scene."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field, StringConstraints

from agent.flows import scripts
from agent.flows.incoming import Strict, Word
from agent.steps.scripts import Rendered, Suggestion
from core.vocabulary import Audience, Scene, Tone
from server.state import Here, Whoever

router = APIRouter(prefix="/v1/scripts", tags=["knowledge"])
MemberName = Annotated[str, StringConstraints(min_length=1, max_length=120, strip_whitespace=True)]
SlotName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
SlotValue = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]


class SuggestIn(Strict):
    text: str = Field(min_length=1, max_length=2000, pattern=r"\S", examples=["新买的推车用两天就坏了，太差了"])
    community_id: Word = Field(examples=["hemiao-mama"])
    member_name: MemberName | None = None


class Suggested(BaseModel):
    scripts: list[Suggestion]


@router.post("/suggest")
def suggest(wanted: SuggestIn, services: Here, caller: Whoever) -> Suggested:
    """The three scripts that suit a message best, with scores, filled as far as there are values."""
    found = scripts.suggest(services, caller, wanted.text, wanted.community_id, member_name=wanted.member_name)
    return Suggested(scripts=found)


class RenderIn(Strict):
    scene: Scene
    community_id: Word = Field(examples=["hemiao-mama"])
    member_name: MemberName | None = None
    audience: Audience | None = Field(None, description="without: for everyone; a welcome is for newcomers")
    tone: Tone | None = Field(None, description="without: the community's `reply.tone`")
    values: dict[SlotName, SlotValue] = Field({}, max_length=50, description="slot values of one's own")


@router.post("/render")
def render(wanted: RenderIn, services: Here, caller: Whoever) -> Rendered:
    """A script of the scene, chosen by the community and its type, audience and tone, with no slot left open."""
    return scripts.render(
        services,
        caller,
        wanted.scene,
        wanted.community_id,
        member_name=wanted.member_name,
        audience=wanted.audience,
        tone=wanted.tone,
        values=wanted.values,
    )
