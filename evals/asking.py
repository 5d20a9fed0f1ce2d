"""Asks the knowledge as a member's message does: its questions taken apart, each searched, the gate's verdict on each,
and the boundaries before all. The same steps as `agent/flows/inbox.py`, without rows."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from agent.steps.boundaries import boundary
from agent.steps.triage import questions
from core.vocabulary import AbstainedReason
from evals.corpus import Knowledge
from knowledge.gate import Gate, Judged, Verdict
from knowledge.retriever import Candidate, Scope

FETCHED = 5


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of one text. `candidates` of all its questions, best first; `score` is the gate's, of the best."""

    candidates: tuple[Candidate, ...]
    judged: tuple[Judged, ...]
    reason: AbstainedReason | None
    ms: float

    @property
    def score(self) -> float:
        return max(one.score for one in self.judged)

    @property
    def abstained(self) -> bool:
        """No part of the text is answered."""
        return self.reason is not None or all(one.verdict != Verdict.ANSWERS for one in self.judged)


def ask(knowledge: Knowledge, gate: Gate, text: str, today: date) -> Answered:
    """Raises `EmbeddingError`."""
    begun = time.perf_counter()
    scope = Scope(None, today)
    reason = boundary(text)
    parts = [text] if reason else questions(text) or [text]
    found = [knowledge.retriever.search(part, scope, FETCHED) for part in parts]
    judged = tuple(gate.judge(candidates) for candidates in found)
    return Answered(tuple(_merged(found)), judged, reason, (time.perf_counter() - begun) * 1000)


def _merged(found: Iterable[Sequence[Candidate]]) -> list[Candidate]:
    """Each entry once, with its best score. The best of every question comes first."""
    best: dict[str, Candidate] = {}
    every = [candidate for candidates in found for candidate in candidates]
    for candidate in sorted(every, key=lambda one: (-one.score, one.entry.id)):
        best.setdefault(candidate.entry.id, candidate)
    return list(best.values())
