"""Reads `agent/lexicons/*.yaml` into rows, and says which file and row is broken.

A risk label's file holds:

- `label`: a `RiskLabel`, the file's own name;
- `words`: rows `{word, weight, note?, allow?}`;
- `combine`: rows `{all: [[…], […], …], within, weight, note?, allow?}`: one word of each group, in any order, with at
  most `within` characters between them in total;
- `allow_near`: contexts in the same or a neighbouring sentence in which nothing of the file counts;
- `allow_anywhere`: the same, anywhere in the message.

A row's `allow` holds contexts too: one that contains the row's word must cover the place (想死你 for 想死), any other
must stand in the same sentence. `@name` stands for a list of `contexts.yaml`. All words are normalised as texts are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import yaml

from core.text import normalize
from core.vocabulary import RiskLabel
from core.yaml_text import load_yaml

CONTEXTS = "contexts.yaml"


class LexiconError(ValueError):
    """A lexicon file cannot be used; the text names the file and the row."""

    def __init__(self, file: str, row: str, why: str) -> None:
        super().__init__(f"{file}: {row}: {why}")
        self.file = file
        self.row = row


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of either kind: a word is a rule with one group of one, nothing between."""

    label: RiskLabel
    key: str
    groups: tuple[tuple[str, ...], ...]
    within: int
    weight: float
    note: str
    covering: tuple[str, ...]
    beside: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """One label's file."""

    label: RiskLabel
    rules: tuple[Rule, ...]
    near: tuple[str, ...]
    anywhere: tuple[str, ...]


def package_folder() -> Traversable:
    """Where the shipped files stand, also inside a wheel."""
    return files("agent") / "lexicons"


def load_lexicons(folder: Traversable | None = None) -> tuple[Lexicon, ...]:
    """The file of every risk label that has one in `folder` (the shipped one where none is given), others unread.

    Raises `LexiconError`, also where the folder holds none at all.
    """
    place = folder or package_folder()
    contexts = _contexts(place / CONTEXTS)
    found = [file for label in RiskLabel if (file := place / f"{label.value}.yaml").is_file()]
    if not found:
        raise LexiconError(place.name, "folder", "holds no lexicon of any risk label")
    return tuple(_lexicon(file, contexts) for file in found)


def read_mapping(file: Traversable) -> Mapping[str, Any]:
    """A YAML file whose root is a mapping. Raises `LexiconError`."""
    try:
        data = load_yaml(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise LexiconError(file.name, f"line {mark.line + 1}" if mark else "file", "no valid YAML") from error
    if not isinstance(data, dict):
        raise LexiconError(file.name, "file", "the root must be a mapping")
    return data


def words_of(value: object, file: str, row: str) -> tuple[str, ...]:
    """A list of words, normalised. Raises `LexiconError` where it is none or a word is empty."""
    if not isinstance(value, list):
        raise LexiconError(file, row, "must be a list of words")
    return tuple(_word(item, file, row) for item in value)


def _word(value: object, file: str, row: str) -> str:
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise LexiconError(file, row, f"not a word: {value!r}")
    word = normalize(str(value)).text.strip()
    if not word:
        raise LexiconError(file, row, f"nothing is left of {value!r} when normalised")
    return word


def _contexts(file: Traversable) -> dict[str, tuple[str, ...]]:
    if not file.is_file():
        return {}
    return {str(name): words_of(value, file.name, str(name)) for name, value in read_mapping(file).items()}


def _lexicon(file: Traversable, contexts: Mapping[str, tuple[str, ...]]) -> Lexicon:
    data = read_mapping(file)
    reader = _Reader(file.name, _label(data, file.name), contexts)
    reader.only(data, {"label", "words", "combine", "allow_near", "allow_anywhere"}, "file")
    rows = [reader.word(row, f"words[{n}]") for n, row in enumerate(data.get("words") or [])]
    rows += [reader.combine(row, f"combine[{n}]") for n, row in enumerate(data.get("combine") or [])]
    near = reader.expand(data.get("allow_near") or [], "allow_near")
    return Lexicon(reader.label, tuple(rows), near, reader.expand(data.get("allow_anywhere") or [], "allow_anywhere"))


def _label(data: Mapping[str, Any], file: str) -> RiskLabel:
    try:
        label = RiskLabel(str(data.get("label")))
    except ValueError:
        raise LexiconError(file, "label", f"no risk label: {data.get('label')!r}") from None
    if file != f"{label.value}.yaml":
        raise LexiconError(file, "label", f"{label.value} belongs into {label.value}.yaml")
    return label


@dataclass(frozen=True, slots=True)
class _Reader:
    file: str
    label: RiskLabel
    contexts: Mapping[str, tuple[str, ...]]

    def word(self, row: object, name: str) -> Rule:
        data = self.mapping(row, {"word", "weight", "note", "allow"}, name)
        word = _word(data.get("word"), self.file, name)
        return self.rule(data, word, ((word,),), 0, f"{name} {word}")

    def combine(self, row: object, name: str) -> Rule:
        data = self.mapping(row, {"all", "within", "weight", "note", "allow"}, name)
        groups = data.get("all")
        if not isinstance(groups, list) or not groups:
            raise LexiconError(self.file, name, "all must be a list of groups")
        within = data.get("within")
        if not isinstance(within, int) or not 0 <= within <= 100:
            raise LexiconError(self.file, name, "within must be 0 … 100 characters")
        parsed = tuple(words_of(group, self.file, name) for group in groups)
        return self.rule(data, "+".join(group[0] for group in parsed), parsed, within, name)

    def rule(
        self, data: Mapping[str, Any], key: str, groups: tuple[tuple[str, ...], ...], within: int, name: str
    ) -> Rule:
        weight = data.get("weight")
        if not isinstance(weight, int | float) or not 0.1 <= weight <= 1.0:
            raise LexiconError(self.file, name, "weight must be 0.1 … 1.0")
        allow = self.expand(data.get("allow") or [], name)
        single = groups[0][0] if len(groups) == 1 and len(groups[0]) == 1 else None
        covering = tuple(context for context in allow if single is not None and single in context)
        beside = tuple(context for context in allow if context not in covering)
        note = str(data.get("note") or "")
        return Rule(self.label, key, groups, within, float(weight), note, covering, beside)

    def expand(self, value: object, name: str) -> tuple[str, ...]:
        """`@name` replaced by its list, the rest normalised."""
        if not isinstance(value, list):
            raise LexiconError(self.file, name, "contexts must be a list")
        found: list[str] = []
        for item in value:
            if isinstance(item, str) and item.startswith("@"):
                if item[1:] not in self.contexts:
                    raise LexiconError(self.file, name, f"no such list in {CONTEXTS}: {item}")
                found += self.contexts[item[1:]]
            else:
                found.append(_word(item, self.file, name))
        return tuple(found)

    def mapping(self, row: object, allowed: set[str], name: str) -> Mapping[str, Any]:
        if not isinstance(row, dict):
            raise LexiconError(self.file, name, "a row must be a mapping")
        self.only(row, allowed, name)
        return row

    def only(self, data: Mapping[str, Any], allowed: set[str], name: str) -> None:
        unknown = sorted(str(key) for key in data if key not in allowed)
        if unknown:
            raise LexiconError(self.file, name, f"unknown: {', '.join(unknown)}")
