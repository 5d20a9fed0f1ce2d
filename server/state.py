"""What routes get handed: the process's services, who calls, and the console's session."""

import secrets
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials

from agent.flows import access
from agent.services import Services
from core.caller import Caller
from core.errors import Forbidden, Unauthenticated
from server.notices import Notices
from server.traffic import Traffic
from store.users import SessionRow

COOKIE = "qunzhu_session"
CSRF_HEADER = "x-csrf-token"
_SAFE = ("GET", "HEAD", "OPTIONS")
_BEARER = HTTPBearer(auto_error=False, description="API key: `Authorization: Bearer qz_…`")


@dataclass(slots=True)
class State:
    """One per process, made at start."""

    services: Services
    notices: Notices
    traffic: Traffic
    cli_token: str


def state_of(request: Request) -> State:
    found: State = request.app.state.qunzhu
    return found


def services_of(request: Request) -> Services:
    return state_of(request).services


def caller_of(request: Request, credentials: HTTPAuthorizationCredentials | None) -> Caller:
    """Who calls: an API key, the command line on this machine, or a console session (which must bring its CSRF token
    with anything that changes something). Raises `Unauthenticated`, `Forbidden` `csrf`."""
    if credentials is not None:
        return _caller_of_token(request, credentials.credentials)
    signed_in = session_of(request)
    if signed_in is None:
        raise Unauthenticated("key_missing")
    caller, session = signed_in
    sent = request.headers.get(CSRF_HEADER, "")
    if request.method not in _SAFE and not secrets.compare_digest(sent.encode(), session.csrf.encode()):
        raise Forbidden("csrf")
    return caller


def _caller_of_token(request: Request, token: str) -> Caller:
    state = state_of(request)
    if secrets.compare_digest(token.encode("utf-8", "replace"), state.cli_token.encode()):
        return access.caller_of_login(state.services, request.headers.get("x-qunzhu-user"))
    return access.caller_of_key(state.services, token)


def session_of(request: Request) -> tuple[Caller, SessionRow] | None:
    """The signed-in user of the console, if any."""
    token = request.cookies.get(COOKIE)
    return access.caller_of_session(services_of(request), token) if token else None


async def _here(request: Request) -> Services:
    # async, since a plain function would be handed to another thread and back for every request.
    return services_of(request)


async def _whoever(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
) -> Caller:
    """`caller_of`, without another thread for a key that was seen a moment ago."""
    if credentials is not None:
        known = access.remembered(services_of(request), credentials.credentials)
        if known is not None:
            return known
    return await run_in_threadpool(caller_of, request, credentials)


Here = Annotated[Services, Depends(_here)]
Whoever = Annotated[Caller, Depends(_whoever)]
