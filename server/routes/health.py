"""Liveness, readiness, figures: for operators and their probes. They tell nothing of members."""

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from core.errors import QunzhuError
from server import metrics
from server.state import Here, services_of
from store import due
from store.deliveries import DeliveryRow
from store.messages import MessageRow

router = APIRouter(tags=["operations"])
_MOST_LAG_SECONDS = 60.0


class Alive(BaseModel):
    status: str = "ok"


class Ready(BaseModel):
    """`checks` names each part with `ok` or what is wrong."""

    status: str
    checks: dict[str, str]


@router.get("/healthz")
def alive() -> Alive:
    """The process answers."""
    return Alive()


@router.get("/readyz", responses={503: {"model": Ready}})
def ready(request: Request, response: Response) -> Ready:
    """Database, index and backlog are fit for work."""
    services = services_of(request)
    checks = {"database": "ok", "index": "ok", "backlog": "ok"}
    try:
        with services.database.read() as db:
            now = services.clock.now()
            lag = max(due.backlog(db, table, now).oldest_seconds for table in (MessageRow, DeliveryRow))
    except QunzhuError as error:
        checks["database"] = error.code
    else:
        checks["backlog"] = "ok" if lag <= _MOST_LAG_SECONDS else f"oldest due row waits {lag:.0f} s"
    try:
        services.knowledge.check()
    except Exception as error:
        checks["index"] = getattr(error, "code", type(error).__name__)
    # A backlog is told, but is no reason to take the process out of service: it is what works it off.
    fit = checks["database"] == checks["index"] == "ok"
    response.status_code = 200 if fit else 503
    return Ready(status="ready" if fit else "not_ready", checks=checks)


@router.get("/metrics")
def figures(services: Here) -> Response:
    """Prometheus exposition."""
    return Response(metrics.render(services), media_type="text/plain; version=0.0.4; charset=utf-8")
