"""Packs for a new group and for who begins to run one, from the entries that the caller may read."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from typing import Literal

from agent.flows import community as communities_view
from agent.services import Services
from agent.steps import pack_plan, packs
from agent.steps.packs import ColdStart, Material, OperatorKit
from core.caller import Caller
from core.errors import NotFound
from core.scopes import Scope
from core.vocabulary import EntryKind, EntryStatus, Tone
from knowledge.entries import entry_of
from store import communities, knowledge, settings
from store.knowledge import EntryRow
from store.session import ReadSession

PackKind = Literal["cold_start", "operator_kit"]
_MOST = 5_000
"""Entries of a kind that are looked at, by id: a pack holds fifteen of them."""


def make(
    services: Services,
    caller: Caller,
    kind: PackKind,
    group_type: str,
    *,
    theme: str | None = None,
    community_id: str | None = None,
    values: Mapping[str, str] | None = None,
) -> ColdStart | OperatorKit:
    """One pack. With `community_id` its own entries, slot values and tone count; `values` go before them.

    Raises `BadInput` `group_type_unknown`, `NotFound` `community_not_found`, `Forbidden` `scope_missing`.
    """
    caller.require(Scope.KNOWLEDGE_READ)
    wanted = pack_plan.read(group_type, theme)
    day = communities_view.today(services.clock.now())
    with services.database.read() as db:
        view = _view(db, caller, community_id)
        entries = _materials(db, view.lineage if view else (), day)
        known = view.values if view else settings.variables(db, ())
    tone = Tone(view.tone) if view else Tone.FRIENDLY
    made = packs.cold_start if kind == "cold_start" else packs.operator_kit
    return made(wanted, entries, known | dict(values or {}), tone)


def _view(db: ReadSession, caller: Caller, community_id: str | None) -> communities_view.CommunityView | None:
    if community_id is None:
        return None
    if communities.get(db, community_id) is None:
        raise NotFound("community_not_found", extra={"community_id": community_id})
    caller.require(Scope.KNOWLEDGE_READ, community_id)
    return communities_view.view(db, community_id)


def _materials(db: ReadSession, lineage: tuple[str, ...], day: date) -> list[Material]:
    """FAQ and scripts that hold today: what holds everywhere, and what belongs to the lineage."""
    rows = [
        row
        for kind in (EntryKind.FAQ, EntryKind.SCRIPT)
        for row in knowledge.page(
            db, communities=frozenset(lineage), kind=kind, status=EntryStatus.APPROVED, limit=_MOST
        )
    ]
    every = [_material(row) for row in rows]
    return [one for one in every if one.valid_on(day)]


def _material(row: EntryRow) -> Material:
    entry = entry_of(row)
    given = {field.name: getattr(entry, field.name) for field in fields(entry)}
    return Material(**given, tags=tuple(row.tags), hits=row.hits)
