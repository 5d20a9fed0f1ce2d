"""`python -m evals.crash --kills 20 [--database-url URL [--apis 2 --workers 2]]`: exit 1 where a promise was broken."""

import json
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from evals.crash.run import Plan, run
from evals.databases import own_database

_SHOWN = 20


@click.command()
@click.option("--kills", default=20, show_default=True, help="how often the service is killed")
@click.option("--seconds", type=float, help="about how long messages come in; default 10 a kill")
@click.option("--rate", default=40.0, show_default=True, help="messages a second")
@click.option("--gap", type=float, help="average seconds from ready to the next kill, in place of --seconds")
@click.option("--database-url", help="a PostgreSQL on which a database of its own is made and dropped")
@click.option("--apis", default=1, show_default=True, help="API processes (with --workers)")
@click.option("--workers", default=0, show_default=True, help="worker processes, on PostgreSQL and a Chroma server")
@click.option("--restart-limit", type=float, help="seconds from start to ready; default 8, with --workers 60")
def main(
    kills: int,
    seconds: float | None,
    rate: float,
    gap: float | None,
    database_url: str | None,
    apis: int,
    workers: int,
    restart_limit: float | None,
) -> None:
    """Kill the service while it works, then check what it had promised. Progress on stderr, JSON on stdout."""
    if (workers or apis > 1) and not (workers and apis and database_url):
        raise click.UsageError("several processes need --apis, --workers and --database-url")
    # The service and the database must not outlive a run that is ended from outside.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    lasting = seconds or 10.0 * kills + 5
    # Several that start at once on a small machine wait for each other.
    limit = restart_limit or (60.0 if workers else 8.0)
    plan = Plan(kills, lasting, rate, gap, apis, workers, restart_seconds=limit)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="qunzhu-crash-"))
        url = stack.enter_context(own_database(database_url)) if database_url else None
        summary = run(plan, Path(folder), url, lambda line: click.echo(line, err=True))
    summary = {"database": "postgresql" if database_url else "sqlite"} | summary
    click.echo(table(summary), err=True)
    click.echo(json.dumps(summary, ensure_ascii=False))
    sys.exit(1 if summary["violations"] else 0)


def table(summary: dict[str, Any]) -> str:
    """The figures, one a line, then the violations."""
    violations = summary["violations"]
    lines = [f"{name:34} {value}" for name, value in summary.items() if name != "violations"]
    lines += [f"VIOLATION {line}" for line in violations[:_SHOWN]]
    if len(violations) > _SHOWN:
        lines.append(f"… and {len(violations) - _SHOWN} more")
    lines.append("all promises kept" if not violations else f"{len(violations)} violations")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
