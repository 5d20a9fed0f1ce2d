"""Knowledge files in our own form: YAML and JSON lines, with the line of every field."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from knowledge.import_errors import error
from knowledge.raw_entries import Flaw, Raw, Refused

_MAX_DEPTH: Final = 8
_MAX_EVENTS: Final = 1_000_000  # 20,000 entries of 50 values
# What YAML does not allow at all. Looked for here, since its own complaint names no line.
_UNPRINTABLE: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# libyaml's where it is there: 5 MB take 3 s instead of 60.
_Loader: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def json_rows(text: str) -> Iterator[Raw]:
    """One object a line."""
    # Not splitlines(): it also cuts at U+2028, which may stand inside a JSON string.
    for line, source in enumerate(text.split("\n"), 1):
        if source.strip():
            yield _json_row(source, {"": line})


def _json_row(source: str, lines: Mapping[str, int]) -> Raw:
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
        return Raw({}, lines, [Flaw("bad_json", params={"problem": f"第 {broken.colno} 个字符处读不下去"})])
    except (ValueError, RecursionError):
        return Raw({}, lines, [Flaw("bad_json", params={"problem": "数字太长或嵌套太深"})])
    if not isinstance(fields, dict):
        return Raw({}, lines, [Flaw("not_an_entry")])
    return Raw(fields, lines, [Flaw("duplicate_field", name) for name in twice])


def yaml_rows(text: str) -> Iterator[Raw]:
    """The entries of a list, or under `entries`. Raises `Refused` for what is no YAML, or more than plain YAML."""
    if odd := _UNPRINTABLE.search(text):
        raise Refused(error("control_character", line=text.count("\n", 0, odd.start()) + 1))
    try:
        _refuse_tricks(text)
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as broken:
        mark = broken.problem_mark or broken.context_mark
        raise Refused(error("bad_yaml", line=_line(mark), column=mark.column + 1 if mark else 1)) from broken
    return map(_yaml_row, _entry_nodes(root))


def _refuse_tricks(text: str) -> None:
    """Look at the flat events before anything nested is built from them.

    An alias makes a few lines grow to gigabytes, deep nesting overflows the composer's stack, a tag may ask for other
    types than ours, and 5 MB of `[],[],[],` take 17 s.
    """
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=_Loader)):
        if count > _MAX_EVENTS:
            raise Refused(error("too_complex"))
        line = _line(event.start_mark)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise Refused(error("yaml_alias", line=line))
        if getattr(event, "tag", None):
            raise Refused(error("yaml_tag", line=line))
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            raise Refused(error("too_deep", line=line))


def _entry_nodes(root: yaml.Node | None) -> list[yaml.Node]:
    if root is None:
        return []
    if isinstance(root, yaml.MappingNode):
        values = [value for key, value in root.value if key.value == "entries"]
        root = values[0] if len(root.value) == 1 and values else root
    if not isinstance(root, yaml.SequenceNode):
        raise Refused(error("not_a_list", line=_line(root.start_mark)))
    nodes: list[yaml.Node] = root.value
    return nodes


def _yaml_row(node: yaml.Node) -> Raw:
    lines = {"": node.start_mark.line + 1}
    if not isinstance(node, yaml.MappingNode):
        return Raw({}, lines, [Flaw("not_an_entry")])
    fields: dict[str, Any] = {}
    errors: list[Flaw] = []
    for key, value in node.value:
        name = str(key.value) if isinstance(key, yaml.ScalarNode) else "?"
        if name in lines:
            errors.append(Flaw("duplicate_field", name))
        lines[name] = key.start_mark.line + 1
        try:
            fields[name] = yaml.constructor.SafeConstructor().construct_document(value)
        # ValueError: 2026-02-30 looks like a date to YAML and is none.
        except (yaml.YAMLError, ValueError, OverflowError, TypeError):
            errors.append(Flaw("bad_value", name))
    return Raw(fields, lines, errors)


def _line(mark: Any) -> int | None:
    return None if mark is None else mark.line + 1
