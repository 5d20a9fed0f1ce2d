"""What the screening is unsure of, judged by the language model: it names labels and proves them by a quote.

The model raises or doubts, it never decides: a person looks at every flag. A label without proof, or a no about a text
that was not shown whole, is no answer.
"""

from collections.abc import Collection
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from agent.steps import risk_classifier
from agent.steps.asking import Asking
from agent.steps.community_rules import CommunityRules, allowed_spans
from agent.steps.risk import RiskHit, RiskVerdict
from core import catalogue
from core.text import normalize
from core.vocabulary import ModelSays, RiskLabel, RiskLevel, SenderRole
from prompts.loader import plain

PROMPT: Final = "risk/judge"
LAYER: Final = "model"
FAINT: Final = 0.7
"""Score below which a label that only a classifier heard is uncertain."""
SCORE: Final = 0.6
"""Of a label that the model alone saw: it holds, and stands behind what rules are sure of."""
LONGEST: Final = 1_000
"""Code points that are shown; more may only be flagged, not cleared."""
LEAST_QUOTE: Final = 2
NEVER_LOWERED: Final = frozenset({RiskLabel.SELF_HARM, RiskLabel.CRISIS, RiskLabel.ILLEGAL_POLITICS, RiskLabel.PRIVACY})
"""Where one of these was heard, a model's no changes nothing: a text can ask for it."""
_NOT_BY_TEXT: Final = frozenset({RiskLabel.FLOODING})
_CLASSIFIERS: Final = frozenset({risk_classifier.LAYER, risk_classifier.OWN_LAYER})
_MOST_EVIDENCE: Final = 40


class Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    quote: str = Field("", description="消息里的一句原文")
    labels: tuple[RiskLabel, ...] = Field(description="成立的标签；没有就是空列表")


class Judged(NamedTuple):
    """What became of a message. `labels` are those that a person is to be shown, with `adds` and `confirms`."""

    says: ModelSays
    labels: tuple[RiskHit, ...] = ()


FAILED: Final = Judged(ModelSays.FAILED)


def uncertain(verdict: RiskVerdict, role: SenderRole = SenderRole.MEMBER) -> bool:
    """Whether the screening can't tell: weak signs without a label, or labels that only a classifier heard, faintly.
    What staff and bots write is never asked about."""
    if role is not SenderRole.MEMBER:
        return False
    return all(map(_is_faint, verdict.labels)) if verdict.labels else verdict.level is RiskLevel.LOW


def _is_faint(hit: RiskHit) -> bool:
    return hit.score < FAINT and set(hit.layer.split("+")) <= _CLASSIFIERS


def may_lower(labels: Collection[RiskLabel]) -> bool:
    """Whether the model's no may move an item of these labels to the end of the queue."""
    return not NEVER_LOWERED & set(labels)


def judge(model: Asking, text: str, verdict: RiskVerdict, rules: CommunityRules, object_id: str | None) -> Judged:
    """What the model makes of a member's (masked) text, by the rules of its community. Raises `ModelUnavailable`."""
    shown = text[:LONGEST]
    labels = [label for label in RiskLabel if label not in rules.off | _NOT_BY_TEXT]
    named = [{"value": label.value, "name": catalogue.text(f"risk_label.{label.value}")} for label in labels]
    answer = model.ask(PROMPT, {"text": shown, "labels": named}, Answer, object_id=object_id)
    span = _found(answer.quote, shown)
    if answer.labels and span is None:
        return FAILED
    seen = [label for label in labels if label in answer.labels and span and not _is_allowed(label, span, text, rules)]
    if not seen:
        return FAILED if len(text) > LONGEST else Judged(ModelSays.DENIES)
    assert span is not None
    return _joined(verdict, seen, span, text)


def _found(quote: str, shown: str) -> tuple[int, int] | None:
    """Where the quote stands, in whatever width or script it was copied; the model saw the text without brackets."""
    wanted = normalize(plain(quote)).text.strip()
    if sum(not char.isspace() for char in wanted) < LEAST_QUOTE:
        return None
    normalized = normalize(plain(shown))
    start = normalized.text.find(wanted)
    return None if start < 0 else normalized.span(start, start + len(wanted))


def _is_allowed(label: RiskLabel, span: tuple[int, int], text: str, rules: CommunityRules) -> bool:
    """What stands in a phrase that is fine in this community speaks for nothing but danger to life."""
    if label is RiskLabel.SELF_HARM:
        return False
    return any(start <= span[0] and span[1] <= end for start, end in allowed_spans(rules, normalize(text)))


def _joined(verdict: RiskVerdict, seen: list[RiskLabel], span: tuple[int, int], text: str) -> Judged:
    """The labels that were there, those that the model saw too marked so, and those that it saw alone."""
    known = {hit.label for hit in verdict.labels}
    kept = [_upheld(hit) if hit.label in seen else hit for hit in verdict.labels]
    evidence = text[slice(*span)][:_MOST_EVIDENCE]
    fresh = [
        RiskHit(label=label, score=SCORE, spans=(span,), evidence=evidence, layer=LAYER)
        for label in seen
        if label not in known
    ]
    hits = sorted((*kept, *fresh), key=lambda hit: (-hit.score, hit.label))
    return Judged(ModelSays.ADDS if fresh else ModelSays.CONFIRMS, tuple(hits))


def _upheld(hit: RiskHit) -> RiskHit:
    return hit.model_copy(update={"layer": f"{hit.layer}+{LAYER}"})
