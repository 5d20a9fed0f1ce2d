"""From an interpretation to tool calls, with the period that is taken where the question names none."""

from datetime import date, timedelta
from typing import Any, Final, NamedTuple

from agent.steps.question_parse.interpretation import Days, Interpretation, Period
from agent.steps.question_parse.parse import MOST_METRICS, TALKING
from core.metrics import Dimension, Metric
from store.metrics import available

_ROLLING: Final = {Metric.WAU: 7, Metric.MAU: 30, Metric.STICKINESS: 30, Metric.PEAK_HOUR: 30}
_USUAL: Final = 7
_KNOWN_FILTERS: Final = frozenset({"community", "channel", "source", "activity", "cohort"})


class PlannedCall(NamedTuple):
    tool: str
    arguments: dict[str, Any]


class Plan(NamedTuple):
    """`calls` in order; `lacking` are metrics that can't be measured, `whole` the metric and dimension of a breakdown
    that can't be made, `unfiltered` the filters that no tool has. `interpretation` has its period filled in."""

    interpretation: Interpretation
    calls: list[PlannedCall]
    lacking: list[str]
    unbroken: list[str]
    unfiltered: list[str]


def plan(found: Interpretation, today: date) -> Plan:
    """Nothing is called for an interpretation that a tool can't meet in all its parts: half an answer misleads."""
    filled = with_period(found, today)
    metrics = [Metric(name) for name in filled.metrics[:MOST_METRICS]]
    unfiltered = sorted(set(filled.filters or {}) - _KNOWN_FILTERS)
    lacking = [one.value for one in metrics if not available(one, None)]
    by = Dimension(filled.group_by) if filled.group_by else None
    unbroken = [one.value for one in metrics if one.value not in lacking and not available(one, by)]
    calls: list[PlannedCall] = []
    if filled.tool in (None, "members_list") and not unfiltered:
        calls = [call for one in metrics or [Metric.MEMBERS] for call in _calls(filled, one, by, lacking + unbroken)]
    return Plan(filled, calls, lacking, unbroken, unfiltered)


def with_period(found: Interpretation, today: date) -> Interpretation:
    """`kind: default` marks a period that the question didn't name."""
    if found.period is not None or found.tool not in (None, "members_list"):
        return found
    metrics = [Metric(name) for name in found.metrics] or [Metric.MEMBERS]
    days = 1 if Metric.MEMBERS in metrics and len(metrics) == 1 else max(_ROLLING.get(one, _USUAL) for one in metrics)
    if metrics == [Metric.MEMBERS] and found.group_by in ("day", "week", "month"):
        days = {"day": 7, "week": 28, "month": 180}[found.group_by]
    taken = Period(kind="default", start=today - timedelta(days=days - 1), end=today, n=days)
    return found.model_copy(update={"period": taken})


def _calls(found: Interpretation, metric: Metric, by: Dimension | None, beyond: list[str]) -> list[PlannedCall]:
    assert found.period is not None
    if metric.value in beyond:
        return []
    if found.tool == "members_list" and by is None:
        return [_listing(found, metric, found.period)]
    arguments = {"metric": metric.value, **_filters(found), **_span(found.period)}
    if found.values("cohort"):
        arguments["joined_in_period"] = True
    if by is not None:
        more = {"by": by.value, "order": found.order, "limit": found.limit}
        return [PlannedCall("breakdown", arguments | {key: value for key, value in more.items() if value})]
    if metric is Metric.MEMBERS and found.period.base is None:
        return [PlannedCall("count_members", {**_filters(found), "on": found.period.end.isoformat()})]
    return [PlannedCall("query_metric", arguments)]


def _listing(found: Interpretation, metric: Metric, period: Period) -> PlannedCall:
    limit = {"limit": found.limit} if found.limit else {}
    days = {"start": period.start.isoformat(), "end": period.end.isoformat()}
    if metric.value in TALKING:
        return PlannedCall("top_speakers", _filters(found) | days | limit)
    if metric is Metric.EXITED_MEMBERS:
        return PlannedCall("query_metric", {"metric": metric.value, **_filters(found), **days})
    joined = {"joined_from": days["start"], "joined_to": days["end"]} if metric is Metric.NEW_MEMBERS else {}
    return PlannedCall("list_members", _filters(found) | joined | limit)


def _filters(found: Interpretation) -> dict[str, Any]:
    named = {
        "communities": found.values("community"),
        "channels": found.values("channel"),
        "sources": found.values("source"),
        "activities": found.values("activity"),
    }
    return {key: values for key, values in named.items() if values}


def _span(period: Period) -> dict[str, Any]:
    days = {"start": period.start.isoformat(), "end": period.end.isoformat()}
    base: Days | None = period.base
    return days if base is None else days | {"base_start": base.start.isoformat(), "base_end": base.end.isoformat()}
