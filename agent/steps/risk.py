"""Screening of one message: layers give signs, signs make scores, scores make a verdict that only proposes.

Nothing here knows the store, the past of the member or the clock. What is unsure or repeated is judged by later
layers and by the flow.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from agent.steps import frames, risk_classifier
from agent.steps.community_rules import LAYER as COMMUNITY
from agent.steps.community_rules import NO_RULES, CommunityRules, added_hits, allowed_spans
from agent.steps.contact_forms import contact_layer
from agent.steps.lexicon import disguised, lexicon_layer
from agent.steps.patterns import LAYER as PATTERNS
from agent.steps.patterns import PERSONAL, pattern_layer
from agent.steps.risk_classifier import Array, Classifier
from agent.steps.risk_policy import RiskReason, RiskThresholds, propose
from agent.steps.risk_reading import Reading, read
from agent.steps.signs import AttachmentInfo, Layer, ScreenInput, Sign
from agent.steps.views.disguises import Disguise
from core.masking import mask
from core.personal_data import PersonalDataKind
from core.text import Normalized, normalize
from core.vocabulary import RiskAction, RiskLabel, RiskLevel
from knowledge.embeddings import Embedder

__all__ = [
    "LAYERS",
    "AttachmentInfo",
    "RiskHit",
    "RiskReason",
    "RiskThresholds",
    "RiskVerdict",
    "ScreenInput",
    "Setup",
    "explain",
    "screen",
    "screen_with",
]

LAYERS: tuple[Layer, ...] = (lexicon_layer, pattern_layer, contact_layer)
"""What `screen` looks with by default; further layers are added behind."""

DEFAULTS = RiskThresholds()
NEAR_BEST = 0.9
_CLASSIFIERS = frozenset({risk_classifier.LAYER, risk_classifier.OWN_LAYER})
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
ABOUT: Mapping[RiskLabel, float] = dict.fromkeys(_PROMOTING, 0.55) | dict.fromkeys(
    (RiskLabel.ABUSE, RiskLabel.CRISIS, RiskLabel.ILLEGAL_POLITICS), 0.7
)
"""Share of a sign's weight that is left where the text only talks about such things: an offer needs one very sure sign
then (0.91), an insult a plain one. Chosen on the development half of our cases, not fitted."""
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


class Setup(NamedTuple):
    """By what a deployment and a community screen: `own` is the deployment's classifier."""

    rules: CommunityRules = NO_RULES
    thresholds: RiskThresholds = DEFAULTS
    own: Classifier | None = None
    layers: tuple[Layer, ...] = LAYERS

    def threshold(self, label: RiskLabel) -> float:
        """The score from which `label` holds."""
        own = self.rules.threshold(label)
        return self.thresholds.of(label) if own is None else own


PLAIN = Setup()


class Explained(NamedTuple):
    """Everything behind a verdict: `signs` of the message's own text, `scores` of all labels with any, and the text as
    the classifiers read it."""

    verdict: "RiskVerdict"
    signs: tuple[Sign, ...]
    scores: dict[RiskLabel, float]
    reading: str
    disguises: tuple[Disguise, ...]


def screen(message: ScreenInput, setup: Setup = PLAIN, vector: Array | None = None) -> RiskVerdict:
    """The verdict on one message of any type and any sender; never raises for any text.

    The score of a label is 1 − ∏(1 − weight) over the different rules that fired. `vector` is the sentence's, of the
    encoder that the classifiers were fitted with, and makes them judge better.
    """
    return _verdict(message, _by_label(message, setup, vector), setup)


def screen_with(message: ScreenInput, embedder: Embedder | None, setup: Setup = PLAIN) -> RiskVerdict:
    """As `screen`, with the sentence's vector where it could change something. Raises `EmbeddingError`."""
    return screen(message, setup, _vector(message, embedder, setup.own))


def explain(message: ScreenInput, embedder: Embedder | None, setup: Setup = PLAIN) -> Explained:
    """As `screen_with`, with what it saw. Raises `EmbeddingError`."""
    by_label = _by_label(message, setup, _vector(message, embedder, setup.own))
    normalized = normalize(message.text)
    return Explained(
        _verdict(message, by_label, setup),
        tuple(item.sign for items in by_label.values() for item in items if item.part == 0),
        {label: _score(items) for label, items in by_label.items()},
        _reading(normalized).text,
        tuple(Disguise(one.word, *normalized.span(one.start, one.end), one.view) for one in disguised(normalized.text)),
    )


def _vector(message: ScreenInput, embedder: Embedder | None, own: Classifier | None) -> Array | None:
    if embedder is None or not message.text.strip():
        return None
    reading = _reading(normalize(message.text))
    return embedder.embed([reading.text])[0] if risk_classifier.wants_vector(reading, embedder, own) else None


def _by_label(message: ScreenInput, setup: Setup, vector: Array | None) -> dict[RiskLabel, list[_Found]]:
    parts = (message.text, *(attachment.name for attachment in message.attachments))
    found = [_Found(sign, n) for n, part in enumerate(parts) for sign in _look(part, message, setup)]
    found += [_Found(sign, 0) for sign in (*message.signs, *_classified(message.text, setup, vector))]
    by_label: dict[RiskLabel, list[_Found]] = defaultdict(list)
    for item in found:
        if item.sign.label not in setup.rules.off:
            by_label[item.sign.label].append(item)
    return by_label


def _verdict(message: ScreenInput, by_label: dict[RiskLabel, list[_Found]], setup: Setup) -> RiskVerdict:
    scores = {label: _score(items) for label, items in by_label.items()}
    holding = {label for label, score in scores.items() if score >= setup.threshold(label)}
    holding -= _overheard(by_label, scores, holding & _PROMOTING)
    if _is_own_contact(by_label, holding):
        holding.discard(RiskLabel.PRIVACY)
    if not holding:
        return _without_label(message, max(scores.values(), default=0.0), setup.thresholds)
    masked = tuple(mask(part).text for part in (message.text, *(one.name for one in message.attachments)))
    hits = sorted((_hit(label, by_label[label], masked) for label in holding), key=lambda hit: (-hit.score, hit.label))
    (level, action), reason = propose(holding, message.sender_role)
    return RiskVerdict(level=level, labels=tuple(hits), action=action, reason=reason)


def _reading(normalized: Normalized) -> Reading:
    return read(normalized, disguised(normalized.text))


def _look(text: str, message: ScreenInput, setup: Setup) -> list[Sign]:
    if not text:
        return []
    normalized = normalize(text)
    signs = [sign for layer in setup.layers for sign in layer(normalized, message)]
    added = added_hits(setup.rules, normalized)
    signs += [Sign(hit.label, hit.weight, hit.start, hit.end, COMMUNITY, hit.word) for hit in added]
    return _excused(signs, normalized, setup)


def _classified(text: str, setup: Setup, vector: Array | None) -> list[Sign]:
    if not text:
        return []
    normalized = normalize(text)
    signs = risk_classifier.signs(normalized, _reading(normalized), vector, setup.own)
    return _excused(signs, normalized, setup)


def _talked_about(sign: Sign) -> Sign:
    """Who warns of an offer or tells of an insult uses its words."""
    return sign._replace(weight=round(sign.weight * ABOUT.get(sign.label, 1.0), 4))


def _excused(signs: list[Sign], normalized: Normalized, setup: Setup) -> list[Sign]:
    """Less what the text only talks about, without what the community allows. Danger to life is heard in whatever
    phrase it stands."""
    if any(sign.label in ABOUT for sign in signs) and frames.is_about(normalized):
        signs = [_talked_about(sign) for sign in signs]
    fine = allowed_spans(setup.rules, normalized)
    return [
        sign
        for sign in signs
        if sign.label is RiskLabel.SELF_HARM or not any(start <= sign.start and sign.end <= end for start, end in fine)
    ]


def _score(items: Iterable[_Found]) -> float:
    weights: dict[tuple[str, str], float] = defaultdict(float)
    for sign, _ in items:
        weights[sign.layer, sign.key] = max(weights[sign.layer, sign.key], sign.weight)
    # What a deployment's people decided has the last word on weak rules; a strong one still holds by itself.
    own = weights.pop((risk_classifier.OWN_LAYER, risk_classifier.OWN_LAYER), 0.0)
    return round(max(own, 1 - prod(1 - weight for weight in weights.values())), 4)


def _overheard(
    by_label: dict[RiskLabel, list[_Found]], scores: dict[RiskLabel, float], holding: set[RiskLabel]
) -> set[RiskLabel]:
    """Labels that only echo a surer one. Every offer resembles every other: what only a classifier hears must come
    near the best, and an offer that has a name of its own is advertising besides only where it drops a contact."""
    best = max((scores[label] for label in holding), default=0.0)
    layers = {label: {item.sign.layer for item in by_label[label]} for label in holding}
    echoes = {label for label in holding if layers[label] <= _CLASSIFIERS and scores[label] < NEAR_BEST * best}
    named = holding - echoes - {RiskLabel.AD_SPAM}
    if RiskLabel.AD_SPAM not in holding or PATTERNS in layers[RiskLabel.AD_SPAM]:
        return echoes
    surer = any(scores[label] >= scores[RiskLabel.AD_SPAM] for label in named)
    return echoes | {RiskLabel.AD_SPAM} if surer else echoes


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
    # A word or form tells a person more than the runs that a classifier weighed.
    heaviest = sorted(items, key=lambda item: (item.sign.layer in _CLASSIFIERS, -item.sign.weight, item.sign.start))
    quotes = dict.fromkeys(masked[part][sign.start : sign.end][:_LONGEST_QUOTE] for sign, part in heaviest)
    return RiskHit(
        label=label,
        score=_score(items),
        spans=tuple(spans),
        evidence=" … ".join(list(quotes)[:_MOST_QUOTES]),
        layer="+".join(dict.fromkeys(sign.layer for sign, _ in items)),
    )
