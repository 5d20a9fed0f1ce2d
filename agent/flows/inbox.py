"""The worker's half of a message: triage, then a grounded draft or the reason why there is none.

`handle` takes a batch of claims, thinks about each without holding any transaction, and then writes all effects and
completions in one write block. What fails is retried alone, so that one poisonous message stops nobody else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.flows import community
from agent.flows.community import CommunityView
from agent.services import Services
from agent.steps import grounding, reply
from agent.steps.boundaries import boundary
from agent.steps.reply import Asked, Reply
from agent.steps.triage import Triage, classify, questions
from core import log, tunables
from core.caller import system_caller
from core.ids import new_id
from core.vocabulary import (
    AbstainedReason,
    DeliveryKind,
    DraftStatus,
    Engine,
    EntryKind,
    MessageKind,
    MessageStage,
    MessageType,
    NoDraftReason,
    Requires,
    RiskAction,
    RiskLevel,
    Scene,
)
from knowledge.retriever import Scope as SearchScope
from store import changes, due, knowledge, members, messages, settings
from store.drafts import DraftMessageRow, DraftRow, DraftVersionRow
from store.due import Claim
from store.messages import MessageRow
from store.session import ReadSession, WriteSession
from store.vault import MemberKeys
from tools.knowledge import search_knowledge

_log = log.get(__name__)
WORKER = system_caller("inbox")
MEMBER_NAME = "member_name"
_REPLY_DUE = (MessageKind.QUESTION, MessageKind.COMPLAINT)


@dataclass(frozen=True, slots=True)
class Read:
    """What was read of one message before thinking."""

    message: MessageRow
    community: CommunityView
    has_name: bool


@dataclass(frozen=True, slots=True)
class Thought:
    """What came of thinking: `reply` None where none was wanted."""

    triage: Triage
    reply: Reply | None
    no_draft: NoDraftReason | None
    held: bool


def handle(services: Services, claims: Sequence[Claim]) -> list[str]:
    """Work off claimed messages; the ids of those that are finished (done, held or failed)."""
    try:
        thoughts = _think_all(services, claims)
        services.pace()
        with services.database.write() as db:
            return _settle_all(db, claims, thoughts)
    except Exception as error:
        if len(claims) > 1:
            return [done for claim in claims for done in handle(services, [claim])]
        return _failed(services, claims[0], error)


def _think_all(services: Services, claims: Sequence[Claim]) -> dict[str, tuple[MessageRow, Thought]]:
    with services.database.read() as db:
        rows = messages.many(db, [claim.id for claim in claims])
        quick = {row.id: _wanting_nothing(row) for row in rows}
        reads = _read_all(db, services, [row for row in rows if quick[row.id] is None])
    now = services.clock.now()
    full = {}
    for read in reads:
        services.pace()
        full[read.message.id] = think(services, read, now)
    return {row.id: (row, quick[row.id] or full[row.id]) for row in rows}


def _read_all(db: ReadSession, services: Services, rows: Sequence[MessageRow]) -> list[Read]:
    """What drafting needs beside the messages. Most messages want no draft, so most batches read nothing here."""
    views: dict[str, CommunityView] = {}
    found = []
    for row in rows:
        if row.community_id not in views:
            views[row.community_id] = community.view(db, row.community_id)
        member = members.get(db, row.member_id) if row.member_id else None
        name = MemberKeys(db, services.keyring).name(member)
        found.append(Read(row, views[row.community_id], bool(name)))
    return found


def _wanting_nothing(message: MessageRow) -> Thought | None:
    """The whole thought about a message that nobody has to answer; None where a reply is due."""
    triage = classify(message.text, MessageType(message.type))
    if message.recalled or triage.kind not in _REPLY_DUE:
        return Thought(triage, None, NoDraftReason.NOT_A_QUESTION, _is_held(message))
    return None


def think(services: Services, read: Read, now: datetime) -> Thought:
    """Triage and reply for one message. Reads the knowledge, writes nothing."""
    quick = _wanting_nothing(read.message)
    if quick is not None:
        return quick
    triage = classify(read.message.text, MessageType(read.message.type))
    if RiskLevel(read.message.risk["level"]).at_least(RiskLevel.MEDIUM):
        nearest = [_ask(services, read, read.message.text, now)]
        return Thought(triage, reply.abstain(AbstainedReason.RISK_HOLD, nearest), None, _is_held(read.message))
    return Thought(triage, _draft(services, read, triage, now), None, False)


def _is_held(message: MessageRow) -> bool:
    return bool(message.risk["action"] == RiskAction.HOLD_AND_ALERT)


def _draft(services: Services, read: Read, triage: Triage, now: datetime) -> Reply:
    text = read.message.text
    reason = boundary(text)
    if reason is not None:
        return reply.abstain(reason, [_ask(services, read, text, now)])
    asked = [_ask(services, read, part, now) for part in questions(text) or [text]]
    kept = frozenset({MEMBER_NAME}) if read.has_name else frozenset()
    draft = reply.compose(asked, read.community.values, kept_slots=kept)
    if draft.text is None and triage.kind == MessageKind.COMPLAINT:
        return _soothing(services, read, now, kept) or draft
    return _grounded(draft, read, asked)


def _ask(services: Services, read: Read, question: str, now: datetime) -> Asked:
    found = search_knowledge(
        WORKER,
        services.knowledge,
        question,
        communities=read.community.lineage,
        today=community.today(now),
        threshold=read.community.threshold,
    )
    return Asked(question=question, candidates=tuple(found.candidates), judged=found.judged)


def _soothing(services: Services, read: Read, now: datetime, kept: frozenset[str]) -> Reply | None:
    """Where no entry answers a complaint, a script of the scene `complaint` in the community's tone begins it."""
    scope = SearchScope(read.community.lineage, community.today(now), (EntryKind.SCRIPT,))
    scripts = [entry for entry in services.knowledge.retriever.entries(scope) if entry.scene == Scene.COMPLAINT]
    for script in sorted(scripts, key=lambda entry: (entry.tone != read.community.tone, entry.id)):
        draft = reply.from_script(script, read.community.values, kept_slots=kept, reason="complaint_script")
        if draft is not None:
            return draft
    return None


def _grounded(draft: Reply, read: Read, asked: Sequence[Asked]) -> Reply:
    """The draft, if its quotes stand in the cited versions and its facts in their answers; else an abstention."""
    if draft.text is None:
        return draft
    answers = {(c.entry.id, c.entry.version): c.entry.answer for one in asked for c in one.candidates}
    sources = [answers[(cited.entry_id, cited.version)] for cited in draft.citations if cited.used]
    unsupported = grounding.unsupported(draft.text, [*sources, *read.community.values.values()])
    false = grounding.false_citations(draft.citations, answers)
    if not unsupported and not false:
        return draft
    _log.warning("draft_not_grounded", message=read.message.id, facts=len(unsupported), citations=false)
    return reply.abstain(AbstainedReason.RELATED_BUT_NOT_ANSWERING, asked)


def _settle_all(
    db: WriteSession, claims: Sequence[Claim], thoughts: dict[str, tuple[MessageRow, Thought]]
) -> list[str]:
    """Write what came of every claim that is still ours; the ids of those."""
    ours = [claim for claim in due.held(db, MessageRow, claims) if claim.id in thoughts]
    for message, thought in (thoughts[claim.id] for claim in ours):
        if thought.reply is not None:
            _store_draft(db, message, thought.reply)
    due.finish_many(db, MessageRow, [(claim, _outcome(db, thoughts[claim.id][1])) for claim in ours])
    if any(thoughts[claim.id][1].reply for claim in ours):
        changes.note(db, changes.DRAFTS)
    return [claim.id for claim in ours]


def _outcome(db: WriteSession, thought: Thought) -> dict[str, object]:
    return {
        "stage": MessageStage.HELD if thought.held else MessageStage.DONE,
        "triage": thought.triage.model_dump(mode="json"),
        "no_draft": thought.no_draft,
        "done_at": db.now,
    }


def _store_draft(db: WriteSession, message: MessageRow, made: Reply) -> None:
    values = made.model_dump(mode="json")
    draft = DraftRow(
        id=new_id("drf"),
        kind=DeliveryKind.PRIVATE if message.conversation == "private" else DeliveryKind.REPLY,
        version=1,
        status=DraftStatus.PENDING,
        requires=Requires.MODERATOR,
        community_id=message.community_id,
        channel=message.channel,
        lane=message.lane,
        member_id=message.member_id,
        reply_to=message.external_id,
        text=made.text,
        citations=values["citations"],
        alternatives=values["alternatives"],
        confidence=values["confidence"],
        abstained=values["abstained"],
        engine=Engine.EMBEDDED,
        degraded=False,
        copy_check=[],
        created_at=db.now,
    )
    db.add(draft)
    db.flush()
    db.add(
        DraftMessageRow(
            draft_id=draft.id, message_id=message.id, kind=draft.kind, revision=message.revision, position=0
        )
    )
    db.add(DraftVersionRow(draft_id=draft.id, version=1, status=draft.status, text=made.text, by=WORKER.id, at=db.now))
    knowledge.count_hits(db, [cited.entry_id for cited in made.citations if cited.used])


def _failed(services: Services, claim: Claim, error: Exception) -> list[str]:
    code = getattr(error, "code", type(error).__name__)
    _log.exception("message_failed", message=claim.id, attempts=claim.attempts)
    with services.database.write() as db:
        tries = settings.value(db, tunables.DUE_TRIES)
        dead = claim.attempts >= tries
        stage = MessageStage.FAILED if dead else MessageStage.RECEIVED
        due.retry(db, MessageRow, claim, error=code, tries=tries, stage=stage)
    return [claim.id] if dead else []
