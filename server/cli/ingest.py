"""`qunzhu ingest`: old messages from a file, screened and kept, without drafts or clocks."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
from pydantic import ValidationError

from server.cli.api import Api, connect
from server.cli.failure import error_table
from server.cli.lazy import Command
from server.cli.output import emit, note
from server.cli.progress import Bar, waiting
from server.cli.words import word

SLICE: Final = 200
SLICE_BYTES: Final = 3 * 1024 * 1024  # the service takes 4 MiB and 500 messages
_MOST_SHOWN: Final = 50
_BAD_INPUT: Final = 2


class _Row(NamedTuple):
    line: int
    source: bytes


@click.command("ingest", cls=Command)
@click.option("--partial", is_flag=True, help="有错也导入其余的 / take the good lines although others are bad")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.pass_context
def command(ctx: click.Context, partial: bool, file: Path) -> None:
    """导入历史消息（每行一条 JSON，格式同 POST /v1/messages）。

    Import old messages, one JSON object a line in the form of POST /v1/messages. All lines are checked first: with a
    bad one nothing is sent (exit 2), unless --partial. What was sent before is known and not stored twice.
    """
    with waiting(word("reading")):
        errors = list(_flaws(file))
    done = {"added": 0, "known": 0}
    if partial or not errors:
        bad = {error["line"] for error in errors}
        with connect() as api:
            errors += _send(api, file, bad, done)
    emit(done | {"errors": errors}, lambda: word("ingested", **done))
    if errors:
        note(f"{word('bad_rows', count=len(errors))}\n{error_table(errors[:_MOST_SHOWN])}")
        ctx.exit(_BAD_INPUT)


def _rows(file: Path) -> Iterator[_Row]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield _Row(number, line.strip().removeprefix(b"\xef\xbb\xbf"))


def _flaws(file: Path) -> Iterator[dict[str, Any]]:
    """What is wrong with each line, before anything is sent."""
    from agent.flows.incoming import IncomingMessage

    for row in _rows(file):
        try:
            IncomingMessage.model_validate_json(row.source)
        except ValidationError as error:
            for one in error.errors(include_input=False, include_url=False):
                field = ".".join(str(part) for part in one["loc"])
                yield {"line": row.line, "field": field, "code": one["type"], "message": one["msg"]}


def _send(api: Api, file: Path, bad: set[int], done: dict[str, int]) -> list[dict[str, Any]]:
    """Send the good lines in slices, counting into `done`; what the service refused, by line."""
    total = sum(1 for row in _rows(file) if row.line not in bad)
    bar = Bar(word("sending"))
    errors: list[dict[str, Any]] = []
    sent = 0
    for some in _slices(row for row in _rows(file) if row.line not in bad):
        answer = api.post("/v1/messages:batch", {"messages": [json.loads(row.source) for row in some]})
        done["added"] += answer["added"]
        done["known"] += answer["known"]
        errors += [{"line": some[error["index"]].line, "code": error["code"]} for error in answer["errors"]]
        sent += len(some)
        bar(sent, total)
    return errors


def _slices(rows: Iterator[_Row]) -> Iterator[list[_Row]]:
    some: list[_Row] = []
    size = 0
    for row in rows:
        if some and (len(some) == SLICE or size + len(row.source) > SLICE_BYTES):
            yield some
            some, size = [], 0
        some.append(row)
        size += len(row.source)
    if some:
        yield some
