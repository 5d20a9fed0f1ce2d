"""Members as tools: how many there are, who spoke most, and lists. Never a contact, and never a name: a member stands
under their id in braces, `{mem_…}`, which is filled in by whoever shows the answer, by the reader's rights."""

from dataclasses import replace
from datetime import date, datetime
from typing import Final

from pydantic import Field

from core.caller import Caller
from core.errors import Forbidden
from core.metrics import Metric
from core.scopes import Scope
from store import metrics as store
from store.metrics import Row
from tools.context import ToolContext
from tools.figures import Answer, Chart, Figure, Table
from tools.metrics import Filters, MetricArguments, figure, query_of
from tools.registry import Effect, Tool, register

SLOT: Final = "{{{}}}"


class CountArguments(Filters):
    """Standing at the end of `on`, today where it is left out."""

    on: date | None = None


class SpeakersArguments(Filters):
    start: date
    end: date
    limit: int = Field(10, ge=1, le=100)


class ListArguments(Filters):
    """`joined_from` and `joined_to` keep those who joined between two days (inclusive)."""

    on: date | None = None
    joined_from: date | None = None
    joined_to: date | None = None
    limit: int = Field(20, ge=1, le=200)


def _asked(wanted: Filters, metric: Metric, start: date, end: date, *, cohort: bool = False) -> MetricArguments:
    plain = wanted.model_dump(include=set(Filters.model_fields))
    return MetricArguments(metric=metric, start=start, end=end, joined_in_period=cohort, **plain)


def count_members(caller: Caller, context: ToolContext, wanted: CountArguments) -> Answer:
    """How many members there are, and of which standing where activities are named."""
    caller.require(Scope.QUESTIONS_ASK)
    day = wanted.on or context.today
    asked = _asked(wanted, Metric.MEMBERS, day, day)
    with context.database.read() as db, store.in_time(db):
        rows = store.measure(db, query_of(context, asked))
    return Answer(figures=[figure(context, asked, rows[0] if rows else Row(None, 0))])


def top_speakers(caller: Caller, context: ToolContext, wanted: SpeakersArguments) -> Answer:
    """Who wrote most in the period."""
    caller.require(Scope.QUESTIONS_ASK)
    asked = _asked(wanted, Metric.MESSAGES, wanted.start, wanted.end)
    with context.database.read() as db, store.in_time(db):
        found = store.top_talkers(db, query_of(context, asked), wanted.limit)
    figures = [_of_member(figure(context, asked, Row(None, one.messages)), one.member_id) for one in found]
    labels = [SLOT.format(one.member_id) for one in found]
    values = [one.messages for one in found]
    return Answer(
        figures=figures,
        table=Table(columns=["member", "messages"], rows=[list(pair) for pair in zip(labels, values, strict=True)]),
        chart=Chart(kind="bar", title="messages", labels=labels, values=list(values), unit="messages")
        if len(found) > 1
        else None,
        said={"groups": len(found), "by": "member"},
    )


def _of_member(made: Figure, member_id: str) -> Figure:
    return made.model_copy(update={"dimensions": {"member": SLOT.format(member_id)}})


def list_members(caller: Caller, context: ToolContext, wanted: ListArguments) -> Answer:
    """Members of these standings, the longest idle first; how many there are in all stands in the figure."""
    within = caller.communities(Scope.MEMBERS_READ)
    if within is not None and not context.communities <= within:
        # Where members may be read in some groups only, a list is of those and of no others.
        context = replace(context, communities=context.communities & within)
    if not context.communities:
        raise Forbidden("scope_missing", scope=Scope.MEMBERS_READ.value)
    day = wanted.on or context.today
    cohort = wanted.joined_from is not None
    start, end = wanted.joined_from or day, (wanted.joined_to or day) if cohort else day
    asked = _asked(wanted, Metric.MEMBERS, start, end, cohort=cohort)
    query = query_of(context, asked)
    with context.database.read() as db, store.in_time(db):
        rows = store.measure(db, query)
        found = store.listed(db, query, wanted.limit)
    cells = [
        [SLOT.format(one.member_id), one.standing.value, _day(context, one.joined_at), _day(context, one.last_at)]
        for one in found
    ]
    table = Table(columns=["member", "activity", "joined_at", "last_active_at"], rows=[list(row) for row in cells])
    return Answer(
        figures=[figure(context, asked, rows[0] if rows else Row(None, 0))],
        table=table,
        said={"shown": len(found), "by": "member"},
    )


def _day(context: ToolContext, moment: datetime | None) -> str | None:
    return f"{moment.astimezone(context.zone):%Y-%m-%d}" if moment else None


COUNT_MEMBERS = register(
    Tool(
        name="count_members",
        scope=Scope.QUESTIONS_ASK,
        effect=Effect.READ,
        description="数成员：某天结束时有多少人；可按活跃状态（新人、核心、活跃、沉默、流失、沉睡、已退群）、来源、社群筛选。",
        arguments=CountArguments,
        run=count_members,
    )
)
TOP_SPEAKERS = register(
    Tool(
        name="top_speakers",
        scope=Scope.QUESTIONS_ASK,
        effect=Effect.READ,
        description="一段时间内发言最多的成员。成员以 {编号} 表示，请原样写出。",
        arguments=SpeakersArguments,
        run=top_speakers,
    )
)
LIST_MEMBERS = register(
    Tool(
        name="list_members",
        scope=Scope.MEMBERS_READ,
        effect=Effect.READ,
        description="列出某种状态的成员名单，不含任何联系方式。成员以 {编号} 表示，请原样写出。",
        arguments=ListArguments,
        run=list_members,
    )
)
