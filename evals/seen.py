"""What of a dialogue can be seen in the database at one moment: its messages, drafts, cases, clocks and incidents, all
told by the numbers of the turns that they are about."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from core.vocabulary import OPEN_DRAFT_STATUSES, ClockKind, DraftStatus, MessageStage
from store import cases, clocks, drafts, incidents, messages, risks
from store.cases import CaseRow
from store.drafts import DraftRow
from store.messages import MessageRow
from store.session import ReadSession

_MOST: Final = 500


@dataclass(frozen=True, slots=True)
class RiskSeen:
    """The verdict on a message. `action` and `offence` are the review item's where there is one."""

    level: str
    labels: frozenset[str]
    action: str
    offence: int | None


@dataclass(frozen=True, slots=True)
class MessageSeen:
    """A message as it stood at one moment. `burst` is the turn with which its burst began; `kind` and `no_draft` are
    the burst's where the message has none of its own."""

    turn: int
    burst: int
    waiting: bool
    kind: str | None
    no_draft: str | None
    risk: RiskSeen | None = None


@dataclass(frozen=True, slots=True)
class DraftSeen:
    """`turns` are those it was made for. `used` are the entries it cites, `nearest` the best one that was retrieved.
    `unanswered` says that a part of what was asked isn't answered."""

    id: str
    turns: frozenset[int]
    open: bool
    status: str
    expired: str | None
    abstained: str | None
    text: str | None
    used: tuple[str, ...]
    nearest: str | None
    unanswered: bool


@dataclass(frozen=True, slots=True)
class CaseSeen:
    """`opened_by` is the turn that complained first, `turns` all that belong to it. `incident` is that which it is
    part of."""

    id: str
    opened_by: int
    turns: frozenset[int]
    category: str
    severity: str
    state: str
    incident: str | None = None


@dataclass(frozen=True, slots=True)
class ClockSeen:
    """The clock of the question or the complaint of these turns."""

    kind: str
    turns: frozenset[int]
    breached: bool


@dataclass(frozen=True, slots=True)
class IncidentSeen:
    id: str
    category: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`messages` by turn; an edit or recall shows the message that it changes. `cases` in the order in which they were
    opened."""

    messages: Mapping[int, MessageSeen]
    drafts: Sequence[DraftSeen]
    cases: Sequence[CaseSeen] = ()
    clocks: Sequence[ClockSeen] = ()
    incidents: Sequence[IncidentSeen] = ()

    def waiting(self, turn: int) -> bool:
        """Whether somebody still has to think about this turn."""
        return turn in self.messages and self.messages[turn].waiting

    def answering(self, turn: int) -> list[DraftSeen]:
        """The drafts for this turn, or for others of its burst."""
        burst = self.burst(turn)
        return [draft for draft in self.drafts if draft.turns & burst]

    def burst(self, turn: int) -> set[int]:
        """The turns that were read together with this one; none before it has come."""
        if turn not in self.messages:
            return set()
        head = self.messages[turn].burst
        return {seen.turn for seen in self.messages.values() if seen.burst == head}


def look(db: ReadSession, community: str, turns: Mapping[str, int], origins: Mapping[int, int]) -> Snapshot:
    """How all stands now. `turns` by message id; `origins`: the turn whose message each turn is or changes."""
    rows = {row.id: row for row in messages.many(db, list(turns))}
    seen = {turns[row.id]: _message(db, row, rows, turns) for row in rows.values()}
    every = {turn: seen[origin] for turn, origin in origins.items() if origin in seen}
    found = _cases(db, community, turns)
    held = {row.incident_id for row, _ in found if row.incident_id is not None}
    return Snapshot(
        messages=every,
        drafts=_drafts(db, community, turns),
        cases=[_case(row, own, turns) for row, own in found],
        clocks=_clocks(db, turns, {row.id: own for row, own in found}),
        incidents=[_incident(db, one) for one in sorted(held)],
    )


def _message(db: ReadSession, row: MessageRow, rows: Mapping[str, MessageRow], turns: Mapping[str, int]) -> MessageSeen:
    head = rows.get(row.burst_id or row.id, row)
    triage = row.triage or head.triage
    # Only the first of a burst is due; the others wait with it.
    waiting = any(one.stage == MessageStage.RECEIVED and one.due_at is not None for one in (row, head))
    return MessageSeen(
        turn=turns[row.id],
        burst=turns[head.id],
        waiting=waiting,
        kind=triage["kind"] if triage else None,
        no_draft=row.no_draft or head.no_draft,
        risk=_risk(db, row),
    )


def _risk(db: ReadSession, row: MessageRow) -> RiskSeen:
    verdict: dict[str, Any] = row.risk
    item = risks.of_message(db, row.id)
    return RiskSeen(
        level=verdict.get("level", "none"),
        labels=frozenset(label["label"] for label in verdict.get("labels", ())),
        action=item.action if item is not None else verdict.get("action", "none"),
        offence=item.offence if item is not None else None,
    )


def _drafts(db: ReadSession, community: str, turns: Mapping[str, int]) -> list[DraftSeen]:
    rows = drafts.page(db, statuses=list(DraftStatus), communities=frozenset({community}), limit=_MOST)
    answered = drafts.message_ids(db, [row.id for row in rows])
    return [_draft(row, frozenset(turns[one] for one in answered[row.id] if one in turns)) for row in rows]


def _draft(row: DraftRow, turns: frozenset[int]) -> DraftSeen:
    cited = [citation["entry_id"] for citation in row.citations]
    return DraftSeen(
        id=row.id,
        turns=turns,
        open=row.status in OPEN_DRAFT_STATUSES,
        status=row.status,
        expired=row.expired["reason"] if row.expired else None,
        abstained=row.abstained["reason"] if row.abstained else None,
        text=row.text,
        used=tuple(citation["entry_id"] for citation in row.citations if citation["used"]),
        nearest=cited[0] if cited else None,
        unanswered=row.confidence.get("reason") == "part_unanswered",
    )


def _cases(db: ReadSession, community: str, turns: Mapping[str, int]) -> list[tuple[CaseRow, frozenset[int]]]:
    """The cases, the oldest first, with the turns that belong to each."""
    rows = {row.id: row for row in cases.page(db, cases.Filter(communities=frozenset({community})), limit=_MOST)}
    own: dict[str, set[int]] = defaultdict(set)
    for message_id, case_id in cases.by_message(db, list(turns)).items():
        own[case_id].add(turns[message_id])
    ordered = sorted(rows.values(), key=lambda row: turns.get(row.message_id, -1))
    return [(row, frozenset(own[row.id])) for row in ordered]


def _case(row: CaseRow, own: frozenset[int], turns: Mapping[str, int]) -> CaseSeen:
    return CaseSeen(
        id=row.id,
        opened_by=turns[row.message_id],
        turns=own,
        category=row.category,
        severity=row.severity,
        state=row.state,
        incident=row.incident_id,
    )


def _clocks(db: ReadSession, turns: Mapping[str, int], of_cases: Mapping[str, frozenset[int]]) -> list[ClockSeen]:
    asked = clocks.newest_of(db, ClockKind.GROUP_QUESTION, list(turns))
    complained = clocks.newest_of(db, ClockKind.COMPLAINT, list(of_cases))
    return [
        *(ClockSeen(row.kind, frozenset({turns[id]}), row.breached_at is not None) for id, row in asked.items()),
        *(ClockSeen(row.kind, of_cases[id], row.breached_at is not None) for id, row in complained.items()),
    ]


def _incident(db: ReadSession, incident_id: str) -> IncidentSeen:
    row = incidents.get(db, incident_id)
    assert row is not None
    return IncidentSeen(row.id, row.category)
