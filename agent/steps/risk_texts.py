"""Our words about a flagged message: the private warning, the reminder of the rules, the caring words, the alert. The
member's name stays a slot until the text is handed out."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.steps.risk_ladder import Proposal
from core import catalogue
from core.vocabulary import RiskAction, RiskLabel
from knowledge.slots import fill
from prompts.loader import render

_TOLD: Final = (RiskAction.WARN_PRIVATE, RiskAction.MUTE, RiskAction.REMOVE)


class Texts(NamedTuple):
    """`private` is None where there is nothing to say to the member, `rules` where no rule was broken. The two others
    say what a plain confirmation sends."""

    private: str | None
    rules: str | None
    sends_private: bool
    sends_rules: bool


def drafted(labels: Sequence[RiskLabel], proposal: Proposal, community: str, *, in_group: bool) -> Texts:
    """The texts that fit a proposal. In a private conversation (`in_group` False) the group is reminded of nothing."""
    if proposal.action is RiskAction.HOLD_AND_ALERT:
        care = RiskLabel.SELF_HARM in labels
        return Texts(_placed(render("risk/care"), community) if care else None, None, care, False)
    if proposal.action not in (*_TOLD, RiskAction.RESTATE_RULES):
        return Texts(None, None, False, False)
    named = [label.value for label in labels]
    private = None
    if proposal.action in _TOLD:
        words = render("risk/warn", labels=named, action=proposal.action.value, minutes=proposal.minutes)
        private = _placed(words, community)
    rules = render("risk/rules", labels=named) if in_group else None
    restates = proposal.restates_rules or proposal.action is RiskAction.RESTATE_RULES
    return Texts(private, rules, proposal.action is RiskAction.WARN_PRIVATE, restates and rules is not None)


def _placed(text: str, community: str) -> str:
    # Only the community's name goes in: the member's is filled in where the text is handed out.
    return fill(text, {"community_name": community}).text


def alert(labels: Sequence[RiskLabel], community: str, item: str) -> str:
    """What the staff's group is told at once: neither the words nor the name of the member."""
    names = [catalogue.text(f"risk_label.{label.value}") for label in labels]
    return render("risk/alert", community=community, labels=names, item=item, life=RiskLabel.SELF_HARM in labels)


def heat(community: str, minutes: int, negative: int, messages: int, baseline: float) -> str:
    """What the staff's group is told when a group's mood turns."""
    share = round(100 * negative / messages) if messages else 0
    return render(
        "risk/heat",
        community=community,
        minutes=minutes,
        negative=negative,
        messages=messages,
        share=share,
        baseline=round(100 * baseline),
    )
