"""Files of knowledge on their way in and out: how a table is read and what is remembered of it, what a file would say
twice, and the export."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from agent.flows import entry_care
from agent.services import Services
from core.caller import Caller
from core.scopes import Scope
from core.vocabulary import EntryKind, EntryStatus
from knowledge import exporting
from knowledge.duplicates import Known, Match, compare
from knowledge.entry_in import EntryIn
from knowledge.import_errors import RowError, error
from knowledge.importing import Format, Parsed, Place, TableRead, parse
from store import column_maps, knowledge
from store.audit import Deed
from store.knowledge import EntryRow
from store.session import ReadSession, WriteSession

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Reading:
    """How somebody else's file is to be read: its `name`, the fields of its columns as far as a person said (None: left
    out), whether to clean (None: what others wrote), and the community of entries that name none."""

    name: str = ""
    columns: Mapping[str, str | None] = field(default_factory=dict)
    clean: bool | None = None
    community: str | None = None


def read(services: Services, data: bytes, format: Format, how: Reading) -> Parsed:
    """The file's entries; a table whose header was imported before is read as it was then."""

    def remembered(signature: str) -> Mapping[str, str | None] | None:
        with services.database.read() as db:
            row = column_maps.get(db, signature)
        return row.columns if row else None

    defaults = {"community": how.community} if how.community else {}
    return parse(
        data,
        format,
        name=how.name,
        given=how.columns,
        remembered=remembered,
        clean=how.clean,
        defaults=defaults,
    )


def remember(db: WriteSession, caller: Caller, parsed: Parsed, format: Format) -> None:
    """Keep how the columns of somebody else's table were read, where that is news."""
    table: TableRead | None = parsed.table
    if table is None or parsed.own:
        return
    columns = {column.name: column.field for column in table.columns}
    before = column_maps.get(db, table.signature)
    if before is None or before.columns != columns:
        column_maps.put(db, table.signature, columns, format, caller.id)
        details = {"columns": len(columns), "format": format}
        db.audit(Deed(caller, "knowledge.columns_remembered", "columns", table.signature[:16], None, details))


def matches(services: Services, caller: Caller, rows: list[EntryIn], places: list[Place]) -> list[Match]:
    """What the rows say that another row or an entry of the knowledge base says too, as far as the caller may read."""
    new = [_known(row, place.row) for row, place in zip(rows, places, strict=True)]
    if not caller.allows(Scope.KNOWLEDGE_READ):
        return compare(new, [])
    with services.database.read() as db:
        stored = knowledge.comparable(db, entry_care.readable(db, caller))
    return compare(new, (Known(row.id, 0, *row[1:]) for row in stored))


def _known(entry: EntryIn, row: int) -> Known:
    return Known(
        entry.id,
        row,
        entry.kind,
        entry.title,
        entry.phrasings,
        entry.answer,
        entry.community,
        entry.audience,
        entry.status,
        entry.valid_from,
        entry.valid_until,
    )


def strictly(found: list[Match], places: list[Place]) -> list[RowError]:
    """Duplicates and conflicts as errors of their rows."""
    by_row = {place.row: place for place in places}
    codes = {"duplicate": "duplicate_question", "conflict": "conflicting_answer"}
    return [
        error(
            codes[match.likeness],
            row=match.row,
            line=by_row[match.row].line,
            field="title",
            question=match.question,
            other=match.other_id,
        )._replace(cell=by_row[match.row].cell)
        for match in found
        if match.likeness in codes
    ]


def gone(db: ReadSession, name: str, rows: list[EntryIn]) -> list[EntryRow]:
    """Passages in use that an earlier import took from the file `name`, and that it no longer has."""
    passages = [row for row in rows if row.kind == EntryKind.DOCUMENT]
    if not name or not passages:
        return []
    ids, places = {row.id for row in rows}, {row.community for row in passages}
    found = knowledge.of_source(db, name, kind=EntryKind.DOCUMENT, status=EntryStatus.APPROVED)
    return [row for row in found if row.id not in ids and row.community_id in places]


class Export(NamedTuple):
    """A file on its way out. `entries` is how many there are at its beginning."""

    entries: int
    pieces: Iterator[bytes]


def export(services: Services, caller: Caller, format: Format, *, community: str | None = None) -> Export:
    """All entries that the caller may read, or those of one community's own, as a file that the import reads back.

    Raises `Forbidden` `scope_missing`, before the first piece.
    """
    with services.database.read() as db:
        within = entry_care.readable(db, caller)
        entries = knowledge.count(db, within, community)
    return Export(entries, exporting.written(_entries(services, within, community), format))


def _entries(services: Services, within: frozenset[str] | None, community: str | None) -> Iterator[dict[str, Any]]:
    after: str | None = None
    while True:
        with services.database.read() as db:
            rows = knowledge.page(db, communities=within, after=after, limit=_PAGE)
        yield from (_fields(row) for row in rows if community in (None, row.community_id))
        if len(rows) < _PAGE:
            return
        after = rows[-1].id


def _fields(row: EntryRow) -> dict[str, Any]:
    """What the author wrote, not validated again: it goes out even where a rule has become stricter since."""
    values = {name: getattr(row, "community_id" if name == "community" else name) for name in EntryIn.model_fields}
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}
