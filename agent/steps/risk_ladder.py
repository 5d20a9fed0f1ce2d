"""The ladder of repeated offences (处罚阶梯): what is proposed for a member, by what people confirmed before.

It only proposes. Nobody in danger, nobody of the staff and no bot is ever proposed a penalty.
"""

from collections.abc import Collection
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict

from core.vocabulary import RiskAction, RiskLabel, SenderRole

NEVER_PUNISHED: Final = frozenset(
    {RiskLabel.SELF_HARM, RiskLabel.CRISIS, RiskLabel.ILLEGAL_POLITICS, RiskLabel.INJECTION}
)
"""Labels for which a person decides on something else than a penalty."""
ALERTING: Final = frozenset({RiskLabel.SELF_HARM, RiskLabel.CRISIS, RiskLabel.ILLEGAL_POLITICS})


class Why(StrEnum):
    """What the proposal follows from."""

    LADDER = "ladder"
    STARTS_AT_REMOVE = "starts_at_remove"
    PROTECTS_A_PERSON = "protects_a_person"
    STAFF_NOT_PENALISED = "staff_not_penalised"
    NO_PENALTY = "no_penalty"
    NOT_JUDGED = "not_judged"


class Ladder(BaseModel):
    """`steps` for the first offence, the second …; the last one holds for all further. `worst` are labels that start
    at `remove`."""

    model_config = ConfigDict(frozen=True)

    steps: tuple[RiskAction, ...] = (RiskAction.WARN_PRIVATE, RiskAction.MUTE, RiskAction.REMOVE)
    worst: frozenset[RiskLabel] = frozenset({RiskLabel.SCAM, RiskLabel.PORN, RiskLabel.GAMBLING, RiskLabel.GRAY_MARKET})
    mute_minutes: int = 60


class Proposal(BaseModel):
    """`offence` is the number that this one would have within the window, None where the ladder says nothing.
    `restates_rules`: the group is to be reminded of the rules as well."""

    model_config = ConfigDict(frozen=True)

    action: RiskAction
    minutes: int | None = None
    offence: int | None = None
    why: Why
    restates_rules: bool = False


def propose(labels: Collection[RiskLabel], role: SenderRole, before: int, ladder: Ladder) -> Proposal:
    """The proposal for a message with these labels (none where the screening was unsure and nobody could judge it), by
    somebody with `before` confirmed offences in the window."""
    if not labels:
        return Proposal(action=RiskAction.WATCH, why=Why.NOT_JUDGED)
    if ALERTING & set(labels):
        return Proposal(action=RiskAction.HOLD_AND_ALERT, why=Why.PROTECTS_A_PERSON)
    if role is not SenderRole.MEMBER:
        return Proposal(action=RiskAction.WATCH, why=Why.STAFF_NOT_PENALISED)
    if not punishable(labels):
        return Proposal(action=RiskAction.WATCH, why=Why.NO_PENALTY)
    number = before + 1
    if ladder.worst & set(labels):
        return Proposal(action=RiskAction.REMOVE, offence=number, why=Why.STARTS_AT_REMOVE)
    action = ladder.steps[min(number, len(ladder.steps)) - 1] if ladder.steps else RiskAction.WATCH
    return Proposal(
        action=action,
        minutes=ladder.mute_minutes if action is RiskAction.MUTE else None,
        offence=number,
        why=Why.LADDER,
        restates_rules=action is RiskAction.WARN_PRIVATE,
    )


def punishable(labels: Collection[RiskLabel]) -> bool:
    """Whether a confirmed item of these labels counts as an offence."""
    return bool(set(labels) - NEVER_PUNISHED)
