"""Whether a member complains, about what, how gravely, where it stands in the text, and on which topic.

Cues of `agent/lexicons/complaint.yaml` speak first. The score is 1 − ∏(1 − weight) over the signs that are there, less
what speaks against a complaint.
"""

from collections.abc import Callable
from math import prod

from pydantic import BaseModel, ConfigDict, Field

from agent.steps import complaint_cues, triage
from agent.steps.complaint_cues import Marks
from agent.steps.complaint_quote import quoted
from agent.steps.triage import Triage
from core.text import Normalized, normalize
from core.vocabulary import ComplaintCategory, MessageKind, MessageType, Severity
from knowledge.embeddings import Vector

HOLDS = 0.5
"""Score from which a message is a complaint."""
UNSURE = (0.3, 0.7)
"""Scores between which the language model is worth asking."""


class Complaint(BaseModel):
    """`score` 0–1, a complaint from `HOLDS` on; category, severity, quote and topic are None below it. `quote` is a
    half-open span in code points of the text as given. `topic` is the category and, where one is named, the first
    thing that a list knows (`product_quality:奶粉`): who compares topics takes two complaints for one incident where
    these are equal. `kind` is what the message is."""

    model_config = ConfigDict(frozen=True)

    is_complaint: bool
    score: float = Field(ge=0, le=1)
    category: ComplaintCategory | None = None
    severity: Severity | None = None
    quote: tuple[int, int] | None = None
    topic: str | None = None
    uncertain: bool = False
    kind: MessageKind = MessageKind.CHATTER


def assess(text: str, *, vector: Callable[[], Vector] | None = None) -> Complaint:
    """The verdict on one member's text. Pure; `vector` gives the text's vector, and is called only where it may
    change the verdict."""
    del vector
    normalized = normalize(text)
    marks = complaint_cues.shipped().read(normalized)
    score = _score(marks)
    unsure = UNSURE[0] <= score < UNSURE[1]
    if score < HOLDS:
        return Complaint(is_complaint=False, score=score, uncertain=unsure)
    category = _category(marks)
    return Complaint(
        is_complaint=True,
        score=score,
        category=category,
        severity=_severity(marks),
        quote=_quote(normalized, marks),
        topic=topic_of(category, marks),
        uncertain=unsure,
        kind=MessageKind.COMPLAINT,
    )


def triaged(text: str, type: MessageType, complaint: Complaint) -> Triage:
    """The triage of a message with the complaint's verdict laid over it."""
    base = triage.classify(text, type)
    if complaint.is_complaint:
        return base.model_copy(update={"kind": MessageKind.COMPLAINT, "score": complaint.score})
    if base.kind is MessageKind.COMPLAINT:
        return base.model_copy(update={"kind": complaint.kind, "score": round(1 - complaint.score, 4)})
    return base


def topic_of(category: ComplaintCategory, marks: Marks) -> str:
    """By what several complaints are joined into one incident."""
    return f"{category.value}:{marks.things[0]}" if marks.things else category.value


def _score(marks: Marks) -> float:
    weights = [cue.weight for cue in complaint_cues.shipped().cues if cue.name in marks.signs]
    speaks = 1 - prod(1 - weight for weight in weights if weight > 0)
    return round(speaks * prod(1 + weight for weight in weights if weight < 0), 4)


def _category(marks: Marks) -> ComplaintCategory:
    return max(marks.categories, key=lambda name: marks.categories[name], default=ComplaintCategory.OTHER)


def _severity(marks: Marks) -> Severity:
    floors = complaint_cues.shipped().floors
    found = [floors[name] for name in marks.signs if name in floors]
    usual = Severity.MEDIUM if "harm" in marks.signs or "demand" in marks.signs else Severity.LOW
    return max([usual, *found], key=list(Severity).index)


def _quote(normalized: Normalized, marks: Marks) -> tuple[int, int] | None:
    signs = {cue.name: cue.weight for cue in complaint_cues.shipped().cues}
    places = [(*place, signs[name]) for name, found in marks.signs.items() for place in found]
    return quoted(normalized, places)
