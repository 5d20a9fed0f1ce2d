"""Reads knowledge files of every format. Nothing is stored; every problem is found in one go."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import PurePath
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, get_args

from pydantic import ValidationError

from knowledge import columns, markdown, structured
from knowledge.cleaning import Cleaning, clean_fields
from knowledge.columns import Column
from knowledge.encodings import decoded, is_lost
from knowledge.entry_in import EntryIn
from knowledge.import_errors import RowError, error, row_errors
from knowledge.raw_entries import MAX_BYTES, MAX_ROWS, Change, Flaw, Raw, Refused, check_size, not_utf8
from knowledge.tables import read_table

__all__ = [
    "FORMATS",
    "MAX_BYTES",
    "MAX_ROWS",
    "Cleaning",
    "Column",
    "EntryIn",
    "Format",
    "Parsed",
    "Place",
    "RowError",
    "TableRead",
    "format_of",
    "parse",
]

Format = Literal["yaml", "jsonl", "csv", "xlsx", "markdown"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)
SUFFIXES: Final[Mapping[str, Format]] = {
    ".yaml": "yaml",
    ".yml": "yaml",
    ".jsonl": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".xlsx": "xlsx",
    ".md": "markdown",
    ".markdown": "markdown",
}

MAX_ERRORS: Final = 500
MAX_CLEANINGS: Final = 500


class Place(NamedTuple):
    """Where an entry stands: `row` counts entries from 1, `line` is that of the file, `cell` the first of a table."""

    row: int
    line: int | None
    cell: str | None = None


class TableRead(NamedTuple):
    """How a table was read. `signature` names its header, `ignored` its sheets that were left out."""

    signature: str
    columns: list[Column]
    encoding: str | None
    ignored: tuple[str, ...]


class Parsed(NamedTuple):
    """The entries that are right, in file order, and what is wrong with the others.

    `places` belong to `rows`. `cleanings` are at most 500; `own` tells a file that was written here.
    """

    rows: list[EntryIn]
    errors: list[RowError]
    places: list[Place] = []  # noqa: RUF012
    cleanings: list[Cleaning] = []  # noqa: RUF012
    table: TableRead | None = None
    own: bool = True


Remembered = Callable[[str], Mapping[str, str | None] | None]


class _Source(NamedTuple):
    name: str
    given: Mapping[str, str | None]
    remembered: Remembered
    defaults: Mapping[str, str]


class _Read(NamedTuple):
    raws: Iterable[Raw]
    table: TableRead | None = None
    own: bool = True


def format_of(name: str) -> Format | None:
    """The format that a file's name says."""
    return SUFFIXES.get(PurePath(name).suffix.lower())


def parse(
    data: bytes,
    format: Format,
    *,
    name: str = "",
    given: Mapping[str, str | None] | None = None,
    remembered: Remembered = lambda _signature: None,
    clean: bool | None = None,
    defaults: Mapping[str, str] = MappingProxyType({}),
) -> Parsed:
    """The entries of a file, and its errors; never raises for what stands in the file.

    YAML: a list of entries, or a mapping with `entries`; no anchors, aliases or tags. JSONL: one object a line.
    CSV, XLSX: a table with any column names; `given` says the fields of some columns, `remembered` is asked with the
    signature of the header. Markdown: our own, questions with answers, or a text that becomes passages.
    At most 5 MB and 20,000 entries; where there are more than 500 errors, the last says how many were left out.

    `clean` None cleans what others wrote and takes a file of ours (and YAML and JSONL) word for word; what cleaning
    would have changed is listed all the same. `defaults` are fields of entries of others that lack them.
    """
    table: TableRead | None = None
    try:
        read = _read(data, format, _Source(name, given or {}, remembered, defaults))
        table = read.table
        raws = list(read.raws)
        if not raws:
            raise Refused(error("empty_file"))
        if len(raws) > MAX_ROWS:
            raise Refused(error("too_many_rows", count=len(raws), most=MAX_ROWS))
    except Refused as refused:
        # With the columns: a person can then say which is which.
        return Parsed([], [refused.why], table=table, own=False)
    applied = not read.own if clean is None else clean
    raws, cleanings = _cleaned(raws, applied)
    found = _checked(raws)
    return found._replace(cleanings=cleanings, table=read.table, own=read.own)


def _read(data: bytes, format: Format, source: _Source) -> _Read:
    check_size(data)
    if format in ("csv", "xlsx"):
        return _read_table(data, "csv" if format == "csv" else "xlsx", source)
    if format == "markdown":
        text = decoded(data).text
        return _Read(markdown.rows_of(text, source.name, source.defaults), own=markdown.is_own(text))
    text = _decoded(data)
    return _Read(structured.yaml_rows(text) if format == "yaml" else structured.json_rows(text))


def _read_table(data: bytes, format: Literal["csv", "xlsx"], source: _Source) -> _Read:
    table = read_table(data, format)
    signature = columns.signature(table.header)
    own = columns.is_own(table.header)
    found = columns.matched(table, source.given, None if own else source.remembered(signature))
    how = TableRead(signature, found, table.encoding, table.ignored)
    return _Read(columns.rows_of(table, found, source.defaults), how, own)


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as broken:
        raise not_utf8(data, broken) from broken


def _cleaned(raws: list[Raw], applied: bool) -> tuple[list[Raw], list[Cleaning]]:
    """The entries, cleaned where `applied`, and what was (or would be) cleaned."""
    made: list[Raw] = []
    told: list[Cleaning] = []
    for number, raw in enumerate(raws, 1):
        skip = {"answer"} if raw.changes is not None else set()
        fields, changes = clean_fields({name: value for name, value in raw.fields.items() if name not in skip})
        told += _told(raw, number, (*(raw.changes or ()), *changes), applied)
        lost = [Flaw("lost_text", name) for name, value in fields.items() if is_lost(str(value))] if applied else []
        made.append(raw._replace(fields={**raw.fields, **fields}, errors=[*raw.errors, *lost]) if applied else raw)
    return made, told[:MAX_CLEANINGS]


def _told(raw: Raw, number: int, changes: Iterable[tuple[str, Change]], applied: bool) -> Iterator[Cleaning]:
    told: set[Change] = set()  # a wording that was made of the title is not told again
    for field, change in changes:
        if change in told:
            continue
        told.add(change)
        line = raw.lines.get(field, raw.lines[""])
        yield Cleaning(number, line, field, change.kind, change.before, change.after, applied)


def _checked(raws: list[Raw]) -> Parsed:
    rows: list[EntryIn] = []
    places: list[Place] = []
    errors: list[RowError] = []
    seen: dict[str, int] = {}
    for number, raw in enumerate(raws, 1):
        found = [_placed(flaw, raw, number) for flaw in raw.errors]
        entry = None if found else _entry(raw, number, found)
        id_ = raw.fields.get("id")
        if isinstance(id_, str) and seen.setdefault(id_, number) != number:
            found.append(_placed(Flaw("duplicate_id", "id", {"id": id_, "first": seen[id_]}), raw, number))
        elif entry is not None:
            rows.append(entry)
            places.append(Place(number, raw.lines[""], raw.cells.get("")))
        errors.extend(one._replace(cell=_cell(raw, one.field)) for one in found)
    return Parsed(rows, _bounded(errors), places)


def _cell(raw: Raw, field: str) -> str | None:
    return raw.cells.get(field, raw.cells.get(""))


def _placed(flaw: Flaw, raw: Raw, number: int) -> RowError:
    line = raw.lines.get(flaw.field, raw.lines[""])
    return error(flaw.code, row=number, line=line, field=flaw.field, **flaw.params)


def _entry(raw: Raw, number: int, found: list[RowError]) -> EntryIn | None:
    """The entry, or None with its errors added to `found`."""
    try:
        return EntryIn.model_validate(raw.fields)
    except ValidationError as failure:
        found.extend(row_errors(failure, number, raw.lines, list(EntryIn.model_fields)))
        return None


def _bounded(errors: list[RowError]) -> list[RowError]:
    left_out = len(errors) - MAX_ERRORS
    return errors if left_out <= 0 else [*errors[:MAX_ERRORS], error("more_errors", count=left_out)]
