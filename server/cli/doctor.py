"""`qunzhu doctor`: looks at an installation and says what to do. Changes nothing."""

import click

from server.cli import checks
from server.cli.checks import Check
from server.cli.lazy import Command
from server.cli.output import emit, table
from server.cli.progress import waiting
from server.cli.words import word

_NOT_THERE = 3


@click.command("doctor", cls=Command)
@click.pass_context
def command(ctx: click.Context) -> None:
    """体检：Python、数据目录、密钥、数据库、索引、端口、模型、磁盘；有 fail 则退出码 3。

    Check this installation; each line is ok, warn or fail with what to do. Exit 3 where something fails.
    """
    with waiting(word("asking")):
        found = checks.all_of_them()
    failed = any(check.result == "fail" for check in found)
    document = {"ok": not failed, "checks": [check._asdict() for check in found]}
    emit(document, lambda: table([_row(check) for check in found], ("result", "check", "problem"), widest=120))
    if failed:
        ctx.exit(_NOT_THERE)


def _row(check: Check) -> dict[str, str]:
    return {"result": check.result, "check": check.name, "problem": check.text}
