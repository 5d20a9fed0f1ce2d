"""What a language model makes of the same search: the embedded figures, those after the model, and what it cost.

Every row is a question that stands alone. Slots count as filled: whether a community has a value is not what is
measured.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Final, NamedTuple

import numpy as np

from agent.flows.improving import Limited
from agent.steps import model_reply, reply
from agent.steps.composing import Manner
from agent.steps.model_reply import Facts, Improved
from agent.steps.reply import Asked, Reply
from core import tunables
from core.vocabulary import Engine
from evals import figures, retrieval
from evals.asking import Answered, merged, search
from evals.corpus import Knowledge, Progress
from evals.figures import Array, Figure, resampled, share
from evals.model_door import Door
from evals.report import Report
from evals.retrieval import Query, Scored
from knowledge.gate import Gate
from knowledge.slots import slots


class Cost(NamedTuple):
    """What the model cost on one row; `seconds` are those of its half alone."""

    calls: int = 0
    tokens: int = 0
    seconds: float = 0.0
    degraded: bool = False
    failure: str | None = None


class Compared(NamedTuple):
    """A row before and after the model. Where it was not asked, or did not help, both are the same."""

    embedded: Scored
    improved: Scored
    cost: Cost


NOT_ASKED: Final = Cost()


def run(
    knowledge: Knowledge, gate: Gate, door: Door, queries: Sequence[Query], today: date, progress: Progress
) -> Report:
    scored, unscored = retrieval.score_all(knowledge, gate, queries, today, progress)
    half = Half(knowledge, gate, door, today)
    compared = []
    for number, one in enumerate(scored, start=1):
        compared.append(half.compare(one, f"row-{number}"))
        progress("model", number, len(scored))
    about = retrieval.facts(knowledge, gate, queries) | {"model": door.name}
    return report(compared, unscored, about)


def report(compared: Sequence[Compared], unscored: Mapping[str, int], about: Mapping[str, Any]) -> Report:
    """`about` is what was measured on, and with which model."""
    kinds = retrieval.by_kind(compared, lambda one: one.embedded.query)
    failures = Counter(one.cost.failure for one in compared if one.cost.failure)
    return Report(
        suite="retrieval",
        figures=measured(compared),
        groups={"per_kind": {kind: measured(some) for kind, some in kinds.items()}},
        unscored=unscored,
        facts={**about, "failures": dict(failures)},
        rows=[_row(one) for one in compared],
        engine=Engine.LLM,
    )


class Half(NamedTuple):
    """The model's half of a draft, as `agent/flows/inbox.py` does it."""

    knowledge: Knowledge
    gate: Gate
    door: Door
    today: date

    def compare(self, one: Scored, object_id: str) -> Compared:
        """A row with what the model makes of it; its calls are booked on `object_id`."""
        asked, manner = one.answered.asked, _manner(one.answered.asked)
        embedded = _embedded(one.answered, manner)
        if not model_reply.wants_model(embedded, asked, cascade=True, needs_context=False, has_context=False):
            return Compared(one, one, NOT_ASKED)
        refused = self.door.model.available()
        if refused is not None:
            return Compared(one, one, Cost(degraded=True, failure=refused))
        begun = time.monotonic()
        model = Limited(self.door.model, begun + self.door.time_limit)
        found = model_reply.improve(model, embedded, asked, self._facts(one.query, manner), object_id)
        seconds = time.monotonic() - begun
        cost = Cost(found.calls, self.door.tokens(object_id), seconds, found.degraded, found.failure)
        return Compared(one, _improved(one, found), cost)

    def _facts(self, query: Query, manner: Manner) -> Facts:
        return Facts(query.text, manner, lambda question: search(self.knowledge, self.gate, question, self.today))


def _manner(asked: Sequence[Asked]) -> Manner:
    answers = [candidate.entry.answer for one in asked for candidate in one.candidates]
    return Manner(tunables.TONE.default, {}, frozenset(name for answer in answers for name in slots(answer)))


def _embedded(answered: Answered, manner: Manner) -> Reply:
    if answered.reason is not None:
        return reply.abstain(answered.reason, answered.asked)
    return reply.compose(answered.asked, manner.values, kept_slots=manner.kept_slots)


def _improved(one: Scored, found: Improved) -> Scored:
    """What the draft cites comes first, then the rest by score."""
    if found.engine != Engine.LLM:
        return one
    used = [cited.entry_id for cited in found.reply.citations if cited.used]
    ranked = sorted(merged(found.asked), key=lambda c: used.index(c.entry.id) if c.entry.id in used else len(used))
    return retrieval.placed(one.query, replace(one.answered, candidates=tuple(ranked), asked=found.asked))


def measured(some: Sequence[Compared]) -> dict[str, Figure]:
    """The suite's figures after the model, the same before it as `embedded_…`, and the model's cost."""
    before = retrieval.measured([one.embedded for one in some])
    return {
        **retrieval.measured([one.improved for one in some]),
        **{f"embedded_{name}": figure for name, figure in before.items()},
        **_costs([one.cost for one in some]),
    }


def _costs(costs: Sequence[Cost]) -> dict[str, Figure]:
    seconds = [one.seconds for one in costs if one.calls]
    return {
        "asked_model": share([one.calls > 0 for one in costs]),
        "calls_per_100": resampled(figures.mean, [100 * one.calls for one in costs]),
        "tokens_per_row": resampled(figures.mean, [one.tokens for one in costs]),
        "seconds_p50": resampled(_median, seconds),
        "seconds_p95": resampled(_p95, seconds),
        "degraded": share([one.degraded for one in costs]),
    }


def _median(values: Array) -> float:
    return float(np.percentile(values, 50, method="nearest"))


def _p95(values: Array) -> float:
    return float(np.percentile(values, 95, method="nearest"))


def _row(one: Compared) -> dict[str, Any]:
    before, after, cost = retrieval.row(one.embedded), retrieval.row(one.improved), one.cost
    return {
        **after,
        **{f"embedded_{name}": before[name] for name in ("got", "abstained", "right")},
        **cost._replace(seconds=round(cost.seconds, 2))._asdict(),
    }
