"""The worker's half of a message: which open questions it ends, and a grounded draft or the reason why there is none.

`handle` takes a batch of claims, thinks about each turn without holding any transaction, and then writes all effects
and completions in one write block. What fails is retried alone, so that one poisonous message stops nobody else. Who
was answered while the worker was thinking is thought about again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from agent.flows import (
    case_drafts,
    case_intake,
    case_replies,
    complaint_reading,
    draft_store,
    drafting,
    improving,
    risk_judging,
    suggestions,
    surveys,
    turns,
)
from agent.flows.case_intake import Grievance
from agent.flows.draft_store import Planned
from agent.flows.drafting import WORKER
from agent.flows.turns import Read, Turn
from agent.services import Services
from agent.steps import follow_up
from agent.steps.reply import Reply
from agent.steps.risk_judge import Judged
from agent.steps.triage import Triage
from core import log, tunables
from core.errors import Unavailable
from core.vocabulary import (
    OPEN_DRAFT_STATUSES,
    DeliveryKind,
    Engine,
    ExpiredReason,
    MessageStage,
    NoDraftReason,
    RiskAction,
)
from store import changes, communities, drafts, due, messages, settings
from store.drafts import DraftRow
from store.due import Claim, Which
from store.messages import MessageRow
from store.session import ReadSession, WriteSession

_log = log.get(__name__)
OUTAGE: Final = timedelta(seconds=5)
"""How long a message rests while something that it needs (the index, say) is away."""
SAME: Final = 0.8
"""Likeness of two questions of one member from which the second only asks again: pairs of our own that mean the same
in nearly the same words lie above, a change of the thing asked about below."""
MUCH_SAID: Final = 20
"""Later messages of a conversation from which an old draft is stale."""
MODEL_QUEUE: Final[Which] = messages.waits_for_model
OWN_QUEUE: Final[Which] = messages.waits_for_nobody
_SETTLED: Final = (MessageStage.DONE, MessageStage.HELD)
_NO_DRAFT: Final = {
    ExpiredReason.HUMAN_ANSWERED: NoDraftReason.HUMAN_ANSWERED,
    ExpiredReason.ASKER_FOUND_ANSWER: NoDraftReason.ASKER_FOUND_ANSWER,
    ExpiredReason.ASKER_RESOLVED: NoDraftReason.ASKER_RESOLVED,
    # The asker meant something else: what they asked instead is a message of its own.
    ExpiredReason.CONVERSATION_MOVED_ON: NoDraftReason.ASKER_RESOLVED,
}


@dataclass(frozen=True, slots=True)
class Thought:
    """What came of thinking. `reply` is None where none was wanted; `joins` is an open draft that already answers the
    same; `ended` are drafts that nobody needs any more; `for_model`: the turn waits for the language model. `judged`
    says of which messages the model judged the risk; `asks`: some wait for that, once all else is stored; `settled`:
    all else was. `grievances` are what it complains about; `answered`: what ended it before it was
    read; `responded`: when staff first answered complaints, by draft, case or message."""

    turn: Turn
    triages: dict[str, Triage]
    reply: Reply | None = None
    grievances: tuple[Grievance, ...] = ()
    answered: ExpiredReason | None = None
    responded: dict[str, datetime] = field(default_factory=dict)
    no_draft: NoDraftReason | None = None
    joins: str | None = None
    ended: dict[str, ExpiredReason] = field(default_factory=dict)
    heard: int = 0
    for_model: bool = False
    engine: Engine = Engine.EMBEDDED
    degraded: bool = False
    judged: dict[str, Judged] = field(default_factory=dict)
    asks: bool = False
    settled: bool = False


def handle(services: Services, claims: Sequence[Claim], *, with_model: bool = False) -> list[str]:
    """Work off claimed messages; the ids of those that are finished (done, held or failed).

    Without `with_model`, what wants the language model is only thought about by the embedded engine and handed on to
    those who wait for it.
    """
    try:
        thoughts = _think_all(services, claims, with_model=with_model)
        services.pace()
        with services.database.write() as db:
            return _settle_all(db, services, claims, thoughts)
    except Exception as error:
        if getattr(error, "code", None) == "database_unavailable":
            # No row could be settled alone either: the worker pauses, and the leases run out.
            raise
        if len(claims) > 1:
            return [done for claim in claims for done in handle(services, [claim], with_model=with_model)]
        return _failed(services, claims[0], error)


def _think_all(services: Services, claims: Sequence[Claim], *, with_model: bool) -> dict[str, Thought]:
    now = services.clock.now()
    with services.database.read() as db:
        spoken = turns.read_turns(db, messages.many(db, [claim.id for claim in claims]))
    heard = [turns.assessed(services, turn) for turn in spoken]
    if with_model:
        heard = [turn if turn.head.stage in _SETTLED else complaint_reading.judged(services, turn) for turn in heard]
    with services.database.read() as db:
        reads = turns.read_all(db, services, heard, now)
    thoughts = {}
    for read in reads:
        services.pace()
        thoughts[read.turn.head.id] = _thought(services, read, with_model=with_model)
    return thoughts


def _thought(services: Services, read: Read, *, with_model: bool) -> Thought:
    settled = read.turn.head.stage in _SETTLED
    thought = Thought(read.turn, {}, settled=True) if settled else think(services, read, with_model=with_model)
    if settled and with_model:
        return replace(thought, judged=risk_judging.judge_all(services, read.turn))
    asks, judged = risk_judging.beforehand(services, read.turn)
    return replace(thought, asks=asks, judged=judged)


def think(services: Services, read: Read, *, with_model: bool = False) -> Thought:
    """What one turn ends, and the reply that it wants."""
    ended = follow_up.outcomes(read.opens, read.later, _likeness(services)) if read.opens else {}
    responded = follow_up.first_answers(read.opens, read.later, _likeness(services)) if read.opens else {}
    own = ended.pop(read.turn.head.id, None)
    read = replace(read, turn=complaint_reading.in_context(read))
    found = tuple(case_intake.grievances(read.turn))
    thought = Thought(
        read.turn,
        read.turn.triages(),
        ended=ended,
        heard=read.heard,
        grievances=found,
        answered=own,
        responded=responded,
    )
    if read.turn.is_staff:
        return replace(thought, no_draft=NoDraftReason.NOT_FROM_MEMBER)
    if read.turn.unsure and not with_model and services.model is not None and services.model.available() is None:
        return replace(thought, for_model=True)
    if found:
        return _complained(services, read, thought)
    waits = _nudges(read, ended)
    if waits is not None:
        return replace(thought, joins=waits)
    if not (read.due or _corrects(read, ended)):
        return replace(thought, no_draft=NoDraftReason.NOT_A_QUESTION)
    if own is not None:
        return replace(thought, no_draft=_NO_DRAFT[own])
    made = _drafted(services, read, thought, with_model=with_model)
    if made.for_model or made.reply is None:
        return made
    before = _asked_before(services, read, made.reply, ended)
    if before is None:
        return made
    if before.text == made.reply.text:
        return replace(made, reply=None, joins=before.id)
    # What is known has changed since: the newer draft takes its place.
    return replace(made, ended=ended | {before.id: ExpiredReason.CONVERSATION_MOVED_ON})


def _complained(services: Services, read: Read, thought: Thought) -> Thought:
    """A complaint becomes a case whether or not it still wants an answer."""
    if thought.answered is not None:
        return replace(thought, no_draft=_NO_DRAFT[thought.answered])
    made = case_drafts.compose(services, read, thought.grievances)
    pairs = zip(thought.grievances, made, strict=True)
    return replace(thought, grievances=tuple(replace(one, drafts=words) for one, words in pairs))


def _drafted(services: Services, read: Read, thought: Thought, *, with_model: bool) -> Thought:
    """With the reply of the embedded engine, or of the model where one is wanted, can be had and is waited for."""
    made = drafting.draft(services, read)
    plain = replace(thought, reply=made.reply)
    if services.model is None or not improving.wanted(read, made):
        return plain
    if services.model.available() is not None:
        return replace(plain, degraded=True)
    if not with_model:
        return replace(thought, for_model=True)
    better = improving.improve(services, services.model, read, made)
    return replace(plain, reply=better.reply, engine=better.engine, degraded=better.degraded)


def _corrects(read: Read, ended: dict[str, ExpiredReason]) -> bool:
    """A correction asks again without the form of a question (不对，我问的是换货)."""
    moved = ExpiredReason.CONVERSATION_MOVED_ON in ended.values()
    return moved and bool(read.turn.kept) and follow_up.correction(read.turn.text) is not None


def _nudges(read: Read, ended: dict[str, ExpiredReason]) -> str | None:
    """The member's newest open draft where they only call for attention (有人吗): that makes no question of its own."""
    if not follow_up.is_nudge(read.turn.text):
        return None
    mine = [d.id for d in read.open_drafts if d.member_id == read.turn.head.member_id and d.id not in ended]
    return mine[-1] if mine else None


def _likeness(services: Services) -> follow_up.Likeness:
    def cosine(left: str, right: str) -> float:
        first, second = services.knowledge.embedder.embed([left, right])
        return float(first @ second)

    return cosine


def _asked_before(services: Services, read: Read, made: Reply, ended: dict[str, ExpiredReason]) -> DraftRow | None:
    """The open draft of the same member that already answers this: asking again makes no second item."""
    likeness = _likeness(services)
    used = {cited.entry_id for cited in made.citations if cited.used}
    texts = {one.key: " ".join(part.question for part in one.parts) for one in read.opens}
    for draft in reversed(read.open_drafts):
        if draft.id in ended or draft.id not in texts or draft.member_id != read.turn.head.member_id:
            continue
        theirs = {cited["entry_id"] for cited in draft.citations if cited["used"]}
        if (used and used == theirs) or likeness(texts[draft.id], read.turn.text) >= SAME:
            return draft
    return None


def _settle_all(
    db: WriteSession, services: Services, claims: Sequence[Claim], thoughts: dict[str, Thought]
) -> list[str]:
    """Write what came of every claim that is still ours and not overtaken; the ids of those."""
    touched = [one.turn for one in thoughts.values() if one.judged or one.grievances or one.turn.head.revision]
    risk_judging.lock(db, touched)
    ours = [claim for claim in due.held(db, MessageRow, claims) if claim.id in thoughts]
    waiting = [claim for claim in ours if thoughts[claim.id].for_model]
    due.release(db, MessageRow, waiting, wants_model=True)
    late = [claim for claim in ours if _overtaken(db, thoughts[claim.id])]
    due.release(db, MessageRow, late, wants_model=False)
    done = [claim for claim in ours if claim not in (*waiting, *late)]
    changed = [_store(db, services, thoughts[claim.id]) for claim in done if not thoughts[claim.id].settled]
    flagged = [risk_judging.store(db, services, thoughts[claim.id].turn, thoughts[claim.id].judged) for claim in done]
    asking = _finish(db, thoughts, done)
    if waiting or late or asking:
        db.ring(MessageRow.__tablename__)
    if any(drafts_changed for drafts_changed, _ in changed):
        changes.note(db, changes.DRAFTS)
    if any(cases_changed for _, cases_changed in changed):
        changes.note(db, changes.COMPLAINTS)
    if any(flagged):
        changes.note(db, changes.RISKS)
    return [row.id for claim in done for row in thoughts[claim.id].turn.rows]


def _finish(db: WriteSession, thoughts: dict[str, Thought], done: Sequence[Claim]) -> bool:
    """Complete the first message of each turn; whether one is still to be judged by the model: its draft doesn't wait
    for that."""
    outcomes = []
    for claim in done:
        thought = thoughts[claim.id]
        outcome = {"wants_model": False} if thought.settled else _outcome(db, thought, claim.id)
        if thought.asks:
            due.release(db, MessageRow, [claim], **outcome | {"wants_model": True, "last_error": None})
        elif thought.settled:
            due.finish(db, MessageRow, claim, **outcome)
        else:
            outcomes.append((claim, outcome))
    due.finish_many(db, MessageRow, outcomes)
    return any(thoughts[claim.id].asks for claim in done)


def _overtaken(db: WriteSession, thought: Thought) -> bool:
    """Whether staff or the asker said something since the conversation was read, which may have ended the question, or
    the draft that it would join was decided on: nobody would see the message there."""
    wanted = thought.reply is not None or thought.joins is not None or any(one.drafts for one in thought.grievances)
    head = thought.turn.head
    joined = drafts.get(db, thought.joins) if thought.joins is not None else None
    if joined is not None and joined.status not in OPEN_DRAFT_STATUSES:
        return True
    return wanted and messages.heard(db, head.lane, head.sent_at, head.member_id) != thought.heard


def _store(db: WriteSession, services: Services, thought: Thought) -> tuple[bool, bool]:
    """Everything but the completion of the first message; whether any draft, and whether any case changed."""
    expired = [drafts.expire(db, draft_id, reason, WORKER.id) for draft_id, reason in thought.ended.items()]
    answered = case_replies.ended(db, services, thought.turn, thought.ended)
    answered |= case_replies.responded(db, services, thought.turn, thought.responded)
    if thought.reply is not None:
        draft_store.add(db, _planned(thought, thought.reply), WORKER.id)
    if thought.joins is not None:
        drafts.attach(db, thought.joins, _answered(thought, _kind(thought.turn)))
    first = thought.responded.get(thought.turn.head.id)
    filed = case_replies.file(db, services, thought.turn, thought.grievances, thought.answered, first)
    case_replies.clock(db, services, thought.turn, thought.reply, thought.answered)
    followers = [row.id for row in thought.turn.rows if row.id != thought.turn.head.id]
    messages.settle_burst(db, [(row_id, _outcome(db, thought, row_id)) for row_id in followers])
    for row in thought.turn.kept:
        if row.id in thought.triages and not thought.turn.is_staff:
            suggestions.note(db, services, row, thought.triages[row.id])
            surveys.note_reply(db, services, row)
    drafted = thought.reply is not None or thought.joins is not None or filed
    return any(expired) or answered or drafted, answered or filed


def _outcome(db: WriteSession, thought: Thought, message_id: str) -> dict[str, Any]:
    row = next(row for row in thought.turn.rows if row.id == message_id)
    held = row.risk["action"] == RiskAction.HOLD_AND_ALERT and not row.risk_cleared
    unanswered = NoDraftReason.NOT_A_QUESTION if row.recalled else None
    return {
        "stage": MessageStage.HELD if held else MessageStage.DONE,
        "triage": None if thought.turn.is_staff else thought.triages[row.id].model_dump(mode="json"),
        "no_draft": thought.no_draft or unanswered,
        "wants_model": False,
        "done_at": db.now,
    }


def _kind(turn: Turn) -> DeliveryKind:
    return DeliveryKind.PRIVATE if turn.head.conversation == "private" else DeliveryKind.REPLY


def _answered(thought: Thought, kind: DeliveryKind) -> list[tuple[str, str, int]]:
    return draft_store.answered(thought.turn.kept, kind, thought.turn.revision)


def _planned(thought: Thought, made: Reply) -> Planned:
    turn = thought.turn
    kept, kind = turn.kept, _kind(turn)
    return Planned(kind, kept[-1].lane, kept, turn.revision, made, thought.engine, thought.degraded)


def _failed(services: Services, claim: Claim, error: Exception) -> list[str]:
    code = getattr(error, "code", type(error).__name__)
    _log.exception("message_failed", message=claim.id, attempts=claim.attempts)
    with services.database.write() as db:
        if isinstance(error, Unavailable):
            # What it needs is away: that is no fault of the message, and must not use up its tries.
            due.release(db, MessageRow, [claim], wait=OUTAGE, last_error=code)
            return []
        tries = settings.value(db, tunables.DUE_TRIES)
        dead = claim.attempts >= tries
        stage = MessageStage.FAILED if dead else MessageStage.RECEIVED
        row = messages.get(db, claim.id)
        if row is not None and row.stage in _SETTLED:
            # Only its risk is still to be judged: that must not make a second draft.
            stage = MessageStage(row.stage)
        due.retry(db, MessageRow, claim, error=code, tries=tries, stage=stage)
    return [claim.id] if dead else []


def sweep(services: Services) -> int:
    """Drafts that nobody decided on while the conversation went on without them expire; how many."""
    with services.database.read() as db:
        now = services.clock.now()
        waiting = drafts.overdue(db, now)
        # Asked once for each group: there may be hundreds of open drafts at every sweep.
        patience = {place: _patience(db, place) for place in {row.community_id for row in waiting}}
        old = [row for row in waiting if _moved_on(db, row, now, patience[row.community_id])]
    if not old:
        return 0
    with services.database.write() as db:
        reason = ExpiredReason.CONVERSATION_MOVED_ON
        expired = [row.id for row in old if drafts.expire(db, row.id, reason, WORKER.id)]
        if expired:
            changes.note(db, changes.DRAFTS)
    return len(expired)


def _patience(db: ReadSession, community_id: str) -> timedelta:
    lineage = communities.lineage(db, community_id)
    return timedelta(minutes=settings.value(db, tunables.STALE_MINUTES, lineage))


def _moved_on(db: ReadSession, draft: DraftRow, now: datetime, patience: timedelta) -> bool:
    """Age alone does not make a question moot: somebody may still wait for the answer in a quiet group."""
    if now - draft.created_at < patience:
        return False
    return len(messages.after(db, draft.lane, draft.created_at, MUCH_SAID)) >= MUCH_SAID
