"""Deliveries come into being here, and get their final words here: the member's name goes in when a text is shown to
whoever may read it, or handed out."""

from datetime import timedelta

from agent.services import Services
from core import tunables
from core.ids import new_id
from core.vocabulary import DeliveryState
from knowledge.slots import fill
from store import changes, communities, deliveries, members, settings
from store.deliveries import DeliveryRow
from store.drafts import DraftRow
from store.members import MemberRow
from store.session import ReadSession, WriteSession
from store.vault import MemberKeys, Protected

MEMBER_NAME = "member_name"
_SHORTEST_NAME = 2


def queue_reply(db: WriteSession, draft: DraftRow, final: Protected, *, decision: str, wait: timedelta) -> str:
    """Make the delivery of a decided draft due after `wait`; its id. By webhook where the community has one for the
    channel, else it waits to be pulled."""
    lineage = communities.lineage(db, draft.community_id)
    webhook = deliveries.webhook_for(db, lineage, draft.channel)
    not_before = db.now + wait
    row = DeliveryRow(
        id=new_id("dlv"),
        # One request at a time for an endpoint: in order, and a slow one holds up nobody else.
        lane=webhook.id if webhook else draft.id,
        kind=draft.kind,
        state=DeliveryState.QUEUED,
        community_id=draft.community_id,
        channel=draft.channel,
        webhook_id=webhook.id if webhook else None,
        member_id=draft.member_id,
        draft_id=draft.id,
        decision=decision,
        reply_to=draft.reply_to,
        text=final.masked,
        original=final.sealed,
        ai_generated=settings.value(db, tunables.AI_LABEL, lineage) and draft.text is not None,
        created_at=db.now,
        not_before=not_before,
        due_at=not_before if webhook else None,
        expires_at=not_before + timedelta(hours=settings.value(db, tunables.DELIVERY_HOURS, lineage)),
        fence=0,
        attempts=0,
    )
    db.add(row)
    changes.note(db, changes.DELIVERIES)
    return row.id


class Words:
    """Texts with their last words filled in, within one session."""

    def __init__(self, db: ReadSession, services: Services) -> None:
        self._db = db
        self._keys = MemberKeys(db, services.keyring)
        self._members: dict[str, MemberRow | None] = {}

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
        """The words that leave the house, personal data that the decider typed included."""
        text = self._keys.reveal(row.member_id, Protected(row.text, row.original), "draft")
        return self.shown(row.member_id, text) or ""

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
