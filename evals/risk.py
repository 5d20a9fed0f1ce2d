"""Screening of single messages: what is caught, what is called by its name, and how often clean ones are disturbed."""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from agent.steps.risk import ScreenInput, Setup, screen_with
from core.vocabulary import RiskLabel
from evals.corpus import Progress
from evals.figures import Figure, share
from evals.label_figures import Labelled, macro_f1, one_label, per_label
from evals.report import Group, Report
from evals.rows import BadFile, Row, read
from knowledge.embeddings import Embedder

CLEAN = "clean"
UNCHANGED = ("none", "clean", "base", "original")
"""Values of `perturbation` that mark a row as it was before."""

Labels = Mapping[str, frozenset[str]]


class Message(NamedTuple):
    """`right` are the labels it has or, with `single`, any of which is right; empty for a clean one."""

    id: str
    text: str
    right: frozenset[str]
    perturbation: str | None
    base_text: str | None


class Screened(NamedTuple):
    message: Message
    got: tuple[tuple[str, float], ...]
    ms: float

    @property
    def labels(self) -> frozenset[str]:
        return frozenset(label for label, _ in self.got)


Screen = Callable[[str], tuple[tuple[str, float], ...]]
"""A text to the labels found in it with their scores."""


def run(
    data: Path,
    map_file: Path | None,
    progress: Progress,
    label: str | None = None,
    *,
    part: str | None = None,
    embedder: Embedder | None = None,
    folds: int = 0,
) -> Report:
    """With a `label` only that one is looked for, and rows without it are clean; `part` takes the rows of that part;
    without `embedder` the classifiers judge by character runs alone. With `folds` each is screened by a deployment
    whose own classifier was fitted on the others. Raises `BadFile`, `EmbeddingError`."""
    mapping = _mapping(map_file) if map_file else None
    rows = [row for row in read(data) if part in (None, row.maybe_text("part"))]
    unscored: Counter[str] = Counter()
    messages = []
    for row in rows:
        message, reason = _message(row, mapping)
        if message is None:
            unscored[reason] += 1
        else:
            messages.append(message if label is None else _narrowed(message, label))
    screens = _screens(messages, embedder, label, folds, progress)
    found = []
    for number, message in enumerate(messages):
        found.append(_screen(message, screens[number % len(screens)]))
        progress("messages", number + 1, len(messages))
    labels, macro = _single(found) if mapping is not None else per_label(_labelled(found))
    groups: dict[str, Mapping[str, Group]] = {"per_label": labels}
    pooled: Group = {}
    if any(one.message.perturbation for one in found):
        groups["per_perturbation"], pooled = _perturbed(found, screens[0])
    return Report(
        suite="risk",
        figures=_overall(found) | {"macro_f1": macro, **pooled},
        groups=groups,
        unscored=unscored,
        facts={"rows": len(rows)} | ({} if label is None else {"label": label}),
        rows=[_row(one, single=mapping is not None) for one in found],
    )


def _mapping(path: Path) -> Labels:
    try:
        loaded = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadFile(path, None, None, f"is no JSON map: {error}") from error
    if not isinstance(loaded, dict):
        raise BadFile(path, None, None, "must be a JSON object")
    for theirs, ours in loaded.items():
        if not isinstance(ours, list) or set(map(str, ours)) - set(RiskLabel):
            raise BadFile(path, None, theirs, f"must be a list of {', '.join(RiskLabel)}")
    return {theirs: frozenset(ours) for theirs, ours in loaded.items()}


def _message(row: Row, mapping: Labels | None) -> tuple[Message | None, str]:
    text = row.text()
    right = _own_labels(row) if mapping is None else mapping.get(row.text("label"))
    if right is None:
        return None, "label_not_in_map"
    if not text.strip():
        return None, "empty_text"
    return Message(row.id, text, right, row.maybe_text("perturbation"), row.maybe_text("base_text")), ""


def _own_labels(row: Row) -> frozenset[str]:
    labels = frozenset(row.texts("labels", needed=True))
    if unknown := labels - set(RiskLabel):
        raise row.bad("labels", f"{sorted(unknown)[0]!r} is none of {', '.join(RiskLabel)}")
    return labels


def _narrowed(message: Message, label: str) -> Message:
    return message._replace(right=message.right & {label})


def _screens(
    messages: Sequence[Message], embedder: Embedder | None, label: str | None, folds: int, progress: Progress
) -> list[Screen]:
    """How each message is screened, by its number modulo their count."""
    if not folds or embedder is None:
        return [_screen_by(Setup(), embedder, label)]
    from evals.fit_risk import refit
    from evals.risk_lessons import Sentence

    made = []
    for fold in range(folds):
        others = [one for number, one in enumerate(messages) if number % folds != fold]
        # Where several labels are right, a person would have named one.
        taught = [Sentence(one.text, frozenset(RiskLabel(name) for name in sorted(one.right)[:1])) for one in others]
        made.append(_screen_by(Setup(own=refit(taught, embedder)), embedder, label))
        progress("fits", fold + 1, folds)
    return made


def _screen_by(setup: Setup, embedder: Embedder | None, label: str | None) -> Screen:
    def screen(text: str) -> tuple[tuple[str, float], ...]:
        hits = screen_with(ScreenInput(text=text), embedder, setup).labels
        return tuple((hit.label.value, hit.score) for hit in hits if label in (None, hit.label))

    return screen


def _screen(message: Message, screen: Screen) -> Screened:
    begun = time.perf_counter()
    got = screen(message.text)
    return Screened(message, got, (time.perf_counter() - begun) * 1000)


def _overall(found: Sequence[Screened]) -> dict[str, Figure]:
    return {
        "accuracy": share([bool(one.labels) == bool(one.message.right) for one in found]),
        "caught": share([bool(one.labels) for one in found if one.message.right]),
        "clean_false_alarm_rate": share([bool(one.labels) for one in found if not one.message.right]),
    }


def _labelled(found: Sequence[Screened]) -> list[Labelled]:
    return [Labelled(one.message.right, one.labels) for one in found]


def _single(found: Sequence[Screened]) -> tuple[dict[str, Group], Figure]:
    """One class a row, clean among them; a class is the labels any of which is right (`ad_spam+scam`). A row that none
    of them is found for counts as found for the class of the best label it got."""
    classes = {one.message.right for one in found}
    decided = [(_name(_class_of(one, classes)), _name(one.message.right)) for one in found]
    names = sorted({actual for _, actual in decided})
    shown = sorted({name for pair in decided for name in pair})
    actual = {name: np.array([is_ == name for _, is_ in decided], dtype=bool) for name in shown}
    got = {name: np.array([got_ == name for got_, _ in decided], dtype=bool) for name in shown}
    return {name: one_label(got[name], actual[name]) for name in shown}, macro_f1(names, got, actual)


def _class_of(one: Screened, classes: Iterable[frozenset[str]]) -> frozenset[str]:
    if not one.got or one.labels & one.message.right:
        return one.message.right if one.got else frozenset()
    best = one.got[0][0]
    holding = sorted((labels for labels in classes if best in labels), key=lambda labels: (len(labels), sorted(labels)))
    return holding[0] if holding else frozenset({best})


def _name(labels: frozenset[str]) -> str:
    return "+".join(sorted(labels)) or CLEAN


def _perturbed(found: Sequence[Screened], screen: Screen) -> tuple[dict[str, Group], Group]:
    """Per perturbation, and over all: how much of what is caught unchanged is still caught, and how many clean rows are
    disturbed. What a row was before is its `base_text` or, without one, the rows whose perturbation is none."""
    groups: dict[str, list[Screened]] = defaultdict(list)
    for one in found:
        if one.message.perturbation:
            groups[one.message.perturbation].append(one)
    unchanged = [one for name in UNCHANGED for one in groups.get(name, [])]
    # Every perturbation of a text has the same base.
    known = {one.message.text: bool(one.labels) for one in unchanged}

    def before(some: Sequence[Screened], *, risky: bool) -> list[bool]:
        bases = [one.message.base_text for one in some]
        if not all(bases):
            return [bool(one.labels) for one in unchanged if bool(one.message.right) == risky]
        for base in bases:
            if base is not None and base not in known:
                known[base] = bool(screen(base))
        return [known[base] for base in bases if base is not None]

    per_name = {name: _under(some, before) for name, some in groups.items()}
    pooled = _under([one for name, some in groups.items() if name not in UNCHANGED for one in some], before)
    return per_name, {f"pooled_{name}": pooled[name] for name in ("recall", "relative", "false_alarm_rate")}


def _under(some: Sequence[Screened], before: Callable[..., list[bool]]) -> Group:
    risky = [one for one in some if one.message.right]
    clean = [one for one in some if not one.message.right]
    recall = share([bool(one.labels) for one in risky])
    return {
        "recall": recall,
        "relative": _relative(recall, before(risky, risky=True)),
        "false_alarm_rate": share([bool(one.labels) for one in clean]),
        "false_alarm_rate_before": share(before(clean, risky=False) if clean else []),
    }


def _relative(recall: Figure, before: Sequence[bool]) -> Figure:
    if not any(before):
        return Figure(None, recall.n, None, None)
    was = sum(before) / len(before)
    # Wilson's interval of the recall, over the clean recall as it was measured.
    scaled = [None if value is None else value / was for value in (recall.value, recall.low, recall.high)]
    return Figure(scaled[0], recall.n, scaled[1], scaled[2])


def _row(one: Screened, *, single: bool) -> dict[str, Any]:
    right = (
        bool(one.labels & one.message.right) or (not one.labels and not one.message.right)
        if single
        else one.labels == one.message.right
    )
    return {
        "id": one.message.id,
        "label": sorted(one.message.right),
        "got": [{"label": label, "score": score} for label, score in one.got],
        "right": right,
        "ms": round(one.ms, 2),
    }
