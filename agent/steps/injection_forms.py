"""Attempts to steer the assistant by their form: what `agent/lexicons/injection_forms.yaml` describes, in the text as
it stands and in whatever else can be read in it."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import islice
from typing import Any, Final, NamedTuple

from agent.steps.injection_views import View, looks_hidden, pinyin, views
from agent.steps.lexicon_files import LexiconError, package_folder, read_mapping
from agent.steps.signs import Sign
from core.text import Normalized
from core.vocabulary import RiskLabel

LAYER: Final = "form"
FILE: Final = "injection_forms.yaml"
HIDDEN: Final = 0.34
"""That an order is hidden at all: as much as a weak form."""
ALONE: Final = 0.5
NEAR: Final = 40
"""Characters between two signs that speak of one thing."""
_MOST_PLACES: Final = 5
_PART: Final = re.compile(r"%([A-Z]+)%")


class Form(NamedTuple):
    """`unless` is looked for in the whole text, and makes the form not count."""

    key: str
    weight: float
    form: re.Pattern[str]
    unless: re.Pattern[str] | None


class Forms(NamedTuple):
    """`pinyin` is for texts that are written in letters."""

    plain: tuple[Form, ...]
    pinyin: tuple[Form, ...]


@cache
def shipped() -> Forms:
    """The forms that ship with the package. Raises `LexiconError`."""
    return forms(read_mapping(package_folder() / FILE))


def forms(data: Mapping[str, Any]) -> Forms:
    """Raises `LexiconError` for a row that cannot be used."""
    parts: dict[str, str] = {}
    for name, source in data["parts"].items():
        parts[name] = _filled(source, parts, name)
    made = {
        kind: tuple(_form(row, parts, data["weights"]) for row in data.get(kind, ())) for kind in ("forms", "pinyin")
    }
    return Forms(made["forms"], made["pinyin"])


def _form(row: Mapping[str, Any], parts: Mapping[str, str], weights: Mapping[str, float]) -> Form:
    key = str(row.get("key"))
    if set(row) - {"key", "weight", "any", "unless"} or row.get("weight") not in weights or not row.get("any"):
        raise LexiconError(FILE, key, "needs key, weight and any, and may have unless")
    unless = _compiled(row["unless"], parts, key) if row.get("unless") else None
    return Form(key, weights[row["weight"]], _compiled(row["any"], parts, key), unless)


def _compiled(sources: list[str], parts: Mapping[str, str], key: str) -> re.Pattern[str]:
    try:
        return re.compile("|".join(_filled(str(source), parts, key) for source in sources))
    except re.error as error:
        raise LexiconError(FILE, key, f"is no regular expression: {error}") from error


def _filled(source: str, parts: Mapping[str, str], key: str) -> str:
    def part(found: re.Match[str]) -> str:
        if found[1] not in parts:
            raise LexiconError(FILE, key, f"there is no part {found[1]} above")
        return f"(?:{parts[found[1]]})" if "|" in parts[found[1]] else parts[found[1]]

    return _PART.sub(part, source)


def signs(normalized: Normalized) -> list[Sign]:
    """What stands in the text or can be read in it."""
    found = [sign for view in views(normalized) for sign in _in_view(view, normalized)]
    return [*_together(found), *_in_pinyin(normalized), *_unseen(normalized)]


def _together(found: list[Sign]) -> list[Sign]:
    """Without weak signs that stand alone in a long text: in a long tale there is always some."""
    return [one for one in found if one.weight >= ALONE or any(_near(one, other) for other in found)]


def _near(one: Sign, other: Sign) -> bool:
    return one.key != other.key and one.start - other.end <= NEAR and other.start - one.end <= NEAR


def _in_view(view: View, normalized: Normalized) -> Iterator[Sign]:
    for form in shipped().plain:
        finds = list(islice(form.form.finditer(view.text), _MOST_PLACES))
        if not finds or (form.unless is not None and form.unless.search(view.text)):
            continue
        for find in finds:
            place = (0, len(normalized.text)) if view.hidden else find.span()
            yield _sign(form.key, form.weight, normalized, *place)
        if view.hidden:
            yield _sign("hidden", HIDDEN, normalized, 0, len(normalized.text))


def _in_pinyin(normalized: Normalized) -> Iterator[Sign]:
    letters = pinyin(normalized)
    for form in shipped().pinyin if letters else ():
        if form.form.search(letters):
            yield _sign(form.key, form.weight, normalized, 0, len(normalized.text))


def _unseen(normalized: Normalized) -> Iterator[Sign]:
    if looks_hidden(normalized):
        yield _sign("hidden", HIDDEN, normalized, 0, len(normalized.text))


def _sign(key: str, weight: float, normalized: Normalized, start: int, end: int) -> Sign:
    return Sign(RiskLabel.INJECTION, weight, *normalized.span(start, end), LAYER, key)
