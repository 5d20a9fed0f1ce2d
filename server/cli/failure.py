"""What a failed command tells: title and advice on stderr, or the problem document with `--json`; and its exit code."""

import os
import sys
import traceback
from collections.abc import Mapping
from typing import Any, NamedTuple

import click

from server.cli.output import dumps, plain, shown, table
from server.cli.words import locale, word

INTERRUPTED = 130  # 128 + SIGINT, as shells have it
_BAD_INPUT = frozenset({400, 413, 415, 422})
_NOT_THERE = frozenset({502, 503, 504})
_HIDDEN = frozenset({"type", "title", "detail", "code", "errors", "copy", "correlation_id"})


class Refused(Exception):
    """The service's problem document, with the status it came with."""

    def __init__(self, problem: Mapping[str, Any], status: int) -> None:
        self.problem = dict(problem)
        self.status = status
        super().__init__(str(problem.get("code", status)))


class Failure(NamedTuple):
    problem: dict[str, Any]
    exit_code: int


def exit_code(status: int) -> int:
    """The exit code of an HTTP status: 2 bad input, 3 something isn't there, 1 for every other refusal."""
    return 2 if status in _BAD_INPUT else 3 if status in _NOT_THERE else 1


def report(error: BaseException, *, as_json: bool) -> int:
    """Tell what happened; the exit code. A bug of ours shows its traceback too."""
    if isinstance(error, KeyboardInterrupt | click.Abort):
        click.echo(word("interrupted"), err=True)
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):
        # The reader went away (`| head`): no more output, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    if isinstance(error, click.exceptions.NoArgsIsHelpError) or (isinstance(error, click.UsageError) and not as_json):
        error.show()
        return error.exit_code
    found = _failure(error)
    if found is None:
        traceback.print_exception(error)
        found = Failure(_problem("internal"), 1)
    click.echo(dumps(found.problem) if as_json else _text(found.problem), err=not as_json)
    return found.exit_code


def _failure(error: BaseException) -> Failure | None:
    from core.errors import ForPeople

    if isinstance(error, Refused):
        return Failure(error.problem, exit_code(error.status))
    if isinstance(error, click.ClickException):
        return Failure(_document("usage", word("usage"), error.format_message()), 2)
    if isinstance(error, ForPeople):
        return Failure(_problem(error.code, error.extra, **error.params), error.exit_code)
    if isinstance(error, OSError):
        why = error.strerror or type(error).__name__
        return Failure(_problem("file_failed", path=error.filename or "", why=why), 3)
    code = getattr(error, "code", None)
    if isinstance(code, str) and type(error).__module__.startswith("knowledge."):
        return Failure(_problem(code, why=str(error)), 3)
    return None


def _problem(code: str, extra: Mapping[str, object] | None = None, **params: object) -> dict[str, Any]:
    from core.catalogue import text

    title, advice = (text(f"error.{code}.{part}", locale(), **params) for part in ("title", "advice"))
    return _document(code, title, advice) | dict(extra or {})


def _document(code: str, title: str, detail: str) -> dict[str, Any]:
    return {"type": f"urn:qunzhu:problem:{code}", "title": title, "detail": detail, "code": code}


def _text(problem: Mapping[str, Any]) -> str:
    lines = [f"{word('error')}: {shown(problem.get('title'))} ({problem.get('code')})", f"  {problem.get('detail')}"]
    more = [f"{key}={shown(value)}" for key, value in problem.items() if _worth_telling(key, value)]
    if more:
        lines.append(f"  {' '.join(more)}")
    lines += [f"  {hit['label']}  {plain(hit['text'])} → {hit['advice']}" for hit in problem.get("copy") or ()]
    if errors := problem.get("errors"):
        lines.append(error_table(errors))
    return "\n".join(lines)


def _worth_telling(key: str, value: object) -> bool:
    return key not in _HIDDEN and value is not None and not (key == "status" and isinstance(value, int))


def error_table(errors: list[dict[str, Any]]) -> str:
    """Row errors, each with where it stands and what to do."""
    rows = [{**error, "problem": error.get("message", "")} for error in errors]
    known = ("row", "line", "cell", "field", "code", "problem")
    columns = [name for name in known if any(row.get(name) for row in rows)]
    return table(rows, columns or ["problem"], widest=100)
