"""Percentiles and the lines that a person reads."""

from collections.abc import Sequence
from typing import Any, Final

_BUDGETS: Final = (
    ("verdict p95 ms", ("work", "verdict", "p95_ms"), 3.0, "most"),
    ("verdict + draft p95 ms", ("work", "draft", "p95_ms"), 30.0, "most"),
    ("verdict + draft p95 ms of CPU", ("work", "draft", "cpu_p95_ms"), 30.0, "most"),
    ("search p95 ms, 200 entries", ("search", "search", "p95_ms"), 25.0, "most"),
    ("sustained load: answered a second", ("http", "sustained", "per_second"), 150.0, "least"),
    ("sustained load: p99 ms", ("http", "sustained", "p99_ms"), 150.0, "most"),
    ("backlog worked off after, seconds", ("http", "sustained", "drain_seconds"), 60.0, "most"),
    ("restart after a kill, seconds", ("http", "restart_seconds"), 8.0, "most"),
    ("peak resident memory, MB", ("http", "peak_mb"), 700.0, "most"),
)
"""`Budgets` of the architecture: 2 cores, no model."""


def spread(milliseconds: Sequence[float]) -> dict[str, float]:
    """n, median, p95, p99 and maximum; nearest rank, no interpolation."""
    ordered = sorted(milliseconds)
    if not ordered:
        return {"n": 0}
    return {"n": len(ordered)} | {
        name: round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 2)
        for name, share in (("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99), ("max_ms", 1.0))
    }


def ratio(ours: float | None, theirs: float | None) -> float | None:
    """Ours by theirs; None where either is missing."""
    return round(ours / theirs, 2) if ours is not None and theirs else None


def table(result: dict[str, Any]) -> str:
    """Figures against their budgets, then the ratios to the baselines."""
    lines = [f"{result['cores']} cores, load average {result['load_before']} before the run (0: nobody else)", ""]
    for name, path, limit, way in _BUDGETS:
        value = _at(result, path)
        if value is not None:
            kept = value <= limit if way == "most" else value >= limit
            bound = "≤" if way == "most" else "≥"
            lines.append(f"{name:40} {value:>9}   {bound} {limit:g}  {'ok' if kept else 'MISSED'}")
    lines += ["", *(f"{name:40} {value}" for name, value in result["ratios"].items())]
    return "\n".join(lines)


def _at(result: dict[str, Any], path: Sequence[str]) -> float | None:
    found: Any = result
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, int | float) else None
