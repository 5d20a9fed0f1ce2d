"""From what a member said to complaint cases: what of a turn complains, into which case it goes, and the two drafts.

A further complaint of the same member about the same thing joins the open case, whose severity may rise and never falls
by itself; two things in one burst are two cases.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from agent.flows import case_moves
from agent.flows.case_owners import department
from agent.flows.turns import Turn
from agent.services import Services
from agent.steps.case_reply import CaseDrafts
from agent.steps.complaint import Complaint
from core import tunables
from core.caller import system_caller
from core.ids import new_id
from core.vocabulary import CaseState, ComplaintCategory, Engine, Severity
from store import case_events, cases, communities, settings
from store.audit import Deed
from store.cases import CaseRow
from store.messages import MessageRow
from store.session import WriteSession

WORKER: Final = system_caller("inbox")
MOST_QUOTE: Final = 300


@dataclass(frozen=True, slots=True)
class Grievance:
    """One thing that a turn complains about: the messages that speak of it, the verdict on the gravest of them, and
    that message. `drafts` is None where a person has to find the words (a risk, a policy)."""

    rows: tuple[MessageRow, ...]
    verdict: Complaint
    said_in: MessageRow
    drafts: CaseDrafts | None = None
    engine: Engine = Engine.EMBEDDED
    degraded: bool = False

    @property
    def category(self) -> ComplaintCategory:
        return self.verdict.category or ComplaintCategory.OTHER

    @property
    def severity(self) -> Severity:
        return self.verdict.severity or Severity.LOW

    @property
    def quote(self) -> str:
        """The words that complain, as they stand in the message."""
        text = self.said_in.text
        start, end = self.verdict.quote or (0, len(text))
        return (text[start:end] or text).strip()[:MOST_QUOTE]


@dataclass(frozen=True, slots=True)
class Filed:
    """Where a grievance went: `fresh` is a case that was opened by it, `reopened` one that had ended before, `rose` one
    that got graver or clearer."""

    row: CaseRow
    grievance: Grievance
    fresh: bool
    reopened: bool = False
    rose: bool = False


def grievances(turn: Turn) -> list[Grievance]:
    """What a turn complains about, in the order in which it was said. Messages of the burst that complain of nothing
    by themselves belong to the complaint before them, or to the first; where only all of it together complains, all of
    it is one."""
    engine = Engine.LLM if turn.judged and not turn.degraded else Engine.EMBEDDED
    if turn.whole is not None and turn.whole.is_complaint:
        return [replace(_together(turn, turn.whole), engine=engine, degraded=turn.degraded)]
    groups: list[tuple[list[MessageRow], Complaint, MessageRow]] = []
    loose: list[MessageRow] = []
    for row in turn.kept:
        verdict = turn.verdicts.get(row.id)
        if verdict is None or not verdict.is_complaint:
            (groups[-1][0] if groups else loose).append(row)
            continue
        place = _same(groups, verdict)
        if place is None:
            groups.append(([*loose, row], verdict, row))
            loose = []
        else:
            rows, before, said_in = groups[place]
            better = _graver(verdict, before)
            groups[place] = ([*rows, row], verdict if better else before, row if better else said_in)
    return [Grievance(tuple(rows), verdict, said_in, None, engine, turn.degraded) for rows, verdict, said_in in groups]


def _together(turn: Turn, whole: Complaint) -> Grievance:
    """A complaint in several messages: its quote is said in that in which it begins."""
    start, end = whole.quote or (0, 0)
    for row in turn.kept:
        if not row.text.strip():
            continue
        if start <= len(row.text):
            quote = (start, min(end, len(row.text))) if whole.quote else None
            return Grievance(turn.kept, whole.model_copy(update={"quote": quote}), row)
        start, end = start - len(row.text) - 1, end - len(row.text) - 1
    return Grievance(turn.kept, whole.model_copy(update={"quote": None}), turn.kept[0])


def _same(groups: Sequence[tuple[list[MessageRow], Complaint, MessageRow]], verdict: Complaint) -> int | None:
    for number, (_, before, _) in enumerate(groups):
        if same_matter(before.category, before.topic, verdict.category, verdict.topic):
            return number
    return None


def same_matter(category: str | None, topic: str | None, other_category: str | None, other_topic: str | None) -> bool:
    """Whether two complaints of one member are about the same: equal topics, or one category where no more is named. A
    complaint that names no category (怎么还没人管) goes with whatever was said before."""
    vague = (None, ComplaintCategory.OTHER)
    if category in vague or other_category in vague:
        return True
    if category != other_category:
        return False
    named = [one for one in (topic, other_topic) if one and one != category]
    return len(named) < 2 or named[0] == named[1]


def _graver(verdict: Complaint, than: Complaint) -> bool:
    left, right = verdict.severity or Severity.LOW, than.severity or Severity.LOW
    if than.category is ComplaintCategory.OTHER and verdict.category is not ComplaintCategory.OTHER:
        return True
    return left is not right and left.at_least(right)


def file(db: WriteSession, services: Services, turn: Turn, found: Sequence[Grievance]) -> list[Filed]:
    """Open, join or reopen the cases of a turn's grievances. The member is locked already, so that two turns of theirs
    don't open two cases for one thing."""
    del services
    return [_file(db, turn, grievance) for grievance in found]


def _file(db: WriteSession, turn: Turn, grievance: Grievance) -> Filed:
    known = cases.by_message(db, [row.id for row in grievance.rows])
    row = _own(db, known) or _fitting(db, turn, grievance)
    if row is None:
        return Filed(_open(db, turn, grievance), grievance, fresh=True)
    again = [message.id for message in grievance.rows if message.id not in known]
    cases.attach(db, row.id, again)
    was, stood = (row.severity, row.category), row.state
    joined = _joined(db, row, grievance, again)
    reopened = joined.state == CaseState.REOPENED and stood != CaseState.REOPENED
    return Filed(joined, grievance, fresh=False, reopened=reopened, rose=was != (joined.severity, joined.category))


def _own(db: WriteSession, known: Mapping[str, str]) -> CaseRow | None:
    """The case that these messages belong to already: they were edited, or thought about again."""
    for case_id in known.values():
        row = cases.lock(db, case_id)
        if row is not None and row.state != CaseState.DISMISSED:
            return row
    return None


def _fitting(db: WriteSession, turn: Turn, grievance: Grievance) -> CaseRow | None:
    """The member's case that this goes on with."""
    head = turn.head
    if head.member_id is None:
        return None
    lineage = communities.lineage(db, head.community_id)
    joins = timedelta(hours=settings.value(db, tunables.COMPLAINT_JOIN_HOURS, lineage))
    reopens = timedelta(days=settings.value(db, tunables.COMPLAINT_REOPEN_DAYS, lineage))
    at = grievance.said_in.sent_at
    for row in cases.of_member(db, head.member_id, head.community_id, since=at - max(joins, reopens)):
        ended = row.closed_at or row.resolved_at
        recent = at - ended <= reopens if ended is not None else at - _began(db, row) <= joins
        verdict = grievance.verdict
        if recent and same_matter(row.category, row.topic, verdict.category, verdict.topic):
            return cases.lock(db, row.id)
    return None


def _began(db: WriteSession, row: CaseRow) -> datetime:
    """Since when a case is open, the last time where it was opened again."""
    return case_events.last_moved(db, row.id, CaseState.REOPENED) or row.opened_at


def _open(db: WriteSession, turn: Turn, grievance: Grievance) -> CaseRow:
    head = turn.head
    lineage = communities.lineage(db, head.community_id)
    row = CaseRow(
        id=new_id("cas"),
        version=1,
        community_id=head.community_id,
        channel=head.channel,
        lane=head.lane,
        member_id=head.member_id,
        message_id=grievance.said_in.id,
        state=CaseState.NEW,
        category=grievance.category,
        severity=grievance.severity,
        topic=grievance.verdict.topic,
        quote=grievance.quote,
        score=grievance.verdict.score,
        engine=grievance.engine,
        routed_to=department(db, grievance.category, lineage),
        breached=False,
        opened_at=db.now,
    )
    db.add(row)
    db.flush()
    said = [message.id for message in grievance.rows]
    # A case without messages could be answered by nobody.
    cases.let_go(db, said)
    cases.attach(db, row.id, said)
    told: dict[str, Any] = {"category": row.category, "severity": row.severity, "routed_to": row.routed_to}
    case_events.add(db, row.id, "opened", WORKER.id, moved=(None, CaseState.NEW), message=row.message_id, **told)
    db.audit(Deed(WORKER, "complaint.opened", "complaint", row.id, row.community_id, {"version": 1} | told))
    return row


def _joined(db: WriteSession, row: CaseRow, grievance: Grievance, again: Sequence[str]) -> CaseRow:
    """The case after more was said: reopened where it had a result, graver where this is."""
    values: dict[str, Any] = {}
    details: dict[str, Any] = {"messages": list(again)}
    if grievance.severity.at_least(Severity(row.severity)) and grievance.severity != row.severity:
        details |= {"severity": grievance.severity.value, "severity_before": row.severity}
        values["severity"] = grievance.severity
    if row.category == ComplaintCategory.OTHER and grievance.category != row.category:
        details |= {"category": grievance.category.value}
        values |= {"category": grievance.category, "topic": grievance.verdict.topic}
    if row.state in (CaseState.RESOLVED, CaseState.CLOSED) and again:
        return case_moves.move(db, WORKER, row, CaseState.REOPENED, details=details, **values)
    if not again and not values:
        return row
    return case_moves.change(db, WORKER, row, "said_again" if again else "edited", details=details, **values)


def overtaken(db: WriteSession, turn: Turn, found: Sequence[Grievance]) -> list[CaseRow]:
    """Cases whose messages complain of nothing any more, since they were edited or taken back: they stay for a person
    and are marked."""
    speaking = {row.id for grievance in found for row in grievance.rows}
    silent = [row for row in turn.rows if row.id not in speaking and row.revision > 0]
    known = cases.by_message(db, [row.id for row in silent]) if silent else {}
    marked = []
    for row in silent:
        case = cases.lock(db, known[row.id]) if row.id in known else None
        if case is None:
            continue
        kind = "message_recalled" if row.recalled else "message_edited"
        marked.append(case_moves.change(db, WORKER, case, kind, details={"message": row.id, "revision": row.revision}))
    return marked
