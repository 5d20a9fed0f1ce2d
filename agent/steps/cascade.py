"""What to ask of the model, given what the embedded engine found: as little as helps.

With the cascade on, curated answers that the gate is sure of come back word for word; the model judges what the gate
was unsure of, rewrites what points back into the conversation, and joins several answers. Off, it does so always.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.steps.reply import Asked, Reply
from core.vocabulary import AbstainedReason, Band
from knowledge.gate import Verdict

MARGIN: Final = 0.06
"""How far behind the best, in the blend's score, another entry is still worth a question."""
MOST_JUDGED: Final = 2
"""Entries judged for one message in the cascade; without it, twice as many."""

_OPEN: Final = frozenset({AbstainedReason.RELATED_BUT_NOT_ANSWERING, AbstainedReason.NO_ANSWER_IN_KB})
"""Abstentions that are the search's own. What needs a person's eyes or a member's data is not the model's to decide."""


class Doubt(NamedTuple):
    """An entry to be judged: candidate `candidate` of question `question`."""

    question: int
    candidate: int


class Plan(NamedTuple):
    """`doubts` in the order in which they are asked; the first yes of a question settles it."""

    rewrite: bool = False
    doubts: tuple[Doubt, ...] = ()
    compose: bool = False

    @property
    def empty(self) -> bool:
        return not (self.rewrite or self.doubts or self.compose)


NOTHING: Final = Plan()


def plan(
    asked: Sequence[Asked],
    embedded: Reply,
    *,
    cascade: bool,
    needs_context: bool,
    has_context: bool,
    script: bool = False,
) -> Plan:
    """`needs_context`: the message points back (那个呢); `has_context`: there is a conversation to look into; `script`:
    the embedded draft is a script for a complaint, which stays."""
    if script or (embedded.abstained is not None and embedded.abstained.reason not in _OPEN):
        return NOTHING
    rewrite = has_context and (needs_context or not cascade)
    if rewrite and needs_context:
        # What was found belongs to a question that nobody asked: it is planned again after the search.
        return Plan(rewrite=True)
    found = [doubt for n, one in enumerate(asked) for doubt in _doubts(n, one, cascade=cascade)]
    # The best entry of every question before the second best of any.
    doubts = tuple(sorted(found, key=lambda doubt: doubt.candidate))
    return Plan(rewrite, doubts[: MOST_JUDGED if cascade else 2 * MOST_JUDGED], _compose(asked, cascade=cascade))


def _doubts(question: int, one: Asked, *, cascade: bool) -> list[Doubt]:
    if one.judged.verdict == Verdict.ANSWERS and one.judged.band == Band.HIGH and cascade:
        return []
    if one.judged.verdict not in (Verdict.ANSWERS, Verdict.RELATED):
        return []
    near = [
        n
        for n, candidate in enumerate(one.candidates)
        if not candidate.expired and candidate.score >= one.candidates[0].score - MARGIN
    ]
    return [Doubt(question, n) for n in near[:MOST_JUDGED]]


def _compose(asked: Sequence[Asked], *, cascade: bool) -> bool:
    """Whether a text must be written: several answers, or any answer where the cascade is off. Judging may still
    change how many there are."""
    answered = {one.candidates[0].entry.id for one in asked if one.judged.verdict == Verdict.ANSWERS}
    return len(answered) > 1 if cascade else bool(answered)
