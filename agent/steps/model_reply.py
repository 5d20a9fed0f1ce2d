"""Makes the embedded reply better with a model, where the cascade says that it may help; whatever goes wrong, the best
reply so far stands, marked as degraded."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeVar

from pydantic import BaseModel

from agent.steps import cascade as policy
from agent.steps import reply
from agent.steps.asking import Asking, ModelUnavailable
from agent.steps.boundaries import boundary
from agent.steps.cascade import Doubt, Plan
from agent.steps.composing import Manner, compose
from agent.steps.judging import does_answer
from agent.steps.reply import Asked, Confidence, Reply
from agent.steps.rewriting import rewrite
from agent.steps.triage import questions
from core.vocabulary import Band, Engine
from knowledge.gate import Judged, Verdict

T = TypeVar("T", bound=BaseModel)
_SCRIPT = "complaint_script"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the reply depends on besides what was found. `text` is the message (or burst), `conversation` the lines
    before it, oldest first, each as it shall be shown; `search` finds again for a rewritten question; `model.cascade`
    is `cascade`."""

    text: str
    manner: Manner
    search: Callable[[str], Asked]
    conversation: Sequence[str] = ()
    needs_context: bool = False
    cascade: bool = True


class Improved(NamedTuple):
    """`engine` says whose word stands; `degraded` that the model was wanted and did not help; `asked` belongs to
    `reply` (a rewritten question was searched anew); `failure` is a `Failure` or `not_grounded`."""

    reply: Reply
    engine: Engine
    degraded: bool
    calls: int
    asked: tuple[Asked, ...]
    failure: str | None = None


def wants_model(
    embedded: Reply, asked: Sequence[Asked], *, cascade: bool, needs_context: bool, has_context: bool
) -> bool:
    """Whether `improve` would ask the model anything. Pure and cheap: for deciding who works on a message."""
    return not _plan(embedded, asked, cascade=cascade, needs_context=needs_context, has_context=has_context).empty


def improve(model: Asking, embedded: Reply, asked: Sequence[Asked], facts: Facts, object_id: str | None) -> Improved:
    """The reply after the model. Never raises for the model's sake: `ModelUnavailable` ends it where it is."""
    work = _Work(_Counting(model), facts, object_id, embedded, tuple(asked))
    try:
        work.run()
    except ModelUnavailable as error:
        work.failure = error.reason
    engine = Engine.LLM if work.helped else Engine.EMBEDDED
    return Improved(work.reply, engine, work.failure is not None, work.model.calls, work.asked, work.failure)


def _plan(embedded: Reply, asked: Sequence[Asked], *, cascade: bool, needs_context: bool, has_context: bool) -> Plan:
    script = embedded.confidence.reason == _SCRIPT
    return policy.plan(
        asked, embedded, cascade=cascade, needs_context=needs_context, has_context=has_context, script=script
    )


@dataclass(slots=True)
class _Counting:
    inner: Asking
    calls: int = 0

    def ask(self, prompt: str, values: Mapping[str, object], schema: type[T], *, object_id: str | None) -> T:
        self.calls += 1
        return self.inner.ask(prompt, values, schema, object_id=object_id)

    def available(self) -> str | None:
        return self.inner.available()


@dataclass(slots=True)
class _Work:
    """The reply on its way; after every step it is whole."""

    model: _Counting
    facts: Facts
    object_id: str | None
    reply: Reply
    asked: tuple[Asked, ...]
    helped: bool = False
    failure: str | None = field(default=None)

    def run(self) -> None:
        plan = self._planned(needs_context=self.facts.needs_context)
        if plan.rewrite:
            if not self._rewrite():
                return
            plan = self._planned(needs_context=False)
        if plan.doubts:
            self._judge(plan.doubts)
            plan = self._planned(needs_context=False)
        if plan.compose:
            self._compose()

    def _planned(self, *, needs_context: bool) -> Plan:
        has_context = bool(self.facts.conversation)
        return _plan(
            self.reply, self.asked, cascade=self.facts.cascade, needs_context=needs_context, has_context=has_context
        )

    def _rewrite(self) -> bool:
        """Search with the question as it was meant; False where it is one that the knowledge must not answer."""
        question = rewrite(self.model, self.facts.text, self.facts.conversation, self.object_id)
        if question == self.facts.text:
            return True
        self.asked = tuple(self.facts.search(part) for part in questions(question) or [question])
        self.helped = True
        reason = boundary(question)
        self.reply = reply.abstain(reason, self.asked) if reason else self._curated()
        return reason is None

    def _curated(self) -> Reply:
        return reply.compose(self.asked, self.facts.manner.values, kept_slots=self.facts.manner.kept_slots)

    def _judge(self, doubts: Sequence[Doubt]) -> None:
        settled = list(self.asked)
        for number in dict.fromkeys(doubt.question for doubt in doubts):
            of_it = [doubt.candidate for doubt in doubts if doubt.question == number]
            settled[number] = self._settled(settled[number], of_it)
        self.asked, self.helped = tuple(settled), True
        made = self._curated()
        if made.text is not None and made.confidence.reason.startswith("score "):
            made = made.model_copy(update={"confidence": Confidence(band=made.confidence.band, reason="model_judged")})
        self.reply = made

    def _settled(self, one: Asked, candidates: Sequence[int]) -> Asked:
        """The question with the first candidate that answers in front, or as merely related."""
        for n in candidates:
            if does_answer(self.model, one.question, one.candidates[n].entry, self.object_id):
                others = [candidate for m, candidate in enumerate(one.candidates) if m != n]
                judged = replace(one.judged, verdict=Verdict.ANSWERS, band=_sober(one.judged))
                return one.model_copy(update={"candidates": (one.candidates[n], *others), "judged": judged})
        return one.model_copy(update={"judged": replace(one.judged, verdict=Verdict.RELATED, band=Band.LOW)})

    def _compose(self) -> None:
        made = compose(self.model, self.asked, self.facts.manner, self.object_id)
        if made is None:
            self.failure = "not_grounded"
            return
        self.reply, self.helped = made, True


def _sober(judged: Judged) -> Band:
    """A yes of the model lifts what the gate took for related to medium, and leaves the rest as it was."""
    return judged.band if judged.verdict == Verdict.ANSWERS else Band.MEDIUM
