"""Asks the knowledge as a member's message does: its questions taken apart, each searched, the gate's verdict on each,
and the boundaries before all. The same steps as `agent/flows/inbox.py`, without rows."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from agent.steps.boundaries import boundary
from agent.steps.reply import Asked
from agent.steps.triage import questions
from core.vocabulary import AbstainedReason
from evals.corpus import Knowledge
from knowledge.gate import Gate, Verdict
from knowledge.retriever import Candidate, Scope

FETCHED = 5


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of one text. `candidates` of all its questions, best first; `score` is the gate's, of the best."""

    candidates: tuple[Candidate, ...]
    asked: tuple[Asked, ...]
    reason: AbstainedReason | None
    ms: float

    @property
    def score(self) -> float:
        return max(one.judged.score for one in self.asked)

    @property
    def abstained(self) -> bool:
        """No part of the text is answered."""
        return self.reason is not None or all(one.judged.verdict != Verdict.ANSWERS for one in self.asked)


def ask(knowledge: Knowledge, gate: Gate, text: str, today: date) -> Answered:
    """Raises `EmbeddingError`."""
    begun = time.perf_counter()
    reason = boundary(text)
    parts = [text] if reason else questions(text) or [text]
    asked = tuple(search(knowledge, gate, part, today) for part in parts)
    return Answered(tuple(merged(asked)), asked, reason, (time.perf_counter() - begun) * 1000)


def search(knowledge: Knowledge, gate: Gate, question: str, today: date) -> Asked:
    """One question that stands alone. Raises `EmbeddingError`."""
    found = knowledge.retriever.search(question, Scope(None, today), FETCHED)
    return Asked(question=question, candidates=tuple(found), judged=gate.judge(found))


def merged(asked: Iterable[Asked]) -> list[Candidate]:
    """Each entry once, with its best score. The best of every question comes first."""
    return _distinct(sorted(_every(asked), key=lambda one: (-one.score, one.entry.id)))


def _every(asked: Iterable[Asked]) -> list[Candidate]:
    return [candidate for one in asked for candidate in one.candidates]


def _distinct(candidates: Sequence[Candidate]) -> list[Candidate]:
    best: dict[str, Candidate] = {}
    for candidate in candidates:
        best.setdefault(candidate.entry.id, candidate)
    return list(best.values())
