"""Entries, candidates and what the gate says of them, for tests of steps that only look at some of their fields."""

from typing import Any

from agent.steps.reply import Asked
from core.vocabulary import Audience, Band, EntryKind
from knowledge.blend import Scores
from knowledge.entries import Entry
from knowledge.gate import Judged, Verdict
from knowledge.retriever import Candidate

LIMIT = 0.55
"""The gate's threshold in `asked`."""


def entry(answer: str = "答案", id: str = "faq-a", **values: Any) -> Entry:
    """An FAQ for everybody, its title its id, but for `values`."""
    plain: dict[str, Any] = {
        "version": 1,
        "kind": EntryKind.FAQ,
        "title": id,
        "phrasings": (),
        "scene": None,
        "variables": (),
        "audience": Audience.ALL,
        "tone": None,
        "community_id": None,
        "valid_from": None,
        "valid_until": None,
    }
    return Entry(id=id, answer=answer, **(plain | values))


def candidate(found: Entry, score: float = 0.5, **values: Any) -> Candidate:
    """An entry that every view finds equally near."""
    plain: dict[str, Any] = {"wording": found.title, "expired": False}
    return Candidate(found, score, Scores(*[score] * len(Scores._fields)), **(plain | values))


def asked(
    *entries: Entry,
    question: str = "多久发货？",
    verdict: Verdict = Verdict.ANSWERS,
    band: Band = Band.HIGH,
    score: float = 0.7,
) -> Asked:
    """A question with its candidates, each a hundredth behind the one before it."""
    found = tuple(candidate(one, score - 0.01 * n) for n, one in enumerate(entries))
    return Asked(question=question, candidates=found, judged=Judged(verdict, score, LIMIT, band))
