"""Click commands that are imported when they run, and the two options that every command takes."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import click

_JSON = "server.cli.json"
_USER = "server.cli.user"


def _remember(key: str) -> Any:
    def callback(ctx: click.Context, _param: click.Parameter, value: object) -> None:
        # Given before the command's name, it must not be taken back by the command's own, empty one.
        if value:
            ctx.meta[key] = value

    return callback


_COMMON = (
    click.Option(
        ["--json", "as_json"],
        is_flag=True,
        expose_value=False,
        callback=_remember(_JSON),
        help="JSON 输出 / print JSON",
    ),
    click.Option(
        ["--user"],
        metavar="LOGIN",
        expose_value=False,
        callback=_remember(_USER),
        help="以谁的身份，默认第一个群主 / act as this user, default: the first owner",
    ),
)


def wants_json() -> bool:
    return bool(click.get_current_context().meta.get(_JSON))


def user() -> str | None:
    """The login that the command acts as; None for the first owner."""
    found: str | None = click.get_current_context().meta.get(_USER)
    return found


def _with_common(params: list[click.Parameter]) -> list[click.Parameter]:
    return [*params[:-1], *_COMMON, *params[-1:]]


class Command(click.Command):
    """A command with `--json` and `--user`."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        return _with_common(super().get_params(ctx))


class Group(click.Group):
    """A group whose commands take `--json` and `--user` too."""

    command_class = Command

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        return _with_common(super().get_params(ctx))


class Lazy(NamedTuple):
    """Where a command stands (its module's attribute is called like the module's last word), and its line in
    `--help`."""

    module: str
    help: str


class LazyGroup(Group):
    """Lists its commands without importing them."""

    def __init__(self, *args: Any, lazy: Mapping[str, Lazy], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in self._lazy:
            return None
        from importlib import import_module

        module = import_module(self._lazy[cmd_name].module)
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.help) for name, lazy in self._lazy.items()])
