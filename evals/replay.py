"""Replays a dialogue: each turn comes in at its own moment, and what falls due in between is worked off at the moment
it falls due, as a worker that is never late would. The same flows as the service runs, on a clock that is set.

Every dialogue plays in a fresh group with fresh members, so that one deployment serves all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from agent.flows import access, clock_alarms, communities, inbox, intake
from agent.flows.incoming import Attachment, IncomingMessage, Sender
from agent.services import Services
from core.caller import system_caller
from core.clock import ManualClock
from core.vocabulary import OPEN_DRAFT_STATUSES, CommunityType, ExpiredReason
from evals import deeds
from evals.dialogue_rows import Dialogue, Turn
from evals.seen import Snapshot, look
from store import cases, drafts, due
from store.messages import MessageRow
from store.timers import TimerRow

CALLER: Final = system_caller("evals")
CHANNEL: Final = "wecom"
_LEASE: Final = timedelta(seconds=30)
_BATCH: Final = 16
_MOST_STEPS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Recording:
    """`before[n]`: when turn n came, all that was due before it done. `after[n]`: the moment it was received. `end`:
    all that was said has been worked off; `outcome`: what clocks nobody stopped have run out too."""

    dialogue: Dialogue
    before: Sequence[Snapshot]
    after: Sequence[Snapshot]
    end: Snapshot
    late: Snapshot | None = None

    @property
    def outcome(self) -> Snapshot:
        return self.late or self.end

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
            self._take(turn)
            after.append(self._snapshot())
        self._work(None)
        inbox.sweep(self._services)
        end = self._snapshot()
        # Nobody says anything any more: what was not answered by now never is.
        self._work(None, clocks=True)
        recording = Recording(self._dialogue, before, after, end, self._snapshot())
        self._put_away()
        return recording

    def _put_away(self) -> None:
        """What is still open waits for nobody: each sweep of the next dialogues would look at it again."""
        here = frozenset({self._community})
        with self._services.database.write() as db:
            for row in drafts.page(db, statuses=list(OPEN_DRAFT_STATUSES), communities=here, limit=_MOST_STEPS):
                drafts.expire(db, row.id, ExpiredReason.CONVERSATION_MOVED_ON, CALLER.id)

    def _work(self, until: datetime | None, *, clocks: bool = False) -> None:
        """Do what falls due before `until`, each at its moment; without one, all there is, the clocks where they are
        wanted. What falls due in the same second as a turn comes after it: a worker needs a moment, a message
        doesn't."""
        for _ in range(_MOST_STEPS):
            moment, is_clock = self._next(clocks=clocks or until is not None)
            if moment is None or (until is not None and moment >= until):
                return
            self._clock.set(max(moment, self._clock.now()))
            if not (self._ring() if is_clock else self._think()):
                self._clock.advance(seconds=1)
        raise Stuck(f"{self._dialogue.id}: work stays due after {_MOST_STEPS} steps")

    def _next(self, *, clocks: bool) -> tuple[datetime | None, bool]:
        """When the next thing falls due, and whether it is a clock; messages come first in one moment."""
        with self._services.database.read() as db:
            said = due.next_due(db, MessageRow)
            timer = due.next_due(db, TimerRow, clock_alarms.QUEUE) if clocks else None
        return (timer, True) if timer is not None and (said is None or timer < said) else (said, False)

    def _think(self) -> bool:
        with self._services.database.write() as db:
            claims = due.claim(db, MessageRow, worker="evals", lease=_LEASE, most=_BATCH)
        inbox.handle(self._services, claims)
        return bool(claims)

    def _ring(self) -> bool:
        with self._services.database.write() as db:
            which = clock_alarms.QUEUE
            claims = due.claim(db, TimerRow, worker="evals", lease=_LEASE, most=_BATCH, which=which)
        clock_alarms.handle(self._services, claims)
        return bool(claims)

    def _take(self, turn: Turn) -> None:
        if turn.deed is None:
            self._receive(turn)
            return
        with self._services.database.read() as db:
            row = cases.of_message(db, self._message_ids[self._origins[turn.deed.case_of]])
        # Where no case was made there is nothing to do; the checks that wait for it fail.
        if row is not None:
            deeds.do(self._services, access.caller_of_login(self._services, None), row, turn.deed)

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
            return look(db, self._community, turns, self._origins)
