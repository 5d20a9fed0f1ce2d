"""Wordings proposed for an entry, by a person at the hit test or by the model. They become candidates (候选); the entry
has them once somebody who may edit it says so."""

from dataclasses import dataclass
from typing import Final

from agent.flows import entry_care
from agent.flows.community import today
from agent.flows.knowledge import require_edit
from agent.flows.picking import propose_phrasing
from agent.services import Services
from agent.steps import candidates as candidates_step
from agent.steps import phrasings as step
from agent.steps.asking import ModelUnavailable
from agent.steps.phrasings import LeftOut, Sifted
from core.caller import Caller
from core.errors import BadInput, Conflict, NotFound, Unavailable
from core.ids import new_id
from core.masking import mask
from core.scopes import Scope
from core.vocabulary import (
    ANSWERING_KINDS,
    Audience,
    CandidateKind,
    CandidateOrigin,
    CandidateStatus,
    EntryKind,
    EntryStatus,
)
from knowledge.entries import Entry, entry_of
from knowledge.retriever import Scope as SearchScope
from store import candidates, communities
from store.audit import Deed
from store.candidates import CandidateRow
from store.knowledge import EntryRow
from store.session import ReadSession, WriteSession

MOST_REMEMBERED: Final = 200
"""Earlier proposals for an entry that a new one is compared with."""


@dataclass(frozen=True, slots=True)
class Proposals:
    """`candidates` wait for a person; `left_out` are wordings of the model that are not worth their time."""

    candidates: list[CandidateRow]
    left_out: list[LeftOut]


def propose_wording(services: Services, caller: Caller, community_id: str, entry_id: str, text: str) -> str:
    """Have a text, as a member of the community sent it, looked at as a phrasing of an entry; the candidate's id.

    Raises `NotFound` (`community_not_found`, `entry_not_found`), `Forbidden` for who may neither decide on drafts nor
    edit knowledge there, `BadInput` (`phrasings_faq_only`, `phrasing_empty`), `Conflict` `phrasing_known`.
    """
    wording = candidates_step.wording(mask(text).text)
    if not candidates_step.plain(wording):
        raise BadInput("phrasing_empty", extra={"field": "text"})
    with services.database.write() as db:
        if communities.get(db, community_id) is None:
            raise NotFound("community_not_found", extra={"community_id": community_id})
        if not caller.allows(Scope.KNOWLEDGE_EDIT, community_id):
            caller.require(Scope.DRAFTS_DECIDE, community_id)
        entry = _faq(entry_care.found(db, caller, entry_id))
        made = propose_phrasing(db, community_id, entry, wording, CandidateOrigin.PICKED)
        if made is None:
            raise Conflict("phrasing_known", extra={"entry_id": entry_id})
        db.audit(Deed(caller, "candidate.proposed", "candidate", made, community_id, {"entry": entry_id}))
    return made


def _faq(row: EntryRow) -> EntryRow:
    """Raises `BadInput` `phrasings_faq_only`: other entries, and those not in use, are not found by phrasings."""
    if row.kind != EntryKind.FAQ or row.status != EntryStatus.APPROVED:
        raise BadInput("phrasings_faq_only", extra={"entry_id": row.id, "kind": row.kind, "status": row.status})
    return row


def propose(services: Services, caller: Caller, entry_id: str) -> Proposals:
    """Ask the model for more wordings of an entry and keep those worth a look as candidates; nothing is published.

    Raises `NotFound` `entry_not_found`, `Forbidden` without `knowledge:edit` for the entry, `BadInput`
    (`phrasings_faq_only`, `model_not_configured`), `Unavailable` `model_unavailable`.
    """
    if services.model is None:
        raise BadInput("model_not_configured")
    with services.database.read() as db:
        row = entry_care.found(db, caller, entry_id)
        require_edit(caller, row.community_id)
        entry, known = entry_of(_faq(row)), _proposed_before(db, entry_id)
        scope = _scope(db, services, entry)
    proposal_id = new_id("prp")
    try:
        offered = step.think_of(services.model, entry, proposal_id)
    except ModelUnavailable as error:
        raise Unavailable("model_unavailable", extra={"reason": error.reason}, why=error.reason) from None

    def nearest(text: str) -> Entry | None:
        found = services.knowledge.retriever.search(text, scope, 1)
        return found[0].entry if found else None

    sifted = step.sift(entry, offered, known, nearest)
    with services.database.write() as db:
        return _store(db, caller, entry_id, proposal_id, sifted)


def _proposed_before(db: ReadSession, entry_id: str) -> list[str]:
    """Those that wait, and those that a person turned down."""
    rows = candidates.page(
        db,
        communities=None,
        statuses=(CandidateStatus.OPEN, CandidateStatus.REJECTED),
        kind=CandidateKind.PHRASING,
        entry_id=entry_id,
        limit=MOST_REMEMBERED,
    )
    return [row.question for row in rows]


def _scope(db: ReadSession, services: Services, entry: Entry) -> SearchScope:
    """Where the entry meets others: in its community, for its members, from the day on which it holds."""
    within = tuple(communities.lineage(db, entry.community_id)) if entry.community_id else None
    day = max(filter(None, (today(services.clock.now()), entry.valid_from)))
    audience = None if entry.audience is Audience.ALL else entry.audience
    return SearchScope(within, day, ANSWERING_KINDS, audience)


def _store(db: WriteSession, caller: Caller, entry_id: str, proposal_id: str, sifted: Sifted) -> Proposals:
    # Read anew: it may have changed while the model was thinking.
    row = entry_care.found(db, caller, entry_id)
    community_id = row.community_id or _organisation(db)
    made = [propose_phrasing(db, community_id, row, text, CandidateOrigin.MODEL) for text in sifted.kept]
    ids = [one for one in made if one is not None]
    details = {"proposal": proposal_id, "candidates": ids, "left_out": len(sifted.left_out)}
    db.audit(Deed(caller, "phrasings.proposed", "entry", entry_id, row.community_id, details))
    rows = [candidates.get(db, one) for one in ids]
    return Proposals([one for one in rows if one is not None], sifted.left_out)


def _organisation(db: ReadSession) -> str:
    """The community above all: what holds for every group is decided on there. Raises `BadInput`
    `organisation_first`."""
    found = next((row.id for row in communities.every(db) if row.parent_id is None), None)
    if found is None:
        raise BadInput("organisation_first")
    return found
