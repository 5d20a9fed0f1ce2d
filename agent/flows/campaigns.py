"""Campaigns: a brief becomes a proposal, and a person decides on it. Nothing reaches a member before that; the approval
runs the rules again on that day's data, freezes who is in it, draws the control group and makes the deliveries due, all
in one transaction."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from agent.flows import campaign_proposal as rules
from agent.flows import copy_review, outgoing
from agent.flows import segments as seen
from agent.flows.campaign_briefs import MOST_BRIEF as MOST_BRIEF
from agent.flows.campaign_briefs import ground as ground_of
from agent.flows.campaign_briefs import keep, plain
from agent.flows.campaign_briefs import propose as propose
from agent.flows.campaign_proposal import Completed, Ground
from agent.flows.community import REPORTING_ZONE
from agent.flows.copy_review import Override
from agent.services import Services
from agent.steps import campaign_rules
from core.caller import Caller, system_caller
from core.errors import BadInput, Conflict, NotFound
from core.masking import mask
from core.scopes import Scope
from core.segments import Segment
from core.vocabulary import Arm, CampaignStatus, CopyLabel
from knowledge.slots import slots
from store import campaigns
from store.audit import Deed
from store.campaigns import CampaignMemberRow, CampaignRow
from store.session import ReadSession, WriteSession
from store.vault import MemberKeys
from tools import segments as segment_tools
from tools.campaigns import Goal, GoalMetric, Incentive, Proposal, Sending, Wording
from tools.segments import Strict

_SWEEPER = system_caller("campaigns")
_UNDER_WAY = (CampaignStatus.SCHEDULED, CampaignStatus.RUNNING, CampaignStatus.PAUSED)


def _plausible(moment: datetime) -> datetime:
    # The ends of the calendar overflow when they are turned into UTC.
    if not 1990 <= moment.year < 9000:
        raise ValueError("a year from 1990 to 8999")
    return moment


class Verdict(StrEnum):
    APPROVE = "approve"
    MODIFY = "modify"
    REJECT = "reject"


class Changes(Strict):
    """What a person wants otherwise; what is not set stays."""

    name: str | None = Field(None, min_length=1, max_length=120)
    text: str | None = Field(None, min_length=1, max_length=4_000)
    segment: Segment | None = None
    goal: GoalMetric | None = None
    send_at: Annotated[datetime, AfterValidator(_plausible)] | None = None
    control_share: float | None = Field(None, ge=0, le=0.5)
    incentive: Incentive | None = None


@dataclass(frozen=True, slots=True)
class Ruling:
    """A decision on the version that the person saw. `override` lets copy-check failures pass (scope
    `copy:override`)."""

    decision: Verdict
    version: int
    changes: Changes | None = None
    reason: str | None = None
    override: bool = False


def decide(services: Services, caller: Caller, campaign_id: str, ruling: Ruling) -> CampaignRow:
    """Approve, modify or reject; compare-and-set on the version that was seen.

    Raises `NotFound` `campaign_not_found`, `Forbidden`, `Conflict` (`campaign_decided`, `campaign_changed`) with the
    state that won, `BadInput` (`changes_missing`, `changes_not_expected`, `slot_unfilled`, `copy_missing`,
    `copy_blocked`, `reason_missing`, `audience_unclear`, `campaign_nobody`, `send_time_over`).
    """
    with services.database.write() as db:
        campaigns.queue_up(db)
        row = visible(db, caller, campaign_id)
        caller.require(Scope.CAMPAIGNS_APPROVE, row.community_id)
        _check_open(row, ruling, db.now)
        changes = ruling.changes
        given = changes is not None and any(value is not None for _, value in changes)
        if given is not (ruling.decision is Verdict.MODIFY):
            code = "changes_missing" if ruling.decision is Verdict.MODIFY else "changes_not_expected"
            raise BadInput(code, extra={"field": "changes"})
        if ruling.decision is Verdict.REJECT:
            _move(db, caller, row, ruling, CampaignStatus.REJECTED, Proposal.model_validate(row.proposal), {})
        elif ruling.decision is Verdict.MODIFY:
            _modify(db, services, caller, row, ruling)
        else:
            _approve(db, services, caller, row, ruling)
        return _reread(db, campaign_id)


def _check_open(row: CampaignRow, ruling: Ruling, now: datetime) -> None:
    if row.status != CampaignStatus.PROPOSED or row.expires_at <= now:
        raise Conflict("campaign_decided", extra=state_of(row))
    if row.version != ruling.version:
        raise Conflict("campaign_changed", extra=state_of(row))


def _modify(db: WriteSession, services: Services, caller: Caller, row: CampaignRow, ruling: Ruling) -> None:
    assert ruling.changes is not None
    ground = _again(db, services, caller, row)
    given = _changed(db, services, caller, ground, Proposal.model_validate(row.proposal), ruling.changes)
    done = rules.complete(db, services, ground, given)
    fields = sorted(ruling.changes.model_fields_set)
    _move(db, caller, row, ruling, CampaignStatus.PROPOSED, done.proposal, {"changed": fields})


def _changed(
    db: ReadSession, services: Services, caller: Caller, ground: Ground, given: Proposal, changes: Changes
) -> Proposal:
    """The proposal with a person's changes; their text is masked, but for numbers that a source of ours has."""
    update: dict[str, Any] = {}
    if changes.name is not None:
        update["name"] = mask(changes.name).text
    if changes.goal is not None:
        update["goal"] = Goal(metric=changes.goal)
    if changes.control_share is not None:
        update["control_share"] = changes.control_share
    if changes.incentive is not None:
        update["incentive"] = changes.incentive.model_copy(update={"text": mask(changes.incentive.text).text})
    if changes.send_at is not None:
        at = changes.send_at if changes.send_at.tzinfo else changes.send_at.replace(tzinfo=REPORTING_ZONE)
        if at <= services.clock.now():
            raise BadInput("send_time_over", extra={"field": "changes.send_at"})
        update["send"] = Sending(wanted=at, hours=given.send.hours)
    if changes.segment is not None:
        context = seen.context(db, services, caller, ground.where)
        seen.require_known(ground.where, changes.segment)
        update |= {"segment": segment_tools.look(context, changes.segment), "audience": "set", "unclear": []}
    given = given.model_copy(update=update)
    if changes.text is not None:
        given = given.model_copy(update={"wording": _typed(ground, given, changes.text)})
    return given


def _typed(ground: Ground, given: Proposal, text: str) -> Wording:
    text = text.strip()
    known = "\n".join(rules.sources(ground, given))
    masked = mask(text)
    hidden = [one for one in masked.findings if text[one.start : one.end] not in known]
    for finding in hidden:
        text = text[: finding.start] + masked.text[finding.start : finding.end] + text[finding.end :]
    unfilled = [name for name in slots(text) if name != outgoing.MEMBER_NAME]
    if unfilled:
        raise BadInput("slot_unfilled", extra={"field": "changes.text"}, slot=unfilled[0])
    spans = {"masked": [(one.start, one.end) for one in hidden]}
    return given.wording.model_copy(update={"text": text, "parts": [], "missing": [], "written": True} | spans)


def _approve(db: WriteSession, services: Services, caller: Caller, row: CampaignRow, ruling: Ruling) -> None:
    ground = _again(db, services, caller, row)
    given = Proposal.model_validate(row.proposal)
    if given.send.at is None or given.send.at <= db.now:
        raise BadInput("send_time_over", extra={"field": "send"})
    done = rules.complete(db, services, ground, given)
    _check_audience(done.proposal)
    overridden = _check_copy(caller, row, done.proposal, Override(ruling.override, ruling.reason))
    if not done.picked.recipients:
        raise BadInput("campaign_nobody", extra={"exclusions": _excluded(done)})
    version = ruling.version + 1
    drawn = campaign_rules.draw(done.picked.recipients, done.proposal.control_share or 0.0, seed=row.id)
    details = {
        "treated": len(drawn.treated),
        "control": len(drawn.control),
        "excluded": _excluded(done),
        "overridden": overridden,
    }
    _move(db, caller, row, ruling, CampaignStatus.SCHEDULED, done.proposal, details)
    if overridden:
        said: dict[str, object] = {"version": version, "labels": overridden}
        db.audit(Deed(caller, "campaign.copy_overridden", "campaign", row.id, row.community_id, said))
    for arm, people in ((Arm.TREATED, drawn.treated), (Arm.CONTROL, drawn.control)):
        db.add_all(
            CampaignMemberRow(campaign_id=row.id, member_id=one.member_id, arm=arm, community_id=one.community_id)
            for one in people
        )
    send_at = done.proposal.send.at
    assert send_at is not None
    to = [outgoing.Addressee(*one) for one in drawn.treated]
    keys = MemberKeys(db, services.keyring)
    wording = done.proposal.wording
    outgoing.queue_campaign(
        db,
        keys,
        to,
        wording.text,
        decision=f"{row.id}:{version}",
        send_at=send_at,
        drafted=not wording.written,
    )
    db.after_commit(services.delivery_due)


def _excluded(done: Completed) -> dict[str, int]:
    return {reason.value: count for reason, count in done.picked.excluded.items() if count}


def _check_audience(proposal: Proposal) -> None:
    if proposal.audience == "unclear":
        parts = "、".join(proposal.unclear)
        code = "audience_unclear"
        raise BadInput(code, extra={"field": "segment", "parts": proposal.unclear}, parts=parts or "-")


def _check_copy(caller: Caller, row: CampaignRow, proposal: Proposal, override: Override) -> list[str]:
    """The labels that were overridden, of every variant. Personal data may never go out to everybody."""
    wording = proposal.wording
    if not wording.text:
        raise BadInput("copy_missing", extra={"field": "copy"})
    if wording.missing:
        raise BadInput("slot_unfilled", extra={"field": "copy"}, slot=wording.missing[0])
    found = sorted({hit.label.value for hit in wording.check})
    if not found:
        return []
    never = CopyLabel.PRIVACY in found
    allowed = replace(override, wanted=override.wanted and not never)
    copy_review.require_override(caller, row.community_id, wording.text, wording.check, allowed)
    return found


def _again(db: ReadSession, services: Services, caller: Caller, row: CampaignRow) -> Ground:
    """The ground of a stored campaign, with the settings of today, seen from the communities that it was proposed for.

    Raises `Forbidden` where the caller may not decide for all of them.
    """
    where = seen.place(db, caller, Scope.CAMPAIGNS_APPROVE, row.community_id)
    meant = Proposal.model_validate(row.proposal).communities
    for community_id in meant:
        caller.require(Scope.CAMPAIGNS_APPROVE, community_id)
    where = where.only(frozenset(meant))
    context = seen.context(db, services, caller, where)
    return ground_of(db, services, where, row.brief, context, seed=row.id)


def _move(
    db: WriteSession,
    caller: Caller,
    row: CampaignRow,
    ruling: Ruling,
    status: CampaignStatus,
    proposal: Proposal,
    details: dict[str, object],
) -> None:
    ended = status != CampaignStatus.PROPOSED
    moved = campaigns.move(
        db,
        row.id,
        version=ruling.version,
        frm=(CampaignStatus.PROPOSED,),
        status=status,
        proposal=plain(proposal),
        send_at=proposal.send.at,
        decided_by=caller.id if ended else None,
        decided_at=db.now if ended else None,
        reason=mask(ruling.reason).text[:500] if ruling.reason else None,
    )
    if not moved:
        raise Conflict("campaign_changed", extra=state_of(_reread(db, row.id)))
    keep(db, caller, row.id, ruling.version + 1, status, proposal)
    action = {CampaignStatus.PROPOSED: "modified", CampaignStatus.SCHEDULED: "approved"}.get(status, status.value)
    deed = Deed(
        caller, f"campaign.{action}", "campaign", row.id, row.community_id, {"version": ruling.version + 1} | details
    )
    db.audit(deed)


def cancel(
    services: Services, caller: Caller, campaign_id: str, version: int, reason: str | None = None
) -> CampaignRow:
    """Stop an approved campaign: what nobody was handed yet is taken back. Raises `Conflict`
    `campaign_not_approved` for a proposal, `campaign_decided`."""
    with services.database.write() as db:
        campaigns.queue_up(db)
        row = visible(db, caller, campaign_id)
        caller.require(Scope.CAMPAIGNS_APPROVE, row.community_id)
        if row.status == CampaignStatus.PROPOSED:
            raise Conflict("campaign_not_approved", extra=state_of(row))
        decision = campaigns.decision(db, campaign_id)
        values = {"status": CampaignStatus.CANCELLED, "reason": mask(reason).text[:500] if reason else None}
        if decision is None or not campaigns.move(db, campaign_id, version=version, frm=_UNDER_WAY, **values):
            raise Conflict("campaign_decided", extra=state_of(row))
        taken_back = campaigns.cancel_queued(db, decision)
        keep(db, caller, campaign_id, version + 1, CampaignStatus.CANCELLED, Proposal.model_validate(row.proposal))
        details = {"version": version + 1, "taken_back": taken_back}
        db.audit(Deed(caller, "campaign.cancelled", "campaign", campaign_id, row.community_id, details))
        return _reread(db, campaign_id)


def sweep(services: Services) -> int:
    """Proposals expire, scheduled campaigns run, and end once nothing of theirs is on its way; how many moved."""
    with services.database.read() as db:
        if not campaigns.anything_due(db, services.clock.now()):
            return 0
    with services.database.write() as db:
        campaigns.queue_up(db)
        due = [(row, CampaignStatus.EXPIRED) for row in campaigns.overdue(db)]
        due += [(row, status) for row in campaigns.under_way(db, db.now) if (status := _next(db, row)) is not None]
        for row, status in due:
            _step(db, row, status)
        return len(due)


def _next(db: ReadSession, row: CampaignRow) -> CampaignStatus | None:
    """Where a campaign whose time has come goes; None where it stays."""
    decision = campaigns.decision(db, row.id)
    left = campaigns.delivery_states(db, decision) if decision else {}
    if not left.get("queued") and not left.get("sending"):
        return CampaignStatus.COMPLETED
    return CampaignStatus.RUNNING if row.status == CampaignStatus.SCHEDULED else None


def _step(db: WriteSession, row: CampaignRow, status: CampaignStatus) -> None:
    """The clock moves a campaign on; its version stays, since no person changed it."""
    row.status = status
    if status == CampaignStatus.COMPLETED:
        row.completed_at = db.now
    db.audit(Deed(_SWEEPER, f"campaign.{status}", "campaign", row.id, row.community_id, {"version": row.version}))


def visible(db: ReadSession, caller: Caller, campaign_id: str) -> CampaignRow:
    """Raises `NotFound` `campaign_not_found`, `Forbidden`."""
    row = campaigns.get(db, campaign_id)
    if row is None:
        raise NotFound("campaign_not_found")
    caller.require_seen(Scope.CAMPAIGNS_READ, row.community_id, "campaign")
    return row


def state_of(row: CampaignRow) -> dict[str, object]:
    """What the loser of a race is told."""
    return {"id": row.id, "status": row.status, "version": row.version, "decided_by": row.decided_by}


def _reread(db: ReadSession, campaign_id: str) -> CampaignRow:
    row = campaigns.get(db, campaign_id)
    assert row is not None
    return row
