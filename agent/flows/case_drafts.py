"""The drafts of a complaint: composed while thinking, stored with their case. One neutral line for the group, one
private message in four steps; decided apart."""

from collections.abc import Sequence
from typing import Final

from agent.flows import case_moves, drafting
from agent.flows.case_intake import Filed, Grievance
from agent.flows.community import today
from agent.flows.turns import Read
from agent.services import Services
from agent.steps import case_reply, reply
from agent.steps.boundaries import boundary
from agent.steps.case_reply import CaseDrafts, Manner, Matter
from agent.steps.reply import Asked, Confidence, Reply
from core import tunables
from core.vocabulary import (
    AbstainedReason,
    Band,
    Conversation,
    DeliveryKind,
    EntryKind,
    RiskLabel,
    RiskLevel,
    Scene,
)
from knowledge.entries import Entry
from knowledge.retriever import Scope as SearchScope
from store import communities, members, settings
from store.cases import CaseRow
from store.messages import MessageRow
from store.session import ReadSession
from store.vault import MemberKeys

_ANSWERED_ANYWAY: Final = frozenset({RiskLabel.ABUSE, RiskLabel.CRISIS, RiskLabel.PRIVACY, RiskLabel.FLOODING})
"""Risks that go with being angry: who is answered with care calms down. All others wait for a person."""


def manner(read: Read) -> Manner:
    """How a community's complaints are answered."""
    view = read.community
    assert view is not None
    return Manner(view.tone, view.values, drafting.kept_slots(read), view.respond_minutes)


def scripts(services: Services, read: Read) -> list[Entry]:
    """The operator's scripts for complaints that are valid here."""
    view = read.community
    assert view is not None
    scope = SearchScope(view.lineage, today(read.at), (EntryKind.SCRIPT,))
    return [one for one in services.knowledge.retriever.entries(scope) if one.scene is Scene.COMPLAINT]


def compose(services: Services, read: Read, found: Sequence[Grievance]) -> list[CaseDrafts]:
    """The drafts of each grievance of a turn."""
    known = scripts(services, read)
    in_group = read.turn.head.conversation != Conversation.PRIVATE
    return [_composed(services, read, one, known, in_group=in_group) for one in found]


def _composed(
    services: Services, read: Read, grievance: Grievance, known: Sequence[Entry], *, in_group: bool
) -> CaseDrafts:
    if _risky(grievance.rows):
        held = reply.abstain(AbstainedReason.RISK_HOLD, [_asked(services, read, grievance)])
        return CaseDrafts(held if in_group else None, held)
    answered = _answered(services, read, grievance)
    matter = Matter(grievance.category, grievance.severity, answered, again=_again(read))
    return case_reply.drafts(matter, manner(read), known, in_group=in_group)


def _risky(rows: Sequence[MessageRow]) -> bool:
    for row in rows:
        labels = {RiskLabel(hit["label"]) for hit in row.risk["labels"]}
        grave = RiskLevel(row.risk["level"]).at_least(RiskLevel.MEDIUM) and not row.risk_cleared
        if grave and not labels <= _ANSWERED_ANYWAY:
            return True
    return False


def _asked(services: Services, read: Read, grievance: Grievance) -> Asked:
    return drafting.ask(services, read, "\n".join(row.text for row in grievance.rows if row.text.strip()))


def _answered(services: Services, read: Read, grievance: Grievance) -> Reply | None:
    """What the knowledge base says of it, where it is sure; nothing where words would be out of place."""
    text = "\n".join(row.text for row in grievance.rows if row.text.strip())
    if boundary(text) is not None or any(row.risk["labels"] for row in grievance.rows if not row.risk_cleared):
        return None
    asked = _asked(services, read, grievance)
    view = read.community
    assert view is not None
    made = reply.compose([asked], view.values, kept_slots=frozenset())
    return drafting.grounded(made, read, [asked])


def _again(read: Read) -> bool:
    return any(draft.case_id is not None for draft in read.open_drafts)


def kinds(filed: Filed) -> list[tuple[DeliveryKind, Reply]]:
    """The drafts of a filed grievance by the kind of their delivery."""
    made = filed.grievance.drafts
    if made is None:
        return []
    held = made.private.text is None
    if made.group is None:
        return [(DeliveryKind.PRIVATE, made.private)]
    both = [(DeliveryKind.REPLY, made.group), (DeliveryKind.PRIVATE, made.private)]
    return both[:1] if held else both


def lane_of(row: MessageRow, kind: DeliveryKind) -> str:
    """The conversation that a draft of this kind speaks in."""
    if kind is DeliveryKind.PRIVATE and row.conversation != Conversation.PRIVATE:
        return f"{row.community_id}:{row.member_id}"
    return row.lane


def private_lane(row: CaseRow) -> str:
    """The private conversation with the member of a case."""
    return f"{row.community_id}:{row.member_id}"


def has_name(db: ReadSession, services: Services, member_id: str | None) -> bool:
    """Whether a member can be addressed by a name."""
    member = members.get(db, member_id) if member_id is not None else None
    return bool(MemberKeys(db, services.keyring).name(member))


def result(db: ReadSession, services: Services, row: CaseRow, offer: str | None) -> Reply:
    """The message that tells the result of a case, and what is offered beside it."""
    tone = settings.value(db, tunables.TONE, communities.lineage(db, row.community_id))
    text = case_reply.result(row.result or "", offer, tone, known=has_name(db, services, row.member_id))
    return Reply(text=text, confidence=Confidence(band=Band.LOW, reason=case_moves.RESULT))
