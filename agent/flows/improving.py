"""The llm engine's half of a draft: whether the model is wanted, and the reply after it. Its failures end in the
embedded reply, never in an error."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from pydantic import BaseModel

from agent.flows import drafting
from agent.flows.drafting import Drafted
from agent.flows.turns import Read
from agent.services import Services
from agent.steps import model_reply
from agent.steps.asking import Asking, Failure, ModelUnavailable
from agent.steps.composing import Manner
from agent.steps.follow_up import Said
from agent.steps.model_reply import Facts, Improved
from core.vocabulary import SenderRole

T = TypeVar("T", bound=BaseModel)
MOST_LINES: Final = 6
LONGEST_LINE: Final = 80
_SPEAKERS: Final = {SenderRole.STAFF: "客服", SenderRole.BOT: "客服", SenderRole.MEMBER: "群友"}


@dataclass(frozen=True, slots=True)
class Limited:
    """A model for one message: no call begins after `until` (monotonic seconds), so that several slow answers cost at
    most two time limits together."""

    inner: Asking
    until: float

    def ask(self, prompt: str, values: Mapping[str, object], schema: type[T], *, object_id: str | None) -> T:
        if time.monotonic() > self.until:
            raise ModelUnavailable(Failure.TIMEOUT)
        return self.inner.ask(prompt, values, schema, object_id=object_id)

    def available(self) -> str | None:
        return self.inner.available()


def wanted(read: Read, drafted: Drafted) -> bool:
    """Whether the model would be asked anything about this draft."""
    assert read.community is not None
    return model_reply.wants_model(
        drafted.reply,
        drafted.asked,
        cascade=read.community.cascade,
        needs_context=drafted.in_context,
        has_context=bool(_lines(read)),
    )


def improve(services: Services, model: Asking, read: Read, drafted: Drafted) -> Improved:
    """The reply after the model, checked like every other."""
    view = read.community
    assert view is not None
    facts = Facts(
        text=read.turn.text,
        manner=Manner(view.tone, view.values, drafting.kept_slots(read)),
        search=lambda question: drafting.ask(services, read, question),
        conversation=_lines(read),
        needs_context=drafted.in_context,
        cascade=view.cascade,
    )
    limited = Limited(model, time.monotonic() + services.env.llm_timeout)
    found = model_reply.improve(limited, drafted.reply, drafted.asked, facts, read.turn.head.id)
    return found._replace(reply=drafting.grounded(found.reply, read, found.asked))


def _lines(read: Read) -> tuple[str, ...]:
    """The conversation before the turn as the model reads it: masked texts without names."""
    lines = [f"群友（被引用）：{read.quoted[:LONGEST_LINE]}"] if read.quoted else []
    lines += [_line(said, read.turn.head.member_id) for said in read.before[-MOST_LINES:]]
    return tuple(lines)


def _line(said: Said, asker: str | None) -> str:
    own = said.role == SenderRole.MEMBER and said.member_id == asker
    who = "提问人" if own else _SPEAKERS[said.role]
    return f"{who}：{said.text[:LONGEST_LINE]}"
