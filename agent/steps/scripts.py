"""Which scripts (话术) suit a message or a scene, and their filled texts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from agent.steps.pack_plan import label
from agent.steps.packs import pending
from core.vocabulary import Audience, CommunityType, Requires, Scene, Tone
from knowledge.entries import Entry
from knowledge.retriever import Candidate
from knowledge.slots import fill

MOST_SUGGESTED: Final = 3
SCENE: Final = 0.2
"""Added to the score of a script whose scene the message's words speak for."""
UNFILLED: Final = 0.02
"""Taken off for each slot without a value: of two that suit alike the one that can go out is offered."""
OTHER_TONE: Final = 0.02
OWN: Final = 0.05
"""Added for a script that the community wrote for itself."""


class Slot(BaseModel):
    slot: str
    label: str


class Suggestion(BaseModel):
    """A script for one message. In `text` a slot without a value stands as 「待填：…」; `missing` names it."""

    script_id: str
    version: int
    title: str
    scene: Scene
    tone: Tone | None
    score: float
    text: str
    missing: list[Slot]
    requires: Requires


class Rendered(BaseModel):
    """A script filled to the last slot."""

    script_id: str
    version: int
    title: str
    scene: Scene
    audience: Audience
    tone: Tone | None
    text: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a script is used: the community's type and lineage (nearest first), the tone it wants, its slot values."""

    type: CommunityType
    lineage: tuple[str, ...]
    tone: Tone
    values: Mapping[str, str]


def fits(script: Entry, group_type: CommunityType) -> bool:
    """Whether a script may be used in a group of this type."""
    return not script.group_types or group_type in script.group_types


def suggest(found: Iterable[Candidate], scenes: Mapping[Scene, float], place: Place) -> list[Suggestion]:
    """The best `MOST_SUGGESTED` of what the search found, best first; scores are 0–1."""
    made = [_suggestion(one, scenes, place) for one in found if not one.expired and fits(one.entry, place.type)]
    return sorted(made, key=lambda one: (-one.score, one.script_id))[:MOST_SUGGESTED]


def _suggestion(found: Candidate, scenes: Mapping[Scene, float], place: Place) -> Suggestion:
    script = found.entry
    assert script.scene is not None
    filled = fill(script.answer, place.values)
    score = found.score + SCENE * scenes.get(script.scene, 0.0) - UNFILLED * len(filled.missing)
    score += OWN * (script.community_id == place.lineage[0])
    score -= OTHER_TONE * (script.tone not in (None, place.tone))
    named = {name: pending(name) for name in filled.missing}
    return Suggestion(
        script_id=script.id,
        version=script.version,
        title=script.title,
        scene=script.scene,
        tone=script.tone,
        score=round(min(1.0, max(0.0, score)), 4),
        text=fill(script.answer, {**place.values, **named}).text,
        missing=[Slot(slot=name, label=label(name)) for name in filled.missing],
        requires=Requires.MANAGER if script.scene is Scene.CRISIS else Requires.MODERATOR,
    )


def choose(
    scripts: Iterable[Entry], scene: Scene, place: Place, audience: Audience | None, tone: Tone | None
) -> list[Entry]:
    """Scripts of a scene that may be used, best first: the nearest community's own, those of its type, for this very
    audience, in its tone. An audience or tone that is asked for excludes the others; without one, scripts for
    newcomers or old members come last, except that a welcome is for newcomers."""
    for_whom = audience or (Audience.NEW if scene is Scene.WELCOME else Audience.ALL)
    usable = [
        one
        for one in scripts
        if one.scene is scene
        and fits(one, place.type)
        and (audience is None or one.audience in (audience, Audience.ALL))
        and (tone is None or one.tone in (tone, None))
    ]
    return sorted(usable, key=lambda one: _order(one, place, for_whom, tone or place.tone))


def _order(script: Entry, place: Place, audience: Audience, tone: Tone) -> tuple[object, ...]:
    near = place.lineage.index(script.community_id) if script.community_id in place.lineage else len(place.lineage)
    others = script.audience not in (audience, Audience.ALL)
    exact = script.audience is not audience
    return others, near, not script.group_types, exact, script.tone not in (None, tone), script.id


def first_complete(scripts: Sequence[Entry], values: Mapping[str, str]) -> Rendered | None:
    """The first script all of whose slots have a value, filled."""
    for script in scripts:
        filled = fill(script.answer, values)
        if not filled.missing and script.scene is not None:
            return Rendered(
                script_id=script.id,
                version=script.version,
                title=script.title,
                scene=script.scene,
                audience=script.audience,
                tone=script.tone,
                text=filled.text,
            )
    return None
