"""Does an entry answer a question? The model says so and proves it by a quote; without proof the answer is no."""

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from agent.steps.asking import Asking
from core.masking import mask
from core.text import normalize
from knowledge.entries import Entry
from prompts.loader import plain

PROMPT: Final = "reply/judge"
LEAST_QUOTE: Final = 4
"""Characters of a quote that prove anything: 可以 stands in half of all answers."""
LONGEST: Final = 600
"""Code points of an answer that are shown: our longest has 240, and a small model loses its way in more."""
LONGEST_QUESTION: Final = 300


class Judgement(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    quote: str = Field("", description="一句资料原文")
    answers: bool = Field(description="资料能否回答问题")


def does_answer(model: Asking, question: str, entry: Entry, object_id: str | None) -> bool:
    """Whether the entry's answer answers the question. A quote that the answer doesn't have counts as no.

    Raises `ModelUnavailable`.
    """
    shown = entry.answer[:LONGEST]
    values = {"question": question[:LONGEST_QUESTION], "title": entry.title, "answer": shown}
    judged = model.ask(PROMPT, values, Judgement, object_id=object_id)
    return judged.answers and _stands(judged.quote, shown)


def _stands(quote: str, answer: str) -> bool:
    """The model saw the answer masked and without angle brackets, and may have taken its quote across a line end."""
    bare = _bare(quote)
    return len(bare) >= LEAST_QUOTE and any(bare in _bare(text) for text in (answer, plain(answer), mask(answer).text))


def _bare(text: str) -> str:
    return "".join(char for char in normalize(text).text if not char.isspace()).strip("。.!?;,\"'“”「」…")
