"""`python -m evals.bench [--quick] [--json]`: figures, budgets, and ratios to plain baselines."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import click

from evals.bench import over_http, search, work
from evals.bench.figures import table
from evals.bench.over_http import Load, Tell
from evals.inside import demo_services

QUICK = Load(seconds=5, steps=(150, 250), baseline_steps=(300, 600), step_seconds=3)


def run(load: Load, texts: int, tell: Tell) -> dict[str, Any]:
    """All measurements, one after another: they share the cores with nobody but their own load generator."""
    result: dict[str, Any] = {"cores": os.cpu_count(), "load_before": round(os.getloadavg()[0], 2)}
    with tempfile.TemporaryDirectory(prefix="qunzhu-bench-") as folder:
        with demo_services(Path(folder)) as services:
            result["work"] = work.measure(services, texts)
        tell(f"work per message: {result['work']}")
    result["search"] = search.measure(200, texts, tell, rebuild=False)
    with tempfile.TemporaryDirectory(prefix="qunzhu-bench-") as folder:
        result["http"] = over_http.measure(load, Path(folder), tell)
    ratios = work.ratios(result["work"]) | result["search"]["ratios"] | over_http.ratios(result["http"])
    return result | {"ratios": ratios}


@click.command()
@click.option("--quick", is_flag=True, help="seconds in place of minutes; the figures are rough")
@click.option("--json", "as_json", is_flag=True, help="everything as JSON on stdout in place of the table")
def main(quick: bool, as_json: bool) -> None:
    """Measure on this machine. Nothing is passed or failed here: figures depend on the machine, ratios less so."""
    result = run(QUICK if quick else Load(), 80 if quick else 400, lambda line: click.echo(line, err=True))
    click.echo(json.dumps(result, ensure_ascii=False) if as_json else table(result))


if __name__ == "__main__":
    main()
