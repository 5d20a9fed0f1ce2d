"""The embedded draft: the curated answer of the entry that answers, its slots filled; or why there is no text.

Nothing is invented here. Two questions in one message are answered by two entries, joined. A slot without a value
abstains, so that no member ever reads a placeholder.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from core.text import sentences
from core.vocabulary import AbstainedReason, Band
from knowledge.entries import Entry
from knowledge.gate import Judged, Verdict
from knowledge.retriever import Candidate
from knowledge.slots import fill, slots
from prompts.loader import render

MOST_ALTERNATIVES: Final = 3
MOST_QUOTE: Final = 400

_ABSTAINS = {
    Verdict.NOTHING: AbstainedReason.NO_ANSWER_IN_KB,
    Verdict.RELATED: AbstainedReason.RELATED_BUT_NOT_ANSWERING,
    Verdict.STALE: AbstainedReason.STALE_ENTRY,
}


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Citation(_Value):
    """`quote` is a substring of that version of the entry."""

    entry_id: str
    version: int
    title: str
    quote: str
    used: bool


class Alternative(_Value):
    """An entry that came near, with its score and, where the draft abstains, why it doesn't answer. `picked`: a person
    took its answer for the reply."""

    entry_id: str
    title: str
    score: float
    why: str
    picked: bool = False


class Confidence(_Value):
    band: Band
    reason: str


class Abstained(_Value):
    reason: AbstainedReason
    missing: tuple[str, ...] = Field((), description="slots without a value, or questions without an answer")


class Reply(_Value):
    """`text` is None exactly where `abstained` is set. Names of members stay slots in `text`."""

    text: str | None
    citations: tuple[Citation, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    confidence: Confidence
    abstained: Abstained | None = None


class Asked(_Value):
    """One question of a message, with what was found for it, best first."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    question: str
    candidates: tuple[Candidate, ...]
    judged: Judged


def compose(asked: Sequence[Asked], values: Mapping[str, str], *, kept_slots: frozenset[str]) -> Reply:
    """The draft for one to three questions. `values` fill slots, `kept_slots` are filled when the text is handed
    out (the member's name). Questions that nothing answers are named in the confidence, where others are answered."""
    answered = _distinct([one for one in asked if one.judged.verdict == Verdict.ANSWERS])
    if not answered:
        return _abstain(asked)
    entries = [one.candidates[0].entry for one in answered]
    filled = [fill(entry.answer, values) for entry in entries]
    missing = tuple(name for text in filled for name in text.missing if name not in kept_slots)
    if missing:
        return abstain(AbstainedReason.NEEDS_MEMBER_DATA, asked, missing=tuple(dict.fromkeys(missing)))
    texts = [text.text for text in filled]
    return Reply(
        text=texts[0] if len(texts) == 1 else render("reply/joined", answers=texts),
        citations=_citations(asked, entries),
        alternatives=_alternatives(asked, {entry.id for entry in entries}),
        confidence=_confidence(asked, answered),
    )


def written(text: str, asked: Sequence[Asked], used: Sequence[Entry], confidence: Confidence) -> Reply:
    """A draft in other words than the entries' own, with the entries that it was made from."""
    return Reply(
        text=text,
        citations=_citations(asked, used),
        alternatives=_alternatives(asked, {entry.id for entry in used}),
        confidence=confidence,
    )


def from_script(script: Entry, values: Mapping[str, str], *, kept_slots: frozenset[str], reason: str) -> Reply | None:
    """A draft from a script that a person should look at closely; None where one of its slots has no value."""
    filled = fill(script.answer, values)
    if set(filled.missing) - kept_slots:
        return None
    return Reply(
        text=filled.text,
        citations=(citation(script, used=True),),
        confidence=Confidence(band=Band.LOW, reason=reason),
    )


def abstain(reason: AbstainedReason, asked: Sequence[Asked] = (), *, missing: tuple[str, ...] = ()) -> Reply:
    """No text, with the nearest entries for the person who answers instead. An entry over the threshold is `held_back`:
    it is not the search that abstains."""
    nearest = _alternatives(asked, set())
    held = [one.model_copy(update={"why": "held_back"}) if one.why == "ranked_lower" else one for one in nearest]
    return Reply(
        text=None,
        citations=tuple(citation(entry, used=False) for entry in _nearest(asked)),
        alternatives=tuple(held),
        confidence=Confidence(band=Band.LOW, reason=reason.value),
        abstained=Abstained(reason=reason, missing=missing),
    )


def _abstain(asked: Sequence[Asked]) -> Reply:
    """The reason of the question that came nearest to an answer speaks for the message."""
    best = max(asked, key=lambda one: one.judged.score)
    return abstain(_ABSTAINS[best.judged.verdict], asked)


def _distinct(answered: Sequence[Asked]) -> list[Asked]:
    seen: dict[str, Asked] = {}
    for one in answered:
        seen.setdefault(one.candidates[0].entry.id, one)
    return list(seen.values())


def _nearest(asked: Sequence[Asked]) -> list[Entry]:
    found = sorted((c for one in asked for c in one.candidates), key=lambda candidate: -candidate.score)
    return list({c.entry.id: c.entry for c in found}.values())[:MOST_ALTERNATIVES]


def _citations(asked: Sequence[Asked], used: Sequence[Entry]) -> tuple[Citation, ...]:
    """What was used, then what else was retrieved: both are kept apart."""
    ids = {entry.id for entry in used}
    others = [entry for entry in _nearest(asked) if entry.id not in ids]
    return tuple(citation(e, used=True) for e in used) + tuple(citation(e, used=False) for e in others)


def citation(entry: Entry, *, used: bool) -> Citation:
    """An entry as a draft cites it."""
    return Citation(entry_id=entry.id, version=entry.version, title=entry.title, quote=quote(entry.answer), used=used)


def quote(answer: str) -> str:
    """The piece of the answer that is shown as evidence: all of it where it is short and has no slots, else its
    longest sentence without one; always a substring of `answer`."""
    if len(answer) <= MOST_QUOTE and not slots(answer):
        return answer
    plain = [sentence.strip() for sentence in sentences(answer) if sentence in answer and not slots(sentence)]
    return max(plain, key=len, default=answer)[:MOST_QUOTE]


def _alternatives(asked: Sequence[Asked], used: set[str]) -> tuple[Alternative, ...]:
    found: dict[str, Alternative] = {}
    for one in asked:
        for candidate in one.candidates:
            if candidate.entry.id not in used and candidate.entry.id not in found:
                found[candidate.entry.id] = _alternative(candidate, one)
    return tuple(sorted(found.values(), key=lambda alternative: -alternative.score)[:MOST_ALTERNATIVES])


def _alternative(candidate: Candidate, one: Asked) -> Alternative:
    return Alternative(
        entry_id=candidate.entry.id,
        title=candidate.entry.title,
        score=round(candidate.score, 4),
        why=_why(candidate, one),
    )


def _why(candidate: Candidate, one: Asked) -> str:
    """The best entry's own reason not to answer; the others are further away than it."""
    if candidate.expired:
        return "expired"
    if one.judged.verdict == Verdict.ANSWERS:
        return "ranked_lower"
    is_best = candidate.entry.id == one.candidates[0].entry.id
    return one.judged.reasons[0].value if is_best and one.judged.reasons else "below_threshold"


def _confidence(asked: Sequence[Asked], answered: Sequence[Asked]) -> Confidence:
    bands = list(Band)
    band = max((one.judged.band for one in answered), key=bands.index)
    if any(one.judged.verdict != Verdict.ANSWERS for one in asked):
        return Confidence(band=Band.LOW, reason="part_unanswered")
    return Confidence(band=band, reason="joined" if len(answered) > 1 else f"score {answered[0].judged.score:.2f}")


_SPACE = re.compile(r"\s+")


def same_text(left: str, right: str) -> bool:
    """Whether two texts differ in white space only (a decision that changed nothing is an approval)."""
    return _SPACE.sub(" ", left).strip() == _SPACE.sub(" ", right).strip()
