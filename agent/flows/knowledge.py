"""Knowledge is edited and imported here: every change makes a version, is audited, and reaches the indexes of all
processes by the change counter."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from agent.services import Services
from core.caller import Caller
from core.errors import BadInput, Conflict, NotFound
from core.scopes import Scope
from knowledge.importing import EntryIn, Format, RowError, parse
from store import changes, communities, knowledge
from store.audit import Deed
from store.base import insert_new
from store.knowledge import EntryRow, EntryVersionRow
from store.session import ReadSession, WriteSession


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did, or, in a dry run, would do."""

    added: int
    changed: int
    unchanged: int
    errors: list[RowError]
    dry_run: bool


def import_file(
    services: Services,
    caller: Caller,
    data: bytes,
    format: Format,
    *,
    dry_run: bool,
    partial: bool = False,
    only_new: bool = False,
) -> Imported:
    """Import a whole file in one transaction: with any bad row nothing is stored, unless `partial` takes the good
    ones. Entries are matched by id; an equal one is left alone, and with `only_new` every one that exists.

    Raises `Forbidden` `scope_missing` for a community that the caller may not edit.
    """
    parsed = parse(data, format)
    with services.database.read() as db:
        unknown = _unknown_communities(db, parsed.rows)
        errors = [*parsed.errors, *unknown]
        rows = [row for number, row in enumerate(parsed.rows, 1) if number not in {error.row for error in unknown}]
        if only_new:
            there = knowledge.many(db, [row.id for row in rows])
            rows = [row for row in rows if row.id not in there]
        caller.require(Scope.KNOWLEDGE_EDIT)
        for row in rows:
            _require_edit(caller, row.community)
        for old in knowledge.many(db, [row.id for row in rows]).values():
            _require_edit(caller, old.community_id)
        plan = _plan(db, rows)
    if dry_run:
        return Imported(**plan, errors=errors, dry_run=True)
    if errors and not partial:
        return Imported(0, 0, 0, errors, dry_run=False)
    with services.database.write() as db:
        counts = dict.fromkeys(plan, 0)
        for row in rows:
            counts[_put(db, caller, row, knowledge.get(db, row.id))] += 1
        if counts["added"] or counts["changed"]:
            changes.note(db, changes.KNOWLEDGE)
            db.after_commit(services.knowledge.touch)
            db.audit(Deed(caller, "knowledge.imported", "knowledge", "import", None, counts))
    return Imported(**counts, errors=errors, dry_run=False)


def _require_edit(caller: Caller, community_id: str | None) -> None:
    """What holds for every community is edited by who may edit everywhere. Raises `Forbidden` `scope_missing`."""
    if community_id is None and caller.communities(Scope.KNOWLEDGE_EDIT) is not None:
        caller.require(Scope.KNOWLEDGE_EDIT, "")
    caller.require(Scope.KNOWLEDGE_EDIT, community_id)


def _unknown_communities(db: ReadSession, rows: list[EntryIn]) -> list[RowError]:
    known = {row.id for row in communities.every(db)}
    return [
        RowError(number, None, "community", "community_unknown", f"没有 {row.community!r} 这个社群，请先建群或改正")
        for number, row in enumerate(rows, start=1)
        if row.community is not None and row.community not in known
    ]


def _plan(db: ReadSession, rows: list[EntryIn]) -> dict[str, int]:
    found = knowledge.many(db, [row.id for row in rows])
    counts = {"added": 0, "changed": 0, "unchanged": 0}
    for row in rows:
        old = found.get(row.id)
        same = old is not None and old.content_hash == content_hash(row)
        counts["added" if old is None else "unchanged" if same else "changed"] += 1
    return counts


def save(services: Services, caller: Caller, entry: EntryIn, *, version: int | None) -> EntryRow:
    """Create an entry (`version` None) or replace exactly this version of it.

    Raises `Conflict` (`entry_exists`, `entry_changed` with the version that won), `NotFound` (`entry_not_found`,
    `community_not_found`), `Forbidden`.
    """
    with services.database.write() as db:
        if entry.community is not None and communities.get(db, entry.community) is None:
            raise NotFound("community_not_found", extra={"community_id": entry.community})
        _require_edit(caller, entry.community)
        if _put(db, caller, entry, _checked(db, caller, entry, version)) != "unchanged":
            changes.note(db, changes.KNOWLEDGE)
            db.after_commit(services.knowledge.touch)
        row = knowledge.get(db, entry.id)
        assert row is not None
        return row


def _checked(db: WriteSession, caller: Caller, entry: EntryIn, version: int | None) -> EntryRow | None:
    """The row that is to be replaced, in exactly this version; None where there must be none."""
    old = knowledge.get(db, entry.id)
    if version is None:
        if old is not None:
            raise Conflict("entry_exists", extra={"id": entry.id, "version": old.version})
        return None
    if old is None:
        raise NotFound("entry_not_found")
    _require_edit(caller, old.community_id)
    if old.version != version:
        raise Conflict("entry_changed", extra={"id": entry.id, "version": old.version})
    return old


def _put(db: WriteSession, caller: Caller, entry: EntryIn, old: EntryRow | None) -> str:
    # `old` is the row as it was judged: read again, it might be another writer's version by now.
    values = _values(entry)
    if old is None:
        made = {"id": entry.id, "version": 1, "created_at": db.now, "updated_at": db.now, "hits": 0}
        if not insert_new(db, EntryRow, values | made):
            raise Conflict("entry_exists", extra={"id": entry.id})
        _keep(db, caller, entry, 1)
        return "added"
    if old.content_hash == values["content_hash"]:
        return "unchanged"
    if not knowledge.replace(db, entry.id, version=old.version, **values):
        raise Conflict("entry_changed", extra={"id": entry.id, "version": old.version})
    _keep(db, caller, entry, old.version + 1)
    return "changed"


def _keep(db: WriteSession, caller: Caller, entry: EntryIn, version: int) -> None:
    content = entry.model_dump(mode="json")
    db.add(EntryVersionRow(entry_id=entry.id, version=version, content=content, by=caller.id, at=db.now))
    details = {"version": version, "content": content_hash(entry)}
    db.audit(Deed(caller, "knowledge.saved", "entry", entry.id, entry.community, details))


def _values(entry: EntryIn) -> dict[str, Any]:
    return {
        **entry.model_dump(exclude={"id", "community"}),
        "community_id": entry.community,
        "content_hash": content_hash(entry),
    }


def content_hash(entry: EntryIn) -> str:
    """SHA-256 of everything the author wrote; equal content is no new version."""
    content = entry.model_dump(mode="json")
    # Fields that came later count where they are filled: an older entry stays what it was.
    later = {name for name in ("group_types", "source") if not content[name]}
    text = json.dumps({k: v for k, v in content.items() if k not in later}, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def check_errors(errors: list[RowError]) -> None:
    """Raises `BadInput` `knowledge_file_invalid` with every row error."""
    if errors:
        raise BadInput("knowledge_file_invalid", extra={"errors": [error._asdict() for error in errors]})
