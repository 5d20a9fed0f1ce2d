"""What is proposed for a first, second and third offence, and for whom never anything."""

import pytest

from agent.steps.risk_ladder import Ladder, Why, propose, punishable
from core.vocabulary import RiskAction, RiskLabel, SenderRole

MEMBER = SenderRole.MEMBER


@pytest.mark.parametrize(
    ("before", "action", "minutes", "restates"),
    [
        (0, RiskAction.WARN_PRIVATE, None, True),
        (1, RiskAction.MUTE, 60, False),
        (2, RiskAction.REMOVE, None, False),
        (7, RiskAction.REMOVE, None, False),
    ],
)
def test_each_offence_stands_one_step_higher(
    before: int, action: RiskAction, minutes: int | None, restates: bool
) -> None:
    # scope: 29
    made = propose([RiskLabel.AD_SPAM], MEMBER, before, Ladder())
    assert (made.action, made.minutes, made.restates_rules) == (action, minutes, restates)
    assert (made.offence, made.why) == (before + 1, Why.LADDER)


@pytest.mark.parametrize("label", [RiskLabel.SCAM, RiskLabel.PORN, RiskLabel.GAMBLING, RiskLabel.GRAY_MARKET])
def test_the_worst_start_at_remove(label: RiskLabel) -> None:
    # scope: 30, 32
    made = propose([RiskLabel.AD_SPAM, label], MEMBER, 0, Ladder())
    assert (made.action, made.why) == (RiskAction.REMOVE, Why.STARTS_AT_REMOVE)


@pytest.mark.parametrize("label", [RiskLabel.SELF_HARM, RiskLabel.CRISIS, RiskLabel.ILLEGAL_POLITICS])
def test_who_must_be_looked_after_gets_no_penalty_whatever_else_holds(label: RiskLabel) -> None:
    made = propose([label, RiskLabel.ABUSE, RiskLabel.SCAM], MEMBER, 5, Ladder())
    assert (made.action, made.offence) == (RiskAction.HOLD_AND_ALERT, None)


def test_an_injection_is_watched_and_is_no_offence() -> None:
    assert propose([RiskLabel.INJECTION], MEMBER, 3, Ladder()).action is RiskAction.WATCH
    assert not punishable([RiskLabel.INJECTION, RiskLabel.CRISIS])
    assert punishable([RiskLabel.INJECTION, RiskLabel.ABUSE])


@pytest.mark.parametrize("role", [SenderRole.STAFF, SenderRole.BOT])
def test_staff_and_bots_are_never_penalised(role: SenderRole) -> None:
    made = propose([RiskLabel.SCAM], role, 2, Ladder())
    assert (made.action, made.why) == (RiskAction.WATCH, Why.STAFF_NOT_PENALISED)


def test_steps_are_settings_and_the_last_one_holds_for_all_further() -> None:
    ladder = Ladder(steps=(RiskAction.RESTATE_RULES, RiskAction.MUTE), worst=frozenset(), mute_minutes=5)
    actions = [propose([RiskLabel.SCAM], MEMBER, before, ladder).action for before in range(4)]
    assert actions == [RiskAction.RESTATE_RULES, RiskAction.MUTE, RiskAction.MUTE, RiskAction.MUTE]
