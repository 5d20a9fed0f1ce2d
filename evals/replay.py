"""Replays a dialogue: each turn comes in at its own moment, and what falls due in between is worked off at the moment
it falls due, as a worker that is never late would. The same flows as the service runs, on a clock that is set.

Every dialogue plays in a fresh group with fresh members, so that one deployment serves all of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from agent.flows import communities, inbox, intake
from agent.flows.incoming import Attachment, IncomingMessage, Sender
from agent.services import Services
from core.caller import system_caller
from core.clock import ManualClock
from core.vocabulary import OPEN_DRAFT_STATUSES, CommunityType, DraftStatus, MessageStage
from evals.dialogue_rows import Dialogue, Turn
from store import drafts, due, messages
from store.drafts import DraftRow
from store.messages import MessageRow
from store.session import ReadSession

CALLER: Final = system_caller("evals")
CHANNEL: Final = "wecom"
_LEASE: Final = timedelta(seconds=30)
_BATCH: Final = 16
_MOST_STEPS: Final = 1_000
_MOST_DRAFTS: Final = 500


@dataclass(frozen=True, slots=True)
class MessageSeen:
    """A message as it stood at one moment. `burst` is the turn with which its burst began; `kind` and `no_draft` are
    the burst's where the message has none of its own."""

    turn: int
    burst: int
    waiting: bool
    kind: str | None
    no_draft: str | None


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
class Snapshot:
    """`messages` by turn; an edit or recall shows the message that it changes."""

    messages: Mapping[int, MessageSeen]
    drafts: Sequence[DraftSeen]

    def waiting(self, turn: int) -> bool:
        """Whether somebody still has to think about this turn."""
        return turn in self.messages and self.messages[turn].waiting

    def answering(self, turn: int) -> list[DraftSeen]:
        """The drafts for this turn, or for others of its burst."""
        if turn not in self.messages:
            return []
        burst = self.messages[turn].burst
        members = {seen.turn for seen in self.messages.values() if seen.burst == burst}
        return [draft for draft in self.drafts if draft.turns & members]


@dataclass(frozen=True, slots=True)
class Recording:
    """`before[n]`: when turn n came, all that was due before it done. `after[n]`: the moment it was received."""

    dialogue: Dialogue
    before: Sequence[Snapshot]
    after: Sequence[Snapshot]
    end: Snapshot

    def settled(self, turn: int) -> Snapshot:
        """What had come of a turn by the time the next one came."""
        return self.before[turn + 1] if turn + 1 < len(self.before) else self.end


class Stuck(Exception):
    """Work stays due however often it is done: a bug, never a finding."""


class Replay:
    """Plays dialogues in one deployment, below the group `parent` where they name none."""

    def __init__(self, services: Services, clock: ManualClock, parent: str) -> None:
        self._services = services
        self._clock = clock
        self._parent = parent

    def play(self, dialogue: Dialogue, number: int) -> Recording:
        """`number` makes the group's id; a deployment takes each once. Raises `Stuck`, `NotFound` for a community."""
        self._clock.set(dialogue.turns[0].at)
        community = f"dialogue-{number}"
        communities.create(
            self._services,
            CALLER,
            community_id=community,
            name=f"对话{number}",
            type=CommunityType.SERVICE,
            channel=CHANNEL,
            parent_id=dialogue.community or self._parent,
        )
        return _Playing(self._services, self._clock, dialogue, community).run()


class _Playing:
    """One dialogue on its way."""

    def __init__(self, services: Services, clock: ManualClock, dialogue: Dialogue, community: str) -> None:
        self._services = services
        self._clock = clock
        self._dialogue = dialogue
        self._community = community
        self._message_ids: dict[int, str] = {}
        self._origins: dict[int, int] = {}
        self._revisions: dict[int, int] = {}

    def run(self) -> Recording:
        before, after = [], []
        for turn in self._dialogue.turns:
            self._work(turn.at)
            self._clock.set(turn.at)
            inbox.sweep(self._services)
            before.append(self._snapshot())
            self._receive(turn)
            after.append(self._snapshot())
        self._work(None)
        inbox.sweep(self._services)
        return Recording(self._dialogue, before, after, self._snapshot())

    def _work(self, until: datetime | None) -> None:
        """Do what falls due before `until`, each at its moment; without one, all there is. What falls due in the same
        second as a turn comes after it: a worker needs a moment, a message doesn't."""
        for _ in range(_MOST_STEPS):
            with self._services.database.read() as db:
                moment = due.next_due(db, MessageRow)
            if moment is None or (until is not None and moment >= until):
                return
            self._clock.set(max(moment, self._clock.now()))
            with self._services.database.write() as db:
                claims = due.claim(db, MessageRow, worker="evals", lease=_LEASE, most=_BATCH)
            if claims:
                inbox.handle(self._services, claims)
            else:
                self._clock.advance(seconds=1)
        raise Stuck(f"{self._dialogue.id}: work stays due after {_MOST_STEPS} steps")

    def _receive(self, turn: Turn) -> None:
        replaced = turn.recalls if turn.recalls is not None else turn.revision_of
        # An edit of an edit is one of the first message.
        number = self._origins[turn.number] = turn.number if replaced is None else self._origins[replaced]
        revision = self._revisions[number] = self._revisions.get(number, -1) + 1
        attachments = () if turn.text.strip() or turn.recalls is not None else (Attachment(kind=turn.type),)
        incoming = IncomingMessage(
            channel=CHANNEL,
            community_id=self._community,
            message_id=f"turn-{number}",
            type=turn.type,
            revision=revision,
            recalled=turn.recalls is not None,
            conversation=turn.conversation,
            sender=Sender(id=self._sender(turn.sender), name=turn.sender[:120], role=turn.role),
            text=turn.text,
            sent_at=turn.at,
            reply_to=None if turn.reply_to is None else f"turn-{turn.reply_to}",
            mentions=tuple(map(self._sender, turn.mentions)),
            attachments=attachments,
        )
        receipt = intake.receive(self._services, CALLER, incoming)
        self._message_ids.setdefault(number, receipt.message_id)

    def _sender(self, sender: str) -> str:
        """Members are fresh for every dialogue: what was said in another one is not their past."""
        return f"{self._community}:{sender}"

    def _snapshot(self) -> Snapshot:
        turns = {message_id: turn for turn, message_id in self._message_ids.items()}
        with self._services.database.read() as db:
            rows = {row.id: row for row in messages.many(db, list(turns))}
            seen = {turns[row.id]: _message(row, rows, turns) for row in rows.values()}
            every = {turn: seen[origin] for turn, origin in self._origins.items() if origin in seen}
            return Snapshot(every, _drafts(db, self._community, turns))


def _message(row: MessageRow, rows: Mapping[str, MessageRow], turns: Mapping[str, int]) -> MessageSeen:
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
    )


def _drafts(db: ReadSession, community: str, turns: Mapping[str, int]) -> list[DraftSeen]:
    rows = drafts.page(db, statuses=list(DraftStatus), communities=frozenset({community}), limit=_MOST_DRAFTS)
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
