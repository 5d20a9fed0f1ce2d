"""What a campaign may cost and bring, with the arithmetic written out; where a number is missing, which one."""

from core import catalogue
from tools.campaigns import Incentive, Return, StopRule


def say(key: str, **params: object) -> str:
    return catalogue.text(f"campaign.text.{key}", **params)


def with_budget(incentive: Incentive | None, treated: int) -> Incentive | None:
    """The incentive with the most that it can cost: one for everybody who is written to, all of them used."""
    if incentive is None:
        return None
    budget, arithmetic = None, ""
    if incentive.value is not None:
        budget = round(treated * incentive.value, 2)
        arithmetic = say("budget", treated=treated, value=plain(incentive.value), budget=plain(budget))
    if incentive.stated is not None:
        arithmetic = "；".join(
            part for part in (arithmetic, say("budget_stated", stated=plain(incentive.stated))) if part
        )
    return incentive.model_copy(update={"budget": budget, "arithmetic": arithmetic})


def expected(incentive: Incentive | None, given: Return, treated: int) -> Return:
    """(gain − cost) / cost, where conversion, margin, threshold and value are all stated; never with a guess."""
    kept = Return(conversion=given.conversion, margin=given.margin)
    if incentive is None or not incentive.value:
        return kept.model_copy(update={"why": say("roi_no_cost")})
    value, threshold = incentive.value, incentive.threshold
    if given.conversion is None or given.margin is None or threshold is None:
        return kept.model_copy(update={"why": say("roi_unknown")})
    cost = treated * given.conversion * value
    if cost <= 0:
        return kept.model_copy(update={"why": say("roi_no_cost")})
    gain = treated * given.conversion * threshold * given.margin
    roi = round((gain - cost) / cost, 2)
    words = say(
        "roi",
        treated=treated,
        rate=f"{given.conversion:.0%}",
        threshold=plain(threshold),
        margin=f"{given.margin:.0%}",
        value=plain(value),
        gain=plain(round(gain - cost, 2)),
        cost=plain(round(cost, 2)),
        roi=plain(roi),
    )
    return kept.model_copy(update={"computable": True, "value": roi, "arithmetic": words})


def stop_rule() -> StopRule:
    rule = StopRule()
    return rule.model_copy(update={"text": say("stop", share=f"{rule.share:.0%}", least=rule.least)})


def plain(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")
