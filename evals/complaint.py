"""The thinking about complaints: are they found, named, weighed, and are ordinary messages let through?"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from agent.steps.complaint import Complaint, assess, triaged
from core.vocabulary import ComplaintCategory, MessageKind, MessageType, Severity
from evals.corpus import Progress
from evals.figures import Figure, f1, mean, resampled, share
from evals.label_figures import Labelled, per_label
from evals.report import Group, Report
from evals.rows import BadFile, Row, read
from knowledge.embeddings import Embedder

Word = TypeVar("Word", MessageKind, ComplaintCategory, Severity)


class Message(NamedTuple):
    """A labelled message; category and severity are None where it is no complaint, kind only where nobody said."""

    id: str
    text: str
    kind: MessageKind | None
    is_complaint: bool
    category: ComplaintCategory | None
    severity: Severity | None
    part: str | None


class Assessed(NamedTuple):
    message: Message
    got: Complaint
    kind: MessageKind
    ms: float


def message(row: Row) -> Message:
    """Raises `BadFile`."""
    kind = _word(row, "kind", MessageKind)
    if kind is None:
        raise row.bad("kind", "is missing")
    is_complaint = row.flag("is_complaint")
    category, severity = _word(row, "category", ComplaintCategory), _word(row, "severity", Severity)
    if is_complaint and (category is None or severity is None):
        raise row.bad("category" if category is None else "severity", "is missing in a complaint")
    part = row.maybe_text("part")
    return Message(row.id, row.text(), kind, is_complaint, category, severity, part)


def _word(row: Row, field: str, words: type[Word]) -> Word | None:
    text = row.maybe_text(field)
    try:
        return None if text is None else words(text)
    except ValueError:
        raise row.bad(field, f"must be one of {', '.join(words)}") from None


def run(data: Path, part: str | None, progress: Progress, *, embedder: Embedder | None) -> Report:
    """`part` leaves out the rows of other parts; without an `embedder` texts are judged by their words alone. Raises
    `BadFile`, `EmbeddingError`."""
    rows = [one for row in read(data) if (one := message(row)).part == part or part is None]
    if not rows:
        raise BadFile(data, None, "part", f"no row has {part!r}")
    unscored: Counter[str] = Counter()
    found = []
    for number, one in enumerate(rows, start=1):
        if one.text.strip():
            found.append(_assess(one, embedder))
        else:
            unscored["empty_text"] += 1
        progress("messages", number, len(rows))
    return Report(
        suite="complaint",
        figures=_figures(found),
        groups=_groups(found),
        unscored=unscored,
        facts={"rows": len(rows), "ms_p95": round(float(np.percentile([one.ms for one in found], 95)), 2)},
        rows=[_row(one) for one in found],
    )


def _assess(one: Message, embedder: Embedder | None) -> Assessed:
    begun = time.perf_counter()
    got = assess(one.text, vector=None if embedder is None else lambda: embedder.embed([one.text])[0])
    kind = triaged(one.text, MessageType.TEXT, got).kind
    return Assessed(one, got, kind, (time.perf_counter() - begun) * 1000)


def _figures(found: Sequence[Assessed]) -> dict[str, Figure]:
    """Category and severity are asked of true complaints; one that was missed has neither, and counts as wrong."""
    complaints = [one for one in found if one.message.is_complaint]
    off = [_distance(one) for one in complaints]
    missed = [one.got.is_complaint for one in complaints]
    clean = [one.got.is_complaint for one in found if not one.message.is_complaint]
    _, categories = _macro(complaints, lambda one: one.message.category, lambda one: one.got.category)
    _, kinds = _macro(found, lambda one: one.message.kind, lambda one: one.kind)
    flags = [one.got.is_complaint for one in found], [one.message.is_complaint for one in found]
    return {
        "detection_f1": resampled(f1, *(np.array(column, dtype=bool) for column in flags)),
        "category_macro_f1": categories,
        "severity_accuracy": share([distance == 0 for distance in off]),
        "severity_within_one": share([distance is not None and distance <= 1 for distance in off]),
        "severity_within_one_of_found": share([distance <= 1 for distance in off if distance is not None]),
        "kind_macro_f1": kinds,
        "detected": share(missed),
        "false_alarms": share(clean),
        "uncertain": share([one.got.uncertain for one in found]),
        "quoted": resampled(mean, np.array([one.got.quote is not None for one in found if one.got.is_complaint])),
    }


def _distance(one: Assessed) -> int | None:
    if one.message.severity is None or one.got.severity is None:
        return None
    order = list(Severity)
    return abs(order.index(one.message.severity) - order.index(one.got.severity))


def _macro(
    found: Sequence[Assessed], right: Callable[[Assessed], str | None], got: Callable[[Assessed], str | None]
) -> tuple[dict[str, Group], Figure]:
    return per_label([Labelled(_one(right(one)), _one(got(one))) for one in found])


def _one(word: str | None) -> frozenset[str]:
    return frozenset() if word is None else frozenset({str(word)})


def _groups(found: Sequence[Assessed]) -> dict[str, Mapping[str, Group]]:
    complaints = [one for one in found if one.message.is_complaint]
    categories, _ = _macro(complaints, lambda one: one.message.category, lambda one: one.got.category)
    kinds, _ = _macro(found, lambda one: one.message.kind, lambda one: one.kind)
    by_severity = {
        severity.value: {
            "found": share([one.got.is_complaint for one in complaints if one.message.severity is severity]),
            "exact": share([one.got.severity is severity for one in complaints if one.message.severity is severity]),
        }
        for severity in Severity
    }
    return {"per_category": categories, "per_kind": kinds, "per_severity": by_severity}


def _row(one: Assessed) -> dict[str, Any]:
    got, message = one.got, one.message
    return {
        "id": message.id,
        "expected": {"kind": message.kind, "category": message.category, "severity": message.severity},
        "got": {
            "kind": one.kind,
            "category": got.category,
            "severity": got.severity,
            "score": got.score,
            "uncertain": got.uncertain,
            "topic": got.topic,
            "quote": None if got.quote is None else message.text[slice(*got.quote)],
        },
        "right": got.is_complaint == message.is_complaint
        and (not message.is_complaint or got.category == message.category),
        "ms": round(one.ms, 2),
    }
