"""`qunzhu-evals`: how good is it? One JSON object on standard output, progress on standard error.

Exit codes: 0 it ran, 1 a figure is below its floor, 2 bad input, 3 something needed isn't there. What the suites need
is imported when one runs, so that `--help` is fast.
"""

import json
import sys
from collections.abc import Callable
from datetime import date, datetime
from functools import cache, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Literal, NoReturn, ParamSpec
from zoneinfo import ZoneInfo

import click

from core.vocabulary import RiskLabel

if TYPE_CHECKING:
    from evals.corpus import Knowledge
    from evals.report import Report
    from evals.retrieval import Query
    from knowledge.embeddings import Embedder

P = ParamSpec("P")
Engine = Literal["embedded", "llm"]

BELOW, BAD_INPUT, ABSENT = 1, 2, 3
_FILE = click.Path(path_type=Path, dir_okay=False)
_STEPS = {"model": 10, "attempts": 20}
_STEP = 200
_RISKS = [label.value for label in RiskLabel]


class _Day(click.ParamType[date]):
    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            return value if isinstance(value, date) else date.fromisoformat(str(value))
        except ValueError:
            self.fail("must be a date such as 2026-11-21", param, ctx)


class _Floor(click.ParamType[tuple[str, float]]):
    name = "metric=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, float]:
        name, _, number = str(value).partition("=")
        try:
            return name, float(number)
        except ValueError:
            self.fail("must be metric=value, such as r_at_1=0.8", param, ctx)


@click.group()
def main() -> None:
    """Measure the assistant on labelled data."""


def suite(command: Callable[P, "Report"]) -> Callable[P, None]:
    """A suite that no model has a part in."""

    @wraps(command)
    def embedded(engine: Engine, /, *args: P.args, **kwargs: P.kwargs) -> "Report":
        if engine != "embedded":
            _fail(BAD_INPUT, f"this suite has no {engine} engine")
        return command(*args, **kwargs)

    return suite_with_model(embedded)


def suite_with_model(command: Callable[Concatenate[Engine, P], "Report"]) -> Callable[P, None]:
    """The options that every suite has, and what is done with its report; `command` is given the engine first."""

    @click.option("--engine", type=click.Choice(["embedded", "llm"]), default="embedded", show_default=True)
    @click.option("--json", "as_json", is_flag=True, help="Accepted everywhere; the output is JSON anyway.")
    @click.option("--out", "rows_out", type=_FILE, help="Write one result per row to this file.")
    @click.option("--floor", "floors", type=_Floor(), multiple=True, help="End with 1 where this figure is below.")
    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        common: dict[str, Any] = {name: kwargs.pop(name) for name in ("engine", "as_json", "rows_out", "floors")}
        _finish(_run(command, common["engine"], *args, **kwargs), common["rows_out"], common["floors"])

    return run


def _run(command: Callable[P, "Report"], *args: P.args, **kwargs: P.kwargs) -> "Report":
    from evals.rows import BadFile
    from knowledge.embeddings import EmbeddingError

    try:
        return command(*args, **kwargs)
    except BadFile as error:
        _fail(BAD_INPUT, str(error))
    except EmbeddingError as error:
        _fail(ABSENT, f"the encoder does not answer: {error}")


def _fail(code: int, message: str) -> NoReturn:
    click.echo(f"qunzhu-evals: {message}", err=True)
    raise SystemExit(code)


def _finish(report: "Report", rows_out: Path | None, floors: tuple[tuple[str, float], ...]) -> None:
    known = report.names()
    for name, _ in floors:
        if name not in known:
            _fail(BAD_INPUT, f"--floor {name}: no such figure; there are {', '.join(known)}")
    if rows_out is not None:
        try:
            report.save_rows(rows_out)
        except OSError as error:
            _fail(BAD_INPUT, f"--out {rows_out}: {error.strerror}")
    click.echo(json.dumps(report.shown(), ensure_ascii=False))
    below = [(name, floor, report.figure(name).value) for name, floor in floors]
    # A figure that could not be measured holds no floor.
    missed = [one for one in below if one[2] is None or one[2] < one[1]]
    for name, floor, value in missed:
        click.echo(f"qunzhu-evals: {name} is {value}, below {floor}", err=True)
    if missed:
        raise SystemExit(BELOW)


def _progress(what: str, done: int, total: int) -> None:
    if done % _STEPS.get(what, _STEP) == 0 or done == total:
        click.echo(f"{what} {done}/{total}", err=True)


def _knowledge(path: Path | None) -> "Knowledge":
    from evals.corpus import knowledge

    return knowledge(path, _encoder(), _progress, _second())


@cache
def _encoder() -> "Embedder":
    from knowledge.embeddings import EmbeddedEncoder

    return EmbeddedEncoder()


@cache
def _second() -> "Embedder | None":
    from core.settings import Environment
    from knowledge import second_encoder

    wanted = Environment().second_encoder != "off" and second_encoder.available()
    return second_encoder.SecondEncoder() if wanted else None


def _today(day: date | None) -> date:
    return day or datetime.now(ZoneInfo("Asia/Shanghai")).date()


_kb = click.option("--kb", type=_FILE, help="Knowledge rows or documents. Default: the demo's.")
_day = click.option("--today", type=_Day(), help="The day on which entries must be valid. Default: today.")


@main.command()
@_kb
@click.option("--queries", type=_FILE, required=True)
@click.option("--rows", type=click.IntRange(min=1), help="Only this many rows, of each kind by its share.")
@_day
@suite_with_model
def retrieval(engine: Engine, kb: Path | None, queries: Path, rows: int | None, today: date | None) -> "Report":
    """Does the right entry come up, and are other questions left alone?"""
    from evals import retrieval as it
    from knowledge.gate import shipped

    asked = it.sampled(it.read_queries(queries), rows)
    if engine == "llm":
        return _retrieval_with_model(kb, asked, _today(today))
    return it.run(_knowledge(kb), shipped(), asked, _today(today), _progress)


def _retrieval_with_model(kb: Path | None, asked: "list[Query]", today: date) -> "Report":
    from core import log
    from evals import retrieval_llm as it
    from evals.model_door import NoModel, environment, opened
    from knowledge.gate import shipped

    # Calls are logged; standard output belongs to the figures.
    log.configure("warning", "text")
    try:
        env = environment()
    except NoModel as error:
        _fail(ABSENT, f"--engine llm: {error}")
    with opened(env) as door:
        return it.run(_knowledge(kb), shipped(), door, asked, today, _progress)


@main.command()
@_kb
@click.option("--fit", type=_FILE, help="Rows that the threshold of this run is fitted on.")
@click.option("--queries", type=_FILE, required=True)
@click.option("--folds", type=click.IntRange(min=2), help="Split --queries instead of --fit.")
@_day
@suite
def gate(kb: Path | None, fit: Path | None, queries: Path, folds: int | None, today: date | None) -> "Report":
    """Should the assistant answer at all?"""
    from evals import gate as it
    from knowledge.gate import shipped

    if (fit is None) == (folds is None):
        raise click.UsageError("exactly one of --fit and --folds")
    day = _today(today)
    return it.run(_knowledge(kb), shipped(), fit=fit, queries=queries, folds=folds, today=day, progress=_progress)


@main.command()
@click.option("--data", type=_FILE, required=True)
@click.option("--map", "map_file", type=_FILE, help='{"their label": ["our", "labels"]}; [] is clean.')
@click.option("--label", type=click.Choice(_RISKS), help="Look for this one alone; rows without it are clean.")
@click.option("--part", help="Only the rows whose field `part` says this, such as dev.")
@click.option("--no-vector", is_flag=True, help="Judge without the encoder.")
@click.option("--folds", type=click.IntRange(2, 20), help="Screen each by a deployment taught the other folds.")
@suite
def risk(
    data: Path, map_file: Path | None, label: str | None, part: str | None, no_vector: bool, folds: int | None
) -> "Report":
    """What is caught, what is called by its name, and how often clean messages are disturbed."""
    from evals import risk as it

    if no_vector and folds:
        raise click.UsageError("--folds fits with the encoder")
    embedder = None if no_vector else _encoder()
    return it.run(data, map_file, _progress, label, part=part, embedder=embedder, folds=folds or 0)


@main.command()
@click.option("--data", type=_FILE, required=True)
@click.option("--part", help="Only the rows whose field `part` says this, such as dev.")
@click.option("--no-vector", is_flag=True, help="Judge without the encoder.")
@suite
def complaint(data: Path, part: str | None, no_vector: bool) -> "Report":
    """Are complaints found, named and weighed, and is everything else let through?"""
    from evals import complaint as it

    return it.run(data, part, _progress, embedder=None if no_vector else _encoder())


@main.command()
@click.option("--data", type=_FILE, required=True)
@click.option("--part", help="Only the texts whose field `part` says this, such as dev.")
@suite
def copy(data: Path, part: str | None) -> "Report":
    """Is what our own texts may not say found and named, and everything else let through?"""
    from evals import copy_suite as it

    return it.run(data, part, _progress)


@main.command()
@click.option(
    "--cases", type=click.IntRange(min=1), default=500, show_default=True, help="Sentences made of each kind."
)
@click.option("--negatives", type=_FILE, help="Texts without personal data. Default: our own.")
@click.option("--obfuscated", type=_FILE, help="Texts with disguised personal data. Default: our own.")
@suite
def personal(cases: int, negatives: Path | None, obfuscated: Path | None) -> "Report":
    """Is personal data found in whatever spelling, and are other numbers left alone?"""
    from evals import personal_data as it

    return it.run(cases, negatives or it.NEGATIVES, obfuscated or it.OBFUSCATED, _progress)


@main.command()
@click.option("--data", type=_FILE, required=True)
@click.option("--benign", type=_FILE, help="Messages that only look like attempts.")
@click.option("--part", help="Only the rows whose field `part` says this, such as dev.")
@suite
def injection(data: Path, benign: Path | None, part: str | None) -> "Report":
    """What do attempts to steer the assistant achieve with a model that obeys everything, and are they noticed?"""
    from core import log
    from evals import injection as it

    # Doors that hold say so; standard output belongs to the figures.
    log.configure("error", "text")
    return it.run(data, benign, part, _progress)


@main.command()
@click.option("--data", type=_FILE, required=True)
@_kb
@click.option("--part", help="Only the dialogues whose field `part` says this, such as dev.")
@suite
def dialogues(data: Path, kb: Path | None, part: str | None) -> "Report":
    """Replayed conversations: are drafts made once, kept while nobody answered, and gone when somebody did?"""
    from core import log
    from evals import dialogues as it

    # The flows log; standard output belongs to the figures.
    log.configure("warning", "text")
    return it.run(data, kb, part, _progress)


@main.command()
@click.option("--data", type=_FILE, required=True)
@click.option("--names", type=_FILE, help="JSON object of the names that stand in the database.")
@suite
def campaigns(data: Path, names: Path | None) -> "Report":
    """Are briefs understood, and is what they may not ask for refused, and nothing else?"""
    from evals import campaigns as it

    return it.run(data, names, _progress)


@main.command()
@click.option("--data", type=_FILE, required=True)
@click.option("--today", type=_Day(), help="For rows that don't say on which day they were asked.")
@click.option("--names", type=_FILE, help="JSON object of the names that stand in the database.")
@suite
def questions(data: Path, today: date | None, names: Path | None) -> "Report":
    """Are managers' questions understood in all their parts, and the others refused?"""
    from evals import questions as it

    return it.run(data, today, names, _progress)


@main.command()
@click.option("--data", type=_FILE, required=True)
@click.option("--out", type=_FILE, required=True, help="The rows as they are and disguised, for `risk`.")
@click.option("--transforms", help="Names with commas between. Default: all.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--share", type=click.FloatRange(0, 1), default=0.4, show_default=True, help="Of a text's content words.")
@click.option("--json", "as_json", is_flag=True, help="Accepted everywhere; the output is JSON anyway.")
def evasion(data: Path, out: Path, transforms: str | None, seed: int, share: float, as_json: bool) -> None:
    """Write texts as people do who don't want to be found."""
    del as_json
    from evals.evasion import rows as it

    try:
        names = it.chosen(transforms)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--transforms") from error
    _finish(_run(lambda: it.run(data, names, seed, share, _progress)), out, ())


@main.group()
def fit() -> None:
    """Fit an artefact, and write it with its model card."""


_data = click.option(
    "--data", type=_FILE, required=True, multiple=True, help="X_questions.jsonl asks about X_kb.jsonl."
)
_out = click.option("--out", type=_FILE, required=True, help="The artefact, .npz; the card is written beside it.")
_json = click.option("--json", "as_json", is_flag=True, help="Accepted everywhere; the output is JSON anyway.")


def _npz(out: Path) -> Path:
    if out.suffix != ".npz" or not out.parent.is_dir():
        raise click.BadParameter("must end in .npz, in a folder that exists", param_hint="--out")
    return out


@fit.command("mean")
@click.option("--kb", type=_FILE, multiple=True, help="Knowledge whose questions count beside the demo's.")
@_out
@_json
def fit_mean(kb: tuple[Path, ...], out: Path, as_json: bool) -> None:
    """The mean vector that is taken off the second encoder's."""
    del as_json
    from evals import fit_mean as it

    place = _npz(out)
    _finish(_run(lambda: it.run(kb, place, _progress)), None, ())


@fit.command("blend")
@_kb
@_data
@_out
@_day
@_json
def fit_blend(kb: Path | None, data: tuple[Path, ...], out: Path, today: date | None, as_json: bool) -> None:
    """The weights of the ranking, with and without the second encoder."""
    del as_json
    from evals import fit_blend as it
    from evals.fit_data import lessons

    place, day = _npz(out), _today(today)
    _finish(_run(lambda: it.run(lessons(data, kb, _knowledge), place, day, _progress)), None, ())


@fit.command("gate")
@_kb
@_data
@click.option("--documents", type=_FILE, multiple=True, help="Questions about documents, named as those of --data.")
@_out
@_day
@_json
def fit_gate(
    kb: Path | None, data: tuple[Path, ...], documents: tuple[Path, ...], out: Path, today: date | None, as_json: bool
) -> None:
    """The gate's curves and thresholds."""
    del as_json
    from evals import fit_gate as it
    from evals.fit_data import lessons
    from knowledge.gate import shipped

    place, day = _npz(out), _today(today)
    about_entries = lessons(data, kb, _knowledge)
    about_documents = lessons(documents, kb, _knowledge, placed=False)
    _finish(_run(lambda: it.run(about_entries, about_documents, shipped(), place, day, _progress)), None, ())


@fit.command("risk")
@click.option("--data", type=_FILE, required=True, multiple=True, help="Sentences {text, labels}.")
@click.option("--cold", type=_FILE, help="Comments {text, label: offensive or safe}.")
@click.option("--quiet", type=_FILE, help="Ordinary messages that the limits must leave alone.")
@click.option("--on-shipped", is_flag=True, help="A deployment's own, of what `qunzhu risk export` wrote.")
@_out
@_json
def fit_risk(
    data: tuple[Path, ...], cold: Path | None, quiet: Path | None, on_shipped: bool, out: Path, as_json: bool
) -> None:
    """The classifiers of risk labels."""
    del as_json
    from evals import risk_artefact as it

    place = _npz(out)
    _finish(_run(lambda: it.run(data, cold, quiet, place, _encoder(), _progress, on_shipped=on_shipped)), None, ())


@fit.command("complaint")
@click.option("--data", type=_FILE, required=True, multiple=True, help="As the suite's rows.")
@click.option("--questions", type=_FILE, multiple=True, help="Plain questions {id, text}; they count in full.")
@click.option("--ordinary", type=_FILE, multiple=True, help="Texts {id, text} that are no complaints; they count less.")
@_out
@_json
def fit_complaint(
    data: tuple[Path, ...], questions: tuple[Path, ...], ordinary: tuple[Path, ...], out: Path, as_json: bool
) -> None:
    """The heads that judge complaints."""
    del as_json
    from evals import fit_complaint as it

    place = _npz(out)
    _finish(_run(lambda: it.run(data, questions, ordinary, place, _encoder(), _progress)), None, ())


if __name__ == "__main__":
    sys.exit(main())
