"""Drafts come into being here: the row, its first version, which messages it answers."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.flows import copy_review, crisis
from agent.steps import copy_check
from agent.steps.reply import Confidence, Reply
from core.ids import new_id
from core.vocabulary import Band, DeliveryKind, DraftStatus, Engine, Requires, RequiresCause
from store import drafts, knowledge
from store.drafts import DraftRow, DraftVersionRow
from store.messages import MessageRow
from store.session import WriteSession


@dataclass(frozen=True, slots=True)
class Planned:
    """A draft to be stored. `answers` are the messages that it answers, the last one is quoted; `revision` that of
    their burst. `cause` says why a manager has to decide, where one has."""

    kind: DeliveryKind
    lane: str
    answers: Sequence[MessageRow]
    revision: int
    made: Reply
    engine: Engine = Engine.EMBEDDED
    degraded: bool = False
    case_id: str | None = None
    cause: RequiresCause | None = None


def add(db: WriteSession, planned: Planned, by: str) -> str:
    """The id of the new draft."""
    draft = _row(db, planned)
    crisis.stamp(db, draft)
    hits = copy_check.check(draft.text, copy_review.sources_of(db, draft)) if draft.text else []
    draft.copy_check = [hit.model_dump(mode="json") for hit in hits]
    db.add(draft)
    db.flush()
    drafts.attach(db, draft.id, answered(planned.answers, planned.kind, planned.revision))
    db.add(DraftVersionRow(draft_id=draft.id, version=1, status=draft.status, text=draft.text, by=by, at=db.now))
    knowledge.count_hits(db, [cited.entry_id for cited in planned.made.citations if cited.used])
    return draft.id


@dataclass(frozen=True, slots=True)
class Note:
    """A private line of ours that answers no message, in a `lane` of its own: what the member says meanwhile doesn't
    make it needless. `sources` are texts whose words it may repeat; `reason` is why it was written."""

    community_id: str
    channel: str
    member_id: str | None
    lane: str
    text: str
    sources: Sequence[str]
    reason: str


def add_note(db: WriteSession, note: Note, by: str) -> DraftRow:
    """The draft of a note, for a moderator. It belongs to no case: to send it is no answer to a complaint."""
    hits = copy_check.check(note.text, note.sources)
    draft = DraftRow(
        id=new_id("drf"),
        kind=DeliveryKind.PRIVATE,
        version=1,
        status=DraftStatus.PENDING,
        requires=Requires.MODERATOR,
        community_id=note.community_id,
        channel=note.channel,
        lane=note.lane,
        member_id=note.member_id,
        text=note.text,
        citations=[],
        alternatives=[],
        confidence=Confidence(band=Band.HIGH, reason=note.reason).model_dump(mode="json"),
        engine=Engine.EMBEDDED,
        degraded=False,
        copy_check=[hit.model_dump(mode="json") for hit in hits],
        created_at=db.now,
    )
    db.add(draft)
    db.flush()
    db.add(DraftVersionRow(draft_id=draft.id, version=1, status=draft.status, text=draft.text, by=by, at=db.now))
    db.flush()
    return draft


def answered(rows: Sequence[MessageRow], kind: DeliveryKind, revision: int) -> list[tuple[str, str, int]]:
    """What `drafts.attach` wants to know."""
    return [(row.id, kind, revision) for row in rows]


def _row(db: WriteSession, planned: Planned) -> DraftRow:
    values = planned.made.model_dump(mode="json")
    message = planned.answers[-1]
    elsewhere = planned.lane != message.lane
    return DraftRow(
        id=new_id("drf"),
        kind=planned.kind,
        version=1,
        status=DraftStatus.PENDING,
        requires=Requires.MODERATOR if planned.cause is None else Requires.MANAGER,
        cause=planned.cause,
        community_id=message.community_id,
        channel=message.channel,
        lane=planned.lane,
        member_id=message.member_id,
        case_id=planned.case_id,
        # What is written privately quotes nothing of the group.
        reply_to=None if elsewhere else message.external_id,
        text=planned.made.text,
        citations=values["citations"],
        alternatives=values["alternatives"],
        confidence=values["confidence"],
        abstained=values["abstained"],
        engine=planned.engine,
        degraded=planned.degraded,
        copy_check=[],
        created_at=db.now,
    )
