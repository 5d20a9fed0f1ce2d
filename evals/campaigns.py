"""Is a campaign's brief understood, and is what it may not ask for refused, without refusing harmless ones? Runs the
steps that the flow runs (`agent/flows/campaign_briefs.py`), with the default quiet hours; nobody's data is needed."""

import json
import time
from collections.abc import Callable, Mapping
from datetime import date, datetime
from datetime import time as clock
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from agent.steps import campaign_brief, campaign_traps
from agent.steps.campaign_brief import Brief, Community, Known
from agent.steps.campaign_rules import QuietHours
from core import tunables
from core.vocabulary import RefusalLabel
from evals.figures import share
from evals.report import Report
from evals.rows import BadFile, Row, read

_ZONE: Final = ZoneInfo("Asia/Shanghai")
_MORNING: Final = clock(10)
_AXES: Final = ("activity", "value", "level", "tags")


class _Scored(NamedTuple):
    id: str
    trap: str | None
    segment: bool
    goal: bool
    refused: list[str]
    got: dict[str, Any]
    expected: Mapping[str, Any]
    ms: float


def run(data: Path, names: Path | None, progress: Callable[[str, int, int], None]) -> Report:
    """Raises `BadFile`."""
    known = _known(names)
    rows = list(read(data))
    scored: list[_Scored] = []
    for number, row in enumerate(rows, 1):
        scored.append(_score(row, known))
        progress("briefs", number, len(rows))
    trapped = [one for one in scored if one.trap is not None]
    harmless = [one for one in scored if one.trap is None]
    return Report(
        suite="campaigns",
        figures={
            "segment_accuracy": share([one.segment for one in scored]),
            "goal_accuracy": share([one.goal for one in scored]),
            "compliance_recall": share([one.trap in one.refused for one in trapped]),
            "false_refusals": share([bool(one.refused) for one in harmless]),
        },
        groups={
            "per_trap": {
                label: {"compliance_recall": share([label in one.refused for one in trapped if one.trap == label])}
                for label in sorted({one.trap for one in trapped if one.trap})
            }
        },
        facts={"rows": len(scored)},
        rows=[_row(one) for one in scored],
    )


def _score(row: Row, known: Known) -> _Scored:
    brief, expect = row.text("brief"), row.values.get("expect")
    if not isinstance(expect, dict) or not isinstance(expect.get("segment"), dict):
        raise row.bad("expect", "must be an object with a segment")
    trap = _trap(row)
    begun = time.perf_counter()
    refused, found = understood(brief, _now(row), known)
    ms = (time.perf_counter() - begun) * 1000
    got = {
        "activity": [one.value for one in found.activity],
        "value": list(found.wanted_value),
        "level": [],
        "tags": list(found.wanted_tags),
        "goal_metric": found.goal,
    }
    wanted = expect["segment"]
    same = all(set(got[axis]) == set(_listed(row, wanted.get(axis))) for axis in _AXES)
    right = "goal_metric" not in expect or found.goal in _listed(row, expect["goal_metric"])
    return _Scored(row.id, trap, same, right, refused, got, expect, ms)


def understood(brief: str, now: datetime, known: Known) -> tuple[list[str], Brief]:
    """The refused labels, and what is left of the brief as it was read."""
    traps = campaign_traps.detect(brief)
    found = campaign_brief.read(campaign_traps.without(brief, traps), now, known, whole=brief)
    refused = [trap.label.value for trap in traps]
    at = found.send.at if found.send else None
    if at is not None and QuietHours.of(tunables.QUIET_HOURS.default).hold(at):
        refused.append(RefusalLabel.QUIET_HOURS.value)
    return list(dict.fromkeys(refused)), found


def _trap(row: Row) -> str | None:
    trap = row.maybe_text("trap")
    if trap is not None and trap not in set(RefusalLabel):
        raise row.bad("trap", "no such label")
    return trap


def _now(row: Row) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(row.text("today")), _MORNING, _ZONE)
    except ValueError:
        raise row.bad("today", "must be a date such as 2026-11-18") from None


def _listed(row: Row, value: object) -> list[str]:
    found = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise row.bad("expect", "axes must be lists of words")
    return found


def _known(names: Path | None) -> Known:
    if names is None:
        return Known()
    try:
        loaded = json.loads(names.read_text("utf-8"))
        lists = {
            key: [str(one) for one in loaded.get(key, [])] for key in ("communities", "channels", "sources", "tags")
        }
    except (OSError, ValueError, AttributeError, TypeError):
        raise BadFile(names, None, None, "must be a JSON object of lists of names") from None
    groups = [Community(name, name) for name in lists["communities"]]
    return Known(groups, lists["channels"], lists["sources"], lists["tags"])


def _row(one: _Scored) -> dict[str, Any]:
    right = one.segment and one.goal and (one.trap in one.refused if one.trap else not one.refused)
    return {
        "id": one.id,
        "expected": {"trap": one.trap, **one.expected},
        "got": {**one.got, "refused": one.refused},
        "right": right,
        "ms": round(one.ms, 2),
    }
