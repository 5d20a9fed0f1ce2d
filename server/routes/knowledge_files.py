"""Files of knowledge in and out, in five formats."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from agent.flows import knowledge as flow
from agent.flows import knowledge_files
from agent.flows.community import today
from agent.flows.knowledge import Imported
from agent.flows.knowledge_files import Reading
from core.errors import BadInput
from knowledge.columns import FIELDS, How
from knowledge.duplicates import Likeness
from knowledge.exporting import ENDINGS, MEDIA_TYPES
from knowledge.importing import MAX_BYTES, Format
from knowledge.raw_entries import Cleaned
from server.state import Here, Whoever

ENTRIES_HEADER = "x-qunzhu-entries"
router = APIRouter(prefix="/v1/knowledge", tags=["knowledge"])


class _View(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class RowErrorView(_View):
    """`row` counts entries from 1 (0: the file as a whole); `cell` is that of a table, `C5`."""

    row: int
    line: int | None
    field: str
    code: str
    message: str
    cell: str | None


class MatchView(_View):
    """`other_row` 0: an entry of the knowledge base; `score` is the share of common character pairs."""

    likeness: Likeness
    row: int
    id: str
    other_row: int
    other_id: str
    question: str
    other_question: str
    score: float


class CleaningView(_View):
    """`applied` false: only found; the text was taken word for word."""

    row: int
    line: int | None
    field: str
    kind: Cleaned
    before: str
    after: str
    applied: bool


class ColumnView(_View):
    """A column of the table, the field that it is read as (null: left out), how that was found, its first values."""

    name: str
    field: str | None
    how: How
    examples: list[str]


class ImportedView(BaseModel):
    """`gone`: passages that the same document no longer has."""

    added: int
    changed: int
    unchanged: int
    dry_run: bool
    errors: list[RowErrorView]
    duplicates: list[MatchView]
    conflicts: list[MatchView]
    near: list[MatchView]
    cleanings: list[CleaningView]
    columns: list[ColumnView]
    encoding: str | None = Field(description="of a CSV")
    ignored_sheets: list[str]
    gone: list[str]
    retired: int


def imported_view(done: Imported) -> ImportedView:
    def likened(likeness: Likeness) -> list[MatchView]:
        return [MatchView.model_validate(match) for match in done.matches if match.likeness == likeness]

    table = done.table
    return ImportedView(
        added=done.added,
        changed=done.changed,
        unchanged=done.unchanged,
        dry_run=done.dry_run,
        errors=[RowErrorView.model_validate(error) for error in done.errors],
        duplicates=likened("duplicate"),
        conflicts=likened("conflict"),
        near=likened("near"),
        cleanings=[CleaningView.model_validate(one) for one in done.cleanings],
        columns=[ColumnView.model_validate(one) for one in table.columns] if table else [],
        encoding=table.encoding if table else None,
        ignored_sheets=list(table.ignored) if table else [],
        gone=done.gone,
        retired=done.retired,
    )


def said_columns(text: str | None) -> Mapping[str, str | None]:
    """The `columns` of a request. Raises `BadInput` `columns_invalid`."""
    try:
        said: Any = json.loads(text or "{}")
    except (ValueError, RecursionError):
        said = None
    fits = isinstance(said, dict) and all(field is None or field in FIELDS for field in said.values())
    if not fits:
        raise BadInput("columns_invalid", extra={"field": "columns"}, fields="、".join(FIELDS))
    found: Mapping[str, str | None] = said
    return found


_MOST_COLUMNS = 20_000


@router.post("/import", max_body_size=MAX_BYTES + 1024)
async def import_file(
    request: Request,
    services: Here,
    caller: Whoever,
    format: Format = "yaml",
    dry_run: bool = False,
    partial: Annotated[bool, Query(description="store the good rows although others are bad")] = False,
    strict: Annotated[bool, Query(description="duplicates and conflicts are errors too")] = False,
    columns: Annotated[
        str | None,
        Query(
            max_length=_MOST_COLUMNS,
            description='JSON: a column\'s name to a field, null: leave out; `{"问": "title"}`',
        ),
    ] = None,
    name: Annotated[str, Query(max_length=200, description="the file's name, for passages of documents")] = "",
    community: Annotated[str | None, Query(max_length=80, description="of entries that name none")] = None,
    clean: Annotated[bool | None, Query(description="unset: what others wrote, but no file of ours")] = None,
    retire_gone: Annotated[bool, Query(description="retire passages that the document no longer has")] = False,
) -> ImportedView:
    """The request's body is the file. With any bad row nothing is stored (422 with every row's error), unless
    `partial`; a dry run always answers 200 and says what would happen."""
    data = await request.body()
    done = await run_in_threadpool(
        flow.import_file,
        services,
        caller,
        data,
        format,
        dry_run=dry_run,
        partial=partial,
        strict=strict,
        retire_gone=retire_gone,
        how=Reading(name=name, columns=said_columns(columns), clean=clean, community=community),
    )
    if not dry_run and not partial:
        flow.check_errors(done.errors)
    return imported_view(done)


@router.get("/export", response_class=StreamingResponse)
def export(
    services: Here,
    caller: Whoever,
    format: Format = "yaml",
    community: Annotated[str | None, Query(max_length=80, description="only this community's own entries")] = None,
) -> StreamingResponse:
    """Every entry that you may read, whatever its status, as a file that `import` reads back without a change."""
    out = knowledge_files.export(services, caller, format, community=community)
    name = f"knowledge-{today(services.clock.now()):%Y-%m-%d}{ENDINGS[format]}"
    headers = {"content-disposition": f'attachment; filename="{name}"', ENTRIES_HEADER: str(out.entries)}
    return StreamingResponse(out.pieces, media_type=MEDIA_TYPES[format], headers=headers)
