"""Fits the risk classifiers on labelled sentences: what is known of a text, the weights of every label, its limits."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from math import log
from pathlib import Path
from typing import Any, Final

import numpy as np

from agent.steps import risk_classifier
from agent.steps.risk_classifier import BASE_SCALE, FORMAT, Classifier, Curves, Limit
from agent.steps.risk_policy import RiskThresholds
from agent.steps.risk_reading import Reading, grams
from core.vocabulary import RiskLabel
from evals.corpus import Progress
from evals.figures import Array
from evals.risk_lessons import Lesson, Sentence, lesson, unseen
from knowledge.embeddings import Embedder, Vectors

PENALTY: Final = 4.0
OWN_PENALTY: Final = 8.0
"""How weak the penalty is (scikit-learn's C), for the shipped classifier and for a deployment's own. The first by hand;
the second was chosen among 4 and 8 in five folds over a public development set of ads in groups."""
VECTOR_SCALE: Final = 2.0
"""How much the vector counts beside the runs; both are of length 1."""
FEWEST_ROWS: Final = 2
"""Runs that stand in fewer rows are left out."""
FEWEST_POSITIVE: Final = 15
"""Labels with fewer sentences get no curve."""
BY_FORM: Final = frozenset({RiskLabel.PRIVACY, RiskLabel.FLOODING})
"""Numbers prove themselves and volume is counted: no wording tells."""
HIGHEST_LIMIT: Final = 0.98
FOLDS: Final = 5
QUIET_RATE: Final = {RiskLabel.ABUSE: 0.002}
OTHER_QUIET_RATE: Final = 0.0005
"""Share of ordinary messages that one label may take for its own at its limit; all together stay below 1 %. Abuse has
most of it: friends tease each other in the words of enemies."""
LOWEST_LIMIT: Final = {RiskLabel.INJECTION: 0.85}
OTHER_LOWEST_LIMIT: Final = 0.3
"""A few dozen sentences of a label make its best limit a matter of chance. Attempts to steer have forms that prove
them: the curve is a second opinion there (0.7 % instead of 1.4 % of the harmless development cases)."""


def fit(
    taught: Lesson, words: Sequence[str], encoder: str, quiet: Lesson | None = None, progress: Progress = unseen
) -> Classifier:
    """The classifier of these rows. Its limits are those that serve the rows best when each fold is judged by the
    others; `quiet` ordinary messages raise them where they would be disturbed."""
    labels = tuple(label for label in RiskLabel if label not in BY_FORM and _count(taught, label) >= FEWEST_POSITIVE)
    whole = _fitted(taught, labels, words, encoder)
    folds = np.arange(len(taught.sentences)) % FOLDS
    chances = np.zeros((2, len(folds), len(labels)))
    for fold in range(FOLDS):
        others = _fitted(taught.some(np.flatnonzero(folds != fold)), labels, words, encoder)
        left = np.flatnonzero(folds == fold)
        chances[:, left] = _chances(others, taught.some(left))
        progress("folds", fold + 1, FOLDS)
    least = np.zeros((2, len(labels))) if quiet is None else _quiet(_chances(whole, quiet), labels)
    best = _best if taught.base is None else _fewest_errors
    limits = [
        Limit(*(max(best(chances[way, :, n], _right(taught, label)), float(least[way, n])) for way in (0, 1)))
        for n, label in enumerate(labels)
    ]
    return replace(whole, limits=tuple(map(bounded, labels, limits)))


def bounded(label: RiskLabel, limit: Limit) -> Limit:
    """A limit as it may be for this label."""
    lowest = LOWEST_LIMIT.get(label, OTHER_LOWEST_LIMIT)
    return Limit(*(min(max(one, lowest), HIGHEST_LIMIT) for one in limit))


def _quiet(chances: Array, labels: Sequence[RiskLabel]) -> Array:
    """The limits at which no more than the allowed share of ordinary messages gets the label, by runs alone and
    jointly; a label that holds from less than a weight of 0.5 on has a higher one."""
    rates = [QUIET_RATE.get(label, OTHER_QUIET_RATE) for label in labels]
    earlier = [0.5 / RiskThresholds().of(label) for label in labels]
    levels = [[np.quantile(way[:, n], 1 - rate) for n, rate in enumerate(rates)] for way in chances]
    limits: Array = np.array(levels) * np.array(earlier)
    return limits


def refit(rows: Sequence[Sentence], embedder: Embedder, progress: Progress = unseen) -> Classifier:
    """A deployment's own classifier, from what its people decided: it looks at the shipped one's logits too. A label of
    which there are too few keeps the shipped curve, with the limit that these rows ask for."""
    shipped = risk_classifier.shipped()
    taught = lesson(rows, shipped.words, embedder, progress, on_shipped=True)
    own = fit(taught, shipped.words, embedder.name, progress=progress)
    kept = [label for label in shipped.labels if label not in own.labels]
    columns = [shipped.labels.index(label) for label in kept]
    chances = _chances(shipped, taught)[:, :, columns]
    limits = [
        Limit(*(_calm(chances[way, :, n], _right(taught, label), shipped.limits[columns[n]][way]) for way in (0, 1)))
        for n, label in enumerate(kept)
    ]
    alone, joint = (_passing(curves, columns, len(shipped.labels)) for curves in (own.alone, own.joint))
    return replace(own, labels=(*own.labels, *kept), alone=alone, joint=joint, limits=(*own.limits, *limits))


def _calm(chances: Array, right: Array, limit: float) -> float:
    """The shipped limit, raised until at least half of what these rows had flagged is right."""
    levels = [limit, *sorted(float(one) for one in chances if one > limit)]
    fits = (one for one in levels if right[chances >= one].sum() * 2 >= (chances >= one).sum())
    return min(next(fits, HIGHEST_LIMIT) + 1e-6, HIGHEST_LIMIT)


def _passing(curves: Curves, columns: Sequence[int], width: int) -> Curves:
    """The curves, and behind them some that pass a shipped logit on as it is."""
    base = np.zeros((width, len(columns)), dtype=np.float32)
    base[columns, np.arange(len(columns))] = BASE_SCALE
    beside = [np.zeros((len(part), len(columns)), dtype=np.float32) for part in (curves.runs, curves.vector)]
    old = curves.base if len(curves.base) else np.zeros((width, len(curves.offset)), dtype=np.float32)
    return Curves(
        np.hstack([curves.runs, beside[0]]),
        np.hstack([curves.vector, beside[1]]),
        np.hstack([old, base]),
        np.concatenate([curves.offset, np.zeros(len(columns), dtype=np.float32)]),
    )


def _count(taught: Lesson, label: RiskLabel) -> int:
    return sum(label in row.labels for row in taught.sentences)


def _right(taught: Lesson, label: RiskLabel) -> Array:
    return np.array([label in row.labels for row in taught.sentences])


def _chances(classifier: Classifier, asked: Lesson) -> Array:
    """By runs alone and jointly; a row a sentence, a column a label."""
    known = [classifier.known(one.text) for one in asked.readings]
    rows = range(len(known))
    base = [None if asked.base is None else asked.base[n] for n in rows]
    alone = [classifier.logits(known[n], None, base[n]) for n in rows]
    joint = [classifier.logits(known[n], asked.vectors[n], base[n]) for n in rows]
    return np.asarray(1 / (1 + np.exp(-np.clip(np.array([alone, joint]), -30, 30))))


def _best(chances: Array, right: Array) -> float:
    """The limit with the highest F1."""
    levels = np.unique(np.quantile(chances[right], np.linspace(0, 1, 101)))
    score = [2 * (right & (chances >= one)).sum() / (right.sum() + (chances >= one).sum()) for one in levels]
    return float(levels[int(np.argmax(score))])


def _fewest_errors(chances: Array, right: Array) -> float:
    """The limit with the fewest errors of either kind: to who decides every day, a miss and a false alarm are alike."""
    levels = np.unique(np.quantile(chances, np.linspace(0, 1, 201)))
    return float(levels[int(np.argmin([((chances >= one) != right).sum() for one in levels]))])


def _fitted(taught: Lesson, labels: Sequence[RiskLabel], words: Sequence[str], encoder: str) -> Classifier:
    rows, rarity = _runs(taught.readings)
    plain = Classifier(tuple(labels), rows, rarity, _NOTHING, _NOTHING, tuple(words), (), encoder)
    matrix = _matrix([plain.known(one.text) for one in taught.readings], len(rows))
    alone = _curves(taught, labels, matrix, None)
    joint = _curves(taught, labels, matrix, taught.vectors)
    return Classifier(tuple(labels), rows, rarity, alone, joint, tuple(words), (), encoder)


_NOTHING: Final = Curves(*(np.zeros(0, dtype=np.float32) for _ in range(4)))


def _runs(readings: Sequence[Reading]) -> tuple[dict[str, int], Array]:
    count = Counter[str]()
    for one in readings:
        count.update({run for run, _, _ in grams(one.text)})
    known = sorted(run for run, rows in count.items() if rows >= FEWEST_ROWS and "\n" not in run)
    rarity = np.array([log((1 + len(readings)) / (1 + count[run])) + 1 for run in known], dtype=np.float32)
    return {run: n for n, run in enumerate(known)}, rarity


def _matrix(known: Sequence[risk_classifier.Known], width: int) -> Any:
    from scipy.sparse import csr_matrix

    starts = np.cumsum([0, *(len(one.rows) for one in known)])
    columns = np.concatenate([np.array(one.rows, dtype=np.int64) for one in known])
    return csr_matrix((np.concatenate([one.values for one in known]), columns, starts), shape=(len(known), width))


def _curves(taught: Lesson, labels: Sequence[RiskLabel], matrix: Any, vectors: Vectors | None) -> Curves:
    from scipy.sparse import csr_matrix, hstack
    from sklearn.linear_model import LogisticRegression

    parts = [np.zeros((matrix.shape[0], 0)) if part is None else part for part in (vectors, taught.base)]
    whole = hstack([matrix, csr_matrix(parts[0] * VECTOR_SCALE), csr_matrix(parts[1])]).tocsr()
    penalty = PENALTY if taught.base is None else OWN_PENALTY
    weights, offsets = [], []
    for label in labels:
        model = LogisticRegression(C=penalty, solver="liblinear", random_state=0)
        model.fit(whole, _right(taught, label))
        weights.append(model.coef_[0])
        offsets.append(model.intercept_[0])
    every = np.array(weights, dtype=np.float32).T
    runs, vector, base = np.split(every, np.cumsum([matrix.shape[1], parts[0].shape[1]]))
    return Curves(runs, vector * VECTOR_SCALE, base, np.array(offsets, dtype=np.float32))


def save(classifier: Classifier, out: Path) -> None:
    """Plain arrays, as `agent.steps.risk_classifier.load` reads them."""
    arrays: dict[str, Any] = {
        "format": np.int64(FORMAT),
        "labels": np.array(classifier.labels),
        "runs": np.array("\n".join(classifier.rows)),
        "rarity": classifier.rarity.astype(np.float16),
        "words": np.array("\n".join(classifier.words)),
        "encoder": np.array(classifier.encoder),
        "limits": np.array(classifier.limits),
    }
    for name, curves in (("alone", classifier.alone), ("joint", classifier.joint)):
        for part in Curves.__dataclass_fields__:
            arrays[f"{name}_{part}"] = getattr(curves, part).astype(np.float16)
    np.savez_compressed(out, **arrays)
