"""The lexicon layer: words and combinations that speak for a risk label, with the contexts that excuse them."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import cache, lru_cache
from itertools import islice
from typing import NamedTuple

from agent.steps import risk_classifier
from agent.steps.lexicon_files import Lexicon, LexiconError, Rule, load_lexicons
from agent.steps.signs import ScreenInput, Sign
from agent.steps.spelled import Place, Places, WordFinder
from agent.steps.views.disguises import Disguise, DisguiseFinder
from core.text import Normalized
from core.vocabulary import RiskLabel

__all__ = ["Hit", "LexiconError", "LexiconSet", "hits", "lexicon_layer", "shipped"]

LAYER = "lexicon"
MOST_PLACES = 20
"""Places reported per rule: a message that repeats a word a thousand times counts once anyway."""
_DISGUISE = "homophone"
"""So begins the note of a row whose word is a disguise: what sounds like it again may be anything."""
_NEGATIONS = ("不", "没", "非", "不是", "没有", "不会")


class Hit(NamedTuple):
    """A rule that holds: `start`/`end` half-open in the original text; `word` names the row; `view` is how it was read
    where it is disguised."""

    label: RiskLabel
    word: str
    weight: float
    start: int
    end: int
    note: str
    view: str = ""


class LexiconSet:
    """Some lexicons over one automaton. Build once: it takes tens of milliseconds. `disguised` finds disguised words in
    a normalised text; by default only words as they are written count."""

    def __init__(
        self, lexicons: Iterable[Lexicon], disguised: Callable[[str], Iterable[Disguise]] = lambda _: ()
    ) -> None:
        self._lexicons = tuple(lexicons)
        self._by_word: dict[str, list[tuple[int, Rule]]] = defaultdict(list)
        for number, lexicon in enumerate(self._lexicons):
            for rule in lexicon.rules:
                for word in dict.fromkeys(word for group in rule.groups for word in group):
                    self._by_word[word].append((number, rule))
        contexts = {context for lexicon in self._lexicons for context in _contexts(lexicon)}
        self._finder = WordFinder(contexts | set(self._by_word), disguised)

    def hits(self, normalized: Normalized) -> list[Hit]:
        """All rules that hold, by place; within a label a find inside a longer, heavier one is left out."""
        places = self._finder.places(normalized)
        found = [hit for number, rule in self._touched(places) for hit in self._apply(number, rule, places, normalized)]
        return sorted(_outermost(found), key=lambda hit: (hit.start, hit.end, hit.label))

    def _touched(self, places: Places) -> Iterator[tuple[int, Rule]]:
        seen: dict[int, tuple[int, Rule]] = {}
        for word in places:
            for number, rule in self._by_word.get(word, ()):
                seen[id(rule)] = (number, rule)
        yield from seen.values()

    def _apply(self, number: int, rule: Rule, places: Places, normalized: Normalized) -> Iterator[Hit]:
        lexicon = self._lexicons[number]
        if any(context in places for context in lexicon.anywhere):
            return
        excused = _Excuses(places, normalized.text, lexicon, rule)
        counting = (stretch for stretch in _stretches(rule, places) if not excused.holds(stretch))
        for stretch in islice(counting, MOST_PLACES):
            weight = round(rule.weight * stretch.strength, 4)
            yield Hit(rule.label, rule.key, weight, stretch.first, stretch.last, rule.note, stretch.view)


class _Excuses:
    """The contexts of one rule in one text."""

    def __init__(self, places: Places, text: str, lexicon: Lexicon, rule: Rule) -> None:
        self._covering = [place for context in rule.covering for place in places.get(context, ())]
        self._beside = _sentences(places, text, rule.beside)
        near = _sentences(places, text, lexicon.near)
        self._near = near | {n - 1 for n in near} | {n + 1 for n in near}

    def holds(self, stretch: Place) -> bool:
        if stretch.sentence in self._beside or stretch.sentence in self._near:
            return True
        return any(context.start <= stretch.start and stretch.end <= context.end for context in self._covering)


def _sentences(places: Places, text: str, contexts: Iterable[str]) -> set[int]:
    """Where one of the contexts stands; 不是骗子 is no 是骗子."""
    return {
        place.sentence
        for context in contexts
        for place in places.get(context, ())
        if not text.endswith(_NEGATIONS, 0, place.start)
    }


def _contexts(lexicon: Lexicon) -> Iterator[str]:
    yield from lexicon.near
    yield from lexicon.anywhere
    for rule in lexicon.rules:
        yield from rule.covering
        yield from rule.beside


def _stretches(rule: Rule, places: Places) -> Iterator[Place]:
    """Each place of the first group joined with the nearest of the other groups, where they stand close enough."""
    groups = [sorted(place for word in group for place in places.get(word, ())) for group in rule.groups]
    if not all(groups):
        return
    for anchor in groups[0]:
        parts = [anchor]
        for group in groups[1:]:
            nearest = _nearest(parts, group)
            if nearest is None:
                break
            parts.append(nearest)
        if len(parts) == len(groups) and _between(parts) <= rule.within:
            yield _joined(parts)


def _nearest(parts: list[Place], group: list[Place]) -> Place | None:
    """The place of `group` nearest to `parts` that overlaps none of them; looks at a few on either side."""
    start, end = min(part.start for part in parts), max(part.end for part in parts)
    at = bisect_left(group, (start,))
    around = group[max(0, at - 3) : at + 6]
    free = [place for place in around if all(place.end <= part.start or part.end <= place.start for part in parts)]
    return min(free, key=lambda place: max(place.start - end, start - place.end, 0), default=None)


def _between(parts: list[Place]) -> int:
    whole = max(part.end for part in parts) - min(part.start for part in parts)
    return whole - sum(part.end - part.start for part in parts)


def _joined(parts: list[Place]) -> Place:
    return Place(
        min(part.start for part in parts),
        max(part.end for part in parts),
        min(part.first for part in parts),
        max(part.last for part in parts),
        min(part.sentence for part in parts),
        next((part.view for part in parts if part.view), ""),
        min(part.strength for part in parts),
    )


def _outermost(found: list[Hit]) -> list[Hit]:
    kept: list[Hit] = []
    for hit in sorted(found, key=lambda hit: (hit.start - hit.end, -hit.weight)):
        inside = any(
            other.label == hit.label
            and other.start <= hit.start
            and hit.end <= other.end
            and other.weight >= hit.weight
            for other in kept
        )
        if not inside:
            kept.append(hit)
    return kept


@cache
def shipped() -> LexiconSet:
    """The lexicons that ship with the package, built once per process. Raises `LexiconError`."""
    return LexiconSet(_files(), disguised)


@cache
def _files() -> tuple[Lexicon, ...]:
    return load_lexicons()


def words() -> frozenset[str]:
    """Every word that a shipped rule looks for, but for those that are disguises themselves."""
    rules = (rule for lexicon in _files() for rule in lexicon.rules if not rule.note.startswith(_DISGUISE))
    return frozenset(word for rule in rules for group in rule.groups for word in group)


@lru_cache(maxsize=128)
def disguised(text: str) -> tuple[Disguise, ...]:
    """What stands in a normalised text for words of the shipped rules or for those that the classifier knows."""
    return tuple(_finder().finds(text))


@cache
def _finder() -> DisguiseFinder:
    return DisguiseFinder(words() | set(risk_classifier.shipped().words))


def hits(normalized: Normalized) -> list[Hit]:
    """What the shipped lexicons find."""
    return shipped().hits(normalized)


def lexicon_layer(normalized: Normalized, message: ScreenInput) -> list[Sign]:  # noqa: ARG001 a layer's signature
    """The lexicons as a layer of `agent/steps/risk.py`."""
    return [Sign(hit.label, hit.weight, hit.start, hit.end, LAYER, hit.word) for hit in hits(normalized)]
