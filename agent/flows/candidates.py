"""A person decides on candidates of the knowledge base (候选): a new entry, one more phrasing of an entry, or nothing.

Here and nowhere else a candidate becomes knowledge. What it rests on are the words of members and of people who
answered them, masked, word for word.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from agent.flows import gathering
from agent.flows import knowledge as knowledge_flow
from agent.services import Services
from agent.steps import candidates as step
from agent.steps.candidates import Answered
from core.caller import Caller
from core.errors import BadInput, Conflict, NotFound
from core.masking import mask
from core.scopes import Scope
from core.vocabulary import CandidateStatus, EntryKind, EntryStatus
from knowledge.entry_in import EntryIn
from store import candidates, drafts, knowledge, messages
from store.audit import Deed
from store.candidates import CandidateRow
from store.knowledge import EntryRow
from store.messages import MessageRow
from store.session import ReadSession, WriteSession

MOST_ASKED: Final = 20
MOST_PHRASINGS: Final = 30
_SUGGESTED: Final = 8
"""Wordings that a suggested entry begins with: a person throws out more easily than they look for more."""


@dataclass(frozen=True, slots=True)
class Case:
    """A candidate with what it rests on: the newest messages that asked, what people answered (newest first), and an
    entry as it might be."""

    row: CandidateRow
    asked: list[MessageRow]
    wordings: list[str]
    answers: list[Answered]
    suggested: dict[str, Any]
    entry: EntryRow | None


@dataclass(frozen=True, slots=True)
class Phrasing:
    """Wordings to be added to an entry; None: the candidate's own. `version` is the one of the entry that was seen."""

    entry_id: str
    phrasings: Sequence[str] | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a person wants done with a candidate that they saw in `version`. It is accepted as a new entry or as a
    phrasing; a candidate that is a phrasing needs neither to be said."""

    accept: bool
    version: int
    entry: EntryIn | None = None
    phrasing: Phrasing | None = None
    reason: str | None = None


def read(db: ReadSession, caller: Caller, candidate_id: str) -> Case:
    """Raises `NotFound` `candidate_not_found`, `Forbidden` `scope_missing`."""
    row = _visible(db, caller, candidate_id)
    ids = candidates.asked(db, [row.id])[row.id]
    asked = [one for one in messages.many(db, ids[: 2 * MOST_ASKED]) if not one.recalled][:MOST_ASKED]
    wordings = gathering.wordings_of(db, [one.id for one in asked])
    distinct = {step.plain(text): text for text in (row.question, *wordings.values())}
    answers = _answers(db, row)
    suggested = _suggested(row, list(distinct.values()), step.best_answer(answers))
    entry = knowledge.get(db, row.entry_id) if row.entry_id else None
    return Case(row, asked, list(distinct.values()), answers, suggested, entry)


def _visible(db: ReadSession, caller: Caller, candidate_id: str) -> CandidateRow:
    row = candidates.get(db, candidate_id)
    if row is None:
        raise NotFound("candidate_not_found")
    caller.require_seen(Scope.KNOWLEDGE_READ, row.community_id, "candidate")
    return row


def _answers(db: ReadSession, row: CandidateRow) -> list[Answered]:
    """With their texts as they stand now: a decision that was taken back has none."""
    found = []
    for kept in candidates.answers(db, row.id):
        text = _text_of(db, kept.source, kept.source_id)
        if text:
            found.append(Answered(kept.source, kept.source_id, kept.message_id, text, kept.at))
    return found


def _text_of(db: ReadSession, source: str, source_id: str) -> str | None:
    if source == "draft":
        draft = drafts.get(db, source_id)
        return draft.final_text if draft is not None else None
    message = messages.get(db, source_id)
    return message.text if message is not None and not message.recalled else None


def _suggested(row: CandidateRow, wordings: Sequence[str], answer: Answered | None) -> dict[str, Any]:
    """Fields of an entry as `EntryIn` has them; without an answer of a person its `answer` is empty."""
    return {
        "id": f"faq-{row.id[-10:].lower()}",
        "kind": EntryKind.FAQ.value,
        "title": row.question[:200],
        "phrasings": list(wordings[:_SUGGESTED]),
        "answer": answer.text if answer else "",
        "community": row.community_id,
        "status": EntryStatus.APPROVED.value,
    }


def decide(services: Services, caller: Caller, candidate_id: str, ruling: Ruling) -> CandidateRow:
    """Carry a decision out: the entry or its new version is saved in the same transaction.

    Raises `NotFound` (`candidate_not_found`, `entry_not_found`, `community_not_found`), `Forbidden` without
    `knowledge:edit` there, `BadInput` (`nothing_to_accept`, `phrasings_full`), `Conflict` (`candidate_changed` with the
    state that won, `entry_exists`, `entry_changed`).
    """
    with services.database.write() as db:
        row = _visible(db, caller, candidate_id)
        caller.require(Scope.KNOWLEDGE_EDIT, row.community_id)
        entry = _accept(db, services, caller, row, ruling) if ruling.accept else None
        status = CandidateStatus.ACCEPTED if ruling.accept else CandidateStatus.REJECTED
        values = {
            "status": status,
            "entry_id": entry.id if entry else row.entry_id,
            "decided_by": caller.id,
            "reason": mask(ruling.reason).text[:500] if ruling.reason else None,
        }
        moved = candidates.decide(db, row.id, version=ruling.version, **values)
        current = candidates.get(db, row.id)
        assert current is not None
        if not moved:
            raise Conflict("candidate_changed", extra=state_of(current))
        details = {"version": current.version, "entry": current.entry_id}
        db.audit(Deed(caller, f"candidate.{status}", "candidate", row.id, row.community_id, details))
        return current


def state_of(row: CandidateRow) -> dict[str, object]:
    """What the loser of a race is told."""
    return {
        "id": row.id,
        "status": row.status,
        "version": row.version,
        "decided_by": row.decided_by,
        "entry_id": row.entry_id,
    }


def _accept(db: WriteSession, services: Services, caller: Caller, row: CandidateRow, ruling: Ruling) -> EntryRow:
    if row.status != CandidateStatus.OPEN or row.version != ruling.version:
        raise Conflict("candidate_changed", extra=state_of(row))
    if ruling.entry is not None:
        return knowledge_flow.save_in(db, services, caller, ruling.entry, version=None)
    phrasing = ruling.phrasing or (Phrasing(row.entry_id) if row.entry_id else None)
    if phrasing is None:
        raise BadInput("nothing_to_accept", extra={"field": "entry"})
    return _add_phrasings(db, services, caller, phrasing, [row.question])


def _add_phrasings(
    db: WriteSession, services: Services, caller: Caller, wanted: Phrasing, own: Sequence[str]
) -> EntryRow:
    old = knowledge.get(db, wanted.entry_id)
    if old is None:
        raise NotFound("entry_not_found")
    known = {step.plain(one) for one in (old.title, *old.phrasings)}
    new = [one for one in (wanted.phrasings or own) if step.plain(one) not in known]
    phrasings = [*old.phrasings, *new]
    if len(phrasings) > MOST_PHRASINGS:
        raise BadInput("phrasings_full", extra={"field": "phrasing", "id": old.id}, most=MOST_PHRASINGS)
    entry = EntryIn.model_validate(knowledge_flow.written(old).model_dump() | {"phrasings": phrasings})
    return knowledge_flow.save_in(db, services, caller, entry, version=wanted.version or old.version)
