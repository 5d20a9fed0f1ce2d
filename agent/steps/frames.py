"""Talk about risky things that does none itself: rules that forbid, warnings, reports, questions whether it is so."""

from functools import cache

from agent.steps.lexicon_files import CONTEXTS, package_folder, read_mapping, words_of
from agent.steps.spelled import WordFinder
from core.text import Normalized

_LISTS = ("warns", "rules")
_NEGATIONS = ("不是", "没有", "不会", "不", "没")


def is_about(normalized: Normalized) -> bool:
    """Whether the text frames what it says as a rule, a warning or a report. 不是骗子 is none."""
    places = _finder().places(normalized)
    return any(not normalized.text.endswith(_NEGATIONS, 0, place.start) for some in places.values() for place in some)


@cache
def _finder() -> WordFinder:
    lists = read_mapping(package_folder() / CONTEXTS)
    return WordFinder(word for name in _LISTS for word in words_of(lists[name], CONTEXTS, name))
