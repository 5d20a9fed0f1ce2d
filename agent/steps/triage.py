"""What a message is, by cues: the first layer of triage, before any classifier or model.

The score is the winner's share of all evidence. Evidence of a kind is 1 − ∏(1 − weight) over its cues
(`agent/lexicons/triage.yaml`). A fixed doubt is added to the sum, so that one faint cue never gets a high score; a text
without any cue is chatter at `UNKNOWN`.
"""

import re
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

from agent.steps.cues import shipped
from agent.steps.question_split import questions
from core.text import Normalized, normalize
from core.vocabulary import MessageKind, MessageType

__all__ = ["Triage", "classify", "questions"]

DOUBT = 0.25
"""Added to all evidence: a single cue of 0.75 gives a score of 0.75."""
UNKNOWN = 0.5
"""Score of chatter that is only assumed."""

DAMPED = 0.5
"""What is left of a question's evidence beside a complaint or suggestion of `CLEAR` evidence or more: both are often
put as questions (怎么还没发货, 能不能加个积分墙)."""
CLEAR = 0.5

_LINK = re.compile(r"(?:https?://|www\.)[^\s\u4e00-\u9fff]+")
_SIDE_CUES = (MessageKind.CHATTER, MessageKind.PRAISE)
POLITE = 0.4
"""What is left of greetings and thanks beside a clear question, complaint or suggestion: they only wrap it."""


class Triage(BaseModel):
    """`score` 0–1 is the share of the evidence that speaks for `kind`; `topic` a key of the cue file's topics."""

    model_config = ConfigDict(frozen=True)

    kind: MessageKind
    score: float = Field(ge=0, le=1)
    topic: str | None = None


def classify(text: str, type: MessageType = MessageType.TEXT) -> Triage:
    """The kind of one message. Without words of its own (an image, a file, a link, a system line) it is `other`."""
    normalized = normalize(text)
    if type is MessageType.SYSTEM or not normalized.text:
        return Triage(kind=MessageKind.OTHER, score=1.0)
    if not any(char.isalpha() for char in _LINK.sub("", normalized.text)):
        return _wordless(normalized)
    cues, topic = shipped().read(normalized)
    evidence = _weighed(cues)
    if not evidence:
        return Triage(kind=MessageKind.CHATTER, score=UNKNOWN, topic=topic)
    kind = max(evidence, key=lambda key: evidence[key])
    return Triage(kind=kind, score=round(evidence[kind] / (sum(evidence.values()) + DOUBT), 4), topic=topic)


def _wordless(normalized: Normalized) -> Triage:
    """Emoji, marks and digits: ? asks, 👍 and 666 chat, a number alone is anything."""
    text = _LINK.sub("", normalized.text)
    if not text.strip():
        return Triage(kind=MessageKind.OTHER, score=1.0)
    if set(text) <= {"?", " ", "!"} and "?" in text:
        return Triage(kind=MessageKind.QUESTION, score=0.5)
    chats = not any(char.isdigit() for char in text) or set(text) <= set("1268+! ")
    return Triage(kind=MessageKind.CHATTER if chats else MessageKind.OTHER, score=0.8)


def _weighed(cues: Mapping[MessageKind, float]) -> dict[MessageKind, float]:
    """The evidence once what only wraps or words another kind is made smaller."""
    evidence = dict(cues)
    if max(evidence.get(MessageKind.COMPLAINT, 0.0), evidence.get(MessageKind.SUGGESTION, 0.0)) >= CLEAR:
        _scale(evidence, MessageKind.QUESTION, DAMPED)
    wrapped = (MessageKind.QUESTION, MessageKind.COMPLAINT, MessageKind.SUGGESTION, MessageKind.NOTICE)
    if max(evidence.get(kind, 0.0) for kind in wrapped) >= CLEAR:
        for kind in _SIDE_CUES:
            _scale(evidence, kind, POLITE)
    return evidence


def _scale(evidence: dict[MessageKind, float], kind: MessageKind, factor: float) -> None:
    if kind in evidence:
        evidence[kind] *= factor
