"""Managers' questions, answered with figures."""

from typing import Annotated

from fastapi import APIRouter, Header
from pydantic import Field

from agent.flows import questions
from agent.flows.incoming import Strict, Word
from agent.flows.questions import Asked
from core.catalogue import best_locale
from server.state import Here, Whoever

router = APIRouter(prefix="/v1/questions", tags=["questions"])


class QuestionIn(Strict):
    question: str = Field(min_length=1, max_length=500, pattern=r"\S", examples=["上周哪个群流失最多"])
    community_ids: list[Word] | None = Field(
        None, min_length=1, max_length=100, description="all that the caller may ask about, where left out"
    )


@router.post("")
def ask(
    wanted: QuestionIn, services: Here, caller: Whoever, accept_language: Annotated[str | None, Header()] = None
) -> Asked:
    """One question in plain words. Every figure brings its period, definition and query id; what can't be answered is
    a refusal with its reason in `interpretation`, never an empty result."""
    locale = best_locale(accept_language)
    return questions.ask(services, caller, wanted.question, wanted.community_ids, locale=locale)
