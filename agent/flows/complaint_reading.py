"""The language model's word on what of a turn complains, where the classifier is unsure."""

from dataclasses import replace

from agent.flows import complaint_judging
from agent.flows.turns import Read, Turn
from agent.services import Services
from agent.steps import follow_up
from agent.steps.complaint import HOLDS, Complaint
from core.vocabulary import ComplaintCategory, MessageKind, Severity


def judged(services: Services, turn: Turn) -> Turn:
    """The turn with what a language model makes of the verdicts that are unsure."""
    if services.model is None or not turn.unsure:
        return turn
    found = {row.id: complaint_judging.judge(services, row.text, turn.verdicts[row.id], row.id) for row in turn.kept}
    whole = None
    if turn.whole is not None and not any(one.complaint.is_complaint for one in found.values()):
        whole = complaint_judging.judge(services, turn.text, turn.whole, turn.head.id)
    every = [*found.values(), *([whole] if whole is not None else [])]
    return replace(
        turn,
        verdicts={key: one.complaint for key, one in found.items()},
        whole=whole.complaint if whole is not None else None,
        judged=True,
        degraded=any(one.degraded for one in every),
    )


def in_context(read: Read) -> Turn:
    """The turn with what complains only beside a case of its member that is open: a threat to go elsewhere with it
    (行，12315我已经登记了), a word that still nobody answers."""
    turn = read.turn
    mine = any(one.complains and one.member_id == turn.head.member_id for one in read.opens if one.key != turn.head.id)
    if turn.is_staff or not mine:
        return turn
    return replace(turn, verdicts={row.id: _said_again(row.text, turn.verdicts[row.id]) for row in turn.kept})


def _said_again(text: str, verdict: Complaint) -> Complaint:
    severity = follow_up.threat(text)
    vague = verdict.category in (None, ComplaintCategory.OTHER, ComplaintCategory.SERVICE_ATTITUDE)
    if severity is None and not (verdict.is_complaint and vague and follow_up.unheard(text)):
        return verdict
    least = severity or Severity.LOW
    before = verdict.severity or Severity.LOW
    grave = before if before.at_least(least) else least
    category = ComplaintCategory.OTHER if vague else verdict.category
    changed = {"is_complaint": True, "severity": grave, "category": category, "kind": MessageKind.COMPLAINT}
    topic = None if vague else verdict.topic
    return verdict.model_copy(update=changed | {"topic": topic, "score": max(verdict.score, HOLDS)})
