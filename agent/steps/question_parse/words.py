"""The words of questions, from `agent/lexicons/questions.yaml`, compiled once."""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final, NamedTuple

from core.yaml_text import load_yaml

_FILE: Final = "questions.yaml"


class Hit(NamedTuple):
    name: str
    start: int
    end: int


class Words(NamedTuple):
    """One pattern per name, in the order of the file, and its alternatives one by one: an alternation takes the first
    that fits and not the longest."""

    patterns: Mapping[str, re.Pattern[str]]
    alternatives: Mapping[str, tuple[re.Pattern[str], ...]]

    def all(self, text: str) -> list[Hit]:
        """Every hit, the longest where several overlap, in the order of the text."""
        found = [
            Hit(name, *match.span())
            for name, some in self.alternatives.items()
            for one in some
            for match in one.finditer(text)
        ]
        kept: list[Hit] = []
        for hit in sorted(found, key=lambda one: one.start - one.end):
            if hit.end > hit.start and not any(hit.start < one.end and one.start < hit.end for one in kept):
                kept.append(hit)
        return sorted(kept, key=lambda one: one.start)

    def first(self, text: str) -> str | None:
        """The first name, in the order of the file, that has a hit."""
        return next((name for name, pattern in self.patterns.items() if pattern.search(text)), None)


@cache
def _loaded() -> dict[str, Any]:
    loaded: dict[str, Any] = load_yaml(files("agent.lexicons").joinpath(_FILE).read_text("utf-8"))
    return loaded


def _pattern(parts: Iterable[object]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{part})" for part in parts))


@cache
def words(section: str) -> Words:
    """A section whose keys are names (`metrics`, `dimensions`, `activities`, `order`, `channels`, `refusals`)."""
    found = _loaded()[section]
    alone = {name: tuple(re.compile(part) for part in parts) for name, parts in found.items()}
    return Words({name: _pattern(parts) for name, parts in found.items()}, alone)


@cache
def pattern(section: str) -> re.Pattern[str]:
    """A section that is one list (`lists`, `cohort`, `definition`, `advice`, `messages_list`, `complaints_list`)."""
    return _pattern(_loaded()[section])
