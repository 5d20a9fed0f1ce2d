"""What a person wants done with a flagged message: completed by what is proposed, checked, its typed words put through
the copy check."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from agent.flows import copy_review, outgoing, risk_items
from agent.flows.copy_review import Override
from agent.services import Services
from agent.steps import copy_check
from agent.steps.risk_ladder import Proposal, Why
from agent.steps.risk_policy import PENALTIES
from core.caller import Caller
from core.errors import BadInput
from core.vocabulary import RiskAction, RiskLabel
from knowledge.slots import slots
from store import risks
from store.messages import MessageRow
from store.risks import RiskItemRow
from store.session import ReadSession

MOST_TEXT: Final = 4_000


class Choice(StrEnum):
    CONFIRM = "confirm"
    DISMISS = "dismiss"


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a person wants done with an item that they saw in `version`. With `confirm`, what is None is as proposed."""

    choice: Choice
    version: int
    labels: tuple[RiskLabel, ...] | None = None
    action: RiskAction | None = None
    minutes: int | None = None
    private_text: str | None = None
    rules_text: str | None = None
    send_private: bool | None = None
    send_rules: bool | None = None
    reason: str | None = None
    override_copy: bool = False


def completed(db: ReadSession, services: Services, item: RiskItemRow, message: MessageRow, ruling: Ruling) -> Ruling:
    """The ruling with everything that it left out, its texts as they are to be kept."""
    labels = ruling.labels or tuple(RiskLabel(label) for label in risks.parted(item.label_names))
    action = ruling.action or RiskAction(item.action)
    proposed = action == item.action
    _check_action(item, labels, action)
    minutes = _minutes(db, item, action, ruling.minutes)
    if proposed and ruling.labels is None and minutes == item.minutes:
        drafted = (item.private_text, item.rules_text)
    else:
        texts = risk_items.drafted(db, message, labels, Proposal(action=action, minutes=minutes, why=Why.LADDER))
        drafted = (texts.private, texts.rules)
    send_private = item.sends_private if proposed else action is RiskAction.WARN_PRIVATE
    send_rules = item.sends_rules if proposed else action is RiskAction.RESTATE_RULES
    full = replace(
        ruling,
        labels=labels,
        action=action,
        minutes=minutes,
        private_text=_typed(db, services, item, ruling.private_text, "private_text") or drafted[0],
        rules_text=_typed(db, services, item, ruling.rules_text, "rules_text") or drafted[1],
        send_private=send_private if ruling.send_private is None else ruling.send_private,
        send_rules=send_rules if ruling.send_rules is None else ruling.send_rules,
    )
    _check_texts(item, full)
    return full


def _check_action(item: RiskItemRow, labels: Sequence[RiskLabel], action: RiskAction) -> None:
    if action in PENALTIES and RiskLabel.SELF_HARM in labels:
        raise BadInput("risk_no_penalty", extra={"field": "action"})
    if action in PENALTIES and item.member_id is None:
        raise BadInput("risk_no_member", extra={"field": "action"})


def _minutes(db: ReadSession, item: RiskItemRow, action: RiskAction, wanted: int | None) -> int | None:
    if action is not RiskAction.MUTE:
        if wanted is not None:
            raise BadInput("minutes_not_expected", extra={"field": "minutes"})
        return None
    return wanted or item.minutes or risk_items.ladder(db, item.community_id).mute_minutes


def _typed(db: ReadSession, services: Services, item: RiskItemRow, text: str | None, field: str) -> str | None:
    """What a person typed, the member's name turned back into its slot."""
    if text is None or not text.strip():
        return None
    if len(text) > MOST_TEXT:
        raise BadInput("text_too_long", extra={"field": field}, most=MOST_TEXT)
    kept = outgoing.name_to_slot(db, services, item.member_id, text)
    named = slots(kept)
    unfilled = [name for name in named if name != outgoing.MEMBER_NAME]
    if unfilled:
        raise BadInput("slot_unfilled", extra={"field": field}, slot=unfilled[0])
    if field == "rules_text" and named:
        # What everybody reads puts nobody in the pillory.
        raise BadInput("rules_name_member", extra={"field": field})
    return kept


def _check_texts(item: RiskItemRow, full: Ruling) -> None:
    if full.send_private and item.member_id is None:
        raise BadInput("risk_no_member", extra={"field": "send_private"})
    if full.send_private and not full.private_text:
        raise BadInput("text_missing", extra={"field": "private_text"})
    if full.send_rules and not full.rules_text:
        raise BadInput("text_missing", extra={"field": "rules_text"})


def fit(caller: Caller, item: RiskItemRow, full: Ruling, ruling: Ruling) -> list[str]:
    """The typed words that would go out, through the copy check; the labels that were let pass."""
    goes = [full.private_text if ruling.private_text and full.send_private else None]
    goes.append(full.rules_text if ruling.rules_text and full.send_rules else None)
    passed: set[str] = set()
    for text in filter(None, goes):
        stops = copy_check.blocking(copy_check.check(text, []), typed=True)
        if stops:
            override = Override(ruling.override_copy, ruling.reason)
            copy_review.require_override(caller, item.community_id, text, stops, override)
            passed |= {hit.label.value for hit in stops}
    return sorted(passed)
