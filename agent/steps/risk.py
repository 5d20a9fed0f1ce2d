"""Screening of one message: layers give signs, signs make scores, scores make a verdict that only proposes.

Nothing here knows the store, the past of the member or the clock. What is unsure or repeated is judged by later
layers and by the flow.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import prod
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from agent.steps.community_rules import LAYER as COMMUNITY
from agent.steps.community_rules import NO_RULES, CommunityRules, added_hits, allowed_spans
from agent.steps.lexicon import lexicon_layer
from agent.steps.patterns import PERSONAL, pattern_layer
from agent.steps.risk_policy import RiskReason, RiskThresholds, propose
from agent.steps.signs import AttachmentInfo, Layer, ScreenInput, Sign
from core.masking import mask
from core.personal_data import PersonalDataKind
from core.text import normalize
from core.vocabulary import RiskAction, RiskLabel, RiskLevel

__all__ = [
    "LAYERS",
    "AttachmentInfo",
    "RiskHit",
    "RiskReason",
    "RiskThresholds",
    "RiskVerdict",
    "ScreenInput",
    "screen",
]

LAYERS: tuple[Layer, ...] = (lexicon_layer, pattern_layer)
"""What `screen` looks with by default; further layers are added behind."""

DEFAULTS = RiskThresholds()
_MOST_QUOTES = 3
_LONGEST_QUOTE = 40

_PROMOTING = frozenset(
    {
        RiskLabel.AD_SPAM,
        RiskLabel.SCAM,
        RiskLabel.FAKE_TRADE,
        RiskLabel.GRAY_MARKET,
        RiskLabel.GAMBLING,
        RiskLabel.PORN,
    }
)
_CONTACTS = frozenset(
    PERSONAL + kind.value
    for kind in (
        PersonalDataKind.PHONE,
        PersonalDataKind.LANDLINE,
        PersonalDataKind.QQ,
        PersonalDataKind.WECHAT_ID,
        PersonalDataKind.EMAIL,
    )
)


class RiskHit(BaseModel):
    """One label that holds. `spans` are half-open in the original text, empty where only an attachment's name spoke;
    `evidence` quotes it with personal data masked; `layer` names the layers that fired, joined by +."""

    model_config = ConfigDict(frozen=True)

    label: RiskLabel
    score: float = Field(ge=0, le=1)
    spans: tuple[tuple[int, int], ...]
    evidence: str
    layer: str


class RiskVerdict(BaseModel):
    """What is proposed, and why; `labels` by falling score."""

    model_config = ConfigDict(frozen=True)

    level: RiskLevel
    labels: tuple[RiskHit, ...]
    action: RiskAction
    reason: RiskReason


class _Found(NamedTuple):
    """A sign and the text it stands in; `part` 0 is the message's own, the rest are attachments' names."""

    sign: Sign
    part: int


def screen(
    message: ScreenInput,
    *,
    rules: CommunityRules = NO_RULES,
    thresholds: RiskThresholds = DEFAULTS,
    layers: Sequence[Layer] = LAYERS,
) -> RiskVerdict:
    """The verdict on one message of any type and any sender; never raises for any text.

    The score of a label is 1 − ∏(1 − weight) over the different rules that fired. `rules` are the community's own.
    """
    parts = (message.text, *(attachment.name for attachment in message.attachments))
    found = [_Found(sign, n) for n, part in enumerate(parts) for sign in _look(part, message, layers, rules)]
    found += [_Found(sign, 0) for sign in message.signs]
    found = [item for item in found if item.sign.label not in rules.off]
    by_label: dict[RiskLabel, list[_Found]] = defaultdict(list)
    for item in found:
        by_label[item.sign.label].append(item)
    scores = {label: _score(items) for label, items in by_label.items()}
    holding = {label for label, score in scores.items() if score >= _threshold(label, rules, thresholds)}
    if _is_own_contact(by_label, holding):
        holding.discard(RiskLabel.PRIVACY)
    if not holding:
        return _without_label(message, max(scores.values(), default=0.0), thresholds)
    masked = tuple(mask(part).text for part in parts)
    hits = sorted((_hit(label, by_label[label], masked) for label in holding), key=lambda hit: (-hit.score, hit.label))
    (level, action), reason = propose(holding, message.sender_role)
    return RiskVerdict(level=level, labels=tuple(hits), action=action, reason=reason)


def _threshold(label: RiskLabel, rules: CommunityRules, thresholds: RiskThresholds) -> float:
    own = rules.threshold(label)
    return thresholds.of(label) if own is None else own


def _look(text: str, message: ScreenInput, layers: Sequence[Layer], rules: CommunityRules) -> Iterable[Sign]:
    if not text:
        return ()
    normalized = normalize(text)
    signs = [sign for layer in layers for sign in layer(normalized, message)]
    signs += [
        Sign(hit.label, hit.weight, hit.start, hit.end, COMMUNITY, hit.word) for hit in added_hits(rules, normalized)
    ]
    fine = allowed_spans(rules, normalized)
    return [sign for sign in signs if not any(start <= sign.start and sign.end <= end for start, end in fine)]


def _score(items: Iterable[_Found]) -> float:
    weights: dict[tuple[str, str], float] = defaultdict(float)
    for sign, _ in items:
        weights[sign.layer, sign.key] = max(weights[sign.layer, sign.key], sign.weight)
    return round(1 - prod(1 - weight for weight in weights.values()), 4)


def _is_own_contact(by_label: dict[RiskLabel, list[_Found]], holding: set[RiskLabel]) -> bool:
    """The number in an advertisement is the advertiser's own: nobody's privacy is at stake."""
    personal = by_label.get(RiskLabel.PRIVACY, [])
    return bool(holding & _PROMOTING) and all(item.sign.key in _CONTACTS for item in personal)


def _without_label(message: ScreenInput, best: float, thresholds: RiskThresholds) -> RiskVerdict:
    if best >= thresholds.watch:
        return RiskVerdict(level=RiskLevel.LOW, labels=(), action=RiskAction.WATCH, reason=RiskReason.WEAK_SIGNS)
    unread = not message.text.strip()
    reason = RiskReason.ONLY_METADATA_CHECKED if unread else RiskReason.NOTHING_FOUND
    return RiskVerdict(level=RiskLevel.NONE, labels=(), action=RiskAction.NONE, reason=reason)


def _hit(label: RiskLabel, items: Sequence[_Found], masked: Sequence[str]) -> RiskHit:
    spans = sorted({(sign.start, sign.end) for sign, part in items if part == 0})
    heaviest = sorted(items, key=lambda item: (-item.sign.weight, item.part, item.sign.start))
    quotes = dict.fromkeys(masked[part][sign.start : sign.end][:_LONGEST_QUOTE] for sign, part in heaviest)
    return RiskHit(
        label=label,
        score=_score(items),
        spans=tuple(spans),
        evidence=" … ".join(list(quotes)[:_MOST_QUOTES]),
        layer="+".join(dict.fromkeys(sign.layer for sign, _ in items)),
    )
