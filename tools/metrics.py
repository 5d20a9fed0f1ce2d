"""Metrics as tools: one figure, optionally beside a base period, or a breakdown by one dimension."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import Field

from core.caller import Caller
from core.catalogue import text
from core.errors import ForModel
from core.metrics import Dimension, Metric
from core.scopes import Scope
from core.vocabulary import Activity, ComplaintCategory
from store import metrics as store
from store.metrics import Query, Row
from store.session import ReadSession
from tools.context import KnownCommunity, ToolContext
from tools.figures import SMALL_SAMPLE, Answer, Chart, Figure, Scalar, Span, Strict, Table
from tools.metrics_definitions import definition, name, unit
from tools.registry import Effect, Tool, register

_Name = Annotated[str, Field(min_length=1, max_length=120)]
Names = Annotated[list[_Name], Field(max_length=50)]
MOST_DAYS: Final = 3_700
TIME: Final = (Dimension.DAY, Dimension.WEEK, Dimension.MONTH, Dimension.HOUR, Dimension.WEEKDAY)


class Filters(Strict):
    """Who and where. Communities by id or by name as people write it; a group above others stands for them too."""

    communities: Names = Field(default_factory=list)
    channels: Names = Field(default_factory=list)
    sources: Names = Field(default_factory=list)
    activities: list[Activity] = Field(default_factory=list, max_length=7)


class MetricArguments(Filters):
    """Days in the reporting zone, both inclusive."""

    metric: Metric
    start: date
    end: date
    base_start: date | None = Field(None, description="first day of the period to compare with")
    base_end: date | None = None
    joined_in_period: bool = Field(False, description="only members who joined in the period")


class BreakdownArguments(MetricArguments):
    by: Dimension
    order: Literal["asc", "desc", "time_asc"] | None = None
    limit: int = Field(100, ge=1, le=200)


class Group(NamedTuple):
    """One group of a breakdown, with its base where there is one."""

    key: str
    now: Row
    base: Row | None


def query_of(context: ToolContext, wanted: MetricArguments, by: Dimension | None = None) -> Query:
    """The typed query of a call. Raises `ForModel` (`community_unseen`, `period_invalid`)."""
    if wanted.end < wanted.start or (wanted.end - wanted.start).days > MOST_DAYS:
        raise ForModel("period_invalid", start=wanted.start, end=wanted.end)
    start, end = moments(context, wanted.start, wanted.end)
    return Query(
        metric=wanted.metric,
        start=start,
        end=end,
        now=context.now,
        communities=within(context, wanted),
        by=by,
        sources=tuple(wanted.sources),
        activities=tuple(wanted.activities),
        joined_in_period=wanted.joined_in_period,
    )


def moments(context: ToolContext, start: date, end: date) -> tuple[datetime, datetime]:
    """The half-open span of two inclusive days."""
    first = datetime.combine(start, time(), context.zone)
    return first, datetime.combine(end + timedelta(days=1), time(), context.zone)


def within(context: ToolContext, wanted: Filters) -> frozenset[str]:
    """The communities of a call: of those that the run may see, the ones it names. Raises `ForModel`
    `community_unseen` for one that isn't among them."""
    chosen = context.communities
    if wanted.communities:
        chosen = frozenset(one for word in wanted.communities for one in _named(context, word))
    if wanted.channels:
        on = {one.id for one in context.names.communities if one.channel in wanted.channels}
        chosen &= on
    return chosen


def _named(context: ToolContext, word: str) -> frozenset[str]:
    found = {one.id for one in context.names.communities if word in (one.id, one.name)} & context.communities
    if not found:
        raise ForModel("community_unseen", name=word)
    return _with_children(context.names.communities, found) & context.communities


def _with_children(known: Iterable[KnownCommunity], ids: set[str]) -> frozenset[str]:
    rows, found = list(known), set(ids)
    while more := {one.id for one in rows if one.parent_id in found} - found:
        found |= more
    return frozenset(found)


def base_of(query: Query, context: ToolContext, wanted: MetricArguments) -> Query | None:
    if wanted.base_start is None or wanted.base_end is None:
        return None
    span = wanted.model_copy(update={"start": wanted.base_start, "end": wanted.base_end})
    return query_of(context, span, query.by)


def query_metric(caller: Caller, context: ToolContext, wanted: MetricArguments) -> Answer:
    """One figure, or two and their change with a base period."""
    caller.require(Scope.QUESTIONS_ASK)
    query = query_of(context, wanted)
    base = base_of(query, context, wanted)
    with context.database.read() as db, store.in_time(db):
        row = _only(store.measure(db, query))
        before = None if base is None else _only(store.measure(db, base))
    figures = [figure(context, wanted, row)]
    said: dict[str, Any] = {}
    if before is not None:
        figures.append(figure(context, _base_span(wanted), before))
        said = change(row.value, before.value, share=unit(wanted.metric) == "share")
    return Answer(figures=figures, said=said)


def _only(rows: Sequence[Row]) -> Row:
    return rows[0] if rows else Row(None, 0)


def _base_span(wanted: MetricArguments) -> MetricArguments:
    return wanted.model_copy(update={"start": wanted.base_start, "end": wanted.base_end})


def change(now: float | int | None, before: float | int | None, *, share: bool) -> dict[str, Any]:
    """The difference, and in parts of the base (None over an empty one); shares differ in percentage points."""
    if now is None or before is None:
        return {"change": None, "change_rate": None}
    difference = round(now - before, 6)
    said: dict[str, Any] = {"change": difference, "change_rate": round(difference / before, 6) if before else None}
    if share:
        said["change_points"] = round(difference * 100, 4)
    return said


def breakdown(caller: Caller, context: ToolContext, wanted: BreakdownArguments) -> Answer:
    """A figure per group, with a table and a chart; without an order by size, over time by time."""
    caller.require(Scope.QUESTIONS_ASK)
    query = query_of(context, wanted, wanted.by)
    base = base_of(query, context, wanted)
    with context.database.read() as db, store.in_time(db):
        rows = store.measure(db, query)
        before = [] if base is None else store.measure(db, base)
        total = _total(db, query)
    groups = _ordered(_groups(context, query, rows, before), wanted)[: wanted.limit]
    figures = [figure(context, wanted, one.now, dimension=wanted.by, key=one.key) for one in groups]
    figures += [
        figure(context, _base_span(wanted), one.base, dimension=wanted.by, key=one.key) for one in groups if one.base
    ]
    if total is not None:
        figures.append(figure(context, wanted, total))
    return Answer(
        figures=figures,
        table=_table(wanted, groups),
        chart=_chart(context, wanted, groups),
        said={"groups": len(groups), "by": wanted.by.value},
    )


def _total(db: ReadSession, query: Query) -> Row | None:
    """The whole without groups: not their sum where somebody is in several."""
    if not store.available(query.metric, None) or query.by is Dimension.ACTIVITY:
        return None
    return _only(store.measure(db, Query(**{**_fields(query), "by": None})))


def _fields(query: Query) -> dict[str, Any]:
    return {field: getattr(query, field) for field in Query.__dataclass_fields__}


def _groups(context: ToolContext, query: Query, rows: Sequence[Row], before: Sequence[Row]) -> list[Group]:
    """Groups under the names that people know; communities and weekdays without a row are there with their zero."""
    found, base = {row.key: row for row in rows}, {row.key: row for row in before}
    names = {one.id: one.name for one in context.names.communities}
    if query.by is Dimension.COMPLAINT_CATEGORY:
        names = {one.value: text(f"complaint_category.{one.value}", context.locale) for one in ComplaintCategory}
    keys: list[str | None] = list(dict.fromkeys([*found, *([] if query.by in TIME else base)]))
    keys += [one for one in _expected(context, query) if one not in found]
    compared = bool(before) and query.by not in (Dimension.DAY, Dimension.WEEK, Dimension.MONTH)

    def group(key: str | None) -> Group:
        shown = names.get(key or "", key or store.UNKNOWN)
        return Group(shown, found.get(key, _ZERO), base.get(key, _ZERO) if compared else None)

    return [group(key) for key in keys]


_ZERO: Final = Row(None, 0)


def _expected(context: ToolContext, query: Query) -> list[str]:
    if query.by is Dimension.ACTIVITY:
        return [one.value for one in Activity]
    if query.by is not Dimension.COMMUNITY or unit(query.metric) in (
        "share",
        "hour",
        "per_person",
        "minutes",
        "points",
    ):
        return []
    above = {one.parent_id for one in context.names.communities}
    return sorted(one for one in query.communities if one not in above)


def _ordered(groups: list[Group], wanted: BreakdownArguments) -> list[Group]:
    order = wanted.order or ("time_asc" if wanted.by in TIME else None)
    if order == "time_asc":
        return sorted(groups, key=lambda one: one.key)
    if wanted.by is Dimension.ACTIVITY and order is None:
        standing = [one.value for one in Activity]
        return sorted(groups, key=lambda one: standing.index(one.key))
    sign = 1 if order == "asc" else -1
    # A group without a value is neither most nor least: it comes last.
    return sorted(groups, key=lambda one: (one.now.value is None, sign * _weight(one), one.key))


def _weight(group: Group) -> float:
    """What groups are ordered by: the change where a base stands beside, else the value."""
    if group.base is not None:
        return float((group.now.value or 0) - (group.base.value or 0))
    return float(group.now.value or 0)


def _table(wanted: BreakdownArguments, groups: Sequence[Group]) -> Table:
    columns = [wanted.by.value, wanted.metric.value]
    over = any(one.now.denominator is not None for one in groups)
    based = any(one.base is not None for one in groups)
    columns += (["numerator", "denominator"] if over else []) + (["base", "change"] if based else [])
    return Table(columns=columns, rows=[_table_row(one, over=over, based=based) for one in groups])


def _table_row(one: Group, *, over: bool, based: bool) -> list[Scalar]:
    cells: list[Scalar] = [one.key, rounded(one.now.value)]
    if over:
        cells += [rounded(one.now.numerator), rounded(one.now.denominator)]
    if based:
        base = one.base.value if one.base else None
        gap = None if base is None or one.now.value is None else rounded(one.now.value - base)
        cells += [rounded(base), gap]
    return cells


def _chart(context: ToolContext, wanted: BreakdownArguments, groups: Sequence[Group]) -> Chart | None:
    if len(groups) < 2:
        return None
    return Chart(
        kind="line" if wanted.by in TIME else "bar",
        title=name(wanted.metric, context.locale),
        labels=[one.key for one in groups],
        values=[rounded(one.now.value) for one in groups],
        unit=unit(wanted.metric),
    )


def rounded(value: float | int | None) -> float | int | None:
    """Six digits are more than any sample carries."""
    return value if value is None or isinstance(value, int) else round(value, 6)


def figure(
    context: ToolContext,
    wanted: MetricArguments,
    row: Row,
    *,
    dimension: Dimension | None = None,
    key: str | None = None,
) -> Figure:
    """A row with all that is needed to check it."""
    filters = filters_of(wanted)
    return Figure(
        metric=wanted.metric.value,
        value=rounded(row.value),
        unit=unit(wanted.metric),
        period=Span(start=wanted.start, end=wanted.end),
        filters=filters,
        dimensions={} if dimension is None or key is None else {dimension.value: key},
        numerator=rounded(row.numerator),
        denominator=rounded(row.denominator),
        small=row.denominator is not None and row.denominator < SMALL_SAMPLE,
        definition=definition(wanted.metric, context.locale),
        query_id=query_id(context, wanted, dimension),
    )


def filters_of(wanted: MetricArguments) -> dict[str, list[str]]:
    named = {
        "community": wanted.communities,
        "channel": wanted.channels,
        "source": wanted.sources,
        "activity": [one.value for one in wanted.activities],
        "cohort": ["joined_in_period"] if wanted.joined_in_period else [],
    }
    return {key: list(values) for key, values in named.items() if values}


def query_id(context: ToolContext, wanted: MetricArguments, dimension: Dimension | None) -> str:
    """Equal questions over the same communities have equal ids, so that two answers can be laid side by side."""
    asked = [
        wanted.metric.value,
        wanted.start.isoformat(),
        wanted.end.isoformat(),
        filters_of(wanted),
        dimension.value if dimension else None,
        sorted(context.communities),
    ]
    text = json.dumps(asked, sort_keys=True, ensure_ascii=False)
    return "q_" + hashlib.sha256(text.encode()).hexdigest()[:16]


QUERY_METRIC = register(
    Tool(
        name="query_metric",
        scope=Scope.QUESTIONS_ASK,
        effect=Effect.READ,
        description="查一个指标在一段时间内的数值；给了 base_start、base_end 就同时查对比期。",
        arguments=MetricArguments,
        run=query_metric,
    )
)
BREAKDOWN = register(
    Tool(
        name="breakdown",
        scope=Scope.QUESTIONS_ASK,
        effect=Effect.READ,
        description="把一个指标按一个维度拆开（每个群、每天、每个来源……），可排序、取前几名、和对比期比较。",
        arguments=BreakdownArguments,
        run=breakdown,
    )
)
