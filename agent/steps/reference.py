"""What 那个 means: finds the earlier message that a question points back to, and makes one self-contained text of
both (指代). A language model rewrites better where there is one; this is what stands without it."""

from collections.abc import Sequence
from typing import Final

from agent.steps.follow_up import Said, is_holding
from agent.steps.triage import questions
from core.text import normalize
from core.vocabulary import SenderRole

LONGEST: Final = 60
"""Code points of the earlier message that are joined to the question: more would drown it."""
LEAST: Final = 4
"""Characters from which an earlier message names anything."""


def anchor(said: Sequence[Said], member_id: str | None, quoted: str | None) -> str | None:
    """The text that a question of `member_id` points back to: what it quotes; else the newest of the member's own
    earlier messages and what staff said to them after it; else the newest message of anybody that asks or tells."""
    if quoted:
        return quoted[:LONGEST]
    telling = [one for one in said if _tells(one.text)]
    own = [one for one in telling if one.member_id == member_id and one.role == SenderRole.MEMBER]
    if own:
        return _short(own[-1].text)
    return _short(telling[-1].text) if telling else None


def joined(earlier: str, question: str) -> str:
    """One text to search with."""
    return f"{earlier.rstrip('。.!！?？~～ ')}，{question}"


def _tells(text: str) -> bool:
    return sum(map(str.isalnum, normalize(text).text)) >= LEAST and not is_holding(text)


def _short(text: str) -> str:
    """The last question of a message, or its beginning."""
    asked = questions(text)
    return (asked[-1] if asked else text)[:LONGEST]
