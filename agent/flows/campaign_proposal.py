"""Completes a proposal by the rules: who is left out, when it goes out, what it says, costs and may bring, and what was
refused. The same function at the proposal, after every change, and at the approval on that day's data."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from pydantic import BaseModel

from agent.flows import segments as flow
from agent.flows.community import REPORTING_ZONE
from agent.flows.segments import Place
from agent.services import Services
from agent.steps import campaign_copy, campaign_figures, campaign_rules, copy_check
from agent.steps.campaign_brief import Brief, clean_offer
from agent.steps.campaign_copy import Material
from agent.steps.campaign_figures import say
from agent.steps.campaign_rules import Picked
from agent.steps.campaign_traps import Trap
from core import catalogue
from core import segments as tree
from core.segments import HasActivity
from core.vocabulary import Activity, ExclusionReason, RefusalLabel
from store.session import ReadSession
from tools.campaigns import (
    ACTIVE_DAYS,
    Goal,
    Groups,
    Incentive,
    Limitation,
    Proposal,
    Refusal,
    Sending,
    Variant,
    Wording,
)
from tools.segments import Preview

_USUAL_HOUR = 10  # 上午10点, where the segment wrote nothing that would tell


@dataclass(frozen=True, slots=True)
class Ground:
    """What the rules stand on. `brief` is masked and without its refused parts, `seed` the campaign's id; `values`
    fill the slots of scripts."""

    where: Place
    brief: str
    read: Brief
    traps: tuple[Trap, ...]
    values: dict[str, str]
    seed: str


@dataclass(frozen=True, slots=True)
class Completed:
    """The proposal, and the members it would reach today."""

    proposal: Proposal
    picked: Picked


def checker(services: Services, ground: Ground, model: BaseModel) -> BaseModel:
    """`ToolContext.check`: previews get their exclusions, proposals everything."""
    with services.database.read() as db:
        if isinstance(model, Preview):
            return flow.with_exclusions(db, services, ground.where, model)
        assert isinstance(model, Proposal)
        if model.incentive is not None and not clean_offer(model.incentive.text):
            model = model.model_copy(update={"incentive": None})
        return complete(db, services, ground, model).proposal


def complete(db: ReadSession, services: Services, ground: Ground, given: Proposal) -> Completed:
    segment = tree.parse(given.segment.definition)
    send = _send(ground, given.send, services.clock.now())
    assert send.at is not None
    picked = flow.pick(db, services, ground.where, segment, seed=ground.seed, send_at=send.at)
    share = ground.where.control_share if given.control_share is None else given.control_share
    control = campaign_rules.control_size(len(picked.recipients), share)
    groups = Groups(treated=len(picked.recipients) - control, control=control)
    incentive = campaign_figures.with_budget(given.incentive, groups.treated)
    wording = _wording(ground, given, segment, incentive)
    unclear = _unclear(ground, given, segment)
    done = {
        "audience": given.audience if given.audience == "set" else "read" if unclear is None else "unclear",
        "unclear": unclear or [],
        "segment": given.segment.model_copy(
            update={"reachable": len(picked.recipients), "exclusions": flow.exclusions(picked)}
        ),
        "goal": _goal(given.goal),
        "control_share": share,
        "groups": groups,
        "send": send,
        "incentive": incentive,
        "wording": wording,
        "variants": [Variant(name="A", text=wording.text, share=1.0)],
        "roi": campaign_figures.expected(incentive, given.roi, groups.treated),
        "stop_rule": campaign_figures.stop_rule(),
        "refusals": _refusals(ground, send, picked),
    }
    made = given.model_copy(update=done)
    return Completed(made.model_copy(update={"limitations": _limitations(ground, made)}), picked)


def _unclear(ground: Ground, given: Proposal, segment: tree.Node) -> list[str] | None:
    """The parts of the brief's audience that were not understood; None where all of it was, or a person set it.
    Everybody is meant only where the brief says so."""
    read = ground.read
    if given.audience == "set":
        return None
    widened = isinstance(segment, tree.Everyone) and not isinstance(read.segment, tree.Everyone)
    return list(read.unclear) if read.unclear or not read.said or widened else None


def _goal(goal: Goal) -> Goal:
    return goal.model_copy(update={"basis": say("lift_stated" if goal.lift else "lift_unknown")})


def _send(ground: Ground, send: Sending, now: datetime) -> Sending:
    """A moment that was settled before stays, if it is allowed and still to come."""
    quiet = ground.where.quiet
    best = campaign_rules.best_hour(send.hours, quiet)
    evidence = send.evidence
    if send.at is not None and send.at > now:
        at = send.at
    elif send.wanted is not None and send.wanted > now:
        at, evidence = send.wanted, say("evidence_stated")
    else:
        day = send.day or now.astimezone(REPORTING_ZONE).date()
        hour = _USUAL_HOUR if best.hour is None else best.hour
        at = datetime.combine(day, time(hour), REPORTING_ZONE)
        at += timedelta(days=max(0, (now - at).days + 1)) if at <= now else timedelta()
        known = {"days": ACTIVE_DAYS, "of": best.of, "hour": hour, "messages": best.messages}
        evidence = say("evidence_none") if best.hour is None else say("evidence_hours", **known)
    allowed = campaign_rules.next_allowed(at, quiet, REPORTING_ZONE)
    moved = (
        send.moved
        if allowed == at
        else say("moved", wanted=_moment(at), quiet=ground.where.quiet_words, at=_moment(allowed))
    )
    return send.model_copy(update={"at": allowed, "evidence": evidence, "moved": moved})


def _moment(at: datetime) -> str:
    return at.astimezone(REPORTING_ZONE).strftime("%Y-%m-%d %H:%M")


def _wording(ground: Ground, given: Proposal, segment: tree.Node, incentive: Incentive | None) -> Wording:
    if given.wording.written:
        wording = given.wording
    else:
        offer = None if incentive is None else incentive.text
        material = Material(ground.values, ground.values.get("community_name", ""), offer, _meant(segment))
        wording = campaign_copy.compose(given.scene, given.script, material)
    return wording.model_copy(update={"check": copy_check.check(wording.text, sources(ground, given), wording.masked)})


def sources(ground: Ground, given: Proposal) -> list[str]:
    """The texts that the facts of the wording may come from."""
    offer = [] if given.incentive is None else [given.incentive.text]
    script = [] if given.script is None else [given.script.answer]
    return [*script, *ground.values.values(), ground.brief, *offer]


def _meant(segment: tree.Node) -> Sequence[Activity]:
    return [one for leaf in tree.leaves(segment) if isinstance(leaf, HasActivity) for one in leaf.in_]


def _refusals(ground: Ground, send: Sending, picked: Picked) -> list[Refusal]:
    limits, where = ground.where.limits, ground.where
    over = picked.excluded[ExclusionReason.CHANNEL_LIMIT]
    count = len(picked.recipients) + over
    known = {
        "quiet": where.quiet_words,
        "at": _moment(send.at) if send.at else "",
        "days": limits.cap_days,
        "most": limits.most,
        "count": count,
    }
    parts = [(trap.label, trap.part) for trap in ground.traps]
    if send.moved and send.wanted is not None and RefusalLabel.QUIET_HOURS not in {label for label, _ in parts}:
        parts.append((RefusalLabel.QUIET_HOURS, _moment(send.wanted)))
    if over:
        parts.append((RefusalLabel.CHANNEL_LIMIT, str(count)))
    return [
        Refusal(
            label=label,
            part=part,
            why=catalogue.text(f"campaign.refusal.{label}.why", **known),
            alternative=catalogue.text(f"campaign.refusal.{label}.alternative", **known),
        )
        for label, part in parts
    ]


def _limitations(ground: Ground, made: Proposal) -> list[Limitation]:
    # What the brief says of whom it means is over once a person set the segment.
    over = ("audience", "tag", "value", "community") if made.audience == "set" else ()
    gaps = [(gap, word) for gap, word in ground.read.gaps if gap not in over]
    found: list[tuple[str, dict[str, object]]] = [(_key(gap, word), {"word": word}) for gap, word in gaps]
    known = {key for key, _ in found}
    found += [("value", {})] if made.wanted.get("value") and "value" not in (*known, *over) else []
    found += [("audience", {})] if made.audience == "unclear" and not known & {"audience", "audience_part"} else []
    found += [("no_script", {})] if not made.wording.text else []
    found += [("copy_slots", {"slots": "、".join(made.wording.missing)})] if made.wording.missing else []
    if made.wording.parts and made.incentive is None:
        found.append(("no_benefit", {}))
    if made.send.wanted is None and made.send.day is None:
        found.append(("send_time" if any(made.send.hours.values()) else "no_hours", {}))
    found += [("empty", {})] if not made.segment.reachable else []
    return [Limitation(key=key, text=catalogue.text(f"campaign.limitation.{key}", **words)) for key, words in found]


def _key(gap: str, word: str) -> str:
    return "audience_part" if gap == "audience" and word else gap
