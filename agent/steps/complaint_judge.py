"""What the classifier of complaints is unsure of, judged by the language model, which proves a yes by a quote.

Signs of danger, law and media hold whatever the model says: a text can ask it for a no.
"""

from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from agent.steps import complaint_cues
from agent.steps.asking import Asking, Failure, ModelUnavailable
from agent.steps.complaint import HOLDS, Complaint, least_severity, topic_of
from core import catalogue
from core.text import normalize
from core.vocabulary import ComplaintCategory, MessageKind, Severity
from prompts.loader import plain

PROMPT: Final = "complaint/judge"
LONGEST: Final = 1_000
"""Code points that are shown; a no about a text that was not shown whole is no answer."""
LEAST_QUOTE: Final = 2


class Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    is_complaint: bool = Field(description="这条消息是否在投诉我们")
    quote: str = Field("", description="消息里在投诉的一句原文")
    category: ComplaintCategory | None = Field(None, description="类别；不是投诉时为 null")
    severity: Severity | None = Field(None, description="程度；不是投诉时为 null")


class Judged(NamedTuple):
    """The verdict that stands. `degraded`: the model was wanted and could not be had, or its answer proved nothing;
    `reason` says why, as a stable word."""

    complaint: Complaint
    degraded: bool = False
    reason: str | None = None


def judge(model: Asking, text: str, complaint: Complaint, object_id: str | None) -> Judged:
    """What the model makes of a (masked) text. Raises `ModelUnavailable`, also for an answer that proves nothing."""
    shown = text[:LONGEST]
    values = {
        "text": shown,
        "categories": [
            {"value": one.value, "name": catalogue.text(f"complaint_category.{one.value}")} for one in ComplaintCategory
        ],
        "severities": [one.value for one in Severity],
    }
    return Judged(_laid_over(model.ask(PROMPT, values, Answer, object_id=object_id), text, complaint))


def _laid_over(answer: Answer, text: str, complaint: Complaint) -> Complaint:
    lifted = least_severity(text)
    if not answer.is_complaint:
        if len(text) > LONGEST or (complaint.is_complaint and lifted is not None):
            raise ModelUnavailable(Failure.BAD_SCHEMA)
        kind = MessageKind.CHATTER if complaint.is_complaint else complaint.kind
        return Complaint(is_complaint=False, score=min(complaint.score, HOLDS - 0.01), kind=kind)
    quote = found(answer.quote, text[:LONGEST])
    if quote is None or answer.category is None or answer.severity is None:
        raise ModelUnavailable(Failure.BAD_SCHEMA)
    severity = max([answer.severity, *([lifted] if lifted else [])], key=list(Severity).index)
    return Complaint(
        is_complaint=True,
        score=max(complaint.score, HOLDS),
        category=answer.category,
        severity=severity,
        quote=quote,
        topic=topic_of(answer.category, complaint_cues.shipped().read(normalize(text))),
        kind=MessageKind.COMPLAINT,
        kind_score=max(complaint.score, HOLDS),
    )


def found(quote: str, shown: str) -> tuple[int, int] | None:
    """Where the quote stands, in whatever width or script it was copied; the model saw the text without brackets."""
    wanted = normalize(plain(quote)).text.strip()
    if sum(not char.isspace() for char in wanted) < LEAST_QUOTE:
        return None
    normalized = normalize(plain(shown))
    start = normalized.text.find(wanted)
    return None if start < 0 else normalized.span(start, start + len(wanted))
