"""Entries out to files of every format, in the form that the import reads back without a loss."""

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import yaml

from knowledge import markdown
from knowledge.cells import shown
from knowledge.columns import FIELDS
from knowledge.importing import Format
from knowledge.tables import csv_lines, write_xlsx

MEDIA_TYPES: Final[Mapping[Format, str]] = {
    "yaml": "application/yaml; charset=utf-8",
    "jsonl": "application/jsonl; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "markdown": "text/markdown; charset=utf-8",
}
ENDINGS: Final[Mapping[Format, str]] = {
    "yaml": ".yaml",
    "jsonl": ".jsonl",
    "csv": ".csv",
    "xlsx": ".xlsx",
    "markdown": ".md",
}
Rows = Iterable[Mapping[str, Any]]
_BLOCK: Final = 64 * 1024
_Dumper: Final = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def written(rows: Rows, format: Format) -> Iterator[bytes]:
    """The file piece by piece, as the entries come (each as `EntryIn.model_dump(mode="json")` has it); a sheet, being
    one archive, only after the last."""
    if format == "xlsx":
        yield from _xlsx(rows)
    else:
        texts = {"yaml": _yaml, "jsonl": _jsonl, "csv": _csv, "markdown": _markdown}[format](rows)
        for text in texts:
            yield text.encode()


def _yaml(rows: Rows) -> Iterator[str]:
    for row in rows:
        yield yaml.dump([dict(row)], Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=1_000_000)


def _jsonl(rows: Rows) -> Iterator[str]:
    for row in rows:
        yield json.dumps(dict(row), ensure_ascii=False) + "\n"


def _cells(rows: Rows) -> Iterator[list[str]]:
    yield list(FIELDS)
    for row in rows:
        yield [shown(row[field]) for field in FIELDS]


def _csv(rows: Rows) -> Iterator[str]:
    # Without the mark spreadsheet programs in China read the file as GBK.
    yield "\ufeff"
    yield from csv_lines(_cells(rows))


def _xlsx(rows: Rows) -> Iterator[bytes]:
    with tempfile.TemporaryFile() as file:
        write_xlsx(_cells(rows), file)
        file.seek(0)
        while block := file.read(_BLOCK):
            yield block


def _markdown(rows: Rows) -> Iterator[str]:
    yield f"{markdown.MARK}\n"
    for row in rows:
        kept = {name: row[name] for name in FIELDS if row[name] not in (None, [])}
        yield f"\n{markdown.own_entry(kept)}"
