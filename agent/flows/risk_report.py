"""How well the screening does, by what people decided; and the decided items as rows to fit it on."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from agent.services import Services
from core.vocabulary import RiskLabel, RiskOrigin, RiskStatus
from store import messages, risks
from store.risks import Alike, RiskItemRow
from store.session import ReadSession

SMALL: Final = 30
"""Below so many decisions a share says little."""
_BLOCK: Final = 200


@dataclass(slots=True)
class Tally:
    """Counts of one label, or of all items."""

    confirmed: int = 0
    dismissed: int = 0
    missed: int = 0
    pending: int = 0

    @property
    def n(self) -> int:
        return self.confirmed + self.dismissed

    @property
    def precision(self) -> float | None:
        return round(self.confirmed / self.n, 4) if self.n else None

    @property
    def small(self) -> bool:
        return self.n < SMALL


@dataclass(slots=True)
class LabelTally(Tally):
    label: RiskLabel = RiskLabel.AD_SPAM


@dataclass(slots=True)
class Report:
    """`labels` in the order of the vocabulary; only those that occur."""

    days: int
    since: datetime
    labels: list[LabelTally] = field(default_factory=list)
    total: Tally = field(default_factory=Tally)


def figures(db: ReadSession, services: Services, communities: frozenset[str] | None, days: int) -> Report:
    """What was decided within `days`, and what is open."""
    since = services.clock.now() - timedelta(days=days)
    report = Report(days, since)
    by_label = {label: LabelTally(label=label) for label in RiskLabel}
    for alike in risks.counted(db, since, communities):
        for label, what in _judged(alike):
            _count(by_label[label], what, alike.number)
        if alike.found or alike.confirmed or alike.status == RiskStatus.PENDING:
            # An item without labels, in which nobody saw any, was a question and no claim.
            _count(report.total, _whole(alike), alike.number)
    report.labels = [tally for tally in by_label.values() if tally.n or tally.missed or tally.pending]
    return report


def _count(tally: Tally, what: str, number: int) -> None:
    setattr(tally, what, getattr(tally, what) + number)


def _judged(alike: Alike) -> Iterator[tuple[RiskLabel, str]]:
    """Each label of items with what came of it. A label that the person left out when they confirmed others was a
    false alarm; one that they added was missed."""
    found, confirmed = set(alike.found), set(alike.confirmed)
    if alike.status == RiskStatus.PENDING:
        yield from ((RiskLabel(label), "pending") for label in found)
    elif alike.origin == RiskOrigin.PERSON:
        yield from ((RiskLabel(label), "missed") for label in confirmed)
    else:
        yield from ((RiskLabel(label), "confirmed" if label in confirmed else "dismissed") for label in found)
        yield from ((RiskLabel(label), "missed") for label in confirmed - found)


def _whole(alike: Alike) -> str:
    by_person = alike.origin == RiskOrigin.PERSON or not alike.found
    if by_person and alike.status == RiskStatus.CONFIRMED:
        return "missed"
    return alike.status


def export(db: ReadSession, services: Services, communities: frozenset[str] | None, days: int) -> Iterator[str]:
    """Decided items as JSON lines: the masked text, the labels that hold by the person's word (none where it was no
    risk), and those that were found."""
    since = services.clock.now() - timedelta(days=days)
    walk = risks.decided_since(db, since, communities)
    while rows := list(islice(walk, _BLOCK)):
        texts = {row.id: row.text for row in messages.many(db, [row.message_id for row in rows])}
        for row in rows:
            yield json.dumps(_exported(row, texts[row.message_id]), ensure_ascii=False) + "\n"


def _exported(row: RiskItemRow, text: str) -> dict[str, object]:
    return {
        "id": row.id,
        "text": text,
        "labels": risks.parted(row.confirmed),
        "found": risks.parted(row.label_names) if row.origin == RiskOrigin.SCREEN else [],
        "decision": row.status,
        "origin": row.origin,
        "level": row.level,
        "at": row.decided_at.isoformat() if row.decided_at else None,
    }
