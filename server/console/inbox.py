"""What the review page shows: drafts as lines of a list, and one draft with all that a decision needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from agent.flows import approvals
from agent.flows.outgoing import Words
from agent.services import Services
from agent.steps.risk import RiskVerdict
from core.caller import Caller
from core.scopes import Scope
from core.vocabulary import OPEN_DRAFT_STATUSES, DraftStatus, Requires, RiskLevel, SenderRole
from server.console.case_due import Due, due_of
from server.console.visitor import Visitor
from server.views import DraftView, clocks_of, conversation_of, draft_views
from store import drafts, keys, messages, users
from store.clocks import ClockRow
from store.drafts import DraftRow
from store.messages import MessageRow
from store.session import ReadSession

SHOWN: Final = 50
_CLOSED: Final = (DraftStatus.APPROVED, DraftStatus.MODIFIED, DraftStatus.REJECTED, DraftStatus.EXPIRED)
TABS: Final = ("open", "escalated", "decided")


@dataclass(frozen=True, slots=True)
class Line:
    """A draft in the list. `since` is when its message was sent, `badges` are (look, key of its text); `due`: until
    when its question has to be answered, None where no clock runs; a `statement` answers nobody's message."""

    id: str
    community: str
    name: str | None
    first_line: str
    since: datetime
    badges: tuple[tuple[str, str], ...]
    due: Due | None = None
    statement: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """A message around the draft; `asked` is one that the draft answers."""

    id: str
    role: str
    name: str | None
    text: str
    at: datetime
    asked: bool
    recalled: bool
    attachments: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class May:
    """What the visitor may do with a draft. `why_not` is the key of the reason where something is denied."""

    decide: bool
    send: bool
    why_not: str | None
    override_copy: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One draft on screen. `risk` is its message's, `last_at` is when the newest message shown was sent."""

    draft: DraftView
    community: str
    name: str | None
    badges: tuple[tuple[str, str], ...]
    risk: RiskVerdict | None
    talk: list[Said]
    last_at: datetime | None
    may: May
    is_open: bool
    decided_by: str | None


def statuses(tab: str, caller: Caller) -> tuple[DraftStatus, ...]:
    """Who may not decide on escalated drafts has them in their own tab only."""
    if tab == "decided":
        return _CLOSED
    if tab == "escalated":
        return (DraftStatus.ESCALATED,)
    return OPEN_DRAFT_STATUSES if caller.allows(Scope.DRAFTS_DECIDE_ESCALATED) else (DraftStatus.PENDING,)


def lines(services: Services, visitor: Visitor, tab: str) -> tuple[list[Line], int]:
    """Up to `SHOWN` drafts of a tab, and how many there are. Open ones oldest first, decided ones newest first; what
    the visitor has snoozed is left out of the open ones."""
    wanted = statuses(tab, visitor.caller)
    within = visitor.within(services, Scope.DRAFTS_READ)
    with services.database.read() as db:
        rows = drafts.page(
            db,
            statuses=wanted,
            communities=within,
            limit=SHOWN,
            newest_first=tab == "decided",
            not_snoozed_by=visitor.caller.id if tab == "open" else None,
            now=services.clock.now(),
        )
        total = len(rows) if len(rows) < SHOWN else drafts.count(db, statuses=wanted, communities=within)
        return _lines(db, services, visitor, rows), total


def _lines(db: ReadSession, services: Services, visitor: Visitor, rows: Sequence[DraftRow]) -> list[Line]:
    words = Words(db, services)
    answering = drafts.message_ids(db, [row.id for row in rows])
    firsts = {draft_id: ids[0] for draft_id, ids in answering.items() if ids}
    asked = {message.id: message for message in messages.many(db, list(firsts.values()))}
    clocks = clocks_of(db, answering)
    due = due_of(db, list(clocks.values()), services.clock.now())
    found = []
    for row in rows:
        message = asked.get(firsts.get(row.id, ""))
        line = Line(
            id=row.id,
            community=visitor.name_of(row.community_id),
            name=words.name(row.member_id),
            first_line=((message.text if message else row.text) or "").strip().partition("\n")[0][:80],
            since=message.sent_at if message else row.created_at,
            badges=_badges(row, message),
            due=due.get(clocks[row.id].object_id) if row.id in clocks else None,
            statement=message is None,
        )
        found.append(line)
    return found


def _clock_badge(clock: ClockRow | None, now: datetime) -> tuple[tuple[str, str], ...]:
    """A question that has waited too long, or nearly so."""
    looks = {"overdue": "risk-high", "warned": "risk-medium"}
    state = clock.state(now) if clock is not None else ""
    return ((looks[state], f"drafts.clock_{state}"),) if state in looks else ()


def _badges(row: DraftRow, message: MessageRow | None) -> tuple[tuple[str, str], ...]:
    """The few words by which a person chooses what to look at first."""
    found = []
    if row.status not in (DraftStatus.PENDING,):
        found.append((f"status-{row.status}", f"status.{row.status}"))
    if message is not None and message.risk["level"] != RiskLevel.NONE:
        found.append((f"risk-{message.risk['level']}", f"risk_level.{message.risk['level']}"))
    if row.requires == Requires.MANAGER:
        found.append(("manager", "drafts.requires_manager"))
    if row.kind == "private":
        found.append(("plain", "delivery_kind.private"))
    if row.abstained is not None:
        found.append(("abstained", "drafts.abstained"))
    else:
        found.append((f"band-{row.confidence['band']}", f"band.{row.confidence['band']}"))
    return tuple(found)


def panel(services: Services, visitor: Visitor, db: ReadSession, row: DraftRow) -> Panel:
    """One draft with its conversation, in the session `db`."""
    shown = draft_views(db, services, [row])[0]
    words = Words(db, services)
    talk = [_said(message, words, shown.message_ids) for message in conversation_of(db, row)]
    asked = messages.many(db, shown.message_ids[:1])
    clock = clocks_of(db, {row.id: shown.message_ids}).get(row.id)
    return Panel(
        draft=shown,
        community=visitor.name_of(row.community_id),
        name=words.name(row.member_id),
        badges=(*_clock_badge(clock, services.clock.now()), *_badges(row, asked[0] if asked else None)),
        risk=RiskVerdict.model_validate(asked[0].risk) if asked else None,
        talk=sorted([*talk, *_answers(db, words, row, talk)], key=lambda one: one.at),
        last_at=talk[-1].at if talk else None,
        may=may(db, visitor.caller, row),
        is_open=row.status in OPEN_DRAFT_STATUSES,
        decided_by=name_of_decider(db, row.decided_by),
    )


def _said(message: MessageRow, words: Words, asked: Sequence[str]) -> Said:
    answered = message.id in asked
    spans = [span for hit in message.risk["labels"] for span in hit["spans"]] if answered else []
    return Said(
        id=message.id,
        role=message.sender_role,
        name=words.name(message.member_id),
        text=message.text,
        at=message.sent_at,
        asked=answered,
        recalled=message.recalled,
        attachments=tuple(str(one.get("name") or one.get("kind", "")) for one in message.attachments),
        spans=tuple((start, end) for start, end in spans),
    )


def _answers(db: ReadSession, words: Words, row: DraftRow, talk: Sequence[Said]) -> list[Said]:
    """What was approved in this conversation meanwhile, so that nobody answers a second time: not every bot sends its
    own posts back in."""
    if not talk:
        return []
    sent = drafts.sent(db, row.lane, talk[0].at)
    return [
        Said(
            id=one.id,
            role=SenderRole.BOT,
            name=None,
            text=words.shown(one.member_id, one.final_text) or "",
            at=one.decided_at or one.created_at,
            asked=False,
            recalled=False,
            attachments=(),
            spans=(),
        )
        for one in sent
        if one.id != row.id
    ]


def may(db: ReadSession, caller: Caller, row: DraftRow) -> May:
    """What `agent.flows.approvals` will allow, so that a page offers nothing else."""
    if not caller.allows(Scope.DRAFTS_DECIDE, row.community_id):
        return May(False, False, "drafts.may_only_read")
    if row.status == DraftStatus.ESCALATED and not caller.allows(Scope.DRAFTS_DECIDE_ESCALATED, row.community_id):
        return May(False, False, "drafts.may_not_escalated")
    if not all(caller.allows(needed, row.community_id) for needed in approvals.release_needs(db, row)):
        return May(True, False, "drafts.may_not_manager")
    return May(True, True, None, caller.allows(Scope.COPY_OVERRIDE, row.community_id))


def name_of_decider(db: ReadSession, decider: str | None) -> str | None:
    """The name of the user or key behind an id; the id itself where there is neither."""
    if decider is None:
        return None
    user = users.get(db, decider)
    if user is not None:
        return user.name
    key = keys.get(db, decider)
    return key.name if key is not None else decider
