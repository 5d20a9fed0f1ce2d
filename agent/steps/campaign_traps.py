"""What a campaign's brief may not ask for, found clause by clause: the part is left out of the proposal and named with
an alternative, the rest goes on. "不要写全网最低" asks for the opposite and is no find."""

from typing import NamedTuple

from agent.steps import claims
from core.text import Normalized, normalize
from core.vocabulary import RefusalLabel


class Trap(NamedTuple):
    """A find: `start`/`end` half-open in the original brief, `part` the clauses that it stands in."""

    label: RefusalLabel
    start: int
    end: int
    part: str


def detect(brief: str) -> list[Trap]:
    """Every label once, where it stands first, in the order of the brief."""
    plain = normalize(brief)
    found: dict[RefusalLabel, Trap] = {}
    for spot in claims.spots(plain.text, "brief"):
        trap = Trap(RefusalLabel(spot.rule.label), *plain.span(*spot.clause), _original(plain, *spot.clause))
        if trap.label not in found or trap.start < found[trap.label].start:
            found[trap.label] = trap
    return sorted(found.values(), key=lambda trap: (trap.start, trap.label))


def without(brief: str, traps: list[Trap]) -> str:
    """The brief without the clauses that the finds stand in; found again until nothing is left, since a label is
    reported once only."""
    for _ in range(20):
        if not traps:
            break
        kept = [char for at, char in enumerate(brief) if not any(trap.start <= at < trap.end for trap in traps)]
        brief = "".join(kept).strip("，,。；;！!？? \n")
        traps = detect(brief)
    return brief


def _original(plain: Normalized, start: int, end: int) -> str:
    first, last = plain.span(start, end)
    return plain.original[first:last].strip()
