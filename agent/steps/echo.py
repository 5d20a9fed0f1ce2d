"""Does a model's text give away our instructions? They are no secret, but whoever reads them in an answer sees an
assistant that does what anybody says."""

from collections.abc import Iterable
from functools import cache
from typing import Final

from core.text import normalize
from prompts.loader import load

RUN: Final = 12
"""Letters in a row that no text shares with an instruction by chance: our own replies share 7 at most."""


def gives_away(text: str, prompt: str, sources: Iterable[str] = ()) -> bool:
    """Whether `text` holds a run of the prompt's own words that none of its sources holds."""
    said = _bare(text)
    runs = {said[at : at + RUN] for at in range(len(said) - RUN + 1)} & _runs(prompt)
    return bool(runs) and not all(any(run in _bare(source) for source in sources) for run in runs)


@cache
def _runs(prompt: str) -> frozenset[str]:
    words = _bare(load(prompt).body)
    return frozenset(words[at : at + RUN] for at in range(len(words) - RUN + 1))


def _bare(text: str) -> str:
    return "".join(char for char in normalize(text).text if char.isalnum())
