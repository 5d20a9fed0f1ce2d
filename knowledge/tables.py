"""Tables of strangers: CSV and XLSX as a header and rows of text. Nothing in them is ever evaluated."""

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

from knowledge.encodings import decoded
from knowledge.import_errors import error
from knowledge.raw_entries import MAX_ROWS, Refused, check_size

TableFormat = Literal["csv", "xlsx"]

MAX_COLUMNS: Final = 100
_MAX_UNPACKED: Final = 64 * 1024 * 1024  # 20,000 rows of 20 cells unpack to about 25 MB
_MAX_PARTS: Final = 2_000
_OLE: Final = b"\xd0\xcf\x11\xe0"
_DELIMITERS: Final = ",;\t"
_HEADER_WITHIN: Final = 10
# A spreadsheet runs what begins with one of these; the full-width ones where the input method is Chinese or Japanese.
_STARTS_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


class Row(NamedTuple):
    """`number` is the row as a spreadsheet counts it, `line` the line of the file (in a sheet the same). `odd` tells,
    by column, what a cell holds instead of a value: `formula` or `cell_error`."""

    number: int
    line: int
    cells: list[str]
    odd: Mapping[int, str] = MappingProxyType({})


class Table(NamedTuple):
    """`encoding` of a CSV; `ignored` names the sheets that were not read."""

    header: list[str]
    rows: list[Row]
    encoding: str | None = None
    ignored: tuple[str, ...] = ()


def read_table(data: bytes, format: TableFormat) -> Table:
    """The first row that looks like a header, and the rows below it that hold anything.

    Columns without a name or of a name that was there before get a number. Raises `Refused`.
    """
    check_size(data)
    return _read_csv(data) if format == "csv" else _read_xlsx(data)


def _table(rows: Iterable[Row], encoding: str | None, ignored: tuple[str, ...]) -> Table:
    filled = (row for row in rows if any(row.cells))
    first: list[Row] = []
    for row in filled:
        first.append(row)
        if sum(map(bool, row.cells)) > 1 or len(first) == _HEADER_WITHIN:
            break
    # A lone cell above the others is the table's caption; where no row has two cells, the table has one column.
    header = next((row for row in first if sum(map(bool, row.cells)) > 1), first[0] if first else None)
    if header is None:
        raise Refused(error("empty_file"))
    names = _named(header.cells)
    below = [row for row in first if row.number > header.number] + list(_bounded(filled))
    return Table(names, below, encoding, ignored)


def _bounded(rows: Iterator[Row]) -> Iterator[Row]:
    for count, row in enumerate(rows, 1):
        if count > MAX_ROWS:
            raise Refused(error("too_many_rows", count=count + sum(1 for _ in rows), most=MAX_ROWS))
        yield row


def _named(cells: list[str]) -> list[str]:
    while cells and not cells[-1]:
        cells = cells[:-1]
    if len(cells) > MAX_COLUMNS:
        raise Refused(error("too_many_columns", most=MAX_COLUMNS))
    names: list[str] = []
    for number, cell in enumerate(cells, 1):
        name = " ".join(cell.split()) or column_letters(number)
        again = sum(other == name or other.startswith(f"{name} (") for other in names)
        names.append(f"{name} ({again + 1})" if again else name)
    return names


def column_letters(number: int) -> str:
    """`A` of 1, `AA` of 27, as spreadsheets name their columns."""
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _read_csv(data: bytes) -> Table:
    text, encoding = decoded(data)
    return _table(_csv_rows(text), encoding, ())


def _csv_rows(text: str) -> Iterator[Row]:
    # strict: a quote that is never closed would swallow the rest of the file without a word.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    line = 1
    try:
        for number, cells in enumerate(reader, 1):
            yield Row(number, line, [_unescaped(cell.strip()) for cell in cells])
            line = reader.line_num + 1
    except csv.Error as broken:
        raise Refused(error("bad_csv", line=line)) from broken


def _delimiter(text: str) -> str:
    """What separates most cells in the first line that any of them separates."""
    for line in text.split("\n", _HEADER_WITHIN)[:_HEADER_WITHIN]:
        outside = "".join(line.split('"')[::2])
        found = max(_DELIMITERS, key=outside.count)
        if found in outside:
            return found
    return ","


def escaped(cell: str) -> str:
    """`cell` with an apostrophe before it where a spreadsheet would run it, or take the apostrophe for ours."""
    rest = cell.lstrip("'")
    return f"'{cell}" if rest.startswith(_STARTS_FORMULA) else cell


def _unescaped(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(_STARTS_FORMULA) else cell


def csv_lines(rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Rows as lines of a CSV that no spreadsheet runs; `read_table` gives back every cell as it was."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    for row in rows:
        writer.writerow(map(escaped, row))
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


def _read_xlsx(data: bytes) -> Table:
    _check_package(data)
    import openpyxl  # half a second: not for who imports no sheet

    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, keep_links=False)
        visible = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
        filled = [sheet for sheet in visible if _is_filled(sheet)]
        if not filled:
            raise Refused(error("empty_file"))
        return _table(_sheet_rows(filled[0]), None, tuple(sheet.title for sheet in filled[1:]))
    except Refused:
        raise
    except Exception as broken:  # openpyxl has no error of its own for what it can't read: KeyError to TypeError
        raise Refused(error("bad_xlsx")) from broken


def _check_package(data: bytes) -> None:
    """Refuse what unpacks to much more than a table of 20,000 rows, before anything is unpacked."""
    if data.startswith(_OLE):
        raise Refused(error("old_xls"))
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            parts = package.infolist()
            # zipfile reads no more of a part than it is declared to have, so that the sum is a bound.
            if len(parts) > _MAX_PARTS or sum(part.file_size for part in parts) > _MAX_UNPACKED:
                raise Refused(error("xlsx_too_large"))
            # Entities that grow are declared in a DOCTYPE, which no spreadsheet program writes.
            if any(b"<!DOCTYPE" in package.read(part) for part in parts if part.filename.endswith((".xml", ".rels"))):
                raise Refused(error("bad_xlsx"))
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, ValueError, EOFError) as broken:
        raise Refused(error("bad_xlsx")) from broken


def _is_filled(sheet: Any) -> bool:
    return any(any(row.cells) for row in _sheet_rows(sheet))


def _sheet_rows(sheet: Any) -> Iterator[Row]:
    # The dimensions that a file declares are often wrong; one column more than allowed is read, to tell that it is.
    sheet.reset_dimensions()
    before: object = None
    for number, cells in enumerate(sheet.iter_rows(max_col=MAX_COLUMNS + 1), 1):
        # Rows that are missing come as one and the same tuple: a cell in the last row has a million above it.
        if cells is before:
            continue
        before = cells
        values = [_shown(cell) for cell in cells]
        while values and not values[-1]:
            values.pop()
        odd = {at: kind for at, cell in enumerate(cells) if (kind := _ODD.get(cell.data_type))}
        yield Row(number, number, values, odd)


# Office writes a character that XML can't hold as `_xFFFE_`, and `_` as `_x005F_` where it would look like that.
_XML_OTHERS: Final = re.compile("[\ufffe\uffff]|_x[0-9A-Fa-f]{4}_")
_XML_ESCAPE: Final = re.compile("_x([0-9A-Fa-f]{4})_")
_ODD: Final = {"f": "formula", "e": "cell_error"}


def _shown(cell: Any) -> str:
    """The cell's value as a person would write it."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return _number(value, cell.number_format or "")
    if isinstance(value, datetime):
        midnight = (value.hour, value.minute, value.second) == (0, 0, 0)
        return value.date().isoformat() if midnight else value.isoformat(" ", "minutes")
    return value.isoformat() if isinstance(value, date) else _XML_ESCAPE.sub(_from_escape, str(value)).strip()


def _from_escape(found: re.Match[str]) -> str:
    char = chr(int(found[1], 16))
    return found[0] if "\ud800" <= char <= "\udfff" else char


def _number(value: int | float, shape: str) -> str:
    percent = shape.endswith("%")
    text = format(value * 100 if percent else value, ".15g")
    return f"{text}%" if percent else text


def write_xlsx(rows: Iterable[Iterable[str]], file: Any) -> None:
    """Rows as the only sheet of a workbook, every cell a text; `file` is open for writing bytes."""
    import openpyxl
    from openpyxl.cell import WriteOnlyCell

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("knowledge")
    sheet.freeze_panes = "A2"
    for row in rows:
        sheet.append([_text_cell(WriteOnlyCell(sheet), text) for text in row])
    book.save(file)


def _text_cell(cell: Any, text: str) -> Any:
    if not text:
        return None
    cell.value = _XML_OTHERS.sub(_as_escape, text)
    cell.data_type = "s"  # openpyxl takes a text that begins with = for a formula
    return cell


def _as_escape(found: re.Match[str]) -> str:
    return f"_x{ord(found[0][0]):04X}_{found[0][1:]}"
