"""Suggestions (建议) of members are collected, routed to a department, and answered: a change of status drafts a note
to whoever proposed it, for a person to approve."""

from dataclasses import dataclass
from typing import Final

from agent.flows import draft_store, outgoing
from agent.flows.draft_store import Note
from agent.flows.outgoing import MEMBER_NAME
from agent.services import Services
from agent.steps.triage import Triage
from core import catalogue, tunables
from core.caller import Caller
from core.errors import BadInput, Conflict, NotFound
from core.ids import new_id
from core.masking import mask
from core.scopes import Scope
from core.vocabulary import (
    Department,
    MessageKind,
    SenderRole,
    SuggestionStatus,
)
from knowledge.slots import slots
from prompts.loader import render
from store import changes, communities, drafts, privacy, settings, suggestions
from store.audit import Deed
from store.messages import MessageRow
from store.session import ReadSession, WriteSession
from store.suggestions import SuggestionRow

MOST_WORDS: Final = 300
_QUOTED: Final = 30
_REASON: Final = "suggestion_status"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person makes of a suggestion that they saw in `version`. `words` go into the note to the member, which is
    not drafted where `tell` is False."""

    status: SuggestionStatus
    version: int
    department: Department | None = None
    words: str | None = None
    tell: bool = True


@dataclass(frozen=True, slots=True)
class Answered:
    """`draft_id` is None where the member is told nothing."""

    row: SuggestionRow
    draft_id: str | None


def note(db: WriteSession, services: Services, row: MessageRow, triage: Triage) -> None:
    """Collect a message that suggests something; what was said in one burst is one suggestion, and a message makes one
    only once."""
    del services
    if triage.kind is not MessageKind.SUGGESTION or not _counts(row):
        return
    known = suggestions.of_messages(db, [row.id]) or suggestions.of_burst(db, row.burst_id or row.id)
    suggestions.attach(db, known or _add(db, row, triage), row.id)


def _counts(row: MessageRow) -> bool:
    return row.sender_role == SenderRole.MEMBER and not row.recalled and not row.history


def _add(db: WriteSession, row: MessageRow, triage: Triage) -> str:
    department = settings.value(db, tunables.SUGGESTION_DEPARTMENT, communities.lineage(db, row.community_id)) or None
    made = SuggestionRow(
        id=new_id("sgt"),
        version=1,
        community_id=row.community_id,
        channel=row.channel,
        member_id=row.member_id,
        topic=triage.topic[:64] if triage.topic else None,
        status=SuggestionStatus.ROUTED if department else SuggestionStatus.NEW,
        department=department,
        said_at=row.sent_at,
        created_at=db.now,
    )
    db.add(made)
    db.flush()
    return made.id


def visible(db: ReadSession, caller: Caller, suggestion_id: str) -> SuggestionRow:
    """Raises `NotFound` `suggestion_not_found`, `Forbidden`."""
    row = suggestions.get(db, suggestion_id)
    if row is None:
        raise NotFound("suggestion_not_found")
    caller.require_seen(Scope.COMPLAINTS_READ, row.community_id, "suggestion")
    return row


def answer(services: Services, caller: Caller, suggestion_id: str, wanted: Answer) -> Answered:
    """Set the status of a suggestion, and draft the note to its member.

    Raises `NotFound` `suggestion_not_found`, `Forbidden`, `BadInput` (`text_too_long`, `slot_unfilled`,
    `suggestion_status`), `Conflict` `suggestion_changed` with the state that won.
    """
    with services.database.write() as db:
        row = visible(db, caller, suggestion_id)
        caller.require(Scope.COMPLAINTS_OWN, row.community_id)
        words = _words(db, services, row, wanted)
        department = wanted.department or row.department
        if wanted.status is SuggestionStatus.NEW or (wanted.status is SuggestionStatus.ROUTED and department is None):
            raise BadInput("suggestion_status", extra={"field": "status"})
        values = {"status": wanted.status, "department": department, "changed_at": db.now, "changed_by": caller.id}
        if not suggestions.advance(db, row.id, version=wanted.version, **values):
            raise Conflict("suggestion_changed", extra=suggestions.state_of(row))
        draft_id = _tell(db, caller, row, wanted.status, department, words) if wanted.tell else None
        details = {"status": wanted.status, "department": department, "draft": draft_id, "version": wanted.version + 1}
        db.audit(Deed(caller, "suggestion.status", "suggestion", row.id, row.community_id, details))
        changes.note(db, changes.COMPLAINTS)
        if draft_id is not None:
            changes.note(db, changes.DRAFTS)
        current = suggestions.get(db, row.id)
        assert current is not None
    return Answered(current, draft_id)


def _words(db: ReadSession, services: Services, row: SuggestionRow, wanted: Answer) -> str:
    text = (wanted.words or "").strip()
    if len(text) > MOST_WORDS:
        raise BadInput("text_too_long", extra={"field": "words"}, most=MOST_WORDS)
    kept = outgoing.name_to_slot(db, services, row.member_id, text)
    unfilled = [name for name in slots(kept) if name != MEMBER_NAME]
    if unfilled:
        raise BadInput("slot_unfilled", extra={"field": "words"}, slot=unfilled[0])
    return mask(kept).text


def _tell(
    db: WriteSession, caller: Caller, row: SuggestionRow, status: SuggestionStatus, department: str | None, words: str
) -> str | None:
    """The draft of a private note; one that was still waiting is no longer wanted."""
    if row.member_id is None or privacy.erasure(db, row.member_id) is not None:
        return None
    if row.draft_id is not None:
        drafts.expire(db, row.draft_id, "conversation_moved_on", caller.id)
    named = catalogue.text(f"department.{department}") if department else catalogue.text("department.product")
    text = render("suggestion/note", status=status.value, department=named, quote=_quote(db, row), words=words).strip()
    sources = [row.topic or "", *(one.text for one in suggestions.messages_of(db, [row.id])[row.id])]
    lane = f"suggestion:{row.id}"
    note = Note(row.community_id, row.channel, row.member_id, lane, text, sources, _REASON)
    draft = draft_store.add_note(db, note, caller.id)
    current = suggestions.get(db, row.id)
    assert current is not None
    current.draft_id = draft.id
    db.flush()
    return draft.id


def _quote(db: ReadSession, row: SuggestionRow) -> str:
    """The beginning of what was suggested; nothing where something personal stands in it or it was taken back."""
    said = [one for one in suggestions.messages_of(db, [row.id])[row.id] if not one.recalled]
    text = " ".join(said[0].text.split()) if said else ""
    if "*" in text or "{" in text:
        return ""
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…"
