"""More wordings for an entry, thought of by the model; which of them are worth a person's look."""

import re
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from agent.steps.asking import Asking
from core.masking import mask
from core.text import jaccard_bigrams
from knowledge.entries import Entry

PROMPT: Final = "knowledge/phrasings"
MOST: Final = 8
LIKE: Final = 0.8
"""Shared pairs of characters from which a wording adds nothing to one that is there."""
SHORTEST: Final = 3
LONGEST: Final = 60
_NUMBERED: Final = re.compile(r"^\s*(?:\d{1,2}\s*[.、)）．]|[-*•·])\s*(?![0-9])")
_EDGES: Final = " \t\"'“”「」‘’"


class Proposed(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    phrasings: list[str] = Field(description="成员会怎么问，最多 8 种")


class Why(StrEnum):
    """Why a wording is left out: too short, too long or no plain wording; there already, or nearly; nearer to another
    entry, whose questions it would draw away."""

    UNFIT = "unfit"
    KNOWN = "known"
    NEARER_TO_ANOTHER = "nearer_to_another"


class LeftOut(NamedTuple):
    """`entry_id` is the other entry, where there is one."""

    text: str
    why: Why
    entry_id: str | None = None


class Sifted(NamedTuple):
    kept: list[str]
    left_out: list[LeftOut]


def think_of(model: Asking, entry: Entry, object_id: str) -> list[str]:
    """At most `MOST` wordings, each on one line, as the model gives them; the call is booked on `object_id`. Raises
    `ModelUnavailable`."""
    values = {"title": entry.title, "phrasings": list(entry.phrasings), "answer": entry.answer, "most": MOST}
    answer = model.ask(PROMPT, values, Proposed, object_id=object_id)
    lines = (_line(text) for text in answer.phrasings)
    return list(dict.fromkeys(line for line in lines if line))[:MOST]


def _line(text: str) -> str:
    plain = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return _NUMBERED.sub("", plain).strip(_EDGES)


def sift(entry: Entry, offered: Sequence[str], known: Iterable[str], nearest: Callable[[str], Entry | None]) -> Sifted:
    """Which wordings to show to a person. `known` are wordings that were proposed before, `nearest` finds the best
    entry for a text."""
    there = [entry.title, *entry.phrasings, *known]
    kept: list[str] = []
    left_out: list[LeftOut] = []
    for text in offered:
        why = _flaw(text, [*there, *kept])
        best = nearest(text) if why is None else None
        if why is not None:
            left_out.append(LeftOut(text, why))
        elif best is not None and best.id != entry.id:
            left_out.append(LeftOut(text, Why.NEARER_TO_ANOTHER, best.id))
        else:
            kept.append(text)
    return Sifted(kept, left_out)


def _flaw(text: str, there: Iterable[str]) -> Why | None:
    fits = SHORTEST <= len(text) <= LONGEST and "{" not in text and mask(text).text == text
    if not fits:
        return Why.UNFIT
    return Why.KNOWN if any(jaccard_bigrams(text, one) >= LIKE for one in there) else None
