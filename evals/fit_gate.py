"""Fits the gate's curves and thresholds and writes them with their model card."""

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from evals.corpus import Progress
from evals.curves import logistic
from evals.figures import Array, Figure, auroc, calibration_error, resampled, share
from evals.fit_data import Lesson
from evals.report import Report
from evals.retrieval import Query
from evals.rows import BadFile
from knowledge.evidence import DocumentEvidence, Evidence
from knowledge.gate import Curve, Gate
from knowledge.retriever import Candidate, Scope

RIDGE: Final = 1e-2
MOST_LOST: Final = 0.15
"""Of the questions whose right entry came first, at most this share may be abstained from. The others don't count:
where another entry came first, abstaining is right."""
SURE_PRECISION: Final = 0.95
FEWEST_SURE: Final = 20
"""Answers that a precision is read from."""
NEAR: Final = ("near_miss",)
FAR: Final = ("out_of_scope", "chatter")


class _Seen(NamedTuple):
    """A question with what was found first for it; `right`: it answers."""

    query: Query
    best: Candidate
    right: bool


def run(
    entries: Iterable[Lesson], documents: Iterable[Lesson], gate: Gate, out: Path, today: date, progress: Progress
) -> Report:
    """Fit on `entries`, and the curve of documents on `documents` (without any: `gate`'s stays). Writes `out` and,
    beside it, the card `.md`. Raises `BadFile`, `EmbeddingError`."""
    seen = {lesson.name: _seen(lesson, today, progress) for lesson in entries}
    every = [one for some in seen.values() for one in some]
    right = np.array([one.right for one in every], dtype=bool)
    if not right.any() or right.all():
        raise BadFile(out, None, "in_kb", "needs rows of both sorts, and some found")
    curve = Curve(*_fitted(every, right))
    limits = _Limits(every, np.array([curve.chance(_evidence(one)) for one in every]), right)
    paged = {lesson.name: _seen(lesson, today, progress) for lesson in documents}
    document_curve, document_answers = _documents([one for some in paged.values() for one in some], gate)
    answers = limits.answers()
    fitted = Gate(curve, document_curve, answers, limits.related(answers), limits.sure(answers), document_answers)
    save(fitted, out)
    figures = limits.measured(fitted)
    rows = {name: len(some) for name, some in (seen | paged).items()}
    out.with_suffix(".md").write_text(_card(rows, today, fitted, figures), "utf-8")
    return Report("fit gate", figures, facts={"rows": len(every), "out": str(out), **_numbers(fitted)})


def save(gate: Gate, out: Path) -> None:
    """Plain arrays, as `knowledge.gate.load` reads them."""
    arrays: dict[str, Any] = {name: np.float64(value) for name, value in _numbers(gate).items()}
    for name, curve in (("entries", gate.entries), ("documents", gate.documents)):
        arrays |= {name: np.array(curve.weights), f"{name}_offset": np.float64(curve.offset)}
    np.savez(out, **arrays)


def _seen(lesson: Lesson, today: date, progress: Progress) -> list[_Seen]:
    found = []
    for number, query in enumerate(lesson.queries, start=1):
        progress(lesson.name, number, len(lesson.queries))
        candidates = lesson.knowledge.retriever.search(query.text, Scope(None, today))
        if candidates:
            best = candidates[0]
            # Questions about documents are labelled as answerable or not, without saying where.
            right = best.entry.id in query.relevant if query.relevant else query.in_kb
            found.append(_Seen(query, best, right))
    return found


def _evidence(one: _Seen) -> Evidence | DocumentEvidence:
    assert one.best.evidence is not None
    return one.best.evidence


def _fitted(seen: Sequence[_Seen], right: Array) -> tuple[tuple[float, ...], float]:
    weights, offset = logistic(np.array([_evidence(one) for one in seen]), right.astype(float), RIDGE)
    return tuple(float(weight) for weight in weights), offset


def _documents(seen: Sequence[_Seen], gate: Gate) -> tuple[Curve, float]:
    """The curve of documents and the threshold with the highest F1 of answering."""
    if not seen:
        return gate.documents, gate.document_answers
    right = np.array([one.right for one in seen], dtype=bool)
    curve = Curve(*_fitted(seen, right))
    chances = np.array([curve.chance(_evidence(one)) for one in seen])
    return curve, max(_between(chances), key=lambda limit: _f1(chances >= limit, right))


def _f1(answered: Array, right: Array) -> float:
    return float(2 * (answered & right).sum() / (answered.sum() + right.sum()))


def _numbers(gate: Gate) -> dict[str, float]:
    return {name: round(getattr(gate, name), 4) for name in ("answers", "related", "sure", "document_answers")}


class _Limits:
    """Chances and labels as arrays, and the thresholds that they ask for."""

    def __init__(self, seen: Sequence[_Seen], chances: Array, right: Array) -> None:
        self.chances = chances
        self.right = right
        self.inside = np.array([one.query.in_kb for one in seen], dtype=bool)
        self.kinds = np.array([one.query.kind for one in seen])

    def answers(self) -> float:
        """The highest F1 of right answers (of all answers, of all questions inside) with at most `MOST_LOST` lost."""
        limits = _between(self.chances)
        allowed = [limit for limit in limits if (self.chances[self.right] < limit).mean() <= MOST_LOST]
        return max(allowed or [float(self.chances.min())], key=self._f1)

    def _f1(self, limit: float) -> float:
        answered = self.chances >= limit
        return float(2 * (answered & self.right).sum() / (answered.sum() + self.inside.sum()))

    def related(self, answers: float) -> float:
        """Where near misses and questions from elsewhere, as far as neither is answered, are told apart best (Youden);
        `answers` without both."""
        left = self.chances < answers
        near = self.chances[np.isin(self.kinds, NEAR) & left]
        far = self.chances[np.isin(self.kinds, FAR) & left]
        if not len(near) or not len(far):
            return answers
        best = max(_between(self.chances), key=lambda limit: float((near >= limit).mean() - (far >= limit).mean()))
        return min(best, answers)

    def sure(self, answers: float) -> float:
        """The lowest chance from which 95 % of the answers are right; 1 where none is that sure."""
        for limit in sorted(_between(self.chances)):
            above = self.chances >= limit
            if limit >= answers and above.sum() >= FEWEST_SURE and self.right[above].mean() >= SURE_PRECISION:
                return limit
        return 1.0

    def measured(self, gate: Gate) -> dict[str, Figure]:
        answered, sure = self.chances >= gate.answers, self.chances >= gate.sure
        near, far = np.isin(self.kinds, NEAR), np.isin(self.kinds, FAR)
        return {
            "r_at_1": share(self.right[self.inside]),
            "auroc": resampled(auroc, self.chances, self.inside),
            "auroc_right": resampled(auroc, self.chances, self.right),
            "calibration_error": resampled(calibration_error, self.chances, self.right),
            "precision": share(self.right[answered]),
            "recall": share((answered & self.right)[self.inside]),
            "wrongful_abstention": share(~answered[self.inside]),
            "right_lost": share(~answered[self.right]),
            "false_answer_rate": share(answered[~self.inside]),
            "false_answer_rate_near": share(answered[near]),
            "false_answer_rate_far": share(answered[far]),
            "near_called_related": share((self.chances >= gate.related)[near & ~answered]),
            "far_called_nothing": share((self.chances < gate.related)[far & ~answered]),
            "sure_precision": share(self.right[sure]),
        }


def _between(chances: Array) -> list[float]:
    """Thresholds that lie halfway between neighbouring chances."""
    levels = np.unique(chances)
    return [float(level) for level in (levels[:-1] + levels[1:]) / 2]


def _card(rows: dict[str, int], today: date, gate: Gate, measured: dict[str, Figure]) -> str:
    numbers = "\n".join(f"| `{name}` | {value} |" for name, value in _numbers(gate).items())
    entries = "\n".join(f"| `{n}` | {w:.3f} |" for n, w in zip(Evidence._fields, gate.entries.weights, strict=True))
    documents = "\n".join(
        f"| `{n}` | {w:.3f} |" for n, w in zip(DocumentEvidence._fields, gate.documents.weights, strict=True)
    )
    figures = "\n".join(f"| `{name}` | {_shown(figure)} |" for name, figure in measured.items())
    return f"""# The gate

Written by `qunzhu-evals fit gate`; not by hand.

- Entries as valid on {today.isoformat()}
- Rows: {", ".join(f"{name} {count}" for name, count in rows.items())}. All ours but for those of documents.
- Method: a logistic curve (ridge {RIDGE}) from the evidence to "the first entry answers"; `answers` has the highest F1
  of right answers where at most {MOST_LOST:.0%} of the questions whose right entry came first are lost; `related` tells
  unanswered near misses from unanswered questions from elsewhere best (Youden); `sure` is the lowest chance from which
  {SURE_PRECISION:.0%} of at least {FEWEST_SURE} answers are right; `document_answers` has the highest F1 of answering.

| number | value |
|---|---|
{numbers}

| evidence of an entry | weight |
|---|---|
{entries}
| offset | {gate.entries.offset:.3f} |

| evidence of documents | weight |
|---|---|
{documents}
| offset | {gate.documents.offset:.3f} |

## On the rows it was fitted on

| figure | value (95 % interval), n |
|---|---|
{figures}

`qunzhu-evals retrieval` on other rows says how much is left of it: `docs/decisions/0007-finding-and-refusing.md`.

## Limits

The documents' curve and threshold ({len(gate.documents.weights) + 2} numbers) are fitted on the development half of a
public set of group messages about software (`huixiangdou`); nothing else of it is kept. A question about a known thing
that asks what no entry says often scores as high as a question that one answers; a person still reads every draft.
Another encoder wants a new fit.
"""


def _shown(figure: Figure) -> str:
    if figure.value is None or figure.low is None or figure.high is None:
        return f"–, n {figure.n}"
    return f"{figure.value:.3f} ({figure.low:.3f}–{figure.high:.3f}), n {figure.n}"
