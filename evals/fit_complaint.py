"""`qunzhu-evals fit complaint`: reads sentences, fits the heads of `agent/steps/complaint_classifier.py`, and writes
the artefact with its model card."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import log
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from agent.steps import complaint_cues
from agent.steps.complaint_classifier import (
    CATEGORIES,
    FORMAT,
    KINDS,
    STEPS,
    Classifier,
    Curves,
    hashed,
    mark_names,
    mark_values,
)
from agent.steps.complaint_cues import Marks
from agent.steps.risk_reading import Reading, grams, read
from agent.steps.triage import classify
from core.text import normalize
from core.vocabulary import ComplaintCategory, MessageKind, Severity
from evals.complaint import Message, message
from evals.corpus import Progress
from evals.figures import Array
from evals.report import Report
from evals.rows import BadFile, Row
from evals.rows import read as read_rows
from knowledge.embeddings import Embedder, Vectors

PENALTY: Final = 12.0
"""How weak the penalty is (scikit-learn's C); 12 was as good as 8 on the development cases and took fewer plain
questions for complaints; 20 changed nothing."""
ORDINARY_WEIGHT: Final = 0.15
"""How much an ordinary text counts in the fit beside a sentence that was written for it: they are easy; 0.15 was better
than 0.5 on the development cases, before questions counted in full."""
VECTOR_SCALE: Final = 2.0
"""How much the vector counts beside the runs; both are of length 1."""
FEWEST_ROWS: Final = 2
"""Runs that stand in fewer rows are left out."""
FOLDS: Final = 5
SPREAD: Final = (0.5, 0.6)
"""Between these the limit of detection is looked for: a few thousand rows make more of it a matter of chance, and they
hold more complaints than a group does, which makes a limit below an even chance look good."""
ORDINARY: Final = "ordinary"
SURE_KIND: Final = 0.6
"""Score from which triage is believed about an ordinary text."""
_BATCH: Final = 16


class Lesson(NamedTuple):
    """Sentences as the classifier reads them; a row each."""

    messages: Sequence[Message]
    readings: Sequence[Reading]
    marks: Sequence[Marks]
    vectors: Vectors

    def some(self, rows: Array) -> "Lesson":
        """Those of these numbers."""
        chosen = [int(n) for n in rows]
        return Lesson(
            [self.messages[n] for n in chosen],
            [self.readings[n] for n in chosen],
            [self.marks[n] for n in chosen],
            self.vectors[chosen],
        )


def run(
    data: Sequence[Path],
    questions: Sequence[Path],
    ordinary: Sequence[Path],
    out: Path,
    embedder: Embedder,
    progress: Progress,
) -> Report:
    """Fit on rows `{id, text, kind, is_complaint, category, severity}`, on plain `questions` and on `ordinary` texts,
    both rows `{id, text}` (an ordinary one with `labels` is passed over); writes `out` and, beside it, the card `.md`.
    Raises `BadFile`, `EmbeddingError`."""
    rows = [message(row) for file in data for row in read_rows(file)]
    if not any(row.is_complaint for row in rows) or all(row.is_complaint for row in rows):
        raise BadFile(data[0], None, "is_complaint", "must be true in some rows and false in others")
    asked = [one for file in questions for row in read_rows(file) if (one := _question(row)) is not None]
    calm = [one for file in ordinary for row in read_rows(file) if (one := _ordinary(row)) is not None]
    taught = lesson([*rows, *asked, *calm], embedder, progress)
    made, right = fit(taught, len(rows) + len(asked), embedder.name, progress)
    save(made, out)
    out.with_suffix(".md").write_text(_card(made, rows, len(asked), len(calm), right), "utf-8")
    return Report(
        "fit complaint", {}, facts={"rows": len(taught.messages), "runs": len(made.hashes), "out": str(out), **right}
    )


def _question(row: Row) -> Message | None:
    """A question that was written for another fit, in full weight; what triage takes for a complaint may be one."""
    text = row.text()
    if classify(text).kind is MessageKind.COMPLAINT:
        return None
    return Message(row.id, text, MessageKind.QUESTION, False, None, None, None)


def _ordinary(row: Row) -> Message | None:
    """Harmless talk and questions of other fits. Its kind is what triage is sure of; what triage, or the cues alone,
    take for a complaint may be one, and teaches nothing."""
    if row.texts("labels"):
        return None
    text = row.text()
    found = classify(text)
    if found.kind is MessageKind.COMPLAINT:
        return None
    kind = found.kind if found.score >= SURE_KIND else None
    return Message(row.id, text, kind, False, None, None, ORDINARY)


def lesson(rows: Sequence[Message], embedder: Embedder, progress: Progress) -> Lesson:
    cues = complaint_cues.shipped()
    normalized = [normalize(row.text) for row in rows]
    vectors = []
    for start in range(0, len(rows), _BATCH):
        vectors.append(embedder.embed([row.text for row in rows[start : start + _BATCH]]))
        progress("embedded", min(start + _BATCH, len(rows)), len(rows))
    return Lesson(rows, [read(one) for one in normalized], [cues.read(one) for one in normalized], np.vstack(vectors))


def fit(taught: Lesson, own: int, encoder: str, progress: Progress) -> tuple[Classifier, dict[str, float]]:
    """The classifier of these rows and what its folds got right among the first `own`. Limits and cuts are
    those that serve these best when each fold is judged by the others."""
    folds = _folds(taught)
    width = 1 + len(KINDS) + len(CATEGORIES) + len(STEPS)
    chances = np.zeros((2, len(folds), width))
    for fold in range(FOLDS):
        others = _fitted(taught.some(np.flatnonzero(folds != fold)), encoder)
        left = np.flatnonzero(folds == fold)
        chances[:, left] = _chances(others, taught.some(left))
        progress("folds", fold + 1, FOLDS)
    chances = chances[:, :own]
    asked = taught.some(np.arange(own))
    is_one = np.array([row.is_complaint for row in asked.messages])
    limits = tuple(_limit(chances[way, :, 0], is_one) for way in (0, 1))
    grave = _grave(asked.messages)
    cuts = np.array([_cuts(chances[way][is_one, -len(STEPS) :], grave[is_one]) for way in (0, 1)], dtype=np.float32)
    made = replace(_fitted(taught, encoder), limits=(limits[0], limits[1]), cuts=cuts)
    return made, _right(asked, chances, limits, cuts)


def _folds(taught: Lesson) -> Array:
    return np.random.default_rng(0).permutation(len(taught.messages)) % FOLDS


def _grave(rows: Sequence[Message]) -> Array:
    """The number of each row's severity; 0 where there is none."""
    return np.array([0 if row.severity is None else list(Severity).index(row.severity) for row in rows])


def _limit(chances: Array, right: Array) -> float:
    levels = np.linspace(*SPREAD, 41)
    score = [2 * (right & (chances >= one)).sum() / (right.sum() + (chances >= one).sum()) for one in levels]
    return float(levels[int(np.argmax(score))])


def _cuts(chances: Array, grave: Array) -> Array:
    """For each step the chance from which it holds with the fewest rows wrong."""
    found = []
    for n in range(len(STEPS)):
        levels = np.linspace(0.2, 0.8, 25)
        wrong = [((chances[:, n] >= one) != (grave > n)).sum() for one in levels]
        found.append(float(levels[int(np.argmin(wrong))]))
    return np.array(found)


def _chances(classifier: Classifier, asked: Lesson) -> Array:
    """By runs alone and jointly; a row a sentence, a column a head."""
    both = []
    for way in (False, True):
        rows = []
        for reading, marks, vector in zip(asked.readings, asked.marks, asked.vectors, strict=True):
            one = classifier.guess(reading, marks, vector if way else None)
            rows.append(np.concatenate([[one.complains], one.kinds, one.categories, one.steps]))
        both.append(rows)
    return np.array(both)


def _right(taught: Lesson, chances: Array, limits: Sequence[float], cuts: Array) -> dict[str, float]:
    """What the folds got right, jointly; for the card."""
    found = {}
    is_one = np.array([row.is_complaint for row in taught.messages])
    for way, name in enumerate(("alone", "joint")):
        got = chances[way][:, 0] >= limits[way]
        found[f"{name}_f1"] = round(float(2 * (got & is_one).sum() / (got.sum() + is_one.sum())), 4)
        categories = chances[way][:, 1 + len(KINDS) : 1 + len(KINDS) + len(CATEGORIES)].argmax(axis=1)
        right = [n for n, row in enumerate(taught.messages) if row.category == CATEGORIES[categories[n]]]
        found[f"{name}_category"] = round(len(right) / max(int(is_one.sum()), 1), 4)
        steps = (chances[way][:, -len(STEPS) :] >= cuts[way]).sum(axis=1)
        off = np.abs(steps - _grave(taught.messages))[is_one]
        found[f"{name}_severity"] = round(float((off == 0).mean()), 4)
        found[f"{name}_within_one"] = round(float((off <= 1).mean()), 4)
    return found


_NOTHING: Final = Curves(np.zeros((0, 0), dtype=np.float16), *(np.zeros(0, dtype=np.float32) for _ in range(3)))


def _fitted(taught: Lesson, encoder: str) -> Classifier:
    hashes, rarity = _runs(taught.readings)
    names = mark_names()
    cuts = np.zeros((2, len(STEPS)), dtype=np.float32)
    plain = Classifier(hashes, rarity, names, _NOTHING, _NOTHING, (0.5, 0.5), cuts, encoder)
    matrix = _matrix(plain, taught.readings)
    marks = np.array([mark_values(names, one) for one in taught.marks])
    return replace(
        plain, alone=_curves(taught, matrix, marks, None), joint=_curves(taught, matrix, marks, taught.vectors)
    )


def _runs(readings: Sequence[Reading]) -> tuple[Any, Array]:
    count = Counter[int]()
    for one in readings:
        count.update({hashed(run) for run, _, _ in grams(one.text)})
    known = sorted(code for code, rows in count.items() if rows >= FEWEST_ROWS)
    rarity = np.array([log((1 + len(readings)) / (1 + count[code])) + 1 for code in known], dtype=np.float32)
    return np.array(known, dtype=np.uint32), rarity


def _matrix(plain: Classifier, readings: Iterable[Reading]) -> Any:
    from scipy.sparse import csr_matrix

    known = [plain.known(one.text) for one in readings]
    starts = np.cumsum([0, *(len(one.rows) for one in known)])
    columns = np.concatenate([one.rows for one in known])
    values = np.concatenate([one.values for one in known])
    return csr_matrix((values, columns, starts), shape=(len(known), len(plain.hashes)))


def _curves(taught: Lesson, matrix: Any, marks: Array, vectors: Vectors | None) -> Curves:
    from scipy.sparse import csr_matrix, hstack

    scaled = np.zeros((matrix.shape[0], 0)) if vectors is None else vectors * VECTOR_SCALE
    whole = hstack([matrix, csr_matrix(marks), csr_matrix(scaled)]).tocsr()
    weights = np.array([ORDINARY_WEIGHT if row.part == ORDINARY else 1.0 for row in taught.messages])
    pairs = [_curve(whole[rows], right, weights[rows]) for rows, right in _heads(taught.messages)]
    every = np.array([slopes for slopes, _ in pairs], dtype=np.float32).T
    runs, signs, vector = np.split(every, np.cumsum([matrix.shape[1], marks.shape[1]]))
    offset = np.array([offset for _, offset in pairs], dtype=np.float32)
    return Curves(runs.astype(np.float16), signs, vector * VECTOR_SCALE, offset)


def _heads(rows: Sequence[Message]) -> list[tuple[Array, Array]]:
    """For every column the rows that teach it, and which of them are positive."""
    every = np.arange(len(rows))
    complaints = [n for n, row in enumerate(rows) if row.is_complaint]
    grave = _grave(rows)
    heads = [(every, np.array([row.is_complaint for row in rows]))]
    named = [n for n, row in enumerate(rows) if row.kind is not None]
    heads += [(np.array(named), np.array([rows[n].kind is kind for n in named])) for kind in KINDS]
    heads += [(np.array(complaints), np.array([rows[n].category is one for n in complaints])) for one in CATEGORIES]
    return heads + [(np.array(complaints), grave[complaints] > n) for n in range(len(STEPS))]


def _curve(signs: Any, right: Array, weights: Array) -> tuple[Array, float]:
    """Weights and offset; what no row, or every row, is gets a sure no, or yes."""
    from sklearn.linear_model import LogisticRegression

    if right.all() or not right.any():
        return np.zeros(signs.shape[1]), 8.0 if right.all() else -8.0
    model = LogisticRegression(C=PENALTY, solver="liblinear", random_state=0)
    model.fit(signs, right, sample_weight=weights)
    return model.coef_[0], float(model.intercept_[0])


def save(made: Classifier, out: Path) -> None:
    """Plain arrays, as `agent.steps.complaint_classifier.load` reads them."""
    arrays: dict[str, Any] = {
        "format": np.int64(FORMAT),
        "hashes": made.hashes,
        "rarity": made.rarity.astype(np.float16),
        "marks": np.array(made.marks),
        "limits": np.array(made.limits),
        "cuts": made.cuts,
        "encoder": np.array(made.encoder),
    }
    for name, curves in (("alone", made.alone), ("joint", made.joint)):
        for part in Curves.__dataclass_fields__:
            arrays[f"{name}_{part}"] = getattr(curves, part).astype(np.float16)
    np.savez_compressed(out, **arrays)


def _card(made: Classifier, rows: Sequence[Message], asked: int, calm: int, right: dict[str, float]) -> str:
    kinds, categories = Counter(row.kind for row in rows), Counter(row.category for row in rows)
    severities = Counter(row.severity for row in rows)
    lines = [f"| `{kind}` | {kinds[kind]} |" for kind in MessageKind]
    lines += [f"| complaint: `{one}` | {categories[one]} |" for one in ComplaintCategory]
    lines += [f"| complaint: {one} | {severities[one]} |" for one in Severity]
    counted, figures = "\n".join(lines), "\n".join(f"| {name} | {value:.4f} |" for name, value in right.items())
    return f"""# The complaint classifier

Written by `qunzhu-evals fit complaint`; not by hand.

- Rows: {len(rows)} sentences written for this project (`evals/fit/complaint/`), {sum(r.is_complaint for r in rows)} of
  them complaints; {asked} questions about invented knowledge bases (`evals/fit/questions.jsonl`, `evals/fit/domains/`);
  and {calm} ordinary texts of the other fits at {ORDINARY_WEIGHT}, whose kinds are those that triage is sure of.
- Signs: {len(made.hashes)} runs of one to three characters (by hash), weighed by rarity, each text of length 1; the
  {len(made.marks)} signs of `agent/lexicons/complaint.yaml`; and the sentence's vector (`{made.encoder}`) times
  {VECTOR_SCALE}.
- Method: logistic curves with penalty C = {PENALTY}: one for complaint or not, one a kind, one a category, one for each
  step of severity (at least medium, high, critical), the last two on complaints alone; `alone` without the vector,
  `joint` with it.
- Limits: complaint from {made.limits[0]:.2f} alone and {made.limits[1]:.2f} jointly, the chance with the highest F1
  when each of {FOLDS} folds is judged by the others, between {SPREAD[0]} and {SPREAD[1]}.

| rows | number |
|---|---|
{counted}

What the folds got right (`f1` of detection, share of right categories and severities among complaints):

| figure | value |
|---|---|
{figures}

## Limits of use

It knows Chinese as it is typed in groups. It says what a text resembles, not what is true: a case is opened for a
person, who dismisses what is none. Irony in friendly words, and complaints that only the conversation before them makes
one, are where it misses most. Another encoder wants a new fit; without the one named above it judges by runs and signs
alone.
"""
