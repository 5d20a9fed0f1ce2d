"""The HTTP application of one process."""

import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Final

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.services import Services
from core import log
from core.crypto import new_token
from server import metrics, problems, reference
from server.console import routes as console
from server.notices import Notices
from server.routes import (
    admin,
    audit,
    campaigns,
    candidates,
    clocks,
    complaints,
    copy_check,
    deliveries,
    drafts,
    duty,
    entry_care,
    events,
    health,
    incidents,
    knowledge,
    knowledge_files,
    members,
    messages,
    notices,
    packs,
    phrasings,
    questions,
    reports,
    risk_rules,
    risks,
    scripts,
    suggestions,
    surveys,
)
from server.state import State
from server.traffic import Traffic
from server.wake import listening
from server.worker import Worker

MOST_BODY: Final = 256 * 1024
_CORRELATION: Final = "x-correlation-id"
_HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "content-security-policy": "default-src 'self'; frame-ancestors 'none'; form-action 'self'; base-uri 'none'",
}
_ROUTES: Final = (
    health,
    messages,
    events,
    members,
    drafts,
    risk_rules,
    risks,
    complaints,
    clocks,
    duty,
    notices,
    deliveries,
    campaigns,
    copy_check,
    knowledge,
    knowledge_files,
    entry_care,
    candidates,
    phrasings,
    packs,
    scripts,
    questions,
    incidents,
    suggestions,
    surveys,
    reports,
    admin,
    audit,
)


def create_app(services: Services, *, cli_token: str | None = None) -> FastAPI:
    """The application over ready services. With worker threads configured it runs the worker too."""
    state = State(services, Notices(), Traffic(), cli_token or new_token())

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        worker = _start_worker(state)
        warming = threading.Thread(target=services.knowledge.warm, name="warming", daemon=True)
        warming.start()
        with listening(services, worker=worker, notices=state.notices):
            yield
        if worker is not None:
            worker.stop()

    app = FastAPI(
        title="Qunzhu 群助",
        version=version("qunzhu"),
        description="A self-hosted assistant for the people who run communities. It drafts, a person decides.",
        lifespan=lifespan,
        max_body_size=MOST_BODY,
        docs_url=None,
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False},
    )
    app.state.qunzhu = state
    problems.install(app)
    for module in _ROUTES:
        app.include_router(module.router)
    console.install(app)
    reference.install(app)
    # Every route keeps the limit; only the application's own guard goes, which stands outside all middleware and says
    # in plain text that a body is too large.
    app.max_body_size = None
    app.add_middleware(problems.ReadableLimit)
    services.pace = state.traffic.pace
    app.add_middleware(_Observed, traffic=state.traffic)
    return app


def _start_worker(state: State) -> Worker | None:
    threads = state.services.env.worker_threads
    if threads == 0:
        return None
    worker = Worker(state.services, threads=threads, done=state.notices.announce)
    state.services.message_due, state.services.delivery_due = worker.message_due, worker.delivery_due
    worker.start()
    return worker


class _Observed:
    """A correlation id for every request, figures for every route, and headers that every answer has. Plain ASGI:
    the middleware that wraps requests and answers costs as much as storing a message."""

    def __init__(self, app: ASGIApp, traffic: Traffic) -> None:
        self._app = app
        self._traffic = traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._traffic.enter()
        log.clear()
        correlation = log.bind_correlation(_sane(Headers(scope=scope).get(_CORRELATION)))
        begun = time.perf_counter()
        status = 500  # what an unexpected error becomes further out

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[_CORRELATION] = correlation
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, answer)
        finally:
            self._traffic.leave()
            route = getattr(scope.get("route"), "path", "unmatched")
            metrics.REQUESTS.labels(route, scope["method"], status).inc()
            metrics.SECONDS.labels(route).observe(time.perf_counter() - begun)


def _sane(offered: str | None) -> str | None:
    """A correlation id from outside goes into logs, so only short plain ones are taken."""
    plain = offered is not None and len(offered) <= 64 and offered.replace("-", "").isalnum() and offered.isascii()
    return offered if plain else None
