"""导入知识: a file is looked at first; a person sees what would happen, sets columns right, and then imports."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from agent.flows import knowledge as flow
from agent.flows.knowledge import Imported
from agent.flows.knowledge_files import Reading
from core.errors import BadInput
from core.scopes import Scope
from knowledge.columns import FIELDS
from knowledge.importing import FORMATS, MAX_BYTES, MAX_ROWS, SUFFIXES, format_of
from server.console.page_route import PageRoute
from server.console.render import page
from server.console.visitor import Signed
from server.routes.knowledge_files import imported_view, said_columns
from server.state import Here, Whoever

pages = APIRouter(route_class=PageRoute, include_in_schema=False)
calls = APIRouter(prefix="/api/knowledge", include_in_schema=False)
_MEGABYTE: Final = 1024 * 1024
SHOWN: Final = 50


@pages.get("/knowledge/import")
def show(request: Request, visitor: Signed) -> Response:
    """The form, and the links to the exports."""
    visitor.caller.require(Scope.KNOWLEDGE_READ)
    held = visitor.caller.communities(Scope.KNOWLEDGE_EDIT)
    return page(
        request,
        "knowledge_import.html",
        visitor,
        current="knowledge",
        may=visitor.caller.allows(Scope.KNOWLEDGE_EDIT),
        everywhere=held is None,
        groups=[row for row in visitor.communities if visitor.caller.allows(Scope.KNOWLEDGE_EDIT, row.id)],
        suffixes=",".join(SUFFIXES),
        formats=FORMATS,
        most={"megabytes": MAX_BYTES // _MEGABYTE, "rows": MAX_ROWS},
    )


@calls.post("/import", max_body_size=MAX_BYTES + 1024)
async def look_or_import(
    request: Request,
    services: Here,
    caller: Whoever,
    visitor: Signed,
    name: Annotated[str, Query(max_length=200)],
    dry_run: bool = True,
    partial: bool = False,
    retire_gone: bool = False,
    columns: Annotated[str | None, Query(max_length=20_000)] = None,
    community: Annotated[str | None, Query(max_length=80)] = None,
) -> Response:
    """What the file would do, or has done, as a fragment of the page. Raises `BadInput` `file_suffix_unknown`."""
    format_ = format_of(name)
    if format_ is None:
        raise BadInput("file_suffix_unknown", file=name, suffixes="、".join(SUFFIXES))
    data = await request.body()
    how = Reading(name=name, columns=said_columns(columns), community=community or None)
    done: Imported = await run_in_threadpool(
        flow.import_file,
        services,
        caller,
        data,
        format_,
        dry_run=dry_run,
        partial=partial,
        retire_gone=retire_gone,
        how=how,
    )
    view = imported_view(done)
    stored = not dry_run and (partial or not view.errors)
    return page(request, "knowledge_import_report.html", visitor, done=view, stored=stored, fields=FIELDS, shown=SHOWN)


router = APIRouter(include_in_schema=False)
router.include_router(pages)
router.include_router(calls)
