"""A draft in the model's words from what was retrieved. What the sources don't hold is not said: a text that names a
fact, a link, a number or a slot of its own is dropped whole, and the curated answers stand."""

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from agent.steps.asking import Asking
from agent.steps.echo import gives_away
from agent.steps.grounding import unsupported
from agent.steps.likeness import taken_from
from agent.steps.reply import Asked, Confidence, Reply, written
from agent.steps.veil import Veiled, veil
from core.vocabulary import Band
from knowledge.entries import Entry
from knowledge.gate import Verdict
from knowledge.slots import fill, odd_slots, slots
from prompts.loader import plain

PROMPT: Final = "reply/compose"
MOST_PASSAGES: Final = 3
LONGEST_PASSAGE: Final = 600
LONGEST_QUESTION: Final = 300
LONGEST: Final = 600
TAKEN: Final = 0.4
"""Share of the draft that must stand in the cited answers. Our trials lie from 0.6 up; a text that only follows an
order from the question lies near 0."""
SHOWN: Final = 0.12
"""Share of each cited answer that must show in the draft: small models name a passage as used and leave it out. One
of three sentences is 0.3."""
_REFERENCE: Final = re.compile(r"[\[【(（〔]\s*(?:资料)?\s*\d\s*[\]】)）〕]|(?:根据|见)?资料\s?[1-9]\s?[，,:：]?")
_NUMBER: Final = re.compile(r"\s*[\d.,]+\s*")


class Composed(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    text: str = Field(description="回复")
    used: list[int] = Field(description="用到的资料编号")
    confidence: Band = Field(description="把握")
    missing: list[str] = Field(default_factory=list, description="资料答不了的问题")


class Manner(NamedTuple):
    """How to write: the community's tone, values of its slots, and the slots that stay until the text is handed out."""

    tone: str
    values: Mapping[str, str]
    kept_slots: frozenset[str]


def compose(model: Asking, asked: Sequence[Asked], manner: Manner, object_id: str | None) -> Reply | None:
    """A draft from the best entries of the questions that are answered; None where the model's text must not stand.

    Raises `ModelUnavailable`.
    """
    entries = list({one.candidates[0].entry.id: one.candidates[0].entry for one in _answered(asked)}.values())
    filled = [fill(entry.answer, manner.values) for entry in entries]
    if not 0 < len(entries) <= MOST_PASSAGES or any(set(one.missing) - manner.kept_slots for one in filled):
        return None
    veiled = veil(tuple(one.text[:LONGEST_PASSAGE] for one in filled))
    answer = model.ask(PROMPT, _values(asked, entries, veiled, manner), Composed, object_id=object_id)
    text, used = _cleaned(veiled.lift(answer.text)), sorted(set(answer.used))
    if used != list(range(1, len(entries) + 1)):
        # A number of nothing; or an answer that was found and is left out, which the joined answers don't do.
        return None
    if not _may_stand(text, [one.text for one in filled], manner):
        return None
    return written(text, asked, entries, _confidence(answer, asked))


def _answered(asked: Sequence[Asked]) -> list[Asked]:
    return [one for one in asked if one.judged.verdict == Verdict.ANSWERS]


def _values(asked: Sequence[Asked], entries: Sequence[Entry], veiled: Veiled, manner: Manner) -> dict[str, object]:
    asked_of = {one.candidates[0].entry.id: one.question[:LONGEST_QUESTION] for one in reversed(_answered(asked))}
    passages = [
        {"question": asked_of[entry.id], "text": text} for entry, text in zip(entries, veiled.texts, strict=True)
    ]
    kept = sorted({name for text in veiled.texts for name in slots(text)} & (manner.kept_slots | veiled.kept.keys()))
    return {
        "passages": passages,
        "unanswered": [one.question[:LONGEST_QUESTION] for one in asked if one.judged.verdict != Verdict.ANSWERS],
        "tone": manner.tone,
        "slots": [f"{{{name}}}" for name in kept],
    }


def _cleaned(text: str) -> str:
    """Without references to our numbering, and without characters that no database holds."""
    text = "".join(char for char in text if char.isprintable() or char == "\n")
    return _REFERENCE.sub("", text).strip()


def _may_stand(text: str, sources: Sequence[str], manner: Manner) -> bool:
    if not text or len(text) > LONGEST or "〈" in text or plain(text) != text:
        return False
    if set(slots(text)) - manner.kept_slots or odd_slots(text):
        return False
    # A value that is a bare number would hold it with any unit: it counts where it was filled in.
    known = [*sources, *(value for value in manner.values.values() if not _NUMBER.fullmatch(value))]
    if unsupported(text, known) or taken_from(text, sources) < TAKEN or gives_away(text, PROMPT, known):
        return False
    return all(taken_from(source, [text]) >= SHOWN for source in sources)


def _confidence(answer: Composed, asked: Sequence[Asked]) -> Confidence:
    """The model's own, never above what the search had; low where a part stays without an answer."""
    if answer.missing or len(_answered(asked)) < len(asked):
        return Confidence(band=Band.LOW, reason="part_unanswered")
    bands = [answer.confidence, *(one.judged.band for one in asked)]
    return Confidence(band=max(bands, key=list(Band).index), reason="model_composed")
