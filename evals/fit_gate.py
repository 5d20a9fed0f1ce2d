"""Fits the three thresholds of the gate and its chance curve, five numbers, and writes them with their model card."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np

from evals.corpus import Knowledge, Progress
from evals.figures import Array, Figure, auroc, resampled, share
from evals.report import Report
from evals.retrieval import Scored, score_all
from evals.rows import BadFile
from knowledge import retriever
from knowledge.gate import Gate

MOST_LOST: Final = 0.15
"""Of the questions whose right entry came first, at most this share may be abstained from. The others don't count:
where another entry came first, abstaining is right."""
SURE_PRECISION: Final = 0.95
FEWEST_SURE: Final = 20
"""Answers that a precision is read from."""
NEAR: Final = ("near_miss",)
FAR: Final = ("out_of_scope", "chatter")


def run(knowledge: Knowledge, gate: Gate, data: Path, out: Path, today: date, progress: Progress) -> Report:
    """Fit on `data`, write `out` and, beside it, the card `.md`. Raises `BadFile`."""
    scored, unscored = score_all(knowledge, gate, data, today, progress)
    columns = _Columns(scored)
    if not columns.right.any() or columns.inside.all():
        raise BadFile(data, None, "in_kb", "needs rows of both sorts, and some found")
    answers = columns.answers()
    fitted = Gate(answers, columns.related(answers), columns.sure(answers), *columns.chance())
    arrays: dict[str, Any] = {name: np.float64(value) for name, value in _numbers(fitted).items()}
    np.savez(out, **arrays)
    figures = columns.measured(fitted)
    facts = {"rows": len(scored) + sum(unscored.values()), "out": str(out), **_numbers(fitted)}
    out.with_suffix(".md").write_text(_card(data.name, len(scored), today, fitted, figures), "utf-8")
    return Report("fit gate", figures, unscored=unscored, facts=facts)


def _numbers(gate: Gate) -> dict[str, float]:
    return {name: round(getattr(gate, name), 4) for name in ("answers", "related", "sure", "slope", "offset")}


class _Columns:
    """The rows as arrays. Rows that a boundary keeps from the gate teach it nothing and are left out."""

    def __init__(self, scored: Sequence[Scored]) -> None:
        some = [one for one in scored if one.answered.reason is None]
        self.scores = np.array([one.answered.score for one in some])
        self.right = np.array([one.rank == 1 for one in some], dtype=bool)
        self.inside = np.array([one.query.in_kb for one in some], dtype=bool)
        self.kinds = np.array([one.query.kind for one in some])

    def answers(self) -> float:
        """The highest F1 of right answers (of all answers, of all questions inside) with at most `MOST_LOST` lost."""
        limits = _between(self.scores)
        allowed = [limit for limit in limits if (self.scores[self.right] < limit).mean() <= MOST_LOST]
        return max(allowed or [float(self.scores.min())], key=self._f1)

    def _f1(self, limit: float) -> float:
        answered = self.scores >= limit
        return float(2 * (answered & self.right).sum() / (answered.sum() + self.inside.sum()))

    def related(self, answers: float) -> float:
        """Where near misses and questions from elsewhere, as far as neither is answered, are told apart best (Youden);
        `answers` without both."""
        left = self.scores < answers
        near = self.scores[np.isin(self.kinds, NEAR) & left]
        far = self.scores[np.isin(self.kinds, FAR) & left]
        if not len(near) or not len(far):
            return answers
        best = max(_between(self.scores), key=lambda limit: float((near >= limit).mean() - (far >= limit).mean()))
        return min(best, answers)

    def sure(self, answers: float) -> float:
        """The lowest score from which 95 % of the answers are right; 1 where no score is that sure."""
        for limit in sorted(_between(self.scores)):
            above = self.scores >= limit
            if limit >= answers and above.sum() >= FEWEST_SURE and self.right[above].mean() >= SURE_PRECISION:
                return limit
        return 1.0

    def chance(self) -> tuple[float, float]:
        """Slope and offset of the logistic curve from score to right, by Newton's method with a slight ridge."""
        features = np.column_stack([self.scores, np.ones(len(self.scores))])
        weights = np.zeros(2)
        for _ in range(50):
            chances = 1 / (1 + np.exp(-features @ weights))
            slope = features.T @ (self.right - chances) - 1e-3 * weights
            curve = features.T @ (features * (chances * (1 - chances))[:, None]) + 1e-3 * np.eye(2)
            weights += np.linalg.solve(curve, slope)
        return float(weights[0]), float(weights[1])

    def measured(self, gate: Gate) -> dict[str, Figure]:
        answered, sure = self.scores >= gate.answers, self.scores >= gate.sure
        near = np.isin(self.kinds, NEAR)
        far = np.isin(self.kinds, FAR)
        return {
            "r_at_1": share(self.right[self.inside]),
            "auroc": resampled(auroc, self.scores, self.inside),
            "precision": share(self.right[answered]),
            "recall": share((answered & self.right)[self.inside]),
            "wrongful_abstention": share(~answered[self.inside]),
            "right_lost": share(~answered[self.right]),
            "false_answer_rate": share(answered[~self.inside]),
            "false_answer_rate_near": share(answered[near]),
            "false_answer_rate_far": share(answered[far]),
            "near_called_related": share((self.scores >= gate.related)[near & ~answered]),
            "far_called_nothing": share((self.scores < gate.related)[far & ~answered]),
            "sure_precision": share(self.right[sure]),
        }


def _between(scores: Array) -> list[float]:
    """Thresholds that lie halfway between neighbouring scores."""
    levels = np.unique(scores)
    return [float(level) for level in (levels[:-1] + levels[1:]) / 2]


def _card(data: str, rows: int, today: date, gate: Gate, measured: dict[str, Figure]) -> str:
    numbers = "\n".join(f"| `{name}` | {value} |" for name, value in _numbers(gate).items())
    figures = "\n".join(f"| `{name}` | {_shown(figure)} |" for name, figure in measured.items())
    weights: dict[str, Any] = {
        name: getattr(retriever, name) for name in ("NEAREST", "ASKED", "WHOLE", "LEXICAL", "COVERED")
    }
    blend = " · ".join(f"{name} {value}" for name, value in weights.items())
    return f"""# The gate

Written by `qunzhu-evals fit gate`; not by hand.

- Date: {today.isoformat()}
- Data: `{data}`, {rows} rows, ours
- Score: the retriever's blend ({blend}), encoder `use-multilingual-3.1`
- Method: `answers` has the highest F1 of right answers where at most {MOST_LOST:.0%} of the questions whose right entry
  came first are lost; `related` tells unanswered near misses from unanswered questions from elsewhere best (Youden);
  `sure` is the lowest score from which {SURE_PRECISION:.0%} of at least {FEWEST_SURE} answers are right; `slope` and
  `offset` are a logistic curve from the score to the chance that the best entry is right. Rows that a boundary keeps
  away are left out.

| number | value |
|---|---|
{numbers}

## On the rows it was fitted on

| figure | value (95 % interval), n |
|---|---|
{figures}

The blend's weights were chosen on these rows too, so expect less elsewhere: `qunzhu-evals retrieval` on other rows says
how much.

## Limits

Five numbers from questions to one invented shop. Other knowledge, above all documents, and any other encoder want
their own threshold: a community's setting, or a new fit. A question about a known thing that asks what no entry says
often scores as high as a question that one answers; a person still reads every draft.
"""


def _shown(figure: Figure) -> str:
    if figure.value is None or figure.low is None or figure.high is None:
        return f"–, n {figure.n}"
    return f"{figure.value:.3f} ({figure.low:.3f}–{figure.high:.3f}), n {figure.n}"
