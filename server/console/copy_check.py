"""文案自查: a text that is still being written, its marks and what to write instead; the knowledge base's report."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from agent.flows import copy_review, copy_scan
from agent.flows.copy_review import Wanted
from core import catalogue
from core.copy_hits import CopyHit
from core.scopes import Scope
from core.vocabulary import CopyLabel
from server.console.page_route import PageRoute
from server.console.render import page
from server.console.visitor import Sent, Signed, Visitor
from server.state import Here

router = APIRouter(route_class=PageRoute, include_in_schema=False)
MOST_SHOWN: Final = 200
Text = Annotated[str, Form(max_length=copy_review.MOST_TEXT)]


@router.get("/copy")
def show(request: Request, visitor: Signed) -> Response:
    visitor.caller.require(Scope.COPY_CHECK)
    return _page(request, visitor, "", "", visitor.community_id or "", None)


@router.post("/copy")
def check(
    request: Request,
    services: Here,
    visitor: Sent,
    text: Text = "",
    sources: Text = "",
    place: Annotated[str, Form(max_length=80)] = "",
) -> Response:
    """Check; an empty text shows the form again. Nothing is stored."""
    visitor.caller.require(Scope.COPY_CHECK)
    written = text.strip().replace("\r\n", "\n")
    asked = Wanted(written, tuple(filter(None, [sources.strip()])), (), place or None)
    hits = copy_review.check(services, visitor.caller, asked) if written else None
    return _page(request, visitor, written, sources, place, hits)


def _page(
    request: Request, visitor: Visitor, text: str, sources: str, place: str, hits: Sequence[CopyHit] | None
) -> Response:
    return page(
        request,
        "copy_check.html",
        visitor,
        current="copy",
        text=text,
        sources=sources,
        place=place,
        here_for=[row for row in visitor.communities if visitor.caller.allows(Scope.COPY_CHECK, row.id)],
        found=None if hits is None else _shown(text, hits, visitor.locale),
        most=copy_review.MOST_TEXT,
    )


def _shown(text: str, hits: Sequence[CopyHit], locale: str) -> dict[str, Any]:
    return {
        # Who types words stands behind their facts, so that alone refuses only drafts and campaigns.
        "unsourced": all(hit.label == CopyLabel.UNSUPPORTED_FACT for hit in hits),
        "spans": [hit.span for hit in hits],
        "counts": Counter(hit.label.value for hit in hits).most_common(),
        "hits": [
            {"label": hit.label.value, "text": text[slice(*hit.span)], "advice": _advice(hit, locale)} for hit in hits
        ],
    }


def _advice(hit: CopyHit, locale: str) -> str:
    return catalogue.text(f"copy.advice.{hit.rule}" if hit.rule else f"copy.{hit.label.value}", locale)


@router.get("/knowledge/check")
def show_report(request: Request, services: Here, visitor: Signed) -> Response:
    """The newest report of the knowledge base's own wording, and those before it by count."""
    visitor.caller.require(Scope.KNOWLEDGE_READ)
    reports = copy_scan.reports(services, visitor.caller)
    newest = reports[0] if reports else None
    values: dict[str, Any] = {
        "report": newest,
        "earlier": reports[1:],
        "shown": newest.findings[:MOST_SHOWN] if newest else [],
    }
    return page(request, "knowledge_check.html", visitor, current="knowledge", **values)


@router.post("/knowledge/check")
def make_report(services: Here, visitor: Sent) -> Response:
    copy_scan.run(services, visitor.caller)
    return RedirectResponse("/console/knowledge/check?done=knowledge_checked", 303)
