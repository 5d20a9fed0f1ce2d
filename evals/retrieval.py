"""Does the right entry come up, and are questions that nothing answers left alone?"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from evals import figures
from evals.asking import Answered, ask
from evals.corpus import Knowledge, Progress
from evals.figures import Figure, resampled, share
from evals.report import Report
from evals.rows import Row, read
from knowledge.embeddings import EmbeddingError
from knowledge.gate import Gate

T = TypeVar("T")
MULTI = "multi"
NO_KIND = "unnamed"


class Query(NamedTuple):
    id: str
    text: str
    relevant: frozenset[str]
    in_kb: bool
    kind: str


class Scored(NamedTuple):
    """A query with what came of it; `rank` counts from 1, None where no relevant entry is among the first five."""

    query: Query
    answered: Answered
    rank: int | None

    @property
    def right(self) -> bool:
        """Answered by a relevant entry, or left alone where nothing answers."""
        return self.rank == 1 and not self.answered.abstained if self.query.in_kb else self.answered.abstained


def run(knowledge: Knowledge, gate: Gate, queries: Sequence[Query], today: date, progress: Progress) -> Report:
    scored, unscored = score_all(knowledge, gate, queries, today, progress)
    return Report(
        suite="retrieval",
        figures=measured(scored),
        groups={"per_kind": {kind: measured(some) for kind, some in by_kind(scored, lambda one: one.query).items()}},
        unscored=unscored,
        facts=facts(knowledge, gate, queries),
        rows=[row(one) for one in scored],
    )


def facts(knowledge: Knowledge, gate: Gate, queries: Sequence[Query]) -> dict[str, Any]:
    """What was measured on."""
    return {"rows": len(queries), "entries": len(knowledge.ids), "threshold": gate.answers}


def by_kind(rows: Iterable[T], query: Callable[[T], Query]) -> dict[str, list[T]]:
    """The rows of every kind."""
    kinds: dict[str, list[T]] = defaultdict(list)
    for one in rows:
        kinds[query(one).kind].append(one)
    return kinds


def sampled(queries: Sequence[Query], most: int | None) -> list[Query]:
    """At most `most` of them in their order, each kind by its share and evenly from its first to its last; always the
    same ones. None: all."""
    if most is None or most >= len(queries):
        return list(queries)
    places = sorted(range(len(queries)), key=lambda place: queries[place].kind)
    chosen = sorted(places[(2 * n + 1) * len(places) // (2 * most)] for n in range(most))
    return [queries[place] for place in chosen]


def score_all(
    knowledge: Knowledge, gate: Gate, rows: Sequence[Query], today: date, progress: Progress
) -> tuple[list[Scored], Counter[str]]:
    """Every query that can be scored, and how many can't, by reason."""
    unscored: Counter[str] = Counter()
    scored: list[Scored] = []
    for number, query in enumerate(rows, start=1):
        reason = _unfit(query, knowledge)
        if reason is None:
            try:
                scored.append(placed(query, ask(knowledge, gate, query.text, today)))
            except EmbeddingError:
                reason = "embedding_failed"
        if reason is not None:
            unscored[reason] += 1
        progress("queries", number, len(rows))
    return scored, unscored


def read_queries(path: Path, *, placed: bool = True) -> list[Query]:
    """`placed`: rows must say which entries answer. Raises `BadFile`."""
    return [_query(row, placed) for row in read(path)]


def _query(row: Row, placed: bool) -> Query:
    relevant, in_kb = frozenset(row.texts("relevant_ids", needed=placed)), row.flag("in_kb")
    if placed and in_kb and not relevant:
        raise row.bad("relevant_ids", "is empty, but in_kb is true")
    return Query(row.id, row.text(), relevant, in_kb, row.maybe_text("kind") or NO_KIND)


def _unfit(query: Query, knowledge: Knowledge) -> str | None:
    if not query.text.strip():
        return "empty_text"
    if query.in_kb and not query.relevant & knowledge.ids.keys():
        return "relevant_ids_unknown"
    return None


def placed(query: Query, answered: Answered) -> Scored:
    """Where the first relevant entry stands."""
    found = [n for n, one in enumerate(answered.candidates[:5], start=1) if one.entry.id in query.relevant]
    return Scored(query, answered, found[0] if found else None)


def measured(scored: Sequence[Scored]) -> dict[str, Figure]:
    """The suite's figures over some rows. Ranks count where something is relevant; `auroc` needs both sorts."""
    inside = [one for one in scored if one.query.in_kb]
    outside = [one for one in scored if not one.query.in_kb]
    scores = np.array([one.answered.score for one in scored])
    right = np.array([one.rank == 1 for one in scored], dtype=bool)
    return {
        **{f"r_at_{k}": share([one.rank is not None and one.rank <= k for one in inside]) for k in (1, 3, 5)},
        "mrr": resampled(figures.mean, [1 / one.rank if one.rank else 0.0 for one in inside]),
        "all_found_at_5": share([_all_found(one) for one in inside if one.query.kind == MULTI]),
        "auroc": resampled(figures.auroc, scores, [one.query.in_kb for one in scored]),
        "abstained": share([one.answered.abstained for one in outside]),
        "wrongful_abstention": share([one.answered.abstained for one in inside]),
        "cited_right": share([one.right for one in inside]),
        "calibration_error": resampled(figures.calibration_error, scores, right),
    }


def _all_found(one: Scored) -> bool:
    return one.query.relevant <= {candidate.entry.id for candidate in one.answered.candidates[:5]}


def row(one: Scored) -> dict[str, Any]:
    """What came of one row, for `--out`."""
    return {
        "id": one.query.id,
        "expected": sorted(one.query.relevant),
        "got": [candidate.entry.id for candidate in one.answered.candidates[:5]],
        "score": round(one.answered.score, 4),
        "abstained": one.answered.abstained,
        "reason": one.answered.reason,
        "right": one.right,
        "ms": round(one.answered.ms, 2),
    }
