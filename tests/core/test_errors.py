"""Each error has its status, its exit code and words for people."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import errors
from core.catalogue import LOCALES, load
from core.errors import QunzhuError

ROOT = Path(errors.__file__).parent.parent
_SHOWN = {"BadInput", "Malformed", "TooLarge", "Unauthenticated", "Forbidden", "NotFound", "Conflict", "TooMany"}
_SHOWN |= {"Unavailable"}


@pytest.mark.parametrize(
    ("error", "status", "exit_code"),
    [
        (errors.BadInput, 422, 2),
        (errors.Malformed, 400, 2),
        (errors.TooLarge, 413, 2),
        (errors.Unauthenticated, 401, 1),
        (errors.Forbidden, 403, 1),
        (errors.NotFound, 404, 1),
        (errors.Conflict, 409, 1),
        (errors.TooMany, 429, 1),
        (errors.Unavailable, 503, 3),
        (errors.Bug, 500, 1),
    ],
)
def test_status_and_exit_code(error: type[QunzhuError], status: int, exit_code: int) -> None:
    assert (error.status, error.exit_code) == (status, exit_code)


def test_error_carries_code_params_and_extra() -> None:
    error = errors.Conflict("draft_decided", extra={"id": "drf_1"}, who="林")
    assert (error.code, error.extra, error.params) == ("draft_decided", {"id": "drf_1"}, {"who": "林"})
    assert "draft_decided" in str(error)


def _raised_codes() -> Iterator[tuple[str, str]]:
    """(code, file) of every error for people that this code raises with a literal code."""
    for room in ("core", "store", "knowledge", "prompts", "tools", "agent", "server"):
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _SHOWN
                if named and node.args and isinstance(code := node.args[0], ast.Constant):  # type: ignore[attr-defined]
                    yield str(code.value), path.name


@pytest.mark.parametrize("locale", LOCALES)
def test_every_code_has_words_in_every_language(locale: str) -> None:
    texts = load(locale)
    missing = {
        (code, file)
        for code, file in _raised_codes()
        if f"error.{code}.title" not in texts or f"error.{code}.advice" not in texts
    }
    assert missing == set()


def test_languages_have_the_same_texts() -> None:
    one, two = (load(locale).keys() for locale in LOCALES)
    assert one ^ two == set()
