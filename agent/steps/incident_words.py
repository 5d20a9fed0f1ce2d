"""By which words two complaints are about one thing, read with the lists of `agent/lexicons/incidents.yaml`."""

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources.abc import Traversable
from itertools import pairwise
from typing import Final, NamedTuple

from agent.steps import complaint_cues
from agent.steps.lexicon_files import LexiconError, package_folder, read_mapping, words_of
from core.text import normalize, tokens

FILE: Final = "incidents.yaml"
_FAULTS: Final = ("harm", "safety")
"""Signs of `complaint.yaml` that name what is wrong; all others speak of feelings and demands."""
_COUNT: Final = re.compile(r"[\d一二两三四五六七八九十百千几半]+.?|\d+\w*")
_CLAUSE: Final = re.compile(r"\W+")


class Words(NamedTuple):
    """`telling`: what a complaint is about. `faults`: what is wrong with it, in words that fit many things (漏水).
    `echoes`: it says that the speaker has the same as somebody before."""

    telling: frozenset[str]
    faults: frozenset[str]
    echoes: bool


class _Lists(NamedTuple):
    common: frozenset[str]
    faults: frozenset[str]
    filler: frozenset[str]
    echoes: tuple[re.Pattern[str], ...]


def read(text: str) -> Words:
    """The words of one member's complaint. Pure."""
    lists, plain = _shipped(), normalize(text).text
    found = {word for clause in _CLAUSE.split(plain) for word in _words(clause, lists.filler)}
    faults = frozenset(word for word in found if word in lists.faults)
    return Words(frozenset(found - faults - lists.common), faults, any(form.search(plain) for form in lists.echoes))


def _words(clause: str, filler: frozenset[str]) -> Iterator[str]:
    """Words of two characters and more; two single ones side by side are one that no dictionary has (胀包)."""
    split = tokens(clause)
    yield from (word for word in split if len(word) > 1 and not _COUNT.fullmatch(word))
    yield from (one + two for one, two in pairwise(split) if {one, two} & filler == set() and len(one) == len(two) == 1)


@cache
def _shipped() -> _Lists:
    """The lists that ship with the package, read once per process. Raises `LexiconError`."""
    return _read(package_folder() / FILE)


def _read(file: Traversable) -> _Lists:
    data = read_mapping(file)
    groups = data.get("common")
    if not isinstance(groups, list) or not isinstance(data.get("filler"), str):
        raise LexiconError(file.name, "common, filler", "must be lists of words and a text")
    cues = complaint_cues.shipped().cues
    faults = frozenset(_bare(word) for cue in cues if cue.name in _FAULTS for word in cue.words)
    said = frozenset(word for cue in cues if cue.name not in _FAULTS for word in cue.words)
    common = {word for number, group in enumerate(groups) for word in words_of(group, file.name, f"common[{number}]")}
    try:
        echoes = tuple(re.compile(form) for form in map(str, data.get("echoes") or ()))
    except re.error as error:
        raise LexiconError(file.name, "echoes", f"no valid form: {error}") from error
    return _Lists(said | common, faults, frozenset(data["filler"]), echoes)


def _bare(word: str) -> str:
    """坏了 is 坏 for who splits into words; two characters and more stay to be found."""
    return word.removesuffix("了") if len(word) > 2 else word
