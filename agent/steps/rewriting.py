"""A member's last words as a question that stands alone: 那多久能到呢 → 床品四件套多久能到."""

from collections.abc import Sequence
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from agent.steps.asking import Asking
from agent.steps.grounding import unsupported
from agent.steps.likeness import taken_from

PROMPT: Final = "reply/rewrite"
MOST_LINES: Final = 6
LONGEST_LINE: Final = 120
LONGEST: Final = 200
TAKEN: Final = 0.5
"""Share of the rewritten question that must stand in the conversation; its own wording (什么时候, 吗) is the rest."""


class Rewritten(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    question: str = Field(description="不看上文也能懂的问题")


def rewrite(model: Asking, text: str, conversation: Sequence[str], object_id: str | None) -> str:
    """The question to search with: the model's, unless it is empty, too long, or says what nobody said; then `text`.

    `conversation` are the lines before, oldest first. Raises `ModelUnavailable`.
    """
    lines = [line[:LONGEST_LINE] for line in conversation][-MOST_LINES:]
    asked = text[:LONGEST]
    answer = model.ask(PROMPT, {"text": asked, "conversation": lines}, Rewritten, object_id=object_id)
    question = " ".join("".join(char for char in answer.question if char.isprintable() or char == " ").split())
    sources = [asked, *lines]
    if not question or len(question) > LONGEST or unsupported(question, sources):
        return text
    return question if taken_from(question, sources) >= TAKEN else text
