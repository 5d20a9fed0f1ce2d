"""Reads `agent/lexicons/complaint.yaml` and marks a text's signs of a complaint. The file explains its own form."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources.abc import Traversable
from typing import Any, NamedTuple

from agent.steps.lexicon_files import LexiconError, package_folder, read_mapping, words_of
from agent.steps.spelled import Place, Places, WordFinder
from core.text import Normalized
from core.vocabulary import ComplaintCategory, Severity

FILE = "complaint.yaml"
_KEYS = frozenset({"weight", "words", "forms", "allow", "plain"})
_FURTHEST = 4
"""Characters before a word in which a negation of it ends."""


@dataclass(frozen=True, slots=True)
class Cue:
    """One sign: what it is worth for (or, below 0, against) a complaint."""

    name: str
    weight: float
    words: frozenset[str]
    forms: tuple[re.Pattern[str], ...]
    allow: frozenset[str]
    plain: bool


class Marks(NamedTuple):
    """What was found: `signs` by name with their places (half-open, in the normalised text), how many different words
    speak for each category, and the things that are named, by where they stand first."""

    signs: Mapping[str, tuple[tuple[int, int], ...]]
    categories: Mapping[ComplaintCategory, int]
    things: tuple[str, ...]


class ComplaintCues:
    """All cues of the file over one automaton."""

    def __init__(self, file: Traversable) -> None:
        data = read_mapping(file)
        self.cues = tuple(_cue(name, row, file.name) for name, row in _rows(data, "signs", file.name))
        self.floors = _floors(data, {cue.name for cue in self.cues}, file.name)
        self._negations = words_of(data.get("negations"), file.name, "negations")
        self._categories = {
            _category(name, file.name): frozenset(words_of(words, file.name, f"categories.{name}"))
            for name, words in _rows(data, "categories", file.name)
        }
        self._things = {
            word: str(key)
            for key, words in _rows(data, "things", file.name)
            for word in words_of(words, file.name, f"things.{key}")
        }
        words = {word for cue in self.cues for word in (*cue.words, *cue.allow)}
        words |= {word for group in self._categories.values() for word in group}
        self._finder = WordFinder(words | self._things.keys())

    def read(self, normalized: Normalized) -> Marks:
        places = self._finder.places(normalized)
        signs = {cue.name: tuple(self._places(cue, places, normalized.text)) for cue in self.cues}
        counts = {name: len(words & places.keys()) for name, words in self._categories.items()}
        return Marks(
            {name: found for name, found in signs.items() if found},
            {name: count for name, count in counts.items() if count},
            self._named(places),
        )

    def _places(self, cue: Cue, places: Places, text: str) -> Iterator[tuple[int, int]]:
        covers = [place for context in cue.allow & places.keys() for place in places[context]]
        for word in sorted(cue.words & places.keys()):
            for place in places[word]:
                if not _covered(place, covers) and (cue.plain or not self._negated(text, place.start)):
                    yield place.start, place.end
        for form in cue.forms:
            yield from (match.span() for match in form.finditer(text))

    def _negated(self, text: str, start: int) -> bool:
        return text.endswith(self._negations, max(0, start - _FURTHEST), start)

    def _named(self, places: Places) -> tuple[str, ...]:
        first: dict[str, int] = {}
        for word in self._things.keys() & places.keys():
            key = self._things[word]
            first[key] = min(first.get(key, places[word][0].start), places[word][0].start)
        return tuple(sorted(first, key=lambda key: (first[key], key)))


def _covered(place: Place, covers: list[Place]) -> bool:
    return any(cover.start <= place.start and place.end <= cover.end for cover in covers)


@cache
def shipped() -> ComplaintCues:
    """The cues that ship with the package, read once per process. Raises `LexiconError`."""
    return ComplaintCues(package_folder() / FILE)


def _rows(data: Mapping[str, Any], name: str, file: str) -> list[tuple[str, Any]]:
    rows = data.get(name)
    if not isinstance(rows, dict) or not rows:
        raise LexiconError(file, name, "must be a mapping")
    return list(rows.items())


def _cue(name: str, row: object, file: str) -> Cue:
    if not isinstance(row, dict) or set(row) - _KEYS:
        raise LexiconError(file, name, f"must be a mapping of {', '.join(sorted(_KEYS))}")
    weight = row.get("weight")
    if not isinstance(weight, int | float) or not -1 <= weight <= 1:
        raise LexiconError(file, name, "weight must be -1 … 1")
    try:
        forms = tuple(re.compile(str(form)) for form in row.get("forms") or ())
    except re.error as error:
        raise LexiconError(file, name, f"no valid form: {error}") from error
    words = frozenset(words_of(row.get("words") or [], file, name))
    allow = frozenset(words_of(row.get("allow") or [], file, name))
    return Cue(name, float(weight), words, forms, allow, bool(row.get("plain")))


def _category(name: str, file: str) -> ComplaintCategory:
    try:
        return ComplaintCategory(name)
    except ValueError:
        raise LexiconError(file, "categories", f"no category: {name!r}") from None


def _floors(data: Mapping[str, Any], known: set[str], file: str) -> dict[str, Severity]:
    """Sign to the least severity of a complaint that shows it."""
    found: dict[str, Severity] = {}
    for name, signs in _rows(data, "floors", file):
        if name not in set(Severity) or not set(signs) <= known:
            raise LexiconError(file, f"floors.{name}", "must be a severity with known signs")
        found.update(dict.fromkeys(signs, Severity(name)))
    return found
