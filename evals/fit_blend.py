"""Fits the weights of the ranking, with and without the second encoder, and writes them with their model card."""

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np

from evals.corpus import Progress
from evals.curves import Choice, ranking
from evals.figures import Array, Figure, share
from evals.fit_data import Lesson
from evals.report import Report
from evals.rows import BadFile
from knowledge.blend import Scores
from knowledge.retriever import Scope

DEPTH: Final = 40
"""Candidates of a question that are weighed against each other."""
RIDGE: Final = 1e-3
SECOND: Final = Scores._fields.index("second")


def run(lessons: Iterable[Lesson], out: Path, today: date, progress: Progress) -> Report:
    """Write `out` and, beside it, the card `.md`. Raises `BadFile`, `EmbeddingError`."""
    names, choices = [], []
    for lesson in lessons:
        found = list(_choices(lesson, today, progress))
        names.append(f"{lesson.name} ({len(found)})")
        choices += found
    if not choices:
        raise BadFile(out, None, "in_kb", "needs rows whose right entry is found")
    one = np.append(ranking([Choice(choice.views[:, :SECOND], choice.right) for choice in choices], RIDGE), 0.0)
    two = ranking(choices, RIDGE)
    np.savez(out, one=one, two=two)
    figures = {"r_at_1_one": _first(choices, one), "r_at_1_two": _first(choices, two)}
    out.with_suffix(".md").write_text(_card(names, today, {"one": one, "two": two}, figures), "utf-8")
    return Report("fit blend", figures, facts={"rows": len(choices), "out": str(out)})


def _choices(lesson: Lesson, today: date, progress: Progress) -> Iterable[Choice]:
    for number, query in enumerate(lesson.queries, start=1):
        progress(lesson.name, number, len(lesson.queries))
        found = lesson.knowledge.retriever.search(query.text, Scope(None, today), DEPTH) if query.in_kb else []
        right = np.array([candidate.entry.id in query.relevant for candidate in found], dtype=bool)
        if right.any():
            yield Choice(np.array([candidate.scores for candidate in found]), right)


def _first(choices: Sequence[Choice], weights: Array) -> Figure:
    return share([bool(one.right[(one.views @ weights).argmax()]) for one in choices])


def _card(names: Sequence[str], today: date, fitted: dict[str, Array], figures: dict[str, Figure]) -> str:
    shares = "\n".join(
        f"| `{name}` | " + " | ".join(f"{weights[n] / weights.sum():.3f}" for weights in fitted.values()) + " |"
        for n, name in enumerate(Scores._fields)
    )
    measured = "\n".join(f"| `{name}` | {figure.value:.3f}, n {figure.n} |" for name, figure in figures.items())
    return f"""# The blend

Written by `qunzhu-evals fit blend`; not by hand.

- Entries as valid on {today.isoformat()}
- Data, all ours, questions inside with their right entry among the first {DEPTH}: {", ".join(names)}
- Method: weights under which the right entry of each question is likeliest (conditional logit, ridge {RIDGE})
- Encoders: `use-multilingual-3.1`; in the column `two` also `e5-small-4bit.1`

| view | one | two |
|---|---|---|
{shares}

| on the rows it was fitted on | value |
|---|---|
{measured}

## Limits

Invented knowledge bases with 40 to 154 entries, questions written by their makers. Figures on other questions:
`docs/decisions/0007-finding-and-refusing.md`.
"""
