"""What a text speaks of, in whatever words: the meanings of `lexicons/synonyms_*.yaml` that occur in it."""

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import chain
from typing import Final, NamedTuple

from core.text import normalize
from core.yaml_text import load_yaml

_PREFIX: Final = "synonyms_"


class Said(NamedTuple):
    """A meaning and the words that say it."""

    meaning: str
    words: str


def meanings(text: str) -> list[Said]:
    """The meanings that `text` speaks of, in order, longest words first where they overlap; a text may repeat one."""
    plain = normalize(text).text
    finder, names = _finder()
    return [Said(names[words], words) for words in _found(finder, plain)]


def _found(finder: "object", plain: str) -> Iterator[str]:
    for _, start, end in finder.find_matches_as_indexes(plain):  # type: ignore[attr-defined]  # the library has no types
        if not (_inside_word(plain, start) or _inside_word(plain, end)):
            yield plain[start:end]


def _inside_word(plain: str, at: int) -> bool:
    """Whether a Latin word or a number goes on across this place: kf is not in kfc."""
    around = plain[max(at - 1, 0) : at + 1]
    return len(around) == 2 and around.isascii() and around.isalnum()


@cache
def _finder() -> tuple[object, dict[str, str]]:
    from ahocorasick_rs import AhoCorasick, MatchKind

    names = {normalize(words).text: meaning for meaning, ways in shipped().items() for words in ways}
    return AhoCorasick(list(names), matchkind=MatchKind.LeftmostLongest), names


@cache
def shipped() -> dict[str, tuple[str, ...]]:
    """Each meaning with its ways of saying it. Raises `ValueError` where a meaning or a way stands twice."""
    read = list(chain.from_iterable(_read(file).items() for file in _files()))
    if twice := _twice(meaning for meaning, _ in read) | _twice(words for _, ways in read for words in ways):
        raise ValueError(f"{_PREFIX}*.yaml: {'、'.join(sorted(twice))} stands twice")
    return {meaning: tuple(ways) for meaning, ways in read}


def _twice(words: Iterable[str]) -> set[str]:
    return {word for word, count in Counter(words).items() if count > 1}


def _files() -> list[Traversable]:
    every = files("knowledge.lexicons").iterdir()
    return sorted((file for file in every if file.name.startswith(_PREFIX)), key=lambda file: file.name)


def _read(file: Traversable) -> dict[str, list[str]]:
    read: dict[str, list[str]] = load_yaml(file.read_text("utf-8"))
    return read
