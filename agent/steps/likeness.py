"""How much of a model's text stands in what it was given."""

from collections.abc import Iterable

from core.text import normalize


def taken_from(text: str, sources: Iterable[str]) -> float:
    """The share of a text's pairs of characters that some source has, 0 to 1; marks and spaces are left out."""
    pairs = _pairs(text)
    known = {pair for source in sources for pair in _pairs(source)}
    return sum(pair in known for pair in pairs) / len(pairs) if pairs else 0.0


def _pairs(text: str) -> list[str]:
    plain = "".join(char for char in normalize(text).text if char.isalnum())
    return [plain[n : n + 2] for n in range(len(plain) - 1)] or ([plain] if plain else [])
