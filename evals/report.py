"""What a suite found, and how it is shown: figures by name, groups of them by kind or label, one result per row."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.vocabulary import Engine
from evals.figures import Figure

Group = Mapping[str, Figure]


@dataclass(frozen=True, slots=True)
class Report:
    """`groups` is a name (per_kind, per_label …) to groups of figures; `unscored` counts rows by reason; `rows` are
    written to `--out`."""

    suite: str
    figures: Group
    groups: Mapping[str, Mapping[str, Group]] = field(default_factory=dict)
    unscored: Mapping[str, int] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    rows: Sequence[Mapping[str, Any]] = ()
    engine: Engine = Engine.EMBEDDED

    def shown(self) -> dict[str, Any]:
        """The one JSON object that is printed."""
        groups = {
            name: {key: _shown(group) for key, group in sorted(groups.items())} for name, groups in self.groups.items()
        }
        unscored = {"n": sum(self.unscored.values()), "reasons": dict(self.unscored)}
        return {
            "suite": self.suite,
            "engine": self.engine,
            **self.facts,
            "unscored": unscored,
            **_shown(self.figures),
            **groups,
        }

    def figure(self, name: str) -> Figure:
        """By its name, or `group.name` (`near_miss.abstained`). Raises `KeyError`."""
        if name in self.figures:
            return self.figures[name]
        key, _, last = name.rpartition(".")
        return next(groups[key] for groups in self.groups.values() if last in groups.get(key, {}))[last]

    def names(self) -> list[str]:
        inner = [f"{key}.{name}" for groups in self.groups.values() for key, group in groups.items() for name in group]
        return [*self.figures, *inner]

    def save_rows(self, path: Path) -> None:
        with path.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in self.rows)


def _shown(group: Group) -> dict[str, Any]:
    return {name: figure.shown() for name, figure in group.items()}
