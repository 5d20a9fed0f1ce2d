"""Should the assistant answer at all? A threshold on the gate's score, fitted on one set and measured on another."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from evals import figures
from evals.asking import ask
from evals.corpus import Knowledge, Progress
from evals.figures import SEED, Array, Figure, resampled, share
from evals.report import Report
from evals.rows import read
from knowledge.embeddings import EmbeddingError
from knowledge.gate import Gate


class Judged(NamedTuple):
    id: str
    in_kb: bool
    score: float
    ms: float


def run(
    knowledge: Knowledge,
    gate: Gate,
    *,
    fit: Path | None,
    queries: Path,
    folds: int | None,
    today: date,
    progress: Progress,
) -> Report:
    """Exactly one of `fit` and `folds`. Raises `BadFile`."""
    unscored: Counter[str] = Counter()
    judged = _judge_all(knowledge, gate, queries, today, progress, unscored)
    scores, inside = _columns(judged)
    if fit is not None:
        fitted = _columns(_judge_all(knowledge, gate, fit, today, progress, Counter()))
        limits = np.full(len(scores), best_threshold(*fitted))
    else:
        limits = _by_folds(scores, inside, folds or 0)
    answered = scores >= limits
    return Report(
        suite="gate",
        figures=measured(scores, inside, answered, limits),
        unscored=unscored,
        facts={"rows": len(judged) + sum(unscored.values()), "entries": len(knowledge.ids), "folds": folds},
        rows=[_row(one, limit) for one, limit in zip(judged, limits, strict=True)],
    )


def measured(scores: Array, inside: Array, answered: Array, limits: Array) -> dict[str, Figure]:
    """Positive is a question that the knowledge answers; `threshold` is the mean over the folds."""
    threshold = Figure(float(limits.mean()), len(limits), float(limits.min()), float(limits.max()))
    return {
        "f1": resampled(figures.f1, answered, inside),
        "precision": share(inside[answered]),
        "recall": share(answered[inside]),
        "auroc": resampled(figures.auroc, scores, inside),
        "threshold": threshold if len(limits) else Figure(None, 0, None, None),
        "false_answer_rate": share(answered[~inside]),
    }


def best_threshold(scores: Array, inside: Array) -> float:
    """The score from which answering gives the highest F1; halfway down to the next lower one."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    both = np.cumsum(inside[order])
    f1 = 2 * both / (np.arange(1, len(order) + 1) + inside.sum())
    # A threshold cannot part equal scores.
    f1[:-1][ranked[:-1] == ranked[1:]] = -1.0
    best = int(f1.argmax())
    below = ranked[best + 1] if best + 1 < len(ranked) else ranked[best]
    return float((ranked[best] + below) / 2)


def _by_folds(scores: Array, inside: Array, folds: int) -> Array:
    """Each row's threshold from the other folds; which fold a row is in depends on the seed alone."""
    fold = np.random.default_rng(SEED).permutation(len(scores)) % folds
    limits = np.zeros(len(scores))
    for number in range(folds):
        limits[fold == number] = best_threshold(scores[fold != number], inside[fold != number])
    return limits


def _judge_all(
    knowledge: Knowledge, gate: Gate, path: Path, today: date, progress: Progress, unscored: Counter[str]
) -> list[Judged]:
    rows = [(row.id, row.text(), row.flag("in_kb")) for row in read(path)]
    judged = []
    for number, (id_, text, in_kb) in enumerate(rows, start=1):
        progress(path.name, number, len(rows))
        if not text.strip():
            unscored["empty_text"] += 1
            continue
        try:
            answered = ask(knowledge, gate, text, today)
        except EmbeddingError:
            unscored["embedding_failed"] += 1
            continue
        judged.append(Judged(id_, in_kb, answered.score, answered.ms))
    return judged


def _columns(judged: Sequence[Judged]) -> tuple[Array, Array]:
    return np.array([one.score for one in judged]), np.array([one.in_kb for one in judged], dtype=bool)


def _row(one: Judged, limit: float) -> dict[str, Any]:
    got = bool(one.score >= limit)
    return {
        "id": one.id,
        "expected": one.in_kb,
        "got": got,
        "score": round(one.score, 4),
        "threshold": round(float(limit), 4),
        "right": got == one.in_kb,
        "ms": round(one.ms, 2),
    }
