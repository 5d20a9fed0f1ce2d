"""Templates to pages: escaping is on everywhere, texts come from the catalogue, times are told in the deployment's
zone."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from agent.flows.community import REPORTING_ZONE
from core import catalogue
from core.catalogue import LOCALES
from core.errors import QunzhuError
from core.scopes import Scope
from server.console import texts
from server.console.navigation import places, waiting
from server.console.notice_bell import bell
from server.console.visitor import Visitor, local_path, locale_of
from server.state import services_of

HERE: Final = Path(__file__).parent
STATIC: Final = HERE / "static"
FLASHES: Final = frozenset(
    {
        "password_set",
        "signed_out",
        "entry_saved",
        "candidate_accepted",
        "candidate_rejected",
        "phrasing_proposed",
        "rules_saved",
        "knowledge_checked",
        "member_erased",
        "consent_noted",
        "case_saved",
        "case_drafted",
        "compensation_proposed",
        "compensation_approved",
        "compensation_rejected",
        "incident_saved",
        "suggestion_saved",
        "suggestion_drafted",
    }
)
# Without `same-origin` a browser sends `Origin: null` with our own forms (the application's default is no-referrer).
_HEADERS: Final = {"cache-control": "no-store", "referrer-policy": "same-origin"}


@cache
def static_root() -> str:
    """The address of the static files; their content's hash is in it, so that they can be cached for ever."""
    files = sorted(path for path in STATIC.rglob("*") if path.is_file())
    found = hashlib.sha256()
    for path in files:
        found.update(path.relative_to(STATIC).as_posix().encode() + b"\0" + path.read_bytes())
    return f"/console/static/{found.hexdigest()[:12]}"


@cache
def _templates() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    made.filters["marked"] = marked
    made.filters["local"] = local_time
    made.globals["locales"] = LOCALES
    return made


def local_time(moment: datetime, now: datetime) -> str:
    """`14:05` today, else `11-20 14:05`, else with the year; in the reporting zone."""
    here, today = moment.astimezone(REPORTING_ZONE), now.astimezone(REPORTING_ZONE)
    if here.date() == today.date():
        return f"{here:%H:%M}"
    return f"{here:%m-%d %H:%M}" if here.year == today.year else f"{here:%Y-%m-%d %H:%M}"


def marked(text: str, spans: Sequence[Sequence[int]]) -> Markup:
    """`text` with the spans (code points, half-open, in any order, may overlap) in `<mark>`."""
    made, end = Markup(), 0
    for start, stop in sorted((max(0, span[0]), min(len(text), span[1])) for span in spans):
        start = max(start, end)
        if start < stop:
            made += escape(text[end:start]) + Markup("<mark>") + escape(text[start:stop]) + Markup("</mark>")
            end = stop
    return made + escape(text[end:])


def page(
    request: Request, template: str, visitor: Visitor | None = None, *, status: int = 200, **values: Any
) -> HTMLResponse:
    """A whole page, or a fragment of one, as `template` has it."""
    locale = visitor.locale if visitor else locale_of(request)
    flash = request.query_params.get("done")
    context = {
        "t": texts.translator(locale),
        "c": lambda key: catalogue.text(key, locale),
        "may_report": visitor is not None and visitor.caller.allows(Scope.REPORTS_READ),
        "bell": bell(services_of(request), visitor.caller) if visitor else None,
        "locale": locale,
        "visitor": visitor,
        "places": places(visitor.caller) if visitor else [],
        "waits_at": lambda place: waiting(services_of(request), visitor, place) if visitor else 0,
        "static": static_root(),
        "script_texts": texts.for_scripts(locale),
        "now": services_of(request).clock.now(),
        "flash": flash if flash in FLASHES else None,
        "here": local_path(_here(request)),
        "current": None,
    }
    html = _templates().get_template(template).render(context | values)
    return HTMLResponse(html, status, headers=_HEADERS)


def _here(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def error_page(request: Request, error: QunzhuError) -> HTMLResponse:
    """What went wrong and what to do, in the frame that the visitor knows."""
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    title, advice = texts.of_error(error, visitor.locale if visitor else locale_of(request))
    return page(request, "error.html", visitor, status=error.status, code=error.code, title=title, advice=advice)
