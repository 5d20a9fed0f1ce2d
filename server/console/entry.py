"""Coming in and going out: login, one-time link, sign-out, language, one's own password."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from agent.flows import access
from agent.services import Services
from core.errors import BadInput, TooMany, Unauthenticated
from server.console import texts
from server.console.page_route import PageRoute
from server.console.render import page
from server.console.visitor import (
    COMMUNITY_COOKIE,
    LOCALE_COOKIE,
    LOGIN,
    Sent,
    Signed,
    Visitor,
    local_path,
    locale_of,
    remember,
    same_origin,
    start_session,
)
from server.state import COOKIE, Here, session_of
from store import users

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Next = Annotated[str | None, Query(max_length=500)]
FormNext = Annotated[str, Form(max_length=500)]
OURS = Depends(same_origin)


@router.get("/login")
def login_page(request: Request, next: Next = None) -> Response:
    """The form; who is signed in already goes on."""
    to = local_path(next)
    if session_of(request) is not None:
        return RedirectResponse(to, 303)
    return page(request, "login.html", next=to, login="", problem=None)


@router.post("/login", dependencies=[OURS])
def sign_in(
    request: Request,
    services: Here,
    login: Annotated[str, Form(max_length=80)] = "",
    password: Annotated[str, Form(max_length=200)] = "",
    next: FormNext = "",
) -> Response:
    to = local_path(next)
    try:
        signed_in = access.sign_in(services, login.strip(), password)
    except (Unauthenticated, TooMany) as error:
        problem = texts.of_error(error, locale_of(request))
        return page(request, "login.html", status=error.status, next=to, login=login, problem=problem)
    return start_session(request, signed_in, to)


@router.get("/link/{token}")
def link_page(token: str, request: Request) -> Response:
    """One button: programs that look at links before people do must not use them up."""
    return page(request, "link.html", token=token, problem=None)


@router.post("/link/{token}", dependencies=[OURS])
def use_link(token: str, request: Request, services: Here) -> Response:
    try:
        signed_in = access.sign_in_by_link(services, token)
    except Unauthenticated as error:
        problem = texts.of_error(error, locale_of(request))
        return page(request, "link.html", status=error.status, token=token, problem=problem)
    return start_session(request, signed_in, "/console")


@router.post("/sign-out")
def sign_out(request: Request, services: Here, _: Sent) -> Response:
    access.sign_out(services, request.cookies.get(COOKIE, ""))
    response = RedirectResponse(f"{LOGIN}?done=signed_out", 303)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")
    return response


@router.post("/locale", dependencies=[OURS])
def choose_locale(request: Request, locale: Annotated[str, Form(max_length=16)] = "", next: FormNext = "") -> Response:
    response = RedirectResponse(local_path(next), 303)
    remember(request, response, LOCALE_COOKIE, texts.known_locale(locale) or "")
    return response


@router.post("/community")
def choose_community(
    request: Request, visitor: Sent, community: Annotated[str, Form(max_length=80)] = "", next: FormNext = ""
) -> Response:
    """Filter all pages to one community and those below it; empty for all."""
    response = RedirectResponse(local_path(next), 303)
    known = any(row.id == community for row in visitor.communities)
    remember(request, response, COMMUNITY_COOKIE, community if known else "")
    return response


@router.get("/account")
def account(request: Request, services: Here, visitor: Signed) -> Response:
    """Who one is here; who came by a link learns their login."""
    return page(request, "account.html", visitor, login=_login(services, visitor), problem=None)


def _login(services: Services, visitor: Visitor) -> str:
    with services.database.read() as db:
        user = users.get(db, visitor.caller.id)
    return user.login if user else ""


@router.post("/account/password")
def set_password(
    request: Request,
    services: Here,
    visitor: Sent,
    password: Annotated[str, Form(max_length=200)] = "",
    again: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """One's own password, so that the next sign-in needs no link."""
    try:
        if password != again:
            raise BadInput("password_differs", extra={"field": "again"})
        access.set_password(services, visitor.caller, password, session=request.cookies.get(COOKIE))
    except BadInput as error:
        problem = texts.of_error(error, visitor.locale)
        login = _login(services, visitor)
        return page(request, "account.html", visitor, status=error.status, login=login, problem=problem)
    return RedirectResponse("/console/account?done=password_set", 303)
