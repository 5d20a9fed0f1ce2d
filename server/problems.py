"""Errors as RFC 9457 problem documents with stable codes, in the caller's language."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core import log
from core.catalogue import best_locale, text
from core.errors import Bug, Conflict, ForModel, QunzhuError

_log = log.get(__name__)
MEDIA_TYPE = "application/problem+json"
_MOST_ERRORS = 50
_HTTP_CODES = {
    400: "malformed",
    404: "route_not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "media_type_unsupported",
}
# A flaw that each of these stands for is worth a code of its own; everything else is `invalid_request`.
_OWN_CODES = frozenset({"text_empty", "text_too_long", "too_many_attachments", "data_too_large", "value_not_storable"})


def problem(
    locale: str, code: str, status: int, extra: Mapping[str, object] | None = None, **params: object
) -> JSONResponse:
    """The document: `type`, `title`, `status`, `detail` (what to do), `code`, and the error's own members."""
    body: dict[str, Any] = {
        "type": f"urn:qunzhu:problem:{code}",
        "title": text(f"error.{code}.title", locale, **params),
        "status": status,
        "detail": text(f"error.{code}.advice", locale, **params),
        "code": code,
        **(extra or {}),
        "correlation_id": log.correlation(),
    }
    return JSONResponse(body, status, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Register the handlers for every kind of error."""
    app.add_exception_handler(QunzhuError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def _locale(request: Request) -> str:
    return best_locale(request.headers.get("accept-language"))


def _ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, QunzhuError)
    if isinstance(error, Bug | ForModel):
        return _unexpected(request, error)
    # What won stands in a member of its own: a draft's `status` is not the problem's.
    extra = {"current": error.extra} if isinstance(error, Conflict) else error.extra
    response = problem(_locale(request), error.code, error.status, extra, **error.params)
    if error.status == 401:
        response.headers["www-authenticate"] = "Bearer"
    if error.status == 503:
        response.headers["retry-after"] = "2"
    return response


def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = error.errors()
    if any(one["type"] == "json_invalid" for one in errors):
        return problem(_locale(request), "body_not_json", 400)
    found = [_flaw(one) for one in errors[:_MOST_ERRORS]]
    own = {one["code"] for one in found} & _OWN_CODES
    code = own.pop() if len(found) == 1 and own else "invalid_request"
    return problem(_locale(request), code, 422, {"errors": found})


def _flaw(error: Mapping[str, Any]) -> dict[str, str]:
    """Where and what; never the value itself, which may be somebody's data."""
    place: Sequence[object] = error["loc"][1:] if error["loc"] and error["loc"][0] == "body" else error["loc"]
    return {"field": ".".join(str(part) for part in place), "code": error["type"], "message": error["msg"]}


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = _HTTP_CODES.get(error.status_code, "malformed" if error.status_code < 500 else "internal")
    response = problem(_locale(request), code, error.status_code)
    response.headers.update(error.headers or {})
    return response


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    _log.error("unexpected", route=request.url.path, exc_info=error)
    return problem(_locale(request), "internal", 500)


class ReadableLimit:
    """The framework's guard of body sizes answers in plain text: this puts a problem document in its place."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        replaced = False

        async def answer(message: Message) -> None:
            nonlocal replaced
            if message["type"] == "http.response.start" and _is_plain_413(message):
                replaced = True
                await problem(_locale(Request(scope)), _HTTP_CODES[413], 413)(scope, receive, send)
            if not replaced:
                await send(message)

        await self._app(scope, receive, answer)


def _is_plain_413(message: Message) -> bool:
    return bool(message["status"] == 413) and Headers(raw=message["headers"])["content-type"] != MEDIA_TYPE
