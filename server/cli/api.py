"""The one way in which commands reach the data: HTTP requests, to the running service or to the same application
in this process."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

import httpx2

from core.errors import NotFound, Unavailable
from core.settings import Environment
from server.cli import environment as here
from server.cli.failure import Refused
from server.cli.lazy import user
from server.cli.output import note
from server.cli.progress import Bar, waiting
from server.cli.words import locale, word

if TYPE_CHECKING:
    from fastapi import FastAPI

    from agent.services import Services

SECONDS: Final = 60.0
_LOCK_SECONDS: Final = 30.0
_LOCK_POLL: Final = 0.3


class Api:
    """Requests as a user of the command line."""

    def __init__(self, client: httpx2.Client, url: str, token: str, login: str | None) -> None:
        self._client = client
        self.url = url
        self._headers = {"authorization": f"Bearer {token}", "accept-language": locale()}
        if login is not None:
            if not login.isascii():
                raise NotFound("user_not_found", extra={"login": login})
            self._headers["x-qunzhu-user"] = login

    def get(self, path: str, **params: Any) -> Any:
        return self.call("GET", path, params=params)

    def post(self, path: str, body: object = None, **params: Any) -> Any:
        return self.call("POST", path, params=params, json=body)

    def put(self, path: str, body: object) -> Any:
        return self.call("PUT", path, json=body)

    def delete(self, path: str) -> None:
        self.call("DELETE", path)

    def call(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, Any] | None = None,
        json: object = None,
        content: bytes | None = None,
        seconds: float = SECONDS,
        text: str | Callable[[], str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        """The answer's JSON (None where it is empty). What takes more than a second shows `text`.

        Raises `Refused` with the problem document, `Unavailable` `service_not_answering`.
        """
        body: dict[str, Any] = {"content": content} if content is not None else {} if json is None else {"json": json}
        with waiting(text or word("asking")):
            return _content(self._answer(method, path, params or {}, headers or {}, seconds, body))

    def file(self, path: str, *, params: dict[str, Any], seconds: float = SECONDS) -> httpx2.Response:
        """An answer that is a file. Raises as `call` does."""
        with waiting(word("asking")):
            answer = self._answer("GET", path, params, {}, seconds, {})
        if not answer.is_success:
            _content(answer)
        return answer

    def bytes(self, path: str, body: object, seconds: float = SECONDS) -> bytes:
        """What a POST answers with as a file. Raises as `call` does."""
        with waiting(word("asking")):
            answer = self._answer("POST", path, {}, {}, seconds, {"json": body})
        if not answer.is_success:
            _content(answer)
        return answer.content

    def _answer(
        self,
        method: str,
        path: str,
        params: dict[str, Any],
        headers: dict[str, str],
        seconds: float,
        body: dict[str, Any],
    ) -> httpx2.Response:
        asked = {name: value for name, value in params.items() if value is not None}
        try:
            return self._client.request(
                method, path, params=asked, headers=self._headers | headers, timeout=seconds, **body
            )
        except httpx2.HTTPError as error:
            raise Unavailable("service_not_answering", url=self.url, why=type(error).__name__) from None


def _content(answer: httpx2.Response) -> Any:
    try:
        document = answer.json() if answer.content else None
    except ValueError:
        document = None
    if answer.is_success:
        return document
    problem = document if isinstance(document, dict) else {"code": f"http_{answer.status_code}", "title": "HTTP"}
    raise Refused(problem, answer.status_code)


@contextmanager
def connect(*, worker: bool = False, env: Environment | None = None) -> Iterator[Api]:
    """Requests to the service that holds the data folder, or, where none runs, to the application in this process;
    with `worker` it also works off what the command makes due."""
    env = env or here.environment()
    with ExitStack() as stack:
        found = _reach(env, stack, worker=worker)
        if isinstance(found, here.Running):
            client = stack.enter_context(httpx2.Client(base_url=found.url, trust_env=False))
            yield Api(client, found.url, _token(env), user())
        else:
            yield stack.enter_context(in_process(found, worker=worker))


def _reach(env: Environment, stack: ExitStack, *, worker: bool) -> "here.Running | Services":
    """The service, or this process's own hold of the folder. Where another command has it, wait for a while."""
    end = time.monotonic() + _LOCK_SECONDS
    while True:
        running = _await_folder(env, end)
        if running is not None:
            return running
        try:
            return stack.enter_context(opened(env, worker=worker))
        except Exception as error:
            # Somebody may have taken the folder while the encoder was being loaded.
            if getattr(error, "code", None) != "index_locked" or time.monotonic() > end:
                raise


def _await_folder(env: Environment, end: float) -> here.Running | None:
    """The service, if there is one, once nobody else has the folder or the time is over."""
    told = False
    while (running := here.find_running(env.data_dir)) is None and _is_busy(env) and time.monotonic() < end:
        if not told:
            note(word("waiting_for_lock"))
            told = True
        time.sleep(_LOCK_POLL)
    return running


def _is_busy(env: Environment) -> bool:
    return env.chroma_url is None and here.is_locked(env.data_dir)


def _token(env: Environment) -> str:
    try:
        return here.token_path(env.data_dir).read_text("ascii").strip()
    except OSError as error:
        raise Unavailable("cli_token_unreadable", path=error.filename, why=error.strerror) from None


@contextmanager
def opened(
    env: Environment, *, worker: bool = False, progress: Callable[[int, int], None] | None = None
) -> Iterator["Services"]:
    """The services over this process's own hold of the data folder; logs from warnings up go to stderr."""
    from core import log

    log.configure("warning", env.log_format)
    if worker and env.worker_threads == 0:
        env = env.model_copy(update={"worker_threads": 1})
    with waiting(word("opening", path=env.data_dir)):
        # The import is what takes long: it brings the vector index.
        from server.runtime import close_services, open_services

        services = open_services(env, progress=progress or Bar(word("indexing")), eager=worker)
    try:
        yield services
    finally:
        close_services(services)


@contextmanager
def in_process(services: "Services", *, worker: bool = False, url: str | None = None) -> Iterator[Api]:
    """The application over `services`, without a socket."""
    from core.crypto import new_token
    from server.app import create_app

    token = new_token()
    app = create_app(services, cli_token=token)
    url = url or here.base_url(services.env.host, services.env.port)
    with (
        asyncio.Runner() as runner,
        _lifespan(app, runner, wanted=worker),
        httpx2.Client(base_url=url, transport=_Application(app, runner)) as client,
    ):
        yield Api(client, url, token, user())


@contextmanager
def _lifespan(app: "FastAPI", runner: asyncio.Runner, *, wanted: bool) -> Iterator[None]:
    if not wanted:
        yield
        return
    span = app.router.lifespan_context(app)
    runner.run(span.__aenter__())
    try:
        yield
    finally:
        runner.run(span.__aexit__(None, None, None))


class _Application(httpx2.BaseTransport):
    """Calls an ASGI application from code that is not async; one loop for all requests."""

    def __init__(self, app: Any, runner: asyncio.Runner) -> None:
        self._inner = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
        self._runner = runner

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        return self._runner.run(self._answer(request))

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        answer = await self._inner.handle_async_request(request)
        return httpx2.Response(answer.status_code, headers=answer.headers, content=await answer.aread())
