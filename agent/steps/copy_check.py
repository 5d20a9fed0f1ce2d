"""Is our own text fit to go out? Claims that advertising law forbids, promises behind which nobody stands, personal
data, and facts that no cited source has. Read in context: 最后一页 and 首次下单 are no scarcity, no claim."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from agent.steps import claims, copy_facts, copy_privacy
from agent.steps.claims import Spot
from agent.steps.seller_spelling import read
from core import catalogue
from core.copy_hits import CopyHit
from core.text import Normalized, normalize
from core.vocabulary import CopyLabel

SERVICE: Final = "service"
"""The rule of promises of service: who types one stands behind it."""
_SLOT: Final = re.compile(r"\{[a-z][a-z0-9_]*\}")
_SCARCE: Final = re.compile(
    r"库存|现货|剩|余|限|名额|只收|共\d|截止|截单|截至|结束|到期|下架|停产|停售|售罄|最后|恢复原价|涨价|调价|返场|席|座|位|前[\d一二两三四五六七八九十百]|[送领售卖抢发]完"
)
_PLENTY: Final = re.compile(r"不限|充足|长期|随时|常备|(没有|无|不设)上限|面向全体|管够|长年|全年有效|敞开")
_URGES: Final = re.compile(
    r"手慢|手快|马上|立刻|即将|最后|只剩|仅剩|还剩|就剩|再不|错过|倒计时|今[天晚]|明天|疯抢|抢光|告急|紧张|不多|无几|末班"
)
_PRICE: Final = re.compile(r"低|便宜|价(?!值)|划算|优惠|实惠|cheap|price")
_HAN: Final = re.compile(r"[一-鿿]")
_SHARED_WITH_FACT, _SHARED = 0.4, 0.65


def check(text: str, sources: Sequence[str], masked: Sequence[tuple[int, int]] = ()) -> list[CopyHit]:
    """What is wrong with `text`, by place. `sources` are the texts that its facts may come from: cited entries, values
    of slots, the operator's own words; `masked` are spans of personal data of which only the mask is left."""
    return _all(text, sources, sources, masked)


def check_entry(text: str) -> list[CopyHit]:
    """As `check`, for an entry of the knowledge base: it is the source of its own facts. What urges runs out, and an
    entry stays: 只剩 3 份 is no rule, 送完为止 is one."""
    return _all(text, [text], None, ())


def blocking(hits: Sequence[CopyHit], *, typed: bool = False) -> list[CopyHit]:
    """Those that stop an approval. `typed`: a person wrote the words and stands behind their facts and promises."""
    return [hit for hit in hits if not (typed and warns_only(hit))]


def warns_only(hit: CopyHit) -> bool:
    """Whether it is no more than a warning in words that the decider typed."""
    return hit.label is CopyLabel.UNSUPPORTED_FACT or (hit.label is CopyLabel.FALSE_PROMISE and hit.rule == SERVICE)


def _all(
    text: str, sources: Sequence[str], scarce: Sequence[str] | None, masked: Sequence[tuple[int, int]]
) -> list[CopyHit]:
    plain = read(_SLOT.sub(lambda slot: " " * len(slot[0]), text))
    found = list(_claims(plain, sources, scarce))
    private = copy_privacy.find(text, sources)
    spans = [(one.start, one.end) for one in private]
    found += [_hit(CopyLabel.PRIVACY, span) for span in (*spans, *copy_privacy.masked(text, masked, sources))]
    found += [_hit(CopyLabel.UNSUPPORTED_FACT, (one.start, one.end)) for one in private if one.unknown]
    found += list(_unsupported(plain, sources, found))
    return sorted(_merged(found), key=lambda hit: (hit.span, hit.label))


def _claims(plain: Normalized, sources: Sequence[str], scarce: Sequence[str] | None) -> Iterator[CopyHit]:
    """`scarce` are the sources of what runs out; None where only urging words count."""
    for spot in claims.spots(plain.text, "copy"):
        label = CopyLabel(spot.rule.label)
        if label is CopyLabel.FALSE_SCARCITY and scarce is None:
            fine = not _URGES.search(plain.text, spot.start, spot.end)
        elif label is CopyLabel.FALSE_SCARCITY:
            fine = _stands(plain.text, spot, scarce or ())
        else:
            fine = spot.rule.sourced and _stands(plain.text, spot, sources)
        if not fine:
            words = plain.text[spot.start : spot.end]
            about_price = label is CopyLabel.ABSOLUTE_CLAIM and _PRICE.search(words)
            yield _hit(label, plain.span(spot.start, spot.end), "price" if about_price else spot.rule.advice)


def _stands(text: str, spot: Spot, sources: Sequence[str]) -> bool:
    """Whether a source says the same: the same numbers and days, and mostly the same words."""
    if not sources:
        return False
    words = text[spot.start : spot.end] if spot.rule.label == CopyLabel.FALSE_SCARCITY else text[slice(*spot.clause)]
    with_fact = copy_facts.has_fact(words)
    if with_fact and not copy_facts.same_numbers(words, sources):
        return False
    plain = [normalize(source).text for source in sources]
    if spot.rule.label == CopyLabel.FALSE_SCARCITY:
        meant = [source for source in plain if _SCARCE.search(source)]
        return any(not _PLENTY.search(source) and (with_fact or copy_facts.has_fact(source)) for source in meant)
    shared = max(_shared(words, plain), _shared(text[spot.start : spot.end], plain))
    return shared >= (_SHARED_WITH_FACT if with_fact else _SHARED)


def _shared(words: str, sources: Sequence[str]) -> float:
    """Which share of the characters of `words` one source has, at best."""
    chars = set(_HAN.findall(words))
    return max(len(chars & set(source)) / len(chars) for source in sources) if chars else 1.0


def _unsupported(plain: Normalized, sources: Sequence[str], others: Sequence[CopyHit]) -> Iterator[CopyHit]:
    """A number inside a claim or in somebody's address is not reported twice, but for money."""
    for one in copy_facts.find(plain.text, sources):
        span = plain.span(one.start, one.end)
        taken = any(hit.span[0] < span[1] and span[0] < hit.span[1] for hit in others)
        if not taken or (one.fact.unit == "元" and not _private(span, others)):
            yield _hit(CopyLabel.UNSUPPORTED_FACT, span)


def _private(span: tuple[int, int], hits: Sequence[CopyHit]) -> bool:
    return any(hit.label is CopyLabel.PRIVACY and hit.span[0] < span[1] and span[0] < hit.span[1] for hit in hits)


def _merged(hits: Sequence[CopyHit]) -> list[CopyHit]:
    """Of finds of one label that overlap the longest."""
    kept: list[CopyHit] = []
    for hit in sorted(hits, key=lambda hit: hit.span[0] - hit.span[1]):
        if not any(hit.label is one.label and hit.span[0] < one.span[1] and one.span[0] < hit.span[1] for one in kept):
            kept.append(hit)
    return kept


def _hit(label: CopyLabel, span: tuple[int, int], rule: str = "") -> CopyHit:
    key = f"copy.advice.{rule}" if rule else f"copy.{label.value}"
    return CopyHit(label=label, span=span, advice=catalogue.text(key), rule=rule)
