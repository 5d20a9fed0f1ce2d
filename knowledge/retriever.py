"""Finds the entries that may answer a question: near by vector, by shared words, and by how much of it is covered.

Scope, validity and kind are filtered after over-fetching (Chroma's `where` is ten times slower). How the views of an
entry are weighed is `knowledge.blend`'s.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, NamedTuple, Protocol

from core.text import tokens
from core.vocabulary import ANSWERING_KINDS, Audience, EntryKind
from knowledge import blend as blends
from knowledge.blend import Scores
from knowledge.coverage import Coverage, WordVectors
from knowledge.embeddings import Embedder, Vector
from knowledge.entries import Entry
from knowledge.evidence import DocumentEvidence, Evidence, document_evidence, evidence
from knowledge.lexical import LexicalIndex
from knowledge.passages import Part, Passage, Scored

OVER_FETCH: Final = 8
LEAST_FETCHED: Final = 120
SHARING: Final = 1_000
"""Entries that share words with the question, kept; their scores cost nothing more."""
RERANKED: Final = 8
"""Candidates whose coverage is computed."""


class SearchIndex(Protocol):
    """What the retriever needs of an index: `knowledge.index.VectorIndex`, or an exact one for measurements."""

    def query(self, vector: Vector, k: int) -> list[Scored]: ...


@dataclass(frozen=True, slots=True)
class Second:
    """The second encoder with its index: one passage an entry (`knowledge.entries.second_passages`)."""

    index: SearchIndex
    embedder: Embedder


class Scope(NamedTuple):
    """What a question may be answered from. `communities` is the asker's community and those above it; None lifts
    the limit (hit-testing by whoever edits the knowledge). `audience` is the asker's; None reads entries for new and
    for old members alike."""

    communities: tuple[str, ...] | None
    today: date
    kinds: tuple[EntryKind, ...] = ANSWERING_KINDS
    audience: Audience | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry with its views and their blend, about 0 to 1; `wording` is the phrasing (or the passage) that came
    nearest. `expired` ones are kept so that a stale answer can be told from none; they never answer. `evidence` is what
    the gate looks at; only the best candidate of a search has it."""

    entry: Entry
    score: float
    scores: Scores
    wording: str
    expired: bool
    evidence: Evidence | DocumentEvidence | None = None


class Corpus(NamedTuple):
    """The searchable knowledge of one moment. `fullest` is the text that shared words and coverage are looked for in:
    an entry's last passage."""

    entries: Mapping[str, Entry]
    passages: Mapping[str, Passage]
    parts: Mapping[str, frozenset[Part]]
    fullest: Mapping[str, str]
    lexical: LexicalIndex
    coverage: Coverage

    @classmethod
    def of(cls, entries: Mapping[str, Entry], passages: Sequence[Passage], words: WordVectors) -> "Corpus":
        fullest = {passage.entry_id: passage for passage in passages}
        parts: dict[str, set[Part]] = defaultdict(set)
        for passage in passages:
            parts[passage.entry_id].add(passage.part)
        texts = {entry_id: passage.text for entry_id, passage in fullest.items()}
        return cls(
            entries=entries,
            passages={passage.id: passage for passage in passages},
            parts={entry_id: frozenset(some) for entry_id, some in parts.items()},
            fullest=texts,
            lexical=LexicalIndex(list(fullest.values())),
            coverage=Coverage(texts, words),
        )


class Retriever:
    """Immutable and safe from threads; a change of the knowledge makes a new one."""

    def __init__(self, corpus: Corpus, index: SearchIndex, embedder: Embedder, second: Second | None = None) -> None:
        self._corpus = corpus
        self._index = index
        self._embedder = embedder
        self._second = second
        self._blend = blends.shipped(two=second is not None)

    def entry(self, entry_id: str) -> Entry | None:
        return self._corpus.entries.get(entry_id)

    def entries(self, scope: Scope) -> list[Entry]:
        """All valid entries within `scope`, by id."""
        return [e for e in self._corpus.entries.values() if _in_scope(e, scope) and e.valid_on(scope.today)]

    def search(self, text: str, scope: Scope, k: int = 5) -> list[Candidate]:
        """The `k` best entries for a question, best first. Raises `EmbeddingError`, `IndexFailure`."""
        if not text.strip() or not self._corpus.entries:
            return []
        fetched = max(LEAST_FETCHED, k * OVER_FETCH)
        near, second = self._near(text, fetched), self._by_second(text, fetched)
        shared = {hit.entry_id: min(hit.score, 1.0) for hit in self._corpus.lexical.search(text, SHARING)}
        found = [
            self._candidate(entry, near, second, shared.get(entry.id, 0.0), scope)
            for entry in self._within(near.found.keys() | second.found.keys() | shared.keys(), scope)
        ]
        best = _ranked(found)[: max(RERANKED, k)]
        covered = self._corpus.coverage.of(text, [candidate.entry.id for candidate in best])
        ranked = _ranked(self._with_coverage(candidate, covered[candidate.entry.id]) for candidate in best)
        return self._with_evidence(text, near, ranked)[:k]

    def _near(self, text: str, fetched: int) -> "_Near":
        size = min(fetched, len(self._corpus.passages))
        hits = self._index.query(self._embedder.embed([text])[0], size)
        near = _Near({}, hits[-1].score if hits and size < len(self._corpus.passages) else 0.0, hits)
        for hit in hits:
            # An index may hold passages that the corpus has just lost.
            if (passage := self._corpus.passages.get(hit.passage_id)) is not None:
                near.found.setdefault(hit.entry_id, {}).setdefault(passage.part, (hit.score, passage))
        return near

    def _by_second(self, text: str, fetched: int) -> "_Seen":
        if self._second is None:
            return _Seen({}, 0.0)
        hits = self._second.index.query(self._second.embedder.embed([text])[0], min(fetched, len(self._corpus.entries)))
        found = {hit.entry_id: hit.score for hit in hits if hit.entry_id in self._corpus.entries}
        return _Seen(found, min(found.values(), default=0.0))

    def _within(self, entry_ids: Iterable[str], scope: Scope) -> list[Entry]:
        entries = (self._corpus.entries[entry_id] for entry_id in entry_ids)
        started = (entry for entry in entries if entry.valid_from is None or entry.valid_from <= scope.today)
        return [entry for entry in started if _in_scope(entry, scope)]

    def _candidate(self, entry: Entry, near: "_Near", second: "_Seen", shared: float, scope: Scope) -> Candidate:
        found = near.found.get(entry.id, {})
        scores = self._scores(entry, near, found)._replace(
            lexical=shared, second=second.found.get(entry.id, second.farthest)
        )
        shown = found.get("question") or max(found.values(), key=lambda one: one[0], default=None)
        return Candidate(
            entry=entry,
            score=self._blend.of(scores),
            scores=scores,
            wording=shown[1].text if shown else entry.title,
            expired=entry.expired_on(scope.today),
        )

    def _scores(self, entry: Entry, near: "_Near", found: "Mapping[Part, tuple[float, Passage]]") -> Scores:
        # What was not fetched is at most as near as the last that was; what an entry doesn't have, its nearest stands
        # for.
        parts = self._corpus.parts[entry.id]
        nearest = max((score for score, _ in found.values()), default=near.farthest)
        views = {part: found[part][0] if part in found else near.farthest for part in parts}
        wordings = views.get("question", nearest)
        return Scores(
            nearest=wordings,
            asked=views.get("asked", wordings),
            whole=views.get("whole", nearest),
            answer=views.get("answer", nearest),
            lexical=0.0,
            coverage=0.0,
        )

    def _with_coverage(self, candidate: Candidate, coverage: float) -> Candidate:
        scores = candidate.scores._replace(coverage=coverage)
        return replace(candidate, scores=scores, score=self._blend.of(scores))

    def _with_evidence(self, text: str, near: "_Near", ranked: list[Candidate]) -> list[Candidate]:
        if not ranked:
            return []
        best = ranked[0]
        if best.entry.kind is EntryKind.DOCUMENT:
            return [replace(best, evidence=self._of_document(text, near, best)), *ranked[1:]]
        covered = self._corpus.coverage.evidence(text, self._corpus.fullest[best.entry.id])
        weighed = [(candidate.score, candidate.scores) for candidate in ranked]
        return [replace(best, evidence=evidence(text, best.entry.answer, weighed, covered)), *ranked[1:]]

    def _of_document(self, text: str, near: "_Near", best: Candidate) -> DocumentEvidence:
        coverage, words = self._corpus.coverage, set(tokens(text))
        shared = best.scores.lexical * sum(map(coverage.rarity, words))
        return document_evidence(text, [hit.score for hit in near.hits], shared, coverage.knows)


class _Near(NamedTuple):
    """The best passage of each part by entry, the similarity of the last one fetched (0 where all were), and all."""

    found: dict[str, dict[Part, tuple[float, Passage]]]
    farthest: float
    hits: Sequence[Scored]


class _Seen(NamedTuple):
    """The second encoder's similarity by entry, and that of the last one fetched."""

    found: dict[str, float]
    farthest: float


def _ranked(found: Iterable[Candidate]) -> list[Candidate]:
    return sorted(found, key=lambda candidate: (-candidate.score, candidate.entry.id))


def _in_scope(entry: Entry, scope: Scope) -> bool:
    reachable = scope.communities is None or entry.community_id is None or entry.community_id in scope.communities
    meant = scope.audience is None or entry.audience in (Audience.ALL, scope.audience)
    return reachable and meant and entry.kind in scope.kinds
