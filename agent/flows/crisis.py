"""Crisis texts: whatever comes from a script of scene `crisis` is released by a manager, and the draft of a statement
(公告) for a group incident."""

from datetime import datetime
from typing import Final

from agent.flows import community as communities_view
from agent.flows.outgoing import MEMBER_NAME
from agent.services import Services
from agent.steps import copy_check, scripts
from agent.steps.reply import Alternative, Confidence
from agent.steps.scripts import Place
from core import catalogue
from core.copy_hits import CopyHit
from core.ids import new_id
from core.vocabulary import (
    Band,
    CommunityType,
    ComplaintCategory,
    DeliveryKind,
    DraftStatus,
    Engine,
    EntryKind,
    IncidentStatus,
    Requires,
    RequiresCause,
    Scene,
    Tone,
)
from knowledge.entries import Entry
from knowledge.retriever import Scope as SearchScope
from knowledge.slots import fill
from prompts.loader import render
from store import changes, communities, drafts, incidents, knowledge
from store.drafts import DraftRow, DraftVersionRow
from store.incidents import IncidentRow
from store.session import ReadSession, WriteSession

_MOST: Final = 3
_URGENT: Final = (ComplaintCategory.PRODUCT_QUALITY,)
OWN_WORDS: Final = "own_words"
"""`confidence.reason` of a statement that no script of the operator's was fit for."""


def stamp(db: ReadSession, draft: DraftRow) -> None:
    """Have a manager release a draft that uses a script of scene `crisis`."""
    used = [cited["entry_id"] for cited in draft.citations if cited["used"]]
    if any(is_crisis(db, entry_id) for entry_id in used):
        draft.requires, draft.cause = Requires.MANAGER, draft.cause or RequiresCause.CRISIS


def is_text(db: ReadSession, draft: DraftRow) -> bool:
    """Whether a draft uses a crisis script, or one was picked for it, whatever else a manager is required for."""
    used = [cited["entry_id"] for cited in draft.citations if cited["used"]]
    picked = [one["entry_id"] for one in draft.alternatives if one.get("picked")]
    return any(is_crisis(db, entry_id) for entry_id in (*used, *picked))


def is_crisis(db: ReadSession, entry_id: str) -> bool:
    """Whether an entry is a crisis script."""
    entry = knowledge.get(db, entry_id)
    return entry is not None and entry.kind == EntryKind.SCRIPT and entry.scene == Scene.CRISIS


def draft_statement(services: Services, incident_id: str, *, by: str) -> str | None:
    """Make the draft of an open incident's statement, where it has none; its id. It answers no message and waits for a
    manager; the scripts of the operator's stand beside it to be picked instead.

    Raises `EmbeddingError`, `IndexFailure`.
    """
    with services.database.read() as db:
        incident = incidents.get(db, incident_id)
        if incident is None or incident.script_draft_id is not None or incident.status != IncidentStatus.OPEN:
            return None
        view = communities_view.view(db, incident.community_id)
        row = communities.get(db, incident.community_id)
        assert row is not None
        cases = incidents.cases_of(db, [incident_id])[incident_id]
    category = _named(incident)
    values = view.values | {"issue_name": f"{category}问题" if category else "这件事"}
    place = Place(CommunityType(row.type), view.lineage, Tone(view.tone), values)
    words = cases[0].quote if cases else ""
    found = _suitable(services, place, f"{category} {words}".strip())
    with services.database.write() as db:
        return _store(db, incident, found, place, by=by)


def _suitable(services: Services, place: Place, words: str) -> list[Entry]:
    """The crisis scripts that may be used here, those nearest to the words first."""
    scope = SearchScope(place.lineage, communities_view.today(services.clock.now()), (EntryKind.SCRIPT,))
    usable = scripts.choose(services.knowledge.retriever.entries(scope), Scene.CRISIS, place, None, None)
    near = [one.entry.id for one in services.knowledge.retriever.search(words, scope, 20)] if usable else []
    return sorted(usable, key=lambda one: near.index(one.id) if one.id in near else len(near))


def _store(db: WriteSession, incident: IncidentRow, found: list[Entry], place: Place, *, by: str) -> str | None:
    draft = _draft(db.now, incident, found, place)
    db.add(draft)
    db.flush()
    if not incidents.set_script(db, incident.id, draft.id, draft.citations[0]["entry_id"] if draft.citations else None):
        db.delete(draft)
        return None
    db.add(DraftVersionRow(draft_id=draft.id, version=1, status=draft.status, text=draft.text, by=by, at=db.now))
    changes.note(db, changes.DRAFTS)
    return draft.id


def _draft(now: datetime, incident: IncidentRow, found: list[Entry], place: Place) -> DraftRow:
    script, text = _words(incident, found, place)
    reason = OWN_WORDS if script is None else f"script:{script.id}"
    near = [Alternative(entry_id=one.id, title=one.title, score=0.0, why=Scene.CRISIS.value) for one in found[:_MOST]]
    draft = DraftRow(
        id=new_id("drf"),
        kind=DeliveryKind.ANNOUNCEMENT,
        version=1,
        status=DraftStatus.PENDING,
        requires=Requires.MANAGER,
        cause=RequiresCause.CRISIS,
        community_id=incident.community_id,
        channel=incident.channel,
        # A lane of its own: what is said in the group meanwhile answers no statement.
        lane=f"incident:{incident.id}",
        member_id=None,
        text=text,
        citations=[_cited(script)] if script is not None else [],
        alternatives=[one.model_dump(mode="json") for one in near],
        confidence=Confidence(band=Band.LOW, reason=reason).model_dump(mode="json"),
        engine=Engine.EMBEDDED,
        degraded=False,
        created_at=now,
    )
    draft.copy_check = [hit.model_dump(mode="json") for hit in _hits(text, script, place)]
    return draft


def _words(incident: IncidentRow, found: list[Entry], place: Place) -> tuple[Entry | None, str]:
    """The first script that can be filled to its last slot and passes the copy check, else our own words."""
    for script in found:
        filled = fill(script.answer, place.values)
        hits = _hits(filled.text, script, place)
        if not filled.missing and MEMBER_NAME not in script.answer and not copy_check.blocking(hits, typed=False):
            return script, filled.text
    urgent = incident.category in _URGENT
    return None, render("incident/statement", category=_named(incident), urgent=urgent).strip()


def _named(incident: IncidentRow) -> str:
    """What the matter is called before members; empty where it has no category of its own: 其他问题 is no name."""
    other = incident.category == ComplaintCategory.OTHER
    return "" if other else catalogue.text(f"complaint_category.{incident.category}")


def _hits(text: str, script: Entry | None, place: Place) -> list[CopyHit]:
    sources = [script.answer, script.title] if script is not None else []
    return copy_check.check(text, [*sources, *place.values.values()])


def _cited(script: Entry) -> dict[str, object]:
    cited = {"entry_id": script.id, "version": script.version, "title": script.title, "quote": script.answer}
    return cited | {"used": True}


def withdraw(db: WriteSession, draft_id: str, by: str) -> bool:
    """A statement that is still waiting is no longer wanted."""
    return drafts.expire(db, draft_id, "conversation_moved_on", by)
