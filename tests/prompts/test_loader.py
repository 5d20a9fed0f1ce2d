"""Prompt files and their declared variables."""

from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from jinja2 import meta
from jinja2.sandbox import SandboxedEnvironment

from core.errors import Bug
from prompts.loader import load, render

_ROOT = Path(str(files("prompts")))
NAMES = sorted(str(path.relative_to(_ROOT).with_suffix("")) for path in _ROOT.rglob("*.md"))


@pytest.mark.parametrize("name", NAMES)
def test_declared_variables_are_the_used_ones(name: str) -> None:
    prompt = load(name)
    used = meta.find_undeclared_variables(SandboxedEnvironment().parse(prompt.body))
    assert used == set(prompt.head.variables)
    assert prompt.head.description


def test_joined_answers_are_numbered() -> None:
    assert render("reply/joined", answers=["一", "二"]) == "1. 一\n2. 二"


def test_text_of_members_is_never_read_as_a_template() -> None:
    assert render("reply/joined", answers=["{{ 7 * 7 }}{% raw %}"]) == "1. {{ 7 * 7 }}{% raw %}"


@pytest.mark.parametrize("values", [{}, {"answers": [], "more": 1}, {"answer": []}])
def test_wrong_variables_are_a_bug(values: dict[str, object]) -> None:
    with pytest.raises(Bug, match="prompt_variables"):
        render("reply/joined", **values)


def test_missing_prompt_is_a_bug() -> None:
    with pytest.raises(Bug, match="prompt_missing"):
        load("reply/nothing")


def test_heads_are_plain_yaml() -> None:
    for name in NAMES:
        head = (_ROOT / f"{name}.md").read_text("utf-8").split("---\n")[1]
        assert {"description", "variables"} <= set(yaml.safe_load(head))
