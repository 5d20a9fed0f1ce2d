"""All pages of the console, and its static files."""

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Scope as AsgiScope

from core.errors import NotFound
from server.console import (
    audit,
    candidates,
    complaint_figures,
    complaints,
    copy_check,
    deliveries,
    drafts,
    entry,
    incidents,
    knowledge,
    knowledge_import,
    knowledge_test_page,
    live,
    members,
    notices,
    paste,
    risk_pages,
    risk_rules_page,
    risks,
    suggestions,
)
from server.console.navigation import places
from server.console.page_route import PageRoute
from server.console.render import STATIC, page, static_root
from server.console.visitor import Signed

router = APIRouter(prefix="/console", route_class=PageRoute, include_in_schema=False)


@router.get("")
def home(request: Request, visitor: Signed) -> Response:
    """The first page that the visitor may see."""
    open_to = places(visitor.caller)
    if not open_to:
        return page(request, "nothing.html", visitor, status=403)
    return RedirectResponse(open_to[0].path, 303)


# Knowledge and risks last: they have a short address for every entry and item, and other pages come before that; so do
# the complaints' figures before complaints.
_WORDING = (candidates, knowledge_import, knowledge_test_page, copy_check, knowledge)
_CARE = (complaint_figures, complaints, incidents, suggestions, notices)
_PARTS = (entry, audit, drafts, paste, deliveries, live, members, *_CARE, *_WORDING)
for part in (*_PARTS, risk_pages, risk_rules_page, risks):
    router.include_router(part.router)


@router.get("/{path:path}")
def unknown(path: str, visitor: Signed) -> Response:
    raise NotFound("page_not_found", extra={"path": path, "user": visitor.caller.id})


class _Unchanging(StaticFiles):
    """Files under an address that changes with them."""

    async def get_response(self, path: str, scope: AsgiScope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


def install(app: FastAPI) -> None:
    """Add the console to the application."""
    app.mount(static_root(), _Unchanging(directory=STATIC), name="console_static")
    app.include_router(router)

    @app.get("/", include_in_schema=False)
    def to_console() -> RedirectResponse:
        return RedirectResponse("/console", 303)
