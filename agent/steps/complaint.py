"""Whether a member complains, about what, how gravely, where it stands in the text, and on which topic.

The heads of `complaint_classifier.py` judge, with the cues of `agent/lexicons/complaint.yaml` among their signs; some
cues lift the severity by themselves. Texts of fewer than `SHORTEST` letters are judged by cues alone.
"""

from collections.abc import Callable, Iterator
from math import prod
from typing import Final

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from agent.steps import complaint_classifier, complaint_cues, triage
from agent.steps.complaint_classifier import CATEGORIES, KINDS, Guess
from agent.steps.complaint_cues import Marks
from agent.steps.complaint_quote import quoted
from agent.steps.risk_reading import Reading, read
from agent.steps.triage import Triage
from core.text import Normalized, normalize
from core.vocabulary import ComplaintCategory, MessageKind, MessageType, Severity
from knowledge.embeddings import Vector

HOLDS: Final = 0.5
"""Score from which a message is a complaint."""
UNSURE: Final = (0.25, 0.75)
"""Scores between which the language model is worth asking."""
GRAVE: Final = 0.35
"""Score from which a message with a sign of danger, law or media is a complaint: one that is overlooked costs more than
one too many. One in 3,000 ordinary messages lies between."""
ASK_FROM: Final = 0.02
"""Score by words alone from which the vector is asked; what lies below hardly ever becomes a complaint with it."""
SHORTEST: Final = 3
"""Characters that the classifier needs."""
SURE_KIND: Final = 0.7
"""Share from which the classifier's kind stands against what triage only assumed (a score up to its `UNKNOWN`)."""


class Complaint(BaseModel):
    """`score` 0–1, a complaint from `HOLDS` on; category, severity, quote and topic are None below it. `quote` is a
    half-open span in code points of the text as given. `topic` is the category and, where one is named, the first
    thing that a list knows (`product_quality:奶粉`): who compares topics takes two complaints for one incident where
    these are equal. `kind` is what the message is, with its share in `kind_score`."""

    model_config = ConfigDict(frozen=True)

    is_complaint: bool
    score: float = Field(ge=0, le=1)
    category: ComplaintCategory | None = None
    severity: Severity | None = None
    quote: tuple[int, int] | None = None
    topic: str | None = None
    uncertain: bool = False
    kind: MessageKind = MessageKind.CHATTER
    kind_score: float = Field(default=0.0, ge=0, le=1)


def assess(text: str, *, vector: Callable[[], Vector] | None = None) -> Complaint:
    """The verdict on one member's text. Pure; `vector` gives the text's vector by the encoder that
    `complaint_classifier.shipped().encoder` names, and is called only where it may change the verdict."""
    normalized = normalize(text)
    marks = complaint_cues.shipped().read(normalized)
    reading = read(normalized)
    if len(reading.text.strip()) < SHORTEST:
        return _by_cues(normalized, marks)
    classifier = complaint_classifier.shipped()
    guess, limit, cuts = classifier.guess(reading, marks), classifier.limits[0], classifier.cuts[0]
    if vector is not None and _scaled(guess.complains, limit) >= ASK_FROM:
        guess, limit, cuts = classifier.guess(reading, marks, vector()), classifier.limits[1], classifier.cuts[1]
    score = _scaled(guess.complains, limit)
    if GRAVE <= score < HOLDS and _floor(marks) is Severity.CRITICAL:
        score = HOLDS
    kind, share = _kind(guess)
    if score < HOLDS:
        return Complaint(is_complaint=False, score=score, uncertain=_unsure(score), kind=kind, kind_score=share)
    category = CATEGORIES[int(np.argmax(guess.categories))]
    steps = int((guess.steps >= cuts).sum())
    return _complaint(normalized, marks, score, category, _lifted(list(Severity)[steps], marks), _spoke(reading, guess))


def triaged(text: str, type: MessageType, complaint: Complaint) -> Triage:
    """The triage of a message with the complaint's verdict laid over it."""
    base = triage.classify(text, type)
    if type is MessageType.SYSTEM:
        return base
    if complaint.is_complaint:
        return base.model_copy(update={"kind": MessageKind.COMPLAINT, "score": complaint.score})
    assumed = base.kind is MessageKind.CHATTER and base.score <= triage.UNKNOWN and complaint.kind_score >= SURE_KIND
    if base.kind is MessageKind.COMPLAINT or assumed:
        return base.model_copy(update={"kind": complaint.kind, "score": max(complaint.kind_score, triage.UNKNOWN)})
    return base


def topic_of(category: ComplaintCategory, marks: Marks) -> str:
    """By what several complaints are joined into one incident."""
    return f"{category.value}:{marks.things[0]}" if marks.things else category.value


def least_severity(text: str) -> Severity | None:
    """What the signs of a text ask for by themselves (danger, law, media, nobody caring), if it complains."""
    return _floor(complaint_cues.shipped().read(normalize(text)))


def _floor(marks: Marks) -> Severity | None:
    floors = complaint_cues.shipped().floors
    return max((floors[name] for name in marks.signs if name in floors), key=list(Severity).index, default=None)


def _by_cues(normalized: Normalized, marks: Marks) -> Complaint:
    """By 1 − ∏(1 − weight) over the signs that are there, less what speaks against a complaint."""
    weights = [cue.weight for cue in complaint_cues.shipped().cues if cue.name in marks.signs]
    speaks = 1 - prod(1 - weight for weight in weights if weight > 0)
    score = round(speaks * prod(1 + weight for weight in weights if weight < 0), 4)
    if score < HOLDS:
        return Complaint(is_complaint=False, score=score, uncertain=_unsure(score))
    category = max(marks.categories, key=lambda name: marks.categories[name], default=ComplaintCategory.OTHER)
    return _complaint(normalized, marks, score, category, _lifted(Severity.MEDIUM, marks), ())


def _complaint(
    normalized: Normalized,
    marks: Marks,
    score: float,
    category: ComplaintCategory,
    severity: Severity,
    spoke: tuple[tuple[int, int, float], ...],
) -> Complaint:
    return Complaint(
        is_complaint=True,
        score=score,
        category=category,
        severity=severity,
        quote=quoted(normalized, (*_pointed(normalized, marks), *spoke)),
        topic=topic_of(category, marks),
        uncertain=_unsure(score),
        kind=MessageKind.COMPLAINT,
        kind_score=score,
    )


def _scaled(chance: float, limit: float) -> float:
    """The chance on a scale where the limit becomes `HOLDS`."""
    scaled = HOLDS * chance / limit if chance < limit else HOLDS + (1 - HOLDS) * (chance - limit) / (1 - limit)
    return round(min(max(scaled, 0.0), 1.0), 4)


def _unsure(score: float) -> bool:
    return UNSURE[0] <= score < UNSURE[1]


def _kind(guess: Guess) -> tuple[MessageKind, float]:
    """The likeliest kind among those that are no complaint, with its share of them."""
    shares = np.where([kind is MessageKind.COMPLAINT for kind in KINDS], 0.0, guess.kinds)
    best = int(np.argmax(shares))
    return KINDS[best], round(float(shares[best] / max(shares.sum(), 1e-9)), 4)


def _lifted(severity: Severity, marks: Marks) -> Severity:
    """At least what the signs ask for by themselves."""
    return max(severity, _floor(marks) or severity, key=list(Severity).index)


def _pointed(normalized: Normalized, marks: Marks) -> Iterator[tuple[int, int, float]]:
    """Where signs stand in the original, and what they are worth."""
    weights = {cue.name: cue.weight for cue in complaint_cues.shipped().cues}
    for name, found in marks.signs.items():
        for start, end in found:
            yield *normalized.span(start, end), weights[name]


def _spoke(reading: Reading, guess: Guess) -> tuple[tuple[int, int, float], ...]:
    return tuple(complaint_classifier.places(reading, guess))
