"""Finds the entries that may answer a question: near by vector, by shared words, and by how much of it is covered.

Scope, validity and kind are filtered after over-fetching (Chroma's `where` is ten times slower). The weights were
chosen on our own questions in `evals/fit/gate.jsonl`: `docs/decisions/0002-blend-and-gate.md`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, NamedTuple, Protocol

from core.vocabulary import EntryKind
from knowledge.coverage import Coverage, WordVectors
from knowledge.embeddings import Embedder, Vector
from knowledge.entries import Entry
from knowledge.lexical import LexicalIndex
from knowledge.passages import Part, Passage, Scored

NEAREST: Final = 0.5
"""Weight of the nearest wording (or chunk)."""
ASKED: Final = 1.0
"""Weight of all wordings in one text: two that agree are better evidence than one that happens to sound alike."""
WHOLE: Final = 0.5
"""Weight of wordings and answer in one text."""
LEXICAL: Final = 0.5
"""Weight of shared words, over the whole entry."""
COVERED: Final = 2.0
"""Weight of `Coverage`; it moves the ranking little and tells questions from outside apart."""
DENSE: Final = NEAREST + ASKED + WHOLE

OVER_FETCH: Final = 8
LEAST_FETCHED: Final = 120
SHARING: Final = 1_000
"""Entries that share words with the question, kept; their scores cost nothing more."""
RERANKED: Final = 8
"""Candidates whose coverage is computed."""


class SearchIndex(Protocol):
    """What the retriever needs of an index: `knowledge.index.VectorIndex`, or an exact one for measurements."""

    def query(self, vector: Vector, k: int) -> list[Scored]: ...


class Scope(NamedTuple):
    """What a question may be answered from. `communities` is the asker's community and those above it; None lifts
    the limit (hit-testing by whoever edits the knowledge)."""

    communities: tuple[str, ...] | None
    today: date
    kinds: tuple[EntryKind, ...] = (EntryKind.FAQ,)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry with its scores, each about 0 to 1; `wording` is the phrasing (or the passage) that came nearest.
    `expired` ones are kept so that a stale answer can be told from none; they never answer."""

    entry: Entry
    score: float
    dense: float
    lexical: float
    coverage: float
    wording: str
    expired: bool


class Corpus(NamedTuple):
    """The searchable knowledge of one moment."""

    entries: Mapping[str, Entry]
    passages: Mapping[str, Passage]
    parts: Mapping[str, frozenset[Part]]
    lexical: LexicalIndex
    coverage: Coverage

    @classmethod
    def of(cls, entries: Mapping[str, Entry], passages: Sequence[Passage], words: WordVectors) -> "Corpus":
        """Shared words and coverage are looked for in the fullest passage of an entry, its last."""
        fullest = {passage.entry_id: passage for passage in passages}
        parts: dict[str, set[Part]] = defaultdict(set)
        for passage in passages:
            parts[passage.entry_id].add(passage.part)
        return cls(
            entries=entries,
            passages={passage.id: passage for passage in passages},
            parts={entry_id: frozenset(some) for entry_id, some in parts.items()},
            lexical=LexicalIndex(list(fullest.values())),
            coverage=Coverage({entry_id: passage.text for entry_id, passage in fullest.items()}, words),
        )


class Retriever:
    """Immutable and safe from threads; a change of the knowledge makes a new one."""

    def __init__(self, corpus: Corpus, index: SearchIndex, embedder: Embedder) -> None:
        self._corpus = corpus
        self._index = index
        self._embedder = embedder

    def entry(self, entry_id: str) -> Entry | None:
        return self._corpus.entries.get(entry_id)

    def entries(self, scope: Scope) -> list[Entry]:
        """All valid entries within `scope`, by id."""
        return [e for e in self._corpus.entries.values() if _in_scope(e, scope) and e.valid_on(scope.today)]

    def search(self, text: str, scope: Scope, k: int = 5) -> list[Candidate]:
        """The `k` best entries for a question, best first. Raises `EmbeddingError`, `IndexFailure`."""
        if not text.strip() or not self._corpus.entries:
            return []
        near = self._near(text, max(LEAST_FETCHED, k * OVER_FETCH))
        shared = {hit.entry_id: min(hit.score, 1.0) for hit in self._corpus.lexical.search(text, SHARING)}
        found = [
            self._candidate(entry, near, shared.get(entry.id, 0.0), scope)
            for entry in self._within(near.found.keys() | shared.keys(), scope)
        ]
        best = _ranked(found)[: max(RERANKED, k)]
        covered = self._corpus.coverage.of(text, [candidate.entry.id for candidate in best])
        return _ranked(_with_coverage(candidate, covered[candidate.entry.id]) for candidate in best)[:k]

    def _near(self, text: str, fetched: int) -> "_Near":
        size = min(fetched, len(self._corpus.passages))
        hits = self._index.query(self._embedder.embed([text])[0], size)
        near = _Near({}, hits[-1].score if hits and size < len(self._corpus.passages) else 0.0)
        for hit in hits:
            # An index may hold passages that the corpus has just lost.
            if (passage := self._corpus.passages.get(hit.passage_id)) is not None:
                near.found.setdefault(hit.entry_id, {}).setdefault(passage.part, (hit.score, passage))
        return near

    def _within(self, entry_ids: Iterable[str], scope: Scope) -> list[Entry]:
        entries = (self._corpus.entries[entry_id] for entry_id in entry_ids)
        started = (entry for entry in entries if entry.valid_from is None or entry.valid_from <= scope.today)
        return [entry for entry in started if _in_scope(entry, scope)]

    def _candidate(self, entry: Entry, near: "_Near", shared: float, scope: Scope) -> Candidate:
        found, parts = near.found.get(entry.id, {}), self._corpus.parts[entry.id]
        nearest = max((score for score, _ in found.values()), default=near.farthest)
        # What was not fetched is at most as near as the last that was; what an entry doesn't have, its nearest stands
        # for.
        scores = {part: found[part][0] if part in found else near.farthest for part in parts}
        wordings = scores.get("question", nearest)
        dense = (
            NEAREST * wordings + ASKED * scores.get("asked", wordings) + WHOLE * scores.get("whole", nearest)
        ) / DENSE
        shown = found.get("question") or max(found.values(), key=lambda one: one[0], default=None)
        return Candidate(
            entry=entry,
            score=(DENSE * dense + LEXICAL * shared) / (DENSE + LEXICAL),
            dense=dense,
            lexical=shared,
            coverage=0.0,
            wording=shown[1].text if shown else entry.title,
            expired=entry.expired_on(scope.today),
        )


class _Near(NamedTuple):
    """The best passage of each part by entry, and the similarity of the last one fetched (0 where all were)."""

    found: dict[str, dict[Part, tuple[float, Passage]]]
    farthest: float


def blend(dense: float, lexical: float, coverage: float) -> float:
    """The weighted mean, so that a perfect match of all three is 1."""
    return (DENSE * dense + LEXICAL * lexical + COVERED * coverage) / (DENSE + LEXICAL + COVERED)


def _with_coverage(candidate: Candidate, coverage: float) -> Candidate:
    return replace(candidate, coverage=coverage, score=blend(candidate.dense, candidate.lexical, coverage))


def _ranked(found: Iterable[Candidate]) -> list[Candidate]:
    return sorted(found, key=lambda candidate: (-candidate.score, candidate.entry.id))


def _in_scope(entry: Entry, scope: Scope) -> bool:
    reachable = scope.communities is None or entry.community_id is None or entry.community_id in scope.communities
    return reachable and entry.kind in scope.kinds
