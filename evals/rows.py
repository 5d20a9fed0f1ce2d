"""Reads rows of JSONL. What is wrong with a file is said with the file, the line and the field."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple


class BadFile(Exception):
    """Input that cannot be measured; the command ends with 2."""

    def __init__(self, path: Path, line: int | None, field: str | None, problem: str) -> None:
        where = [str(path), f"line {line}" if line else "", f"field {field!r}" if field else ""]
        super().__init__(", ".join(part for part in where if part) + f": {problem}")


class Row(NamedTuple):
    """One line, with where it stands."""

    path: Path
    line: int
    values: Mapping[str, Any]

    def bad(self, field: str, problem: str) -> BadFile:
        return BadFile(self.path, self.line, field, problem)

    @property
    def id(self) -> str:
        """Numbers are taken as text."""
        value = self.values.get("id")
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise self.bad("id", "must be text")
        return str(value)

    def text(self, field: str = "text") -> str:
        """A required text; an empty one is up to the suite."""
        value = self.values.get(field)
        if not isinstance(value, str):
            raise self.bad(field, "is missing" if field not in self.values else "must be text")
        return value

    def maybe_text(self, field: str) -> str | None:
        return None if self.values.get(field) is None else self.text(field)

    def flag(self, field: str) -> bool:
        value = self.values.get(field)
        if not isinstance(value, bool):
            raise self.bad(field, "is missing" if field not in self.values else "must be true or false")
        return value

    def texts(self, field: str, *, needed: bool = False) -> list[str]:
        """A list of texts; none where the field is absent or null, unless it is `needed`."""
        value = self.values.get(field)
        if value is None and not needed:
            return []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.bad(field, "must be a list of texts")
        return value


def read(path: Path) -> list[Row]:
    """All rows; blank lines are passed over. Raises `BadFile`."""
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise BadFile(path, None, None, f"cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise BadFile(path, None, None, f"is not UTF-8 (byte {error.start})") from error
    rows = list(_parsed(path, text))
    if not rows:
        raise BadFile(path, None, None, "has no rows")
    _check_ids(rows)
    return rows


def _parsed(path: Path, text: str) -> Iterator[Row]:
    # Only \n ends a line: splitlines() would also cut at U+2028 inside a text.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except json.JSONDecodeError as error:
            raise BadFile(path, number, None, f"is no JSON: {error.msg} at column {error.colno}") from error
        if not isinstance(values, dict):
            raise BadFile(path, number, None, "must be a JSON object")
        yield Row(path, number, values)


def _check_ids(rows: list[Row]) -> None:
    seen: dict[str, int] = {}
    for row in rows:
        if row.id in seen:
            raise row.bad("id", f"{row.id!r} stands in line {seen[row.id]} too")
        seen[row.id] = row.line
