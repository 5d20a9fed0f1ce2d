"""Managers' questions: is each understood in all its parts, and are the others refused?

It runs the parser that the service runs, and no tool: what the tools count is tested on rows, not measured.
"""

import json
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from agent.steps.question_parse.interpretation import Days, Interpretation, Known, Period
from agent.steps.question_parse.parse import parse
from agent.steps.question_plan import with_period
from evals.corpus import Progress
from evals.figures import Figure, share
from evals.report import Group, Report
from evals.rows import BadFile, Row, read

PARTS = ("metric", "period", "base", "group_by", "filters", "order", "limit")


class Judged(NamedTuple):
    """`parts` holds only what the row speaks about; `refusal` is None for a row that must be answered and was."""

    id: str
    kind: str
    expected: Mapping[str, Any]
    got: Interpretation
    parts: Mapping[str, bool]
    right: bool
    ms: float

    @property
    def must_refuse(self) -> bool:
        return self.expected.get("tool") == "refuse"

    @property
    def refused(self) -> bool:
        return self.got.tool == "refuse"


def run(data: Path, today: date | None, names: Path | None, progress: Progress) -> Report:
    """`today` is used for rows without one. Raises `BadFile`."""
    known = _known(names)
    rows = read(data)
    judged = []
    for number, row in enumerate(rows, start=1):
        judged.append(_judge(row, known, today))
        progress("questions", number, len(rows))
    return Report(
        suite="questions",
        figures=_figures(judged),
        groups={"per_kind": _per_kind(judged), "per_part": {"parts": _per_part(judged)}},
        facts={"rows": len(rows)},
        rows=[_row(one) for one in judged],
    )


def _known(path: Path | None) -> Known:
    if path is None:
        return Known()
    try:
        return Known.model_validate(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, ValidationError) as error:
        raise BadFile(path, None, None, f"is no JSON object of lists of names: {type(error).__name__}") from error


def _judge(row: Row, known: Known, today: date | None) -> Judged:
    expected = row.values.get("expect")
    if not isinstance(expected, dict):
        raise row.bad("expect", "must be an object")
    day = _today(row, today)
    begun = time.perf_counter()
    found = with_period(parse(row.text("question"), known, day, _history(row)), day)
    ms = (time.perf_counter() - begun) * 1000
    parts = compared(expected, found, accepted=row.texts("accept_metric"))
    kind = row.maybe_text("kind") or ("refuse" if expected.get("tool") == "refuse" else "answer")
    return Judged(row.id, kind, expected, found, parts, all(parts.values()), ms)


def _today(row: Row, today: date | None) -> date:
    said = row.maybe_text("today")
    if said is None and today is None:
        raise row.bad("today", "is missing, and --today was not given")
    try:
        return date.fromisoformat(said) if said else today or date.min
    except ValueError as error:
        raise row.bad("today", "must be a date such as 2026-11-18") from error


def _history(row: Row) -> list[str]:
    turns = row.values.get("history") or []
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise row.bad("history", "must be a list of objects with role and text")
    return [str(turn.get("text", "")) for turn in turns if turn.get("role") not in ("assistant", "bot")]


def compared(expected: Mapping[str, Any], got: Interpretation, *, accepted: Sequence[str] = ()) -> dict[str, bool]:
    """Each part that counts for this row, and whether it is right."""
    tool = expected.get("tool")
    if tool is not None:
        parts = {"metric": got.tool == tool}
        if tool in ("refuse", "advice"):
            return parts
    else:
        wanted = _names(expected.get("metric"))
        right = set(got.metrics) == wanted or bool(set(got.metrics) & set(accepted))
        parts = {"metric": got.tool != "refuse" and right}
    if expected.get("period") is not None and tool != "metric_definition":
        parts |= _period(expected["period"], got.period)
    if tool is None or tool == "members_list":
        parts["group_by"] = _names(expected.get("group_by")) == _names(got.group_by)
    parts["filters"] = _filters(expected.get("filters")) == _filters(got.filters)
    for name in ("order", "limit"):
        if expected.get(name) is not None:
            parts[name] = getattr(got, name) == expected[name]
    return parts


def _names(value: Any) -> set[str]:
    return set() if value is None else {value} if isinstance(value, str) else set(map(str, value))


def _filters(value: Mapping[str, Any] | None) -> dict[str, set[str]]:
    return {key: _names(values) for key, values in (value or {}).items() if _names(values)}


def _period(expected: Mapping[str, Any], got: Period | None) -> dict[str, bool]:
    accept = [one for one in expected.get("accept") or [] if isinstance(one, dict)]
    spans = [_span(one) for one in (expected, *accept)]
    found = {"period": got is not None and _span(got.model_dump(mode="json")) in spans}
    base = expected.get("base")
    if isinstance(base, dict):
        inner = [one["base"] for one in accept if isinstance(one.get("base"), dict)]
        bases = [_span(one) for one in (base, *inner, *accept)]
        found["base"] = got is not None and got.base is not None and _span(_plain(got.base)) in bases
    return found


def _plain(days: Days) -> dict[str, Any]:
    return days.model_dump(mode="json")


def _span(value: Mapping[str, Any]) -> tuple[str, str]:
    return str(value.get("start")), str(value.get("end"))


def _figures(judged: Sequence[Judged]) -> dict[str, Figure]:
    answerable = [one for one in judged if not one.must_refuse]
    refusable = [one for one in judged if one.must_refuse]
    reasons = [one.got.reason == one.expected["reason"] for one in refusable if one.expected.get("reason")]
    return {
        "interpretation_accuracy": share([one.right for one in answerable]),
        "refusal_accuracy": share([one.refused for one in refusable]),
        "reason_accuracy": share(reasons),
        "wrongful_refusal": share([one.refused for one in answerable]),
    }


def _per_part(judged: Sequence[Judged]) -> Group:
    return {
        part: share([one.parts[part] for one in judged if part in one.parts and not one.must_refuse]) for part in PARTS
    }


def _per_kind(judged: Sequence[Judged]) -> dict[str, Group]:
    groups: dict[str, list[bool]] = defaultdict(list)
    for one in judged:
        groups[one.kind].append(one.right)
    return {kind: {"accuracy": share(right)} for kind, right in groups.items()}


def _row(one: Judged) -> dict[str, Any]:
    return {
        "id": one.id,
        "expected": dict(one.expected),
        "got": one.got.model_dump(mode="json", exclude_none=True),
        "wrong": [part for part, right in one.parts.items() if not right],
        "right": one.right,
        "ms": round(one.ms, 2),
    }
