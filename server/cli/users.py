"""`qunzhu users`: people of the staff."""

import sys

import click

from server.cli.api import connect
from server.cli.lazy import Group
from server.cli.output import emit
from server.cli.words import word


@click.group("users", cls=Group)
def command() -> None:
    """人员与登录链接。People of the staff, and sign-in links."""


@command.command("add")
@click.option("--name", metavar="NAME", required=True, help="显示名 / name that is shown")
@click.option(
    "--role", metavar="ROLE", required=True, help="角色 / owner, admin, supervisor, content, service, answerer…"
)
@click.option("--community", metavar="ID", help="只在这个社群 / in this community only; without: everywhere")
@click.option("--password-stdin", is_flag=True, help="从标准输入读口令 / read a password from standard input")
@click.argument("login")
def add(name: str, role: str, community: str | None, password_stdin: bool, login: str) -> None:
    """新建用户。Make a user with one role; without a password they sign in by link."""
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else None
    wanted = {"login": login, "name": name, "role": role, "community_id": community, "password": password}
    with connect() as api:
        made = api.post("/v1/users", wanted)
    emit(made, lambda: word("user_made", login=login, id=made["id"]))


@command.command("link")
@click.argument("login", required=False)
def link(login: str | None) -> None:
    """一次性登录链接（24 小时内有效）。A one-time sign-in link for LOGIN (default: the first owner)."""
    with connect() as api:
        made = api.post("/v1/login-links", {"login": login})
        url = f"{api.url}/console/link/{made['token']}"
    emit(made | {"url": url}, lambda: f"{word('link')}\n{url}")
