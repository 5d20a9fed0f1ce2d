"""Wordings for an entry that the model thinks of and a person decides on."""

from fastapi import APIRouter
from pydantic import BaseModel

from agent.flows import phrasings as flow
from agent.steps.phrasings import Why
from server.routes.candidates import CandidateView, candidate_view
from server.state import Here, Whoever

router = APIRouter(prefix="/v1/knowledge", tags=["knowledge"])


class LeftOutView(BaseModel):
    """A wording that is not worth a person's time; `entry_id` is the entry that it is nearer to."""

    text: str
    why: Why
    entry_id: str | None


class ProposalsView(BaseModel):
    """`candidates` wait to be accepted or rejected."""

    candidates: list[CandidateView]
    left_out: list[LeftOutView]


@router.post("/entries/{entry_id}/phrasings:propose")
def propose(entry_id: str, services: Here, caller: Whoever) -> ProposalsView:
    """Have the language model think of up to 8 more phrasings of a faq. What is new and nearest to this entry becomes a
    candidate; nothing is published."""
    done = flow.propose(services, caller, entry_id)
    return ProposalsView(
        candidates=[candidate_view(row) for row in done.candidates],
        left_out=[LeftOutView.model_validate(one._asdict()) for one in done.left_out],
    )
