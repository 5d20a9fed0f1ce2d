"""What the page of flagged messages shows: items as lines of a list, and one with all that a decision needs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

from agent.flows import risk_items
from agent.services import Services
from agent.steps.risk import RiskHit
from agent.steps.risk_policy import PENALTIES
from core import tunables
from core.scopes import Scope
from core.vocabulary import (
    AlarmStatus,
    MessageStage,
    ModelSays,
    RiskAction,
    RiskLabel,
    RiskLevel,
    RiskOrigin,
    RiskStatus,
)
from server.console.inbox import name_of_decider
from server.console.visitor import Visitor
from server.risk_views import AlarmView, RiskCase, RiskView, alarm_views, risk_case, risk_views
from store import risk_alarms, risks, settings
from store.risks import RiskItemRow
from store.session import ReadSession

SHOWN: Final = 50
TABS: Final = tuple(status.value for status in RiskStatus)
_ALARMS: Final = 3


class Wanted(NamedTuple):
    """What is listed."""

    status: RiskStatus
    label: RiskLabel | None = None
    level: RiskLevel | None = None

    def query(self) -> dict[str, str]:
        return {name: value for name, value in self._asdict().items() if value is not None}


@dataclass(frozen=True, slots=True)
class Listed:
    """Up to `SHOWN` items of `total`, and the alarms that are on."""

    items: list[RiskView]
    total: int
    alarms: list[AlarmView]


class Piece(NamedTuple):
    """A part of the message; `labels` are numbers (from 1) of the labels whose evidence it is."""

    text: str
    labels: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """One item on screen. `steps` is the ladder of its community, `step` the place in it that is proposed (from 0),
    `minutes` for how long it mutes; `actions` are those that may be taken, `others` labels that were not found."""

    risk: RiskCase
    pieces: list[Piece]
    steps: tuple[RiskAction, ...]
    step: int | None
    days: int
    minutes: int
    actions: tuple[RiskAction, ...]
    others: tuple[RiskLabel, ...]
    may_decide: bool
    is_open: bool
    decided_by: str | None
    names: dict[str, str]


def listed(services: Services, visitor: Visitor, wanted: Wanted) -> Listed:
    """Pending items the most urgent first, others the newest first."""
    within = visitor.within(services, Scope.RISKS_READ)
    with services.database.read() as db:
        rows = risks.page(
            db,
            statuses=(wanted.status,),
            communities=within,
            label=wanted.label,
            level=wanted.level,
            limit=SHOWN,
        )
        total = len(rows)
        if total == SHOWN:
            total = risks.count(
                db, statuses=(wanted.status,), communities=within, label=wanted.label, level=wanted.level
            )
        on = risk_alarms.page(db, statuses=(AlarmStatus.OPEN,), communities=within, after=None, limit=_ALARMS)
        return Listed(risk_views(db, services, rows), total, alarm_views(db, on))


def badges(risk: RiskView) -> list[tuple[str, str]]:
    """(look, key of its text): the few words by which a person chooses what to look at first."""
    found = [(f"risk-{risk.level}", f"risk_level.{risk.level}")]
    found += [("risk-label", f"risk_label.{hit.label}") for hit in risk.labels]
    if risk.origin is RiskOrigin.PERSON:
        found.append(("role", "risks.by_person"))
    if risk.model in (ModelSays.DENIES, ModelSays.FAILED):
        found.append(("plain", f"risks.model_{risk.model}"))
    if risk.message.recalled:
        found.append(("plain", "drafts.recalled"))
    elif risk.message.edited:
        found.append(("plain", "risks.edited"))
    if risk.message.history:
        found.append(("plain", "risks.from_history"))
    if risk.message.stage is MessageStage.HELD:
        found.append(("manager", "risks.held"))
    return found


def panel(services: Services, visitor: Visitor, db: ReadSession, row: RiskItemRow) -> Panel:
    """One item with its conversation, in the session `db`."""
    risk = risk_case(db, services, row, visitor.caller.communities(Scope.RISKS_READ))
    ladder = risk_items.ladder(db, row.community_id)
    offence = risk.proposal.offence
    climbs = offence is not None and risk.proposal.why.value == "ladder"
    found = {hit.label for hit in risk.labels}
    return Panel(
        risk=risk,
        pieces=list(pieces(risk.message.text, [] if risk.message.edited else risk.labels)),
        steps=ladder.steps,
        step=min(offence, len(ladder.steps)) - 1 if climbs and offence is not None and ladder.steps else None,
        days=settings.value(db, tunables.LADDER_DAYS),
        minutes=ladder.mute_minutes,
        actions=tuple(action for action in RiskAction if may_take(risk, action)),
        others=tuple(label for label in RiskLabel if label not in found),
        may_decide=visitor.caller.allows(Scope.RISKS_DECIDE, row.community_id),
        is_open=risk.status is RiskStatus.PENDING,
        decided_by=name_of_decider(db, row.decided_by),
        names={one.community_id: visitor.name_of(one.community_id) for one in risk.history},
    )


def may_take(risk: RiskView, action: RiskAction) -> bool:
    """What `agent.flows.risks` will allow for the labels found, so that the page offers nothing else."""
    return action not in PENALTIES or (risk.member.id is not None and not risk.urgent)


def pieces(text: str, hits: Sequence[RiskHit]) -> Iterator[Piece]:
    """The text in parts that carry the same labels."""
    spans = [(number, *span) for number, hit in enumerate(hits, 1) for span in hit.spans]
    inside = {place for _, start, end in spans for place in (start, end) if 0 < place < len(text)}
    made = Piece("", ())
    for start, end in pairwise(sorted({0, len(text)} | inside)):
        labels = tuple(sorted({number for number, first, last in spans if first <= start and end <= last}))
        if labels != made.labels and made.text:
            yield made
            made = Piece("", labels)
        made = Piece(made.text + text[start:end], labels)
    if made.text:
        yield made
