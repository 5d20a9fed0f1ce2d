"""Deliveries come into being here, and get their final words here: the member's name goes in when a text is shown to
whoever may read it, or handed out."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from agent.services import Services
from core import tunables
from core.ids import new_id
from core.masking import mask
from core.tunables import AiMark
from core.vocabulary import DeliveryKind, DeliveryState
from knowledge.slots import fill
from store import changes, communities, deliveries, members, settings
from store.deliveries import DeliveryRow
from store.drafts import DraftRow
from store.members import MemberRow
from store.session import ReadSession, WriteSession
from store.vault import MemberKeys, Protected

MEMBER_NAME = "member_name"
_SHORTEST_NAME = 2
_MOST_REASON = 500


class Route(NamedTuple):
    """How a community's deliveries on one channel go: pushed where the nearest of its lineage has an endpoint for it,
    else they wait to be pulled."""

    community_id: str
    channel: str
    webhook_id: str | None
    ai_label: bool
    open_for: timedelta


def ai_mark(db: ReadSession, lineage: Sequence[str], channel: str) -> AiMark:
    """How a channel marks what was drafted by the machine: not, by `ai_generated`, or by a sentence at the end too."""
    marks = settings.value(db, tunables.AI_MARKS, lineage)
    return marks.get(channel) or ("metadata" if settings.value(db, tunables.AI_LABEL, lineage) else "off")


def route(db: ReadSession, community_id: str, channel: str) -> Route:
    lineage = communities.lineage(db, community_id)
    webhook = deliveries.webhook_for(db, lineage, channel)
    return Route(
        community_id,
        channel,
        webhook.id if webhook else None,
        ai_mark(db, lineage, channel) != "off",
        timedelta(hours=settings.value(db, tunables.DELIVERY_HOURS, lineage)),
    )


def _queue(db: WriteSession, way: Route, not_before: datetime, text: Protected, **values: Any) -> str:
    """A delivery that is due at `not_before`; its id. `values` are the columns that differ by kind, `lane` that of a
    pulled one."""
    lane = values.pop("lane")
    row = DeliveryRow(
        id=new_id("dlv"),
        # One request at a time for an endpoint: in order, and a slow one holds up nobody else.
        lane=way.webhook_id or lane,
        state=DeliveryState.QUEUED,
        community_id=way.community_id,
        channel=way.channel,
        webhook_id=way.webhook_id,
        text=text.masked,
        original=text.sealed,
        created_at=db.now,
        not_before=not_before,
        due_at=not_before if way.webhook_id else None,
        expires_at=not_before + way.open_for,
        fence=0,
        attempts=0,
        **values,
    )
    db.add(row)
    return row.id


def queue_reply(db: WriteSession, draft: DraftRow, final: Protected, *, decision: str, wait: timedelta) -> str:
    """Make the delivery of a decided draft due after `wait`; its id."""
    way = route(db, draft.community_id, draft.channel)
    made = _queue(
        db,
        way,
        db.now + wait,
        final,
        lane=draft.id,
        kind=draft.kind,
        member_id=draft.member_id,
        draft_id=draft.id,
        decision=decision,
        reply_to=draft.reply_to,
        ai_generated=way.ai_label and draft.text is not None,
    )
    changes.note(db, changes.DELIVERIES)
    return made


class Addressee(NamedTuple):
    """A member, and the open stay by which they are written to."""

    member_id: str
    community_id: str
    channel: str


def queue_campaign(
    db: WriteSession,
    keys: MemberKeys,
    to: Sequence[Addressee],
    text: str,
    *,
    decision: str,
    send_at: datetime,
    drafted: bool = True,
) -> int:
    """One delivery for each addressee, due at `send_at`; how many. `text` has the member's name as its slot; `drafted`:
    the words are ours and no person's."""
    ways = {place: route(db, *place) for place in {(one.community_id, one.channel) for one in to}}
    for one in to:
        way = ways[one.community_id, one.channel]
        _queue(
            db,
            way,
            send_at,
            keys.protect(one.member_id, text, "draft"),
            lane=f"{decision}:{one.member_id}",
            kind=DeliveryKind.CAMPAIGN,
            member_id=one.member_id,
            decision=decision,
            ai_generated=way.ai_label and drafted,
        )
    changes.note(db, changes.DELIVERIES)
    return len(to)


def queue_alert(
    db: WriteSession, community_id: str, channel: str, text: str, *, decision: str, risk_id: str | None
) -> str:
    """An alert into a group of the staff, due at once; its id. No decision is needed: no member reads it."""
    made = _queue(
        db,
        route(db, community_id, channel),
        db.now,
        Protected(text, None),
        lane=decision[:90],
        kind=DeliveryKind.ALERT,
        decision=decision[:90],
        risk_id=risk_id,
        ai_generated=False,
    )
    changes.note(db, changes.DELIVERIES)
    return made


class Effect(NamedTuple):
    """What a decision on a review item sends. `drafted`: the words are ours and no person's; the rest as in a
    delivery."""

    kind: DeliveryKind
    text: Protected
    drafted: bool = False
    member_id: str | None = None
    reply_to: str | None = None
    action: str | None = None
    minutes: int | None = None


def queue_effects(
    db: WriteSession, place: tuple[str, str], effects: Sequence[Effect], *, risk_id: str, decision: str, wait: timedelta
) -> list[str]:
    """The deliveries of a decision on a review item, for a community and channel, due after `wait`; their ids."""
    if not effects:
        return []
    way = route(db, *place)
    made = [
        _queue(
            db,
            way,
            db.now + wait,
            effect.text,
            lane=risk_id,
            kind=effect.kind,
            member_id=effect.member_id,
            risk_id=risk_id,
            decision=decision,
            reply_to=effect.reply_to,
            action=effect.action,
            minutes=effect.minutes,
            ai_generated=way.ai_label and effect.drafted,
        )
        for effect in effects
    ]
    changes.note(db, changes.DELIVERIES)
    return made


class Words:
    """Texts with their last words filled in, within one session."""

    def __init__(self, db: ReadSession, services: Services) -> None:
        self._db = db
        self._keys = MemberKeys(db, services.keyring)
        self._members: dict[str, MemberRow | None] = {}

    def expect(self, member_ids: Collection[str]) -> None:
        """Fetch what is needed for the names of many members at once."""
        self._members |= dict.fromkeys(member_ids) | {row.id: row for row in members.many(self._db, member_ids)}
        self._keys.expect(member_ids)

    def name(self, member_id: str | None) -> str | None:
        if member_id is None:
            return None
        if member_id not in self._members:
            self._members[member_id] = members.get(self._db, member_id)
        return self._keys.name(self._members[member_id])

    def shown(self, member_id: str | None, text: str | None) -> str | None:
        """`text` with the member's name; a member who was erased since is addressed as 您."""
        if text is None:
            return None
        return fill(text, {MEMBER_NAME: self.name(member_id) or "您"}).text

    def handed_out(self, row: DeliveryRow) -> str:
        """The words that leave the house, personal data that the decider typed included, and the sentence that says who
        drafted them where the channel has one."""
        text = self._keys.reveal(row.member_id, Protected(row.text, row.original), "draft")
        said = self.shown(row.member_id, text) or ""
        return said + self._suffix(row) if said and row.ai_generated else said

    def _suffix(self, row: DeliveryRow) -> str:
        lineage = communities.lineage(self._db, row.community_id)
        if ai_mark(self._db, lineage, row.channel) != "suffix":
            return ""
        return settings.value(self._db, tunables.AI_SUFFIX, lineage)

    def contact(self, row: DeliveryRow) -> str | None:
        """The member's id on the delivery's channel, for the bot; None where erased or unknown."""
        if row.member_id is None:
            return None
        identity = members.identity(self._db, row.member_id, row.channel)
        return None if identity is None else self._keys.unseal(row.member_id, identity.external_sealed, "external_id")


def name_to_slot(db: ReadSession, services: Services, member_id: str | None, text: str) -> str:
    """`text` with the member's name turned back into its slot, so that no name is stored in clear."""
    name = Words(db, services).name(member_id)
    if name is None or len(name) < _SHORTEST_NAME:
        return text
    return text.replace(name, "{" + MEMBER_NAME + "}")


def nameless(db: ReadSession, services: Services, member_id: str | None, text: str) -> str:
    """`text` with the member's name as stars, of the same length, and personal data masked: for words of the staff
    about a member, which are never sent."""
    name = Words(db, services).name(member_id)
    if name is not None and len(name) >= _SHORTEST_NAME:
        text = text.replace(name, "*" * len(name))
    return mask(text).text


def kept_reason(db: ReadSession, services: Services, member_id: str | None, reason: str | None) -> str | None:
    """A person's reason as it is stored: nameless, at most 500 characters."""
    return nameless(db, services, member_id, reason)[:_MOST_REASON] if reason else None


def protect_note(db: ReadSession, services: Services, member_id: str | None, text: str, context: str) -> Protected:
    """A note about a member: nameless, and sealed as it was written where that differs."""
    kept = nameless(db, services, member_id, text)
    sealed = None if kept == text else MemberKeys(db, services.keyring).seal(member_id, text, context)
    return Protected(kept, sealed)
