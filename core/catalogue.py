"""Texts for people, by key and locale: `zh-CN` first, `en` second. The catalogues are YAML files in
`core/locale/`."""

from functools import cache
from importlib.resources import files
from string import Formatter
from typing import Any

from core.yaml_text import load_yaml

LOCALES = ("zh-CN", "en")
DEFAULT_LOCALE = LOCALES[0]


@cache
def load(locale: str) -> dict[str, str]:
    """All texts of one catalogue, flat: `{"error.draft_decided.title": "…"}`. Raises FileNotFoundError."""
    source = files("core.locale").joinpath(f"{locale}.yaml").read_text("utf-8")
    return dict(_flatten("", load_yaml(source)))


def _flatten(prefix: str, node: Any) -> list[tuple[str, str]]:
    if not isinstance(node, dict):
        return [(prefix, str(node))]
    found = []
    for key, value in node.items():
        found += _flatten(f"{prefix}.{key}" if prefix else str(key), value)
    return found


class _Lenient(Formatter):
    """A missing parameter stays visible in the text rather than hiding the whole message."""

    def get_value(self, key: int | str, _args: Any, kwargs: Any) -> Any:
        return kwargs.get(str(key), "{" + str(key) + "}")


def text(key: str, locale: str = DEFAULT_LOCALE, /, **params: object) -> str:
    """The text of `key`, with its parameters; where a locale lacks it the default's; where both do, the key."""
    for candidate in (locale, DEFAULT_LOCALE):
        if candidate in LOCALES and key in (texts := load(candidate)):
            return _Lenient().format(texts[key], **params)
    return key


def best_locale(accept_language: str | None) -> str:
    """The locale for an Accept-Language header."""
    for part in (accept_language or "").split(","):
        tag = part.partition(";")[0].strip().lower()
        if tag.startswith("zh"):
            return "zh-CN"
        if tag.startswith("en"):
            return "en"
    return DEFAULT_LOCALE
