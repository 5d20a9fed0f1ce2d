"""The console's texts, by key and locale. The files in `locale/` have the same keys; templates and scripts hold no
words of their own."""

from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any, Final

from core import catalogue
from core.catalogue import DEFAULT_LOCALE, LOCALES
from core.errors import QunzhuError
from core.yaml_text import load_yaml

SCRIPT_PREFIX: Final = "js."
Translate = Callable[..., str]


@cache
def load(locale: str) -> dict[str, str]:
    """All texts of one locale, flat: `{"login.title": "…"}`."""
    source = files("server.console").joinpath("locale", f"{locale}.yaml").read_text("utf-8")
    return dict(_flatten("", load_yaml(source)))


def _flatten(prefix: str, node: Any) -> list[tuple[str, str]]:
    if not isinstance(node, dict):
        return [(prefix, str(node))]
    return [pair for key, value in node.items() for pair in _flatten(f"{prefix}.{key}" if prefix else str(key), value)]


def translator(locale: str) -> Translate:
    """`t(key, **params)` of one locale; a key without a text is shown as it is."""

    def translate(key: str, /, **params: object) -> str:
        found = load(locale).get(key) or load(DEFAULT_LOCALE).get(key)
        return key if found is None else found.format(**params)

    return translate


@cache
def for_scripts(locale: str) -> dict[str, str]:
    """What the page's scripts say."""
    found = load(locale).items()
    return {key.removeprefix(SCRIPT_PREFIX): text for key, text in found if key.startswith(SCRIPT_PREFIX)}


def of_error(error: QunzhuError, locale: str) -> tuple[str, str]:
    """Title and advice of an error: the console's own words for it, else everybody's, else general ones."""
    return _part(error, "title", locale), _part(error, "advice", locale)


def _part(error: QunzhuError, part: str, locale: str) -> str:
    own, general = f"errors.{error.code}.{part}", f"error.{error.code}.{part}"
    if own in load(locale):
        return translator(locale)(own, **error.params)
    text = catalogue.text(general, locale, **error.params)
    return translator(locale)(f"error.{part}", code=error.code) if text == general else text


def known_locale(wanted: str | None) -> str | None:
    return wanted if wanted in LOCALES else None
