"""Reports over a period."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query

from agent.flows import complaint_report as flow
from agent.flows.complaint_report import Report
from server.places import Community
from server.state import Here, Whoever

router = APIRouter(prefix="/v1/reports", tags=["reports"])


@router.get("/complaints")
def complaints(
    services: Here,
    caller: Whoever,
    start: Annotated[date | None, Query(alias="from", description="first day, default Monday of last week")] = None,
    end: Annotated[date | None, Query(alias="to", description="last day, default Sunday of last week")] = None,
    community: Community = None,
) -> Report:
    """Clocks kept, first answers, cases and their causes, per community and per owner."""
    return flow.report(services, caller, start, end, community)
