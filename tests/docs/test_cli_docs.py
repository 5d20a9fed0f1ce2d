"""`docs/cli.md` names every command and every option, and nothing that isn't there."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from server.cli.main import cli

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
_HEADING = re.compile(r"^### `qunzhu ([a-z -]+?)(?: \[?[A-Z].*)?`$", re.M)
_OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")
_COMMON = {"--json", "--user", "-h", "--help"}


def _walk(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Commands that do something by themselves; a group that only holds others needs no section of its own."""
    if isinstance(command, click.Group):
        ctx = click.Context(command)
        for name in command.list_commands(ctx):
            found = command.get_command(ctx, name)
            assert found is not None
            yield from _walk(found, (*words, name))
    if words and (not isinstance(command, click.Group) or command.invoke_without_command):
        yield " ".join(words), command


COMMANDS = dict(_walk(cli))


def _sections() -> dict[str, str]:
    parts = _HEADING.split(PAGE.read_text("utf-8"))
    return {name: re.split(r"^## ", text, flags=re.M)[0] for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def _options(command: click.Command) -> set[str]:
    found = {name for param in command.params if isinstance(param, click.Option) for name in param.opts}
    return found - _COMMON


def test_every_command_has_a_section_and_every_section_a_command() -> None:
    assert set(_sections()) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_named_and_every_named_option_is_there(name: str) -> None:
    rows = [line for line in _sections()[name].splitlines() if line.startswith("| `-")]
    named = {option for row in rows for option in _OPTION.findall(row.split(" | ")[0])}
    assert named == _options(COMMANDS[name])


def test_the_common_options_are_named() -> None:
    head = PAGE.read_text("utf-8").split("\n## ")[0]
    assert all(f"`{option}" in head for option in _COMMON)


@pytest.mark.parametrize("name", COMMANDS)
def test_required_options_say_so(name: str) -> None:
    needed = [param.opts[0] for param in COMMANDS[name].params if isinstance(param, click.Option) and param.required]
    for option in needed:
        assert re.search(rf"^\| `{option}[ `].*\(required\)", _sections()[name], re.M), option
