"""A route whose answers are pages, errors too."""

from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

from core.errors import ForPeople, Malformed
from server.console.render import error_page
from server.console.visitor import LOGIN, SignInNeeded


class PageRoute(APIRoute):
    """A route whose errors are pages, and which sends strangers to the login."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await inner(request)
            except SignInNeeded:
                return _to_login(request)
            except RequestValidationError:
                return error_page(request, Malformed("malformed"))
            except ForPeople as error:
                return error_page(request, error)

        return handle


def _to_login(request: Request) -> Response:
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    to = f"{LOGIN}?next={quote(here, safe='')}" if request.method == "GET" else LOGIN
    return RedirectResponse(to, 303)
