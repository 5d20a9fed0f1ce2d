"""A manager's question, answered from the database by tools: figures with their definitions, a table, a chart.

With a language model the model chooses the tools and words the answer; each of its numbers is checked against what
the tools returned. Without one, or where it fails, a planner does both.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel, Field

from agent import loop
from agent.flows.community import REPORTING_ZONE
from agent.loop import Run
from agent.planners.questions import QuestionPlanner
from agent.services import Services
from agent.steps.echo import gives_away
from agent.steps.figure_grounding import strange
from agent.steps.question_answer import Teller
from agent.steps.question_parse.interpretation import Interpretation, Known
from agent.steps.question_parse.parse import parse
from agent.steps.question_plan import with_period
from core import log
from core.caller import Caller
from core.catalogue import DEFAULT_LOCALE
from core.errors import NotFound
from core.ids import new_id
from core.masking import mask
from core.metrics import Metric
from core.scopes import Scope
from core.vocabulary import Engine
from prompts.loader import render
from store import communities, members, metrics
from store.audit import Deed
from store.communities import CommunityRow
from store.session import ReadSession
from store.vault import MemberKeys
from tools import members as _members_tools  # noqa: F401  registers its tools
from tools import metrics as _metrics_tools  # noqa: F401
from tools.context import KnownCommunity, Names, ToolContext
from tools.figures import Chart, Figure, Table
from tools.metrics_definitions import definition, name
from tools.registry import Call

_log = log.get(__name__)
_SLOT: Final = re.compile(r"\{(mem_\w+)\}")
_INSTRUCTIONS: Final = "question/answer"
TOOLS: Final = frozenset({"query_metric", "breakdown", "count_members", "top_speakers", "list_members"})
# A model is not asked about these at all: nothing that it could say would change the answer.
_FINAL: Final = frozenset({"injection", "sql", "integrity", "privacy", "mutation", "prediction", "forbidden_scope"})


class CallView(BaseModel):
    """One tool call: what was asked of it and which figures came of it."""

    tool: str
    arguments: dict[str, Any]
    query_ids: list[str]
    ms: float
    error: str | None


class Asked(BaseModel):
    """An answer. `engine` says who worded it; `degraded` that a model was wanted and could not be used."""

    id: str
    answer: str
    interpretation: Interpretation
    figures: list[Figure]
    table: Table | None = None
    chart: Chart | None = None
    calls: list[CallView] = Field(default_factory=list)
    engine: Engine
    degraded: bool = False


def ask(
    services: Services,
    caller: Caller,
    question: str,
    community_ids: Sequence[str] | None = None,
    *,
    locale: str = DEFAULT_LOCALE,
) -> Asked:
    """Answer within the communities in which the caller has `questions:ask`, or those of them that are named.

    Raises `Forbidden` `scope_missing`, `NotFound` `community_not_found` (for who sees all), `Unavailable`. A community
    that the caller may not see is a refusal in the answer, `forbidden_scope`.
    """
    caller.require(Scope.QUESTIONS_ASK)
    question_id, text = new_id("qst"), mask(question).text
    with services.database.read() as db:
        context, beyond = _context(db, services, caller, community_ids, locale)
    known = _known(context.names)
    found = parse(text, known, context.today)
    if beyond:
        found = Interpretation(tool="refuse", reason="forbidden_scope")
    run = _run(services, context, text, found, question_id)
    filled = with_period(found, context.today)
    _audit(services, caller, question_id, text, run, found)
    return _shown(services, caller, context, question_id, filled, run)


def _context(
    db: ReadSession, services: Services, caller: Caller, wanted: Sequence[str] | None, locale: str
) -> tuple[ToolContext, bool]:
    """What the tools of this run know, and whether a community was named that the caller may not see."""
    rows = communities.every(db)
    within = caller.communities(Scope.QUESTIONS_ASK)
    seen = {row.id for row in rows if within is None or row.id in within}
    asked = set(wanted or [])
    if within is None and asked - seen:
        raise NotFound("community_not_found", extra={"community_id": sorted(asked - seen)[0]})
    chosen = communities.with_children(db, asked & seen) & seen if asked else seen
    context = ToolContext(
        caller=caller,
        database=services.database,
        now=services.clock.now(),
        zone=REPORTING_ZONE,
        communities=frozenset(chosen),
        names=_names(db, rows, frozenset(seen)),
        locale=locale,
    )
    return context, bool(asked - seen)


def _names(db: ReadSession, rows: Sequence[CommunityRow], seen: frozenset[str]) -> Names:
    known = tuple(KnownCommunity(row.id, row.name, row.channel, row.parent_id) for row in rows if row.id in seen)
    return Names(
        communities=known,
        channels=tuple(sorted({one.channel for one in known})),
        sources=tuple(metrics.sources(db, seen)),
    )


def _known(names: Names) -> Known:
    return Known(
        communities=[one.name for one in names.communities],
        channels=list(names.channels),
        sources=list(names.sources),
    )


def _run(services: Services, context: ToolContext, text: str, found: Interpretation, question_id: str) -> Run:
    planner = QuestionPlanner(found=found, today=context.today, locale=context.locale)
    final = found.tool == "refuse" and found.reason in _FINAL
    make: Callable[..., Any] | None = None if final else getattr(services.model, "chat", None)
    if make is None:
        return loop.run(context, loop.Request(text, tools=TOOLS), planner=planner)
    request = loop.Request(text, system=_prompt(context), tools=TOOLS)
    run = loop.run(context, request, planner=planner, chat=make("question", question_id))
    return run if run.engine is Engine.EMBEDDED else _grounded(context, run, found, planner)


def _prompt(context: ToolContext) -> str:
    listed = [f"{one.value}：{name(one, context.locale)}，{definition(one, context.locale)}" for one in _measurable()]
    return render(
        _INSTRUCTIONS,
        today=context.today.isoformat(),
        weekday="周" + "一二三四五六日"[context.today.weekday()],
        metrics="\n".join(listed),
        communities="\n".join(one.name for one in context.names.communities),
    )


def _measurable() -> list[Metric]:
    return metrics.measurable()


def _grounded(context: ToolContext, run: Run, found: Interpretation, planner: QuestionPlanner) -> Run:
    """The model's text where all its numbers were returned by tools; else the figures themselves, said plainly."""
    wrong = strange(run.text, run.calls, found)
    if not wrong and not gives_away(run.text, _INSTRUCTIONS):
        return run
    _log.warning("question_ungrounded", numbers=len(wrong))
    teller = Teller(context.locale, context.today)
    plain = teller.plain(run.calls)
    if not plain:
        stands = loop.run(context, loop.Request("-", tools=TOOLS), planner=planner)
        return Run(stands.text, stands.calls, (), Engine.EMBEDDED, degraded=True, why="ungrounded")
    return Run(plain, run.calls, (), Engine.EMBEDDED, degraded=True, why="ungrounded")


def _audit(services: Services, caller: Caller, question_id: str, text: str, run: Run, found: Interpretation) -> None:
    """One row for the question and one per call: ids and hashes, no words."""
    details = {
        "question": services.keyring.lookup_hash("question", text),
        "calls": len(run.calls),
        "engine": run.engine.value,
        "degraded": run.degraded,
        "refused": found.reason,
    }
    with services.database.write() as db:
        db.audit(Deed(caller, "question.asked", "question", question_id, None, details))
        for call in run.calls:
            asked = services.keyring.lookup_hash("arguments", repr(sorted(call.arguments.items())))
            more = {"tool": call.tool, "arguments": asked, "queries": _queries(call), "error": call.error}
            db.audit(Deed(caller, "question.called", "question", question_id, None, more))


def _queries(call: Call) -> list[str]:
    return list(dict.fromkeys(one.query_id for one in call.answer.figures)) if call.answer else []


def _shown(
    services: Services, caller: Caller, context: ToolContext, question_id: str, found: Interpretation, run: Run
) -> Asked:
    """The answer with its members' names filled in, by what the caller may read."""
    answers = [call.answer for call in run.calls if call.answer]
    made = Asked(
        id=question_id,
        answer=run.text,
        interpretation=found,
        figures=[figure for answer in answers for figure in answer.figures],
        table=next((answer.table for answer in answers if answer.table), None),
        chart=next((answer.chart for answer in answers if answer.chart), None),
        calls=[
            CallView(
                tool=call.tool,
                arguments=call.arguments,
                query_ids=_queries(call),
                ms=round(call.ms, 1),
                error=call.error,
            )
            for call in run.calls
        ],
        engine=run.engine,
        degraded=run.degraded,
    )
    plain = made.model_dump()
    ids = set(_SLOT.findall(str(plain)))
    if not ids:
        return made
    with services.database.read() as db:
        names = _member_names(db, services, ids, in_full=_reads_members(caller, context), locale=context.locale)
    return Asked.model_validate(_filled(plain, names))


def _reads_members(caller: Caller, context: ToolContext) -> bool:
    within = caller.communities(Scope.MEMBERS_READ)
    return within is None or context.communities <= within


def _member_names(db: ReadSession, services: Services, ids: set[str], *, in_full: bool, locale: str) -> dict[str, str]:
    """Names as their channel gave them, or with all but the first character as stars; a model never sees either."""
    keys = MemberKeys(db, services.keyring)
    gone = Teller(locale, services.clock.now().date()).erased()
    found: dict[str, str] = {}
    for member_id in ids:
        full = keys.name(members.get(db, member_id))
        found[member_id] = gone if not full else mask(full).text if in_full else f"{full[0]}**"
    return found


def _filled(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _SLOT.sub(lambda match: names.get(match[1], match[0]), value)
    if isinstance(value, dict):
        return {key: _filled(one, names) for key, one in value.items()}
    return [_filled(one, names) for one in value] if isinstance(value, list) else value
