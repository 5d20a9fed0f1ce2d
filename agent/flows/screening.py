"""What a message that comes in is screened with: the text by the steps, its community's own rules, and the signs of
what the sender and others did before."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from agent.flows import people, risk_rules
from agent.flows.incoming import IncomingMessage
from agent.services import Screening, Services
from agent.steps import behaviour
from agent.steps.behaviour import Facts, Limits
from agent.steps.risk import AttachmentInfo, RiskVerdict, ScreenInput
from core import tunables
from core.text import Normalized, normalize
from core.vocabulary import RiskLabel, SenderRole
from store import behaviour as seen
from store import communities, risks, settings
from store.behaviour import Moment, Sender
from store.session import ReadSession

_REMEMBERED: Final = timedelta(seconds=5)
_UNKNOWN_YET: Final = Facts()


class Screened(NamedTuple):
    """The verdict, and by what the same text is found again (None where it says too little)."""

    verdict: RiskVerdict
    fingerprint: str | None


def screen_message(services: Services, incoming: IncomingMessage) -> Screened:
    """Reads what was seen before, holding nothing, then thinks."""
    normalized = normalize(incoming.text)
    letters = behaviour.content(normalized)
    fingerprint = services.keyring.lookup_hash("text", letters) if letters else None
    with services.database.read() as db:
        view = screening(db, services, incoming.community_id)
        spread = behaviour.may_be_spread(normalized, letters)
        role, facts = _seen(db, services, incoming, view, fingerprint, spread=spread)
    given = ScreenInput(
        text=incoming.text,
        type=incoming.type,
        sender_role=role,
        attachments=tuple(AttachmentInfo(kind=a.kind, name=a.name, mime=a.mime) for a in incoming.attachments),
        signs=tuple(behaviour.signs(normalized, facts, view.limits)),
    )
    verdict = risk_rules.judge(services, given, view.rules)
    return Screened(_tidy(verdict, len(incoming.text)), fingerprint)


def _tidy(verdict: RiskVerdict, length: int) -> RiskVerdict:
    """Behaviour speaks of the whole text: where something more definite stands for the label, only that is marked."""
    hits = []
    for hit in verdict.labels:
        exact = tuple(span for span in hit.spans if span != (0, length))
        hits.append(hit.model_copy(update={"spans": exact}) if exact and len(exact) < len(hit.spans) else hit)
    return verdict.model_copy(update={"labels": tuple(hits)})


def screening(db: ReadSession, services: Services, community_id: str) -> Screening:
    """Remembered for some seconds, since every message asks: another process's change of a setting is seen that much
    later."""
    now = services.clock.now()
    known = services.screenings.get(community_id)
    if known is not None and abs(now - known[1]) < _REMEMBERED:
        return known[0]
    made = _screening(db, community_id)
    services.screenings[community_id] = (made, now)
    return made


def _screening(db: ReadSession, community_id: str) -> Screening:
    lineage = communities.lineage(db, community_id)
    limits = Limits(
        same_times=settings.value(db, tunables.SAME_TIMES, lineage),
        same_minutes=settings.value(db, tunables.SAME_MINUTES, lineage),
        crowd_members=settings.value(db, tunables.CROWD_MEMBERS, lineage),
        crowd_minutes=settings.value(db, tunables.CROWD_MINUTES, lineage),
        volume_messages=settings.value(db, tunables.VOLUME_MESSAGES, lineage),
        volume_seconds=settings.value(db, tunables.VOLUME_SECONDS, lineage),
        new_days=settings.value(db, tunables.ACTIVITY_NEW_DAYS),
    )
    days = settings.value(db, tunables.LADDER_DAYS)
    return Screening(risk_rules.rules_of(db, community_id), limits, days, seen.founded(db, community_id))


def _seen(
    db: ReadSession,
    services: Services,
    incoming: IncomingMessage,
    view: Screening,
    fingerprint: str | None,
    *,
    spread: bool,
) -> tuple[SenderRole, Facts]:
    """In what role the sender speaks, and what was seen of them; of staff and bots nothing is."""
    if incoming.sender.role == SenderRole.BOT:
        return SenderRole.BOT, _UNKNOWN_YET
    hashed = people.external_hash(services.keyring, incoming.channel, incoming.sender.id)
    sender = seen.sender(db, incoming.channel, hashed, incoming.community_id)
    if incoming.sender.role == SenderRole.STAFF or (sender is not None and sender.staff):
        return SenderRole.STAFF, _UNKNOWN_YET
    this = Moment(incoming.community_id, incoming.message_id, fingerprint, incoming.sent_at)
    return SenderRole.MEMBER, _facts(db, incoming, view, sender, this, spread=spread)


def _facts(
    db: ReadSession, incoming: IncomingMessage, view: Screening, sender: Sender | None, this: Moment, *, spread: bool
) -> Facts:
    """Asks only what could make a difference: this runs for every message."""
    limits, member_id = view.limits, sender.member_id if sender is not None else None
    same, volume, offences = 0, 0, {}
    if sender is not None:
        within = timedelta(minutes=limits.same_minutes), timedelta(seconds=limits.volume_seconds)
        same, volume = seen.own(db, sender.member_id, this, *within)
        if sender.offended:
            offences = _offences(db, sender.member_id, this.at, view.ladder_days)
    others = seen.others(db, member_id, this, timedelta(minutes=limits.crowd_minutes)) if spread else None
    return Facts(
        same_by_sender=same,
        same_by_others=others.members if others else 0,
        staff_said_it=others.staff if others else False,
        volume=volume,
        days_here=_days_here(sender, view, this.at),
        before_edit=_before_edit(db, incoming),
        offences=offences,
    )


def _offences(db: ReadSession, member_id: str, at: datetime, days: int) -> dict[RiskLabel, int]:
    counted: dict[RiskLabel, int] = {}
    for one in risks.offences(db, member_id, at - timedelta(days=days), at):
        for label in one.labels:
            counted[RiskLabel(label)] = counted.get(RiskLabel(label), 0) + 1
    return counted


def _days_here(sender: Sender | None, view: Screening, at: datetime) -> float | None:
    """Who is only known by their messages counts as new only where the group has been listened to for long enough:
    else everybody in it would be."""
    since = at if sender is None or sender.here_since is None else sender.here_since
    told = sender is not None and sender.here_since is not None and not sender.by_message
    if not told and (view.founded is None or since - view.founded < timedelta(days=view.limits.new_days)):
        return None
    return max(0.0, (at - since) / timedelta(days=1))


def _before_edit(db: ReadSession, incoming: IncomingMessage) -> Normalized | None:
    if incoming.revision == 0 or incoming.recalled:
        return None
    text = seen.text_of(db, incoming.channel, incoming.community_id, incoming.message_id)
    return None if text is None else normalize(text)
