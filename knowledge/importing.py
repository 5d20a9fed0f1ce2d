"""Reads knowledge files (YAML or JSON lines). Nothing is stored; every problem is found in one go."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple

import yaml
from pydantic import ValidationError

from knowledge.entry_in import EntryIn
from knowledge.import_errors import RowError, error, row_errors

__all__ = ["MAX_BYTES", "MAX_ROWS", "EntryIn", "Format", "Parsed", "RowError", "parse"]

Format = Literal["yaml", "jsonl"]

MAX_BYTES: Final = 5 * 1024 * 1024
MAX_ROWS: Final = 20_000
MAX_ERRORS: Final = 500
_MAX_DEPTH: Final = 8
_MAX_EVENTS: Final = 1_000_000  # 20,000 entries of 50 values
# What YAML does not allow at all. Looked for here, since its own complaint names no line.
_UNPRINTABLE: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# libyaml's where it is there: 5 MB take 3 s instead of 60.
_Loader: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Parsed(NamedTuple):
    """The entries that are right, in file order, and what is wrong with the others."""

    rows: list[EntryIn]
    errors: list[RowError]


class _Flaw(NamedTuple):
    """What is wrong with an entry before its fields are looked at."""

    code: str
    field: str = ""
    problem: str = ""


class _Raw(NamedTuple):
    """One entry as read: its fields, the line of each (`""`: of the entry), and what was wrong already."""

    fields: Mapping[str, Any]
    lines: Mapping[str, int]
    errors: list[_Flaw]


class _Refused(Exception):
    """The file as a whole cannot be read."""

    def __init__(self, why: RowError) -> None:
        self.why = why
        super().__init__(why.code)


def parse(data: bytes, format: Literal["yaml", "jsonl"]) -> Parsed:
    """The entries of a file, and its errors; never raises for what stands in the file.

    YAML: a list of entries, or a mapping with `entries`; no anchors, aliases or tags. JSONL: one object a line.
    At most 5 MB and 20,000 entries; where there are more than 500 errors, the last says how many were left out.
    """
    try:
        text = _decoded(data)
        raws = list(_yaml_rows(text) if format == "yaml" else _json_rows(text))
        if not raws:
            raise _Refused(error("empty_file"))
        if len(raws) > MAX_ROWS:
            raise _Refused(error("too_many_rows", count=len(raws), most=MAX_ROWS))
    except _Refused as refused:
        return Parsed([], [refused.why])
    return _checked(raws)


def _decoded(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise _Refused(error("too_large", most=MAX_BYTES // 1024 // 1024))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as broken:
        raise _Refused(
            error("not_utf8", line=data.count(b"\n", 0, broken.start) + 1, byte=broken.start + 1)
        ) from broken


def _checked(raws: list[_Raw]) -> Parsed:
    rows: list[EntryIn] = []
    errors: list[RowError] = []
    seen: dict[str, int] = {}
    for number, raw in enumerate(raws, 1):
        found = [_placed(flaw, raw, number) for flaw in raw.errors]
        entry = None if found else _entry(raw, number, found)
        id_ = raw.fields.get("id")
        if isinstance(id_, str) and seen.setdefault(id_, number) != number:
            line = raw.lines.get("id", raw.lines[""])
            found.append(error("duplicate_id", row=number, line=line, field="id", id=id_, first=seen[id_]))
        elif entry is not None:
            rows.append(entry)
        errors.extend(found)
    return Parsed(rows, _bounded(errors))


def _placed(flaw: _Flaw, raw: _Raw, number: int) -> RowError:
    line = raw.lines.get(flaw.field, raw.lines[""])
    return error(flaw.code, row=number, line=line, field=flaw.field, problem=flaw.problem)


def _entry(raw: _Raw, number: int, found: list[RowError]) -> EntryIn | None:
    """The entry, or None with its errors added to `found`."""
    try:
        return EntryIn.model_validate(raw.fields)
    except ValidationError as failure:
        found.extend(row_errors(failure, number, raw.lines, list(EntryIn.model_fields)))
        return None


def _bounded(errors: list[RowError]) -> list[RowError]:
    left_out = len(errors) - MAX_ERRORS
    return errors if left_out <= 0 else [*errors[:MAX_ERRORS], error("more_errors", count=left_out)]


def _json_rows(text: str) -> Iterator[_Raw]:
    # Not splitlines(): it also cuts at U+2028, which may stand inside a JSON string.
    for line, source in enumerate(text.split("\n"), 1):
        if source.strip():
            yield _json_row(source, {"": line})


def _json_row(source: str, lines: Mapping[str, int]) -> _Raw:
    twice: list[str] = []

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        fields = dict(pairs)
        if len(fields) != len(pairs):
            names = [name for name, _ in pairs]
            twice.extend(name for name in fields if names.count(name) > 1)
        return fields

    try:
        fields = json.loads(source, object_pairs_hook=once)
    except json.JSONDecodeError as broken:
        return _Raw({}, lines, [_Flaw("bad_json", problem=f"第 {broken.colno} 个字符处读不下去")])
    except (ValueError, RecursionError):
        return _Raw({}, lines, [_Flaw("bad_json", problem="数字太长或嵌套太深")])
    if not isinstance(fields, dict):
        return _Raw({}, lines, [_Flaw("not_an_entry")])
    return _Raw(fields, lines, [_Flaw("duplicate_field", name) for name in twice])


def _yaml_rows(text: str) -> Iterator[_Raw]:
    if odd := _UNPRINTABLE.search(text):
        raise _Refused(error("control_character", line=text.count("\n", 0, odd.start()) + 1))
    try:
        _refuse_tricks(text)
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as broken:
        mark = broken.problem_mark or broken.context_mark
        raise _Refused(error("bad_yaml", line=_line(mark), column=mark.column + 1 if mark else 1)) from broken
    return map(_yaml_row, _entry_nodes(root))


def _refuse_tricks(text: str) -> None:
    """Look at the flat events before anything nested is built from them.

    An alias makes a few lines grow to gigabytes, deep nesting overflows the composer's stack, a tag may ask for other
    types than ours, and 5 MB of `[],[],[],` take 17 s.
    """
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=_Loader)):
        if count > _MAX_EVENTS:
            raise _Refused(error("too_complex"))
        line = _line(event.start_mark)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _Refused(error("yaml_alias", line=line))
        if getattr(event, "tag", None):
            raise _Refused(error("yaml_tag", line=line))
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            raise _Refused(error("too_deep", line=line))


def _entry_nodes(root: yaml.Node | None) -> list[yaml.Node]:
    if root is None:
        return []
    if isinstance(root, yaml.MappingNode):
        values = [value for key, value in root.value if key.value == "entries"]
        root = values[0] if len(root.value) == 1 and values else root
    if not isinstance(root, yaml.SequenceNode):
        raise _Refused(error("not_a_list", line=_line(root.start_mark)))
    nodes: list[yaml.Node] = root.value
    return nodes


def _yaml_row(node: yaml.Node) -> _Raw:
    lines = {"": node.start_mark.line + 1}
    if not isinstance(node, yaml.MappingNode):
        return _Raw({}, lines, [_Flaw("not_an_entry")])
    fields: dict[str, Any] = {}
    errors: list[_Flaw] = []
    for key, value in node.value:
        name = str(key.value) if isinstance(key, yaml.ScalarNode) else "?"
        if name in lines:
            errors.append(_Flaw("duplicate_field", name))
        lines[name] = key.start_mark.line + 1
        try:
            fields[name] = yaml.constructor.SafeConstructor().construct_document(value)
        # ValueError: 2026-02-30 looks like a date to YAML and is none.
        except (yaml.YAMLError, ValueError, OverflowError, TypeError):
            errors.append(_Flaw("bad_value", name))
    return _Raw(fields, lines, errors)


def _line(mark: Any) -> int | None:
    return None if mark is None else mark.line + 1
