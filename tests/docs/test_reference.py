"""The reference pages name every setting, error and scope that the code has, and no other."""

import ast
import re
from pathlib import Path

from core import catalogue, tunables
from core.scopes import Scope
from core.settings import Environment

ROOT = Path(__file__).parents[2]
ROOMS = ("agent", "core", "knowledge", "prompts", "server", "store", "tools")
_FAMILIES = {
    "BadInput",
    "Malformed",
    "TooLarge",
    "Unauthenticated",
    "Forbidden",
    "NotFound",
    "Conflict",
    "TooMany",
    "Unavailable",
    "ForModel",
    "Bug",
}


def _page(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


def _first_cells(page: str) -> set[str]:
    return set(re.findall(r"^\| `([^`]+)`", page, re.MULTILINE))


def _raised() -> set[str]:
    """Every code that stands as a literal where an error is made."""
    found: set[str] = set()
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _FAMILIES:
                    found |= {
                        a.value for a in node.args[:1] if isinstance(a, ast.Constant) and isinstance(a.value, str)
                    }
    return found


def test_every_environment_variable_is_described() -> None:
    expected = {f"QUNZHU_{name.upper()}" for name in Environment.model_fields}
    assert {name for name in _first_cells(_page("settings.md")) if name.startswith("QUNZHU_")} == expected


def test_every_setting_row_is_described_with_its_default() -> None:
    page = _page("settings.md")
    assert {name for name in _first_cells(page) if "." in name} == set(tunables.ALL)
    for key, tunable in tunables.ALL.items():
        line = next(line for line in page.splitlines() if line.startswith(f"| `{key}`"))
        assert f"`{tunable.default!r}`" in line


def test_every_error_is_described() -> None:
    codes = {key.split(".")[1] for key in catalogue.load("zh-CN") if key.startswith("error.")}
    assert _first_cells(_page("errors.md")) == codes


def test_every_raised_code_has_texts_in_both_languages() -> None:
    for locale in catalogue.LOCALES:
        known = catalogue.load(locale)
        missing = [code for code in _raised() if f"error.{code}.title" not in known]
        assert missing == []


def test_both_catalogues_have_the_same_keys() -> None:
    assert catalogue.load("zh-CN").keys() == catalogue.load("en").keys()


def test_every_scope_is_described() -> None:
    named = {name for name in _first_cells(_page("roles.md")) if ":" in name and " " not in name}
    assert named == {scope.value for scope in Scope}
