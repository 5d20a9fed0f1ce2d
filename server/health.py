"""Whether a process is fit for work, told by a service's routes and by a worker's own small port."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from pydantic import BaseModel

from agent.services import Services
from core.errors import QunzhuError, Unavailable
from server import metrics
from server.worker import Worker
from store import due
from store.deliveries import DeliveryRow
from store.messages import MessageRow

_MOST_LAG_SECONDS: Final = 60.0
FIGURES: Final = "text/plain; version=0.0.4; charset=utf-8"


class Alive(BaseModel):
    status: str = "ok"


class Ready(BaseModel):
    """`checks` names each part with `ok` or what is wrong."""

    status: str
    checks: dict[str, str]

    @property
    def fit(self) -> bool:
        return self.status == "ready"


def readiness(services: Services) -> Ready:
    """Database, index and backlog."""
    checks = {"database": "ok", "index": "ok", "backlog": "ok"}
    try:
        with services.database.read() as db:
            now = services.clock.now()
            lag = max(due.backlog(db, table, now).oldest_seconds for table in (MessageRow, DeliveryRow))
    except QunzhuError as error:
        checks["database"] = error.code
    else:
        checks["backlog"] = "ok" if lag <= _MOST_LAG_SECONDS else f"oldest due row waits {lag:.0f} s"
    index_answers = True
    try:
        if (filling := services.knowledge.filling()) is not None:
            checks["index"] = f"{filling.state} {filling.done}/{filling.total}"
        services.knowledge.check()
    except Exception as error:
        index_answers, checks["index"] = False, getattr(error, "code", type(error).__name__)
    # A backlog and an index that fills are told, but are no reason to take the process out of service: it works them
    # off, and answers meanwhile.
    fit = checks["database"] == "ok" and index_answers
    return Ready(status="ready" if fit else "not_ready", checks=checks)


class WorkerPort:
    """`/healthz`, `/readyz` and `/metrics` of a worker process. Raises `Unavailable` `port_taken` when made."""

    def __init__(self, services: Services, worker: Worker, host: str, port: int) -> None:
        try:
            self._server = ThreadingHTTPServer((host, port), _handler(services, worker))
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise Unavailable("port_taken", host=host, port=port, why=why) from None
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, name="worker-port", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(services: Services, worker: Worker) -> type[BaseHTTPRequestHandler]:
    def answer(path: str) -> tuple[int, str, bytes]:
        if path == "/healthz":
            alive = Alive(status="ok" if worker.is_alive() else "dead")
            return (200 if worker.is_alive() else 503), "application/json", alive.model_dump_json().encode()
        if path == "/readyz":
            ready = readiness(services)
            return (200 if ready.fit else 503), "application/json", ready.model_dump_json().encode()
        if path == "/metrics":
            return 200, FIGURES, metrics.render(services)
        return 404, "text/plain", b""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                status, kind, body = answer(self.path)
            except QunzhuError as error:
                status, kind, body = error.status, "text/plain", error.code.encode()
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """A probe every few seconds is no news."""

    return Handler
