"""Knowledge is edited and imported here: every change makes a version, is audited, and reaches the indexes of all
processes by the change counter."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import compress
from typing import Any, NamedTuple

from agent.flows import copy_review, knowledge_files
from agent.flows.copy_review import NO_OVERRIDE, Override
from agent.flows.knowledge_files import Reading
from agent.services import Services
from agent.steps import copy_check
from core.caller import Caller
from core.errors import BadInput, Conflict, NotFound
from core.masking import mask
from core.scopes import Scope
from core.vocabulary import EntryKind, EntryStatus
from knowledge.duplicates import Match
from knowledge.import_errors import error
from knowledge.importing import Cleaning, EntryIn, Format, Parsed, Place, RowError, TableRead
from store import changes, communities, knowledge
from store.audit import Deed
from store.base import insert_new
from store.knowledge import EntryRow, EntryVersionRow
from store.session import ReadSession, WriteSession


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did, or, in a dry run, would do. `gone` are passages that the file no longer has."""

    added: int
    changed: int
    unchanged: int
    errors: list[RowError]
    dry_run: bool
    matches: list[Match] = field(default_factory=list)
    cleanings: list[Cleaning] = field(default_factory=list)
    table: TableRead | None = None
    gone: list[str] = field(default_factory=list)
    retired: int = 0


def import_file(
    services: Services,
    caller: Caller,
    data: bytes,
    format: Format,
    *,
    dry_run: bool,
    partial: bool = False,
    only_new: bool = False,
    strict: bool = False,
    retire_gone: bool = False,
    how: Reading | None = None,
) -> Imported:
    """Import a whole file in one transaction: with any bad row nothing is stored, unless `partial` takes the good
    ones. Entries are matched by id; an equal one is left alone, and with `only_new` every one that exists.

    With `strict`, duplicates and conflicts are errors too. `retire_gone` retires passages that the same document no
    longer has. How the columns of a table were read is remembered once it is stored.
    Raises `Forbidden` `scope_missing` for a community that the caller may not edit.
    """
    caller.require(Scope.KNOWLEDGE_EDIT)
    how = how or Reading()
    parsed = knowledge_files.read(services, data, format, how)
    plan = _planned(services, caller, parsed, how, only_new=only_new, strict=strict)
    if dry_run:
        return plan.told
    if plan.told.errors and not partial:
        return replace(plan.told, added=0, changed=0, unchanged=0, dry_run=False)
    with services.database.write() as db:
        done = _store(db, caller, plan, retire_gone=retire_gone)
        knowledge_files.remember(db, caller, parsed, format)
        if done.added or done.changed or done.retired:
            changes.note(db, changes.KNOWLEDGE)
            db.after_commit(services.knowledge.touch)
    return done


class _Plan(NamedTuple):
    """The entries to store, and what the import will tell."""

    rows: list[EntryIn]
    told: Imported


def _planned(
    services: Services, caller: Caller, parsed: Parsed, how: Reading, *, only_new: bool, strict: bool
) -> _Plan:
    with services.database.read() as db:
        rows, places, errors = _of_known_communities(db, parsed)
        there = knowledge.many(db, [row.id for row in rows])
        _require_edit_of(caller, rows, [*there.values()])
        gone = [row.id for row in knowledge_files.gone(db, how.name, rows)]
    if only_new:
        rows, found = [row for row in rows if row.id not in there], []
    else:
        found = knowledge_files.matches(services, caller, rows, places)
        errors += knowledge_files.strictly(found, places) if strict else []
        wrong = {error.row for error in errors}
        rows = [row for row, place in zip(rows, places, strict=True) if place.row not in wrong]
    counts = Counter(_effect(row, there.get(row.id)) for row in rows)
    told = Imported(
        counts["added"],
        counts["changed"],
        counts["unchanged"],
        [*parsed.errors, *errors],
        dry_run=True,
        matches=found,
        cleanings=parsed.cleanings,
        table=parsed.table,
        gone=gone,
    )
    return _Plan(rows, told)


def _effect(row: EntryIn, old: EntryRow | None) -> str:
    if old is None:
        return "added"
    return "unchanged" if old.content_hash == content_hash(row) else "changed"


def _store(db: WriteSession, caller: Caller, plan: _Plan, *, retire_gone: bool) -> Imported:
    counts = Counter(_put(db, caller, row, knowledge.get(db, row.id)) for row in plan.rows)
    counts["retired"] = _retire(db, caller, plan.told.gone) if retire_gone else 0
    if counts["added"] or counts["changed"] or counts["retired"]:
        db.audit(Deed(caller, "knowledge.imported", "knowledge", "import", None, dict(counts)))
    added, changed, unchanged = counts["added"], counts["changed"], counts["unchanged"]
    told = replace(plan.told, added=added, changed=changed, unchanged=unchanged, dry_run=False)
    return replace(told, retired=counts["retired"])


def _of_known_communities(db: ReadSession, parsed: Parsed) -> tuple[list[EntryIn], list[Place], list[RowError]]:
    """The rows and places of communities that there are, and the errors of the others."""
    known = {row.id for row in communities.every(db)}
    good = [row.community is None or row.community in known for row in parsed.rows]
    unknown = [
        error("community_unknown", row=place.row, line=place.line, field="community", community=row.community)
        for row, place, is_known in zip(parsed.rows, parsed.places, good, strict=True)
        if not is_known
    ]
    return [*compress(parsed.rows, good)], [*compress(parsed.places, good)], unknown


def _require_edit_of(caller: Caller, rows: list[EntryIn], old: list[EntryRow]) -> None:
    for community_id in {row.community for row in rows} | {row.community_id for row in old}:
        require_edit(caller, community_id)


def _retire(db: WriteSession, caller: Caller, entry_ids: list[str]) -> int:
    """Take these out of use; what somebody else took out meanwhile stays as it is."""
    done = 0
    for row in knowledge.many(db, entry_ids).values():
        require_edit(caller, row.community_id)
        entry = written(row).model_copy(update={"status": EntryStatus.RETIRED})
        done += _put(db, caller, entry, row) == "changed"
    return done


def require_edit(caller: Caller, community_id: str | None) -> None:
    """What holds for every community is edited by who may edit everywhere. Raises `Forbidden` `scope_missing`."""
    if community_id is None and caller.communities(Scope.KNOWLEDGE_EDIT) is not None:
        caller.require(Scope.KNOWLEDGE_EDIT, "")
    caller.require(Scope.KNOWLEDGE_EDIT, community_id)


def save(
    services: Services, caller: Caller, entry: EntryIn, *, version: int | None, override: Override = NO_OVERRIDE
) -> EntryRow:
    """Create an entry (`version` None) or replace exactly this version of it. A script that becomes usable passes the
    copy check, unless it is overridden with a reason.

    Raises `Conflict` (`entry_exists`, `entry_changed` with the version that won), `NotFound` (`entry_not_found`,
    `community_not_found`), `BadInput` (`copy_blocked`, `reason_missing`), `Forbidden`.
    """
    with services.database.write() as db:
        row = save_in(db, services, caller, entry, version=version)
        if entry.kind is EntryKind.SCRIPT and entry.status is EntryStatus.APPROVED:
            _require_fit(db, caller, entry, row.version, override)
        return row


def _require_fit(db: WriteSession, caller: Caller, entry: EntryIn, version: int, override: Override) -> None:
    hits = copy_check.check_entry(entry.answer)
    if not hits:
        return
    copy_review.require_override(caller, entry.community, entry.answer, hits, override)
    labels = sorted({hit.label.value for hit in hits})
    kept = knowledge.version(db, entry.id, version)
    assert kept is not None
    kept.override_reason = mask(override.reason or "").text[:500]
    details = {"version": version, "labels": labels}
    db.audit(Deed(caller, "knowledge.copy_overridden", "entry", entry.id, entry.community, details))


def save_in(db: WriteSession, services: Services, caller: Caller, entry: EntryIn, *, version: int | None) -> EntryRow:
    """`save` within a transaction that does more."""
    if entry.community is not None and communities.get(db, entry.community) is None:
        raise NotFound("community_not_found", extra={"community_id": entry.community})
    require_edit(caller, entry.community)
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
    require_edit(caller, old.community_id)
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


def written(row: EntryRow) -> EntryIn:
    """A stored entry as its author wrote it."""
    fields = {name: getattr(row, name) for name in EntryIn.model_fields if name != "community"}
    return EntryIn.model_validate(fields | {"community": row.community_id})


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
