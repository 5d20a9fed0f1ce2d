"""From scores to what is proposed: thresholds, the level and action of each label, and which action wins."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from core.vocabulary import RiskAction, RiskLabel, RiskLevel, SenderRole

LABEL_THRESHOLD = 0.5
"""Score from which a label holds: one strong word or form, or two middling ones (0.3 and 0.3 make 0.51). Chosen on
our own sentences in `evals/cases/risk_first.jsonl`, not fitted."""

SELF_HARM_THRESHOLD = 0.45
"""Lower, since a miss costs more than a look by a person, and no penalty can follow."""

WATCH_THRESHOLD = 0.35
"""Best score from which a message without any label is still worth a look: level `low`, action `watch`."""


class RiskThresholds(BaseModel):
    """Scores between 0 and 1. `labels` overrides `label` for single labels."""

    model_config = ConfigDict(frozen=True)

    label: float = Field(default=LABEL_THRESHOLD, ge=0, le=1)
    labels: Mapping[RiskLabel, float] = Field(default_factory=lambda: {RiskLabel.SELF_HARM: SELF_HARM_THRESHOLD})
    watch: float = Field(default=WATCH_THRESHOLD, ge=0, le=1)

    def of(self, label: RiskLabel) -> float:
        """The score from which `label` holds."""
        return self.labels.get(label, self.label)


class RiskReason(StrEnum):
    """Why a verdict proposes what it proposes."""

    NOTHING_FOUND = "nothing_found"
    ONLY_METADATA_CHECKED = "only_metadata_checked"
    WEAK_SIGNS = "weak_signs"
    LABELS_HOLD = "labels_hold"
    PROTECTS_A_PERSON = "protects_a_person"
    STAFF_NOT_PENALISED = "staff_not_penalised"


class Stance(NamedTuple):
    level: RiskLevel
    action: RiskAction


STANCES: Mapping[RiskLabel, Stance] = {
    RiskLabel.AD_SPAM: Stance(RiskLevel.MEDIUM, RiskAction.WARN_PRIVATE),
    RiskLabel.SCAM: Stance(RiskLevel.HIGH, RiskAction.REMOVE),
    RiskLabel.FAKE_TRADE: Stance(RiskLevel.MEDIUM, RiskAction.WARN_PRIVATE),
    RiskLabel.GRAY_MARKET: Stance(RiskLevel.HIGH, RiskAction.REMOVE),
    RiskLabel.GAMBLING: Stance(RiskLevel.HIGH, RiskAction.REMOVE),
    RiskLabel.PORN: Stance(RiskLevel.HIGH, RiskAction.REMOVE),
    RiskLabel.ABUSE: Stance(RiskLevel.MEDIUM, RiskAction.WARN_PRIVATE),
    RiskLabel.PRIVACY: Stance(RiskLevel.MEDIUM, RiskAction.WARN_PRIVATE),
    RiskLabel.FLOODING: Stance(RiskLevel.MEDIUM, RiskAction.WARN_PRIVATE),
    RiskLabel.CRISIS: Stance(RiskLevel.HIGH, RiskAction.HOLD_AND_ALERT),
    RiskLabel.SELF_HARM: Stance(RiskLevel.HIGH, RiskAction.HOLD_AND_ALERT),
    RiskLabel.ILLEGAL_POLITICS: Stance(RiskLevel.HIGH, RiskAction.HOLD_AND_ALERT),
    RiskLabel.INJECTION: Stance(RiskLevel.MEDIUM, RiskAction.WATCH),
}
"""Levels and first actions as in the vocabulary; the ladder of repeated offences is applied by who knows the past."""

_HARDER = (
    RiskAction.NONE,
    RiskAction.WATCH,
    RiskAction.RESTATE_RULES,
    RiskAction.WARN_PRIVATE,
    RiskAction.MUTE,
    RiskAction.REMOVE,
    RiskAction.HOLD_AND_ALERT,
)
PENALTIES = frozenset({RiskAction.WARN_PRIVATE, RiskAction.MUTE, RiskAction.REMOVE})


def propose(labels: Iterable[RiskLabel], role: SenderRole) -> tuple[Stance, RiskReason]:
    """Level, action and reason for the labels that hold (at least one).

    `hold_and_alert` wins over every penalty, since it protects somebody; then the hardest. Staff and bots get no
    penalty.
    """
    stances = [STANCES[label] for label in labels]
    level = max((stance.level for stance in stances), key=list(RiskLevel).index)
    action = max((stance.action for stance in stances), key=_HARDER.index)
    if action is RiskAction.HOLD_AND_ALERT:
        return Stance(level, action), RiskReason.PROTECTS_A_PERSON
    if role is not SenderRole.MEMBER and action in PENALTIES:
        return Stance(level, RiskAction.WATCH), RiskReason.STAFF_NOT_PENALISED
    return Stance(level, action), RiskReason.LABELS_HOLD
