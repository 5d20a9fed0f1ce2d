"""The language model's word on what of a turn complains, where the classifier is unsure."""

from dataclasses import replace

from agent.flows import complaint_judging
from agent.flows.turns import Turn
from agent.services import Services


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
