"""A moderator picks an entry for a question (用这条): its answer goes into the reply, and once that was sent, the words
of the question are proposed as a phrasing. Added they are only when somebody who may edit the entry says so."""

from dataclasses import dataclass
from typing import Final

from agent.flows import community, crisis
from agent.flows.outgoing import MEMBER_NAME, Words
from agent.services import Services
from agent.steps import candidates as step
from agent.steps.candidates import Heard
from core.caller import Caller
from core.errors import BadInput, Conflict, NotFound
from core.scopes import Scope
from core.vocabulary import CandidateKind, CandidateOrigin, EntryKind, EntryStatus, Requires, RequiresCause
from knowledge.slots import fill
from store import candidates, communities, drafts, knowledge, messages
from store.audit import Deed
from store.drafts import DraftRow
from store.knowledge import EntryRow
from store.session import ReadSession, WriteSession

_ADDED: Final = "picked"
"""Why an entry is among a draft's alternatives that the search had not found: a person chose it."""


@dataclass(frozen=True, slots=True)
class Picked:
    """The entry's answer with its slots filled as in a draft; `missing` have no value and stand as `{name}`."""

    text: str
    missing: tuple[str, ...]


def pick(services: Services, caller: Caller, draft_id: str, entry_id: str) -> Picked:
    """Remember that a person takes this entry's answer for a question; the draft itself stays as it is.

    Raises `NotFound` (`draft_not_found`, `entry_not_found`), `Forbidden` without `drafts:decide` there, `BadInput`
    `case_not_quoted`, `Conflict` `draft_decided`.
    """
    with services.database.write() as db:
        draft = drafts.get(db, draft_id)
        if draft is None:
            raise NotFound("draft_not_found")
        caller.require_seen(Scope.DRAFTS_READ, draft.community_id, "draft")
        caller.require(Scope.DRAFTS_DECIDE, draft.community_id)
        entry = _pickable(db, draft, entry_id)
        found = [one for one in draft.alternatives if one["why"] != _ADDED]
        near = [one | {"picked": one["entry_id"] == entry_id} for one in found]
        if not any(one["picked"] for one in near):
            near.append({"entry_id": entry.id, "title": entry.title, "score": 0.0, "why": _ADDED, "picked": True})
        if not drafts.note_alternatives(db, draft_id, near):
            raise Conflict("draft_decided", extra=drafts.state_of(draft))
        _set_release(db, draft, crisis.is_crisis(db, entry_id))
        details = {"entry": entry_id, "version": draft.version}
        db.audit(Deed(caller, "draft.picked", "draft", draft_id, draft.community_id, details))
        return _filled(db, services, draft, entry)


def _set_release(db: WriteSession, draft: DraftRow, picked_crisis: bool) -> None:
    """A crisis script is released by a manager, also where a moderator picked it by hand; who picks another entry
    instead gives the draft back, unless it was a crisis text from the start."""
    made_of = any(cited["used"] and crisis.is_crisis(db, cited["entry_id"]) for cited in draft.citations)
    if picked_crisis and draft.requires != Requires.MANAGER:
        drafts.set_requires(db, draft.id, Requires.MANAGER, RequiresCause.CRISIS)
    elif not picked_crisis and draft.cause == RequiresCause.CRISIS and draft.member_id is not None and not made_of:
        drafts.set_requires(db, draft.id, Requires.MODERATOR, None)


def _filled(db: ReadSession, services: Services, draft: DraftRow, entry: EntryRow) -> Picked:
    name = Words(db, services).name(draft.member_id)
    values = community.view(db, draft.community_id).values | ({MEMBER_NAME: name} if name else {})
    filled = fill(entry.answer, values)
    return Picked(filled.text, tuple(filled.missing))


def _pickable(db: ReadSession, draft: DraftRow, entry_id: str) -> EntryRow:
    """An approved entry that the draft's community may use."""
    entry = knowledge.get(db, entry_id)
    if entry is None or entry.status != EntryStatus.APPROVED:
        raise NotFound("entry_not_found")
    if entry.community_id is not None and entry.community_id not in communities.lineage(db, draft.community_id):
        raise NotFound("entry_not_found")
    if entry.kind == EntryKind.CASE:
        # Somebody else's story is no fact for members.
        raise BadInput("case_not_quoted", extra={"entry_id": entry_id})
    return entry


def note_picked(db: WriteSession, draft: DraftRow, final: str) -> None:
    """A draft was sent: where its text is the answer of the entry that was picked for it, its wording is proposed as
    a phrasing of that entry. Called within the decision's transaction."""
    picked = next((one["entry_id"] for one in draft.alternatives if one.get("picked")), None)
    entry = knowledge.get(db, picked) if picked else None
    if entry is None or step.rewritten(entry.answer, final):
        return
    ids = drafts.message_ids(db, [draft.id])[draft.id]
    heard = [Heard(row.id, row.text) for row in messages.many(db, ids) if not row.recalled]
    candidates.leave(db, ids, origin=CandidateOrigin.UNANSWERED)
    for message_id, text in step.askings(heard).items():
        propose_phrasing(db, draft.community_id, entry, text, CandidateOrigin.PICKED, message_id)


def propose_phrasing(
    db: WriteSession,
    community_id: str,
    entry: EntryRow,
    wording: str,
    origin: CandidateOrigin,
    message_id: str | None = None,
) -> str | None:
    """Have a person look at a wording for an entry; the candidate's id, or None where the entry has it already. The
    same wording proposed again counts with the first."""
    same = step.plain(wording)
    if same in {step.plain(one) for one in (entry.title, *entry.phrasings)}:
        return None
    open_ = candidates.page(db, communities=None, kind=CandidateKind.PHRASING, entry_id=entry.id, limit=200)
    known = next((row for row in open_ if step.plain(row.question) == same), None)
    if known is not None:
        candidates.change(db, known.id, count=known.count + 1, last_asked_at=db.now)
        key = known.id
    else:
        kind = CandidateKind.PHRASING
        values = {"kind": kind, "origin": origin, "question": wording, "entry_id": entry.id, "count": 1}
        key = candidates.add(db, community_id=community_id, **values)
    if message_id is not None:
        candidates.ask(db, key, message_id)
    return key


def forget(db: WriteSession, draft: DraftRow) -> None:
    """A decision was taken back: what was proposed because of it is no longer. What the draft itself abstained from
    stays asked."""
    ids = drafts.message_ids(db, [draft.id])[draft.id]
    candidates.leave(db, ids, origin=None if draft.text is not None else CandidateOrigin.PICKED)
