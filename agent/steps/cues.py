"""Reads `agent/lexicons/triage.yaml` and weighs a text by its cues. The file explains its own form."""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources.abc import Traversable
from math import prod
from typing import Any, NamedTuple

from agent.steps.lexicon_files import LexiconError, package_folder, read_mapping, words_of
from agent.steps.spelled import Places, WordFinder
from core.text import Normalized
from core.vocabulary import MessageKind

FILE = "triage.yaml"


@dataclass(frozen=True, slots=True)
class Cues:
    """One group of cues; `against` is the kind that a negated word speaks for, with its weight."""

    kind: MessageKind
    weight: float
    words: frozenset[str]
    forms: tuple[re.Pattern[str], ...]
    allow: frozenset[str]
    plain: bool
    against: tuple[MessageKind, float] | None


class Weighed(NamedTuple):
    """`evidence`: for each kind 1 − ∏(1 − weight) over its different cues, kinds without a cue left out; `topic`: the
    one most of whose words stand in the text, the first in the file where several do."""

    evidence: dict[MessageKind, float]
    topic: str | None


class CueBook:
    """All cues of one file over one automaton."""

    def __init__(self, file: Traversable) -> None:
        data = read_mapping(file)
        self._groups = tuple(_groups(data.get("kinds"), file.name))
        self._negations = words_of(data.get("negations"), file.name, "negations")
        topics = _lists(data.get("topics"), file.name, "topics")
        self._topics = {name: frozenset(words) for name, words in topics.items()}
        splitting = _lists(data.get("splitting"), file.name, "splitting")
        self.joints, self.fillers, self.continuations = (
            splitting.get(name, ()) for name in ("joints", "fillers", "continuations")
        )
        words = {word for group in self._groups for word in (*group.words, *group.allow)}
        self._finder = WordFinder(words | {word for topic in self._topics.values() for word in topic})

    def read(self, normalized: Normalized) -> Weighed:
        """What the cues of a text say."""
        places = self._finder.places(normalized)
        weights: dict[MessageKind, list[float]] = defaultdict(list)
        for group in self._groups:
            for kind, weight in self._weigh(group, places, normalized.text):
                weights[kind].append(weight)
        evidence = {kind: 1 - prod(1 - weight for weight in found) for kind, found in weights.items()}
        return Weighed(evidence, self._topic(places))

    def _topic(self, places: Places) -> str | None:
        counts = {name: len(words & places.keys()) for name, words in self._topics.items()}
        best = max(counts, key=lambda name: counts[name], default=None)
        return best if best is not None and counts[best] else None

    def _weigh(self, group: Cues, places: Places, text: str) -> list[tuple[MessageKind, float]]:
        found = [(group.kind, group.weight) for form in group.forms if form.search(text)]
        covers = [place for context in group.allow & places.keys() for place in places[context]]
        for word in group.words & places.keys():
            free = [
                place.start
                for place in places[word]
                if not any(cover.start <= place.start and place.end <= cover.end for cover in covers)
            ]
            negated = [start for start in free if not group.plain and self._negated(text, start)]
            if len(free) > len(negated):
                found.append((group.kind, group.weight))
            elif negated and group.against is not None:
                found.append(group.against)
        return found

    def _negated(self, text: str, start: int) -> bool:
        return text.endswith(self._negations, max(0, start - 4), start)


@cache
def shipped() -> CueBook:
    """The cues that ship with the package, read once per process. Raises `LexiconError`."""
    return CueBook(package_folder() / FILE)


def _groups(data: object, file: str) -> list[Cues]:
    if not isinstance(data, dict):
        raise LexiconError(file, "kinds", "must be a mapping")
    found: list[Cues] = []
    for name, rows in data.items():
        kind = _kind(name, file, "kinds")
        found += [_group(kind, row, file, f"{name}[{number}]") for number, row in enumerate(rows or ())]
    return found


def _group(kind: MessageKind, row: Mapping[str, Any], file: str, name: str) -> Cues:
    unknown = set(row) - {"weight", "words", "forms", "allow", "plain", "negated"}
    if unknown:
        raise LexiconError(file, name, f"unknown: {', '.join(sorted(unknown))}")
    try:
        forms = tuple(re.compile(str(form)) for form in row.get("forms") or ())
    except re.error as error:
        raise LexiconError(file, name, f"no valid form: {error}") from error
    negated = row.get("negated")
    return Cues(
        kind,
        _weight(row.get("weight"), file, name),
        frozenset(words_of(row.get("words") or [], file, name)),
        forms,
        frozenset(words_of(row.get("allow") or [], file, name)),
        bool(row.get("plain")),
        (_kind(negated.get("kind"), file, name), _weight(negated.get("weight"), file, name)) if negated else None,
    )


def _weight(value: object, file: str, name: str) -> float:
    if not isinstance(value, int | float) or not 0.1 <= value <= 1.0:
        raise LexiconError(file, name, "weight must be 0.1 … 1.0")
    return float(value)


def _kind(value: object, file: str, name: str) -> MessageKind:
    try:
        return MessageKind(str(value))
    except ValueError:
        raise LexiconError(file, name, f"no kind of message: {value!r}") from None


def _lists(data: object, file: str, name: str) -> dict[str, tuple[str, ...]]:
    if not isinstance(data, dict):
        raise LexiconError(file, name, "must be a mapping")
    return {str(key): words_of(value, file, f"{name}.{key}") for key, value in data.items()}
