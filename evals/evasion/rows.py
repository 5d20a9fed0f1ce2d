"""Rows of a data set, each as it was and under every disguise."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from evals.corpus import Progress
from evals.evasion import TRANSFORMS, transform
from evals.figures import share as share_of
from evals.report import Report
from evals.rows import Row, read

UNCHANGED = "none"


def run(data: Path, names: Sequence[str], seed: int, share: float, progress: Progress) -> Report:
    """The rows to write, all fields of theirs copied, and how many of the texts each disguise was for. A text that one
    leaves as it is gets no row under it. Raises `BadFile`."""
    rows = read(data)
    made: list[dict[str, Any]] = []
    changed: Counter[str] = Counter()
    for number, row in enumerate(rows, start=1):
        some = list(_disguised(row, names, seed, share))
        made += some
        changed.update(one["perturbation"] for one in some)
        progress("texts", number, len(rows))
    hits = {name: [True] * changed[name] + [False] * (len(rows) - changed[name]) for name in names}
    return Report(
        suite="evasion",
        figures={},
        groups={"per_perturbation": {name: {"changed": share_of(some)} for name, some in hits.items()}},
        facts={"rows": len(rows), "written": len(made), "seed": seed, "share": share},
        rows=made,
    )


def chosen(names: str | None) -> list[str]:
    """The names in a list with commas, all where there is none. Raises `ValueError` with the first unknown one."""
    found = list(dict.fromkeys(name.strip() for name in names.split(","))) if names else list(TRANSFORMS)
    if unknown := [name for name in found if name not in TRANSFORMS]:
        raise ValueError(f"{unknown[0]!r} is none of {', '.join(TRANSFORMS)}")
    return found


def _disguised(row: Row, names: Sequence[str], seed: int, share: float) -> Iterator[dict[str, Any]]:
    text = row.text()
    yield _row(row, text, UNCHANGED)
    for name in names:
        # A row's disguise depends neither on the other rows nor on the other disguises.
        found = transform(text, name, random.Random(f"{seed}:{name}:{row.id}"), share=share)
        if found != text:
            yield _row(row, found, name)


def _row(row: Row, text: str, name: str) -> dict[str, Any]:
    mine = {"id": f"{row.id}:{name}", "text": text, "base_text": row.text(), "perturbation": name}
    # Offsets of what was marked hold no more.
    kept = {key: value for key, value in row.values.items() if key not in mine and key != "spans"}
    return mine | kept
