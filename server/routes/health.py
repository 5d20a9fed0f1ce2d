"""Liveness, readiness, figures: for operators and their probes. They tell nothing of members."""

from fastapi import APIRouter, Request, Response

from server import metrics
from server.health import FIGURES, Alive, Ready, readiness
from server.state import Here, services_of

router = APIRouter(tags=["operations"])


@router.get("/healthz")
def alive() -> Alive:
    """The process answers."""
    return Alive()


@router.get("/readyz", responses={503: {"model": Ready}})
def ready(request: Request, response: Response) -> Ready:
    """Database, index and backlog are fit for work."""
    found = readiness(services_of(request))
    response.status_code = 200 if found.fit else 503
    return found


@router.get("/metrics")
def figures(services: Here) -> Response:
    """Prometheus exposition."""
    return Response(metrics.render(services), media_type=FIGURES)
