"""What a reader of files hands on: entries as they stand there, and the refusal of a whole file."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

from knowledge.import_errors import RowError, error

MAX_BYTES: Final = 5 * 1024 * 1024
MAX_ROWS: Final = 20_000


Cleaned = Literal["encoding", "html", "page_frame", "invisible", "full_width", "blank_lines"]


class Change(NamedTuple):
    """One cleaning of one text; `before` and `after` show the place, cut to 60 characters."""

    kind: Cleaned
    before: str
    after: str


class Flaw(NamedTuple):
    """What is wrong with an entry before its fields are looked at; `params` fill the text of `code`."""

    code: str
    field: str = ""
    params: Mapping[str, object] = MappingProxyType({})


class Raw(NamedTuple):
    """One entry as read: its fields, the line of each (`""`: of the entry), what was wrong already, and, in a table,
    the cell of each field (`C5`)."""

    fields: Mapping[str, Any]
    lines: Mapping[str, int]
    errors: list[Flaw]
    cells: Mapping[str, str] = MappingProxyType({})
    # What the reader has cleaned already, by field: a document is cleaned before it is cut.
    changes: tuple[tuple[str, Change], ...] | None = None


class Refused(Exception):
    """The file as a whole cannot be read."""

    def __init__(self, why: RowError) -> None:
        self.why = why
        super().__init__(why.code)


def check_size(data: bytes) -> None:
    """Raises `Refused` for a file of more than 5 MB."""
    if len(data) > MAX_BYTES:
        raise Refused(error("too_large", most=MAX_BYTES // 1024 // 1024))


def not_utf8(data: bytes, broken: UnicodeDecodeError) -> Refused:
    """The refusal of a file whose bytes are no text."""
    return Refused(error("not_utf8", line=data.count(b"\n", 0, broken.start) + 1, byte=broken.start + 1))
