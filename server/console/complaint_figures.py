"""客诉 · 统计: clocks kept, first answers and causes of a period, per community and per owner."""

from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from agent.flows import complaint_report
from agent.flows.community import today
from core.errors import BadInput
from server.console import texts
from server.console.page_route import PageRoute
from server.console.render import page
from server.console.visitor import Signed
from server.state import Here

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_WEEK = timedelta(days=7)


def _day(text: str) -> date | None:
    """What a date field sends; None for what is none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


@router.get("/complaints/figures")
def show(
    request: Request,
    services: Here,
    visitor: Signed,
    start: Annotated[str, Query(alias="from", max_length=10)] = "",
    end: Annotated[str, Query(alias="to", max_length=10)] = "",
) -> Response:
    """Of the last full week, or the days asked for, within the filter."""
    problem = None
    try:
        found = complaint_report.report(services, visitor.caller, _day(start), _day(end), visitor.community_id)
    except BadInput as error:
        problem = texts.of_error(error, visitor.locale)
        found = complaint_report.report(services, visitor.caller, None, None, visitor.community_id)
    this_week = today(services.clock.now()) - timedelta(days=today(services.clock.now()).weekday())
    return page(
        request,
        "complaint_figures.html",
        visitor,
        status=422 if problem else 200,
        current="complaints",
        report=found,
        most=max(found.total.by_category.values(), default=1),
        problem=problem,
        before=(found.start - _WEEK, found.end - _WEEK),
        after=(found.start + _WEEK, found.end + _WEEK) if found.end < this_week + _WEEK - timedelta(days=1) else None,
        this_week=(this_week, this_week + timedelta(days=6)),
    )
