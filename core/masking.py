"""Personal data replaced by stars, for everything that isn't its owner's record: text, logs, events, prompts.

A mask keeps the length in code points, so a span fits the masked and the original text alike. Enough stays to
recognise a number one knows, too little to call or to identify: 138****8000, 110*************15, z*******@qq.com.
"""

from collections.abc import Iterator
from string import ascii_lowercase, digits
from typing import NamedTuple

from core.addresses import public_part
from core.personal_data import Finding, PersonalDataKind, find_in_normalized, find_personal_data
from core.text import normalize

__all__ = ["Finding", "Masked", "PersonalDataKind", "find_personal_data", "mask", "mask_values"]

_STAR = "*"
_ACCOUNT = frozenset(f"{ascii_lowercase}{digits}._%+-")
"""What stands before the @ of an e-mail address, or before what it is called instead."""
_MAX_DEPTH = 50
_INT_FROM, _INT_BELOW = 10**10, 10**19  # 11 digits: the shortest personal number; 19: the longest
# How many letters and digits stay readable: at the start, at the end.
_KEPT = {
    PersonalDataKind.ID_CARD: (3, 2),
    PersonalDataKind.BANK_CARD: (0, 4),
    PersonalDataKind.PLATE: (2, 2),
    PersonalDataKind.PASSPORT: (0, 2),
    PersonalDataKind.QQ: (0, 2),
    PersonalDataKind.WECHAT_ID: (0, 2),
    PersonalDataKind.ORDER_NO: (0, 4),
    PersonalDataKind.TRACKING_NO: (0, 4),
}


class Masked(NamedTuple):
    """A text of the length received, with stars, and what was found in it (in order, not overlapping)."""

    text: str
    findings: tuple[Finding, ...]


def mask(text: str) -> Masked:
    """Replaces the telling characters of all personal data by `*`; masking a masked text changes nothing.

    A masked part may free its neighbour (an ID card next to a phone), so this looks again until nothing changes.
    """
    found: list[Finding] = []
    while True:
        masked, findings = _mask_once(text)
        found += [new for new in findings if not any(new.start < old.end and old.start < new.end for old in found)]
        if masked == text:
            return Masked(text, tuple(sorted(found, key=lambda it: it.start)))
        text = masked


def mask_values(value: object, _depth: int = 0) -> object:
    """A copy of `value` with every string in dicts (values, not keys), lists and tuples masked.

    An int of 11 to 19 digits that reads as personal data becomes its masked string. Tuples come back as plain tuples,
    anything else as it is; what lies deeper than 50 levels becomes `***`.
    """
    if _depth > _MAX_DEPTH:
        return _STAR * 3
    if isinstance(value, str):
        return mask(value).text
    if isinstance(value, int) and _INT_FROM <= value < _INT_BELOW:
        masked = mask(str(value))
        return masked.text if masked.findings else value
    if isinstance(value, dict):
        return {key: mask_values(item, _depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [mask_values(item, _depth + 1) for item in value]
    if isinstance(value, tuple):
        return tuple(mask_values(item, _depth + 1) for item in value)
    return value


def _mask_once(text: str) -> tuple[str, list[Finding]]:
    plain = normalize(text)
    chars = list(text)
    findings = []
    for finding in find_in_normalized(plain):
        findings.append(Finding(finding.kind, *plain.span(finding.start, finding.end)))
        for index in _hidden(plain.text, finding):
            start, end = plain.span(index, index + 1)
            chars[start:end] = _STAR * (end - start)
    return "".join(chars), findings


def _hidden(text: str, finding: Finding) -> Iterator[int]:
    """Indices of the characters of a finding (in the normalised text) that mustn't be read."""
    kind, start, end = finding
    telling = [index for index in range(start, end) if text[index].isalnum()]
    if kind is PersonalDataKind.PHONE:
        yield from telling[-8:-4]
    elif kind is PersonalDataKind.LANDLINE:
        yield from telling[-8:-2]
    elif kind is PersonalDataKind.EMAIL:
        at = next(index for index in range(start, end) if text[index] not in _ACCOUNT)
        yield from range(min(start + 1, at - 1), at)
    elif kind is PersonalDataKind.ADDRESS:
        yield from (index for index in telling if index >= start + public_part(text[start:end]))
    else:
        first, last = _KEPT[kind]
        yield from telling[first:-last]
