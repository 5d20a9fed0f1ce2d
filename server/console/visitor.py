"""Who looks at a page: the signed-in person, their language and the communities they have filtered to."""

import secrets
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from agent.flows.access import SignedIn
from agent.services import Services
from core.caller import Caller
from core.catalogue import best_locale
from core.errors import Forbidden, Unauthenticated
from core.scopes import Scope
from server.console import texts
from server.state import COOKIE, services_of, session_of
from store import communities
from store.communities import CommunityRow

LOCALE_COOKIE: Final = "qunzhu_locale"
COMMUNITY_COOKIE: Final = "qunzhu_community"
LOGIN: Final = "/console/login"
_YEAR: Final = 365 * 24 * 3600


class SignInNeeded(Unauthenticated):
    """Nobody is signed in: the page is shown after signing in; what scripts call answers with a problem."""

    def __init__(self) -> None:
        super().__init__("key_missing")


@dataclass(frozen=True, slots=True)
class Visitor:
    """`communities` are those they belong to; `community_id` is the one they filtered to, if any."""

    caller: Caller
    csrf: str
    locale: str
    communities: list[CommunityRow]
    community_id: str | None

    def name_of(self, community_id: str) -> str:
        return next((row.name for row in self.communities if row.id == community_id), community_id)

    def within(self, services: Services, scope: Scope) -> frozenset[str] | None:
        """Where `scope` holds, narrowed to the filter; None for everywhere."""
        held = self.caller.communities(scope)
        if self.community_id is None:
            return held
        with services.database.read() as db:
            chosen = communities.with_children(db, [self.community_id])
        return chosen if held is None else chosen & held


def locale_of(request: Request) -> str:
    """The chosen language, else the browser's."""
    return texts.known_locale(request.cookies.get(LOCALE_COOKIE)) or best_locale(request.headers.get("accept-language"))


def visitor_of(
    request: Request, community: Annotated[str | None, Query(max_length=80, include_in_schema=False)] = None
) -> Visitor:
    """The signed-in person. Raises `SignInNeeded`."""
    signed_in = session_of(request)
    if signed_in is None:
        raise SignInNeeded
    caller, session = signed_in
    rows = _communities(services_of(request), caller)
    chosen = community if community is not None else request.cookies.get(COMMUNITY_COOKIE)
    known = chosen if any(row.id == chosen for row in rows) else None
    visitor = Visitor(caller, session.csrf, locale_of(request), rows, known)
    request.state.visitor = visitor
    return visitor


def _communities(services: Services, caller: Caller) -> list[CommunityRow]:
    everywhere = any(grant.communities is None for grant in caller.grants)
    within = None if everywhere else frozenset().union(*(grant.communities or () for grant in caller.grants))
    with services.database.read() as db:
        return communities.every(db, within)


Signed = Annotated[Visitor, Depends(visitor_of)]


def checked_form(visitor: Signed, csrf: Annotated[str, Form(max_length=200)] = "") -> Visitor:
    """The signed-in person who sent a form of ours. Raises `Forbidden` `csrf`."""
    if not secrets.compare_digest(csrf.encode(), visitor.csrf.encode()):
        raise Forbidden("csrf")
    return visitor


Sent = Annotated[Visitor, Depends(checked_form)]


def same_origin(request: Request) -> None:
    """For forms that nobody is signed in for yet: sent by a page of ours. Every browser says so by one of the two
    headers with a POST. Raises `Forbidden` `csrf`."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        fits = site in ("same-origin", "none")
    else:
        origin = urlsplit(request.headers.get("origin") or "")
        fits = bool(origin.netloc) and origin.netloc == request.headers.get("host")
    if not fits:
        raise Forbidden("csrf")


def local_path(wanted: str | None, otherwise: str = "/console") -> str:
    """`wanted` if it leads to a page of the console, else `otherwise`; a browser reads `//host` and `/\\host` as other
    hosts, and drops tabs and line ends on the way."""
    plain = wanted is not None and wanted.isprintable() and "\\" not in wanted and "//" not in wanted
    ours = plain and (wanted == "/console" or (wanted or "").startswith(("/console/", "/console?")))
    return wanted if ours and wanted else otherwise


def start_session(request: Request, signed_in: SignedIn, to: str) -> Response:
    """Redirect with the session's cookie."""
    response = RedirectResponse(to, 303)
    response.set_cookie(
        COOKIE,
        signed_in.token,
        max_age=int((signed_in.expires_at - services_of(request).clock.now()).total_seconds()),
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
    return response


def remember(request: Request, response: Response, name: str, value: str) -> None:
    """Keep a choice of this browser for a year; an empty one is forgotten."""
    secure = request.url.scheme == "https"
    age = _YEAR if value else 0
    response.set_cookie(name, value, max_age=age, path="/console", secure=secure, httponly=True, samesite="lax")
