"""The check of our own outgoing text: is what may not go out found, named and marked, and is the rest let through?"""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from agent.steps import copy_check
from core.vocabulary import CopyLabel
from evals.corpus import Progress
from evals.figures import Figure, mean, resampled, share
from evals.label_figures import Labelled, per_label
from evals.report import Group, Report
from evals.rows import BadFile, Row, read


class Span(NamedTuple):
    """Half-open, in code points."""

    label: str
    start: int
    end: int


class Text(NamedTuple):
    """`right` are the labels it has, none for a clean one; `spans` the words that earn them."""

    id: str
    text: str
    sources: Sequence[str]
    right: frozenset[str]
    spans: Sequence[Span]
    kind: str | None
    part: str | None


class Checked(NamedTuple):
    text: Text
    got: Sequence[Span]
    ms: float

    @property
    def labels(self) -> frozenset[str]:
        return frozenset(span.label for span in self.got)


def run(data: Path, part: str | None, progress: Progress) -> Report:
    """`part` leaves out the texts of other parts. Raises `BadFile`."""
    texts = [text for row in read(data) if (text := _text(row)).part == part or part is None]
    if not texts:
        raise BadFile(data, None, "part", f"no text has {part!r}")
    unscored: Counter[str] = Counter()
    found = []
    for number, text in enumerate(texts, start=1):
        if text.text.strip():
            found.append(_check(text))
        else:
            unscored["empty_text"] += 1
        progress("texts", number, len(texts))
    labels, macro = per_label([Labelled(one.text.right, one.labels) for one in found])
    return Report(
        suite="copy",
        figures={"macro_f1": macro} | _overall(found),
        groups=_groups(found, labels),
        unscored=unscored,
        facts={"rows": len(texts)},
        rows=[_row(one) for one in found],
    )


def _text(row: Row) -> Text:
    labels = frozenset(row.texts("labels", needed=True))
    if unknown := labels - set(CopyLabel):
        raise row.bad("labels", f"{sorted(unknown)[0]!r} is none of {', '.join(CopyLabel)}")
    spans = list(_spans(row, labels))
    kind, part = row.maybe_text("kind"), row.maybe_text("part")
    return Text(row.id, row.text(), row.texts("sources"), labels, spans, kind, part)


def _spans(row: Row, labels: frozenset[str]) -> Iterator[Span]:
    spans = row.values.get("spans") or []
    if not isinstance(spans, list):
        raise row.bad("spans", "must be a list")
    for number, span in enumerate(spans):
        if not isinstance(span, dict) or span.get("label") not in labels:
            raise row.bad("spans", f"number {number} must be an object whose label is one of the row's")
        start, end = span.get("start"), span.get("end")
        if type(start) is not int or type(end) is not int or not 0 <= start < end <= len(row.text()):
            raise row.bad("spans", f"number {number} must have a start and an end inside the text")
        if span.get("text") not in (None, row.text()[start:end]):
            raise row.bad("spans", f"number {number} says {span['text']!r}, there stands {row.text()[start:end]!r}")
        yield Span(span["label"], start, end)


def _check(text: Text) -> Checked:
    begun = time.perf_counter()
    hits = copy_check.check(text.text, text.sources)
    return Checked(text, [Span(hit.label, *hit.span) for hit in hits], (time.perf_counter() - begun) * 1000)


def _overall(found: Sequence[Checked]) -> dict[str, Figure]:
    return {
        "caught": share([bool(one.got) for one in found if one.text.right]),
        "clean_false_block_rate": share([bool(one.got) for one in found if not one.text.right]),
        "exact": share([one.labels == one.text.right for one in found]),
    }


def _groups(found: Sequence[Checked], labels: Mapping[str, Group]) -> dict[str, dict[str, Group]]:
    kinds: dict[str, list[bool]] = defaultdict(list)
    for one in found:
        if one.text.kind is not None:
            kinds[one.text.kind].append(one.labels == one.text.right)
    groups: dict[str, dict[str, Group]] = {
        "per_label": {label: {**group, **_span_figures(found, label)} for label, group in labels.items()}
    }
    return groups | ({"per_kind": {kind: {"exact": share(right)} for kind, right in kinds.items()}} if kinds else {})


def _span_figures(found: Sequence[Checked], label: str) -> Group:
    """How many of the label's places are touched; and where it was found at all, how much of its words is shared."""
    pairs = [(_of(one.text.spans, label), _of(one.got, label)) for one in found]
    touched = [any(_touch(span, hit) for hit in got) for spans, got in pairs for span in spans]
    shared = [_shared(spans, got) for spans, got in pairs if spans and got]
    return {"span_found": share(touched), "span_overlap": resampled(mean, np.array(shared, dtype=float))}


def _of(spans: Sequence[Span], label: str) -> list[Span]:
    return [span for span in spans if span.label == label]


def _touch(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end


def _shared(spans: Sequence[Span], got: Sequence[Span]) -> float:
    """Code points in both over those in either."""
    ours, theirs = ({at for span in some for at in range(span.start, span.end)} for some in (spans, got))
    return len(ours & theirs) / len(ours | theirs)


def _row(one: Checked) -> dict[str, Any]:
    return {
        "id": one.text.id,
        "label": sorted(one.text.right),
        "got": [{**span._asdict(), "text": one.text.text[span.start : span.end]} for span in one.got],
        "right": one.labels == one.text.right,
        "ms": round(one.ms, 2),
    }
