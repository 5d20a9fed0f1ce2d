"""Is our own text fit to go out? A first layer: claims that advertising law forbids, personal data, and facts that no
cited source has. The same patterns as for briefs, read in context: 最后一页 and 首次下单 are no scarcity, no claim."""

import re
from collections.abc import Sequence
from typing import Final

from agent.steps import campaign_traps, grounding
from core import catalogue
from core.copy_hits import CopyHit
from core.masking import mask
from core.text import normalize
from core.vocabulary import CopyLabel

_CLAIMS: Final = frozenset(
    {
        CopyLabel.ABSOLUTE_CLAIM,
        CopyLabel.FALSE_PROMISE,
        CopyLabel.MEDICAL_CLAIM,
        CopyLabel.FALSE_SCARCITY,
        CopyLabel.PYRAMID_COMMISSION,
        CopyLabel.REWARD_FOR_PRAISE,
    }
)
_ORDINAL: Final = ("最后", "第", "上", "下")
"""Before 一 these make an ordinal or a way of speaking (最后一页), no amount."""
_STARS: Final = re.compile(r"[a-z0-9@.]+\*{2,}[a-z0-9@.*]*|\*{2,}[a-z0-9@.]+|\*{4,}|[a-z0-9]\*@", re.I)
_SLOT: Final = re.compile(r"\{[a-z][a-z0-9_]*\}")


def check(text: str, sources: Sequence[str], masked: Sequence[tuple[int, int]] = ()) -> list[CopyHit]:
    """What is wrong with `text`, by place. `sources` are the texts that its facts may come from: cited entries, values
    of slots, the operator's own words; `masked` are spans of personal data of which only the mask is left."""
    found = [
        *_claims(text, sources),
        *_personal(text, sources),
        *_masked(text, masked),
        *_unsupported(text, sources),
    ]
    return sorted(found, key=lambda hit: (hit.span, hit.label))


def _claims(text: str, sources: Sequence[str]) -> list[CopyHit]:
    plain = normalize(text)
    found: dict[tuple[CopyLabel, int], CopyHit] = {}
    for spot in campaign_traps.spots(plain.text, _CLAIMS):
        label = CopyLabel(spot.label)
        # A countdown is true scarcity where a source has the number that is left, or the end.
        if label is CopyLabel.FALSE_SCARCITY and _stands(plain.text[spot.start : spot.end], sources):
            continue
        found.setdefault((label, spot.start), _hit(label, plain.span(spot.start, spot.end)))
    return list(found.values())


def _stands(words: str, sources: Sequence[str]) -> bool:
    return bool(grounding.facts(words)) and not grounding.unsupported(words, sources)


def _personal(text: str, sources: Sequence[str]) -> list[CopyHit]:
    """A number of the house's own, such as a hotline that a source has, may stand there."""
    known = [normalize(source).text for source in sources]
    return [
        _hit(CopyLabel.PRIVACY, (finding.start, finding.end))
        for finding in mask(text).findings
        if not any(normalize(text[finding.start : finding.end]).text in source for source in known)
    ]


def _masked(text: str, spans: Sequence[tuple[int, int]]) -> list[CopyHit]:
    """A number with stars is of use to nobody, and still personal data: 138****5678."""
    found = {(max(0, start), min(end, len(text))) for start, end in spans}
    seen = {match.span() for match in _STARS.finditer(text)}
    seen = {one for one in seen if not any(one[0] < end and start < one[1] for start, end in found)}
    return [_hit(CopyLabel.PRIVACY, span) for span in sorted(found | seen) if span[0] < span[1]]


def _unsupported(text: str, sources: Sequence[str]) -> list[CopyHit]:
    text = _SLOT.sub(lambda slot: " " * len(slot[0]), text)
    plain = normalize(text)
    found: list[CopyHit] = []
    begin = 0
    for fact in grounding.unsupported(text, sources):
        words = normalize(fact.text).text
        at = plain.text.find(words, begin)
        at = plain.text.find(words) if at < 0 else at
        if at < 0:
            found.append(_hit(CopyLabel.UNSUPPORTED_FACT, (0, len(text))))
        elif not (words.startswith("一") and plain.text.endswith(_ORDINAL, 0, at)):
            begin = at + len(words)
            found.append(_hit(CopyLabel.UNSUPPORTED_FACT, plain.span(at, at + len(words))))
    return found


def _hit(label: CopyLabel, span: tuple[int, int]) -> CopyHit:
    return CopyHit(label=label, span=span, advice=catalogue.text(f"copy.{label.value}"))
