"""Personal data in a text as received: which kinds we know, and where they stand.

Contacts, orders, parcels and travel documents need a word that says what they are; numbers prove themselves by
length, grouping and check digit (`core/personal_numbers.py`), in whatever spelling (`core/spelled_digits.py`). Not
personal: amounts, dates, short numbers, service hotlines (10086, 95588, 12315, 400 and 800 numbers), the number of a
QQ group and our own ids.
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from core.addresses import find_addresses
from core.personal_numbers import find_numbers
from core.personal_words import find_by_words
from core.spelled_digits import in_words, plain_digits, spelled_runs
from core.text import Normalized, normalize


class PersonalDataKind(StrEnum):
    """What was found, most telling first: of two findings of one length the earlier kind wins."""

    ID_CARD = "id_card"
    PHONE = "phone"
    TRACKING_NO = "tracking_no"
    ORDER_NO = "order_no"
    BANK_CARD = "bank_card"
    EMAIL = "email"
    LANDLINE = "landline"
    PLATE = "plate"
    PASSPORT = "passport"
    QQ = "qq"
    WECHAT_ID = "wechat_id"
    ADDRESS = "address"


class Finding(NamedTuple):
    """`text[start:end]` of the text as received (code points, half-open) is personal data of this kind."""

    kind: PersonalDataKind
    start: int
    end: int


_RANK = {kind: rank for rank, kind in enumerate(PersonalDataKind)}
# msg_01K…: what core/ids.py makes, and the bare ULID that ties log lines together. By chance a WeChat id stands in it.
_OWN_ID = re.compile("(?<![a-z0-9_])(?:[a-z]{2,5}_)?(?=[0-9]{0,25}[a-z])0[0-9a-hjkmnp-tv-z]{25}(?![a-z0-9_])")


def find_personal_data(text: str) -> list[Finding]:
    """Personal data in `text`, in order, not overlapping: of two that overlap the longer stays."""
    plain = normalize(text)
    return [Finding(kind, *plain.span(start, end)) for kind, start, end in find_in_normalized(plain)]


def find_in_normalized(plain: Normalized) -> list[Finding]:
    """As `find_personal_data`, with spans of `plain.text`; for who also needs to know which characters count."""
    found = [Finding(PersonalDataKind(kind), start, end) for kind, start, end in _candidates(plain.text)]
    if not found:
        return found
    own = [match.span() for match in _OWN_ID.finditer(plain.text)]
    found = [it for it in found if not any(start <= it.start and it.end <= end for start, end in own)]
    taken = [False] * len(plain.text)
    chosen = []
    for finding in sorted(found, key=lambda it: (it.start - it.end, _RANK[it.kind], it.start)):
        if not any(taken[finding.start : finding.end]):
            taken[finding.start : finding.end] = [True] * (finding.end - finding.start)
            chosen.append(finding)
    return sorted(chosen, key=lambda it: it.start)


def _candidates(text: str) -> Iterator[tuple[str, int, int]]:
    yield from find_numbers(text, text)
    yield from _spelled_numbers(text)
    if (reading := in_words(text)) is not None:
        for kind, start, end in (*find_numbers(reading.text, reading.text), *_spelled_numbers(reading.text)):
            yield kind, *reading.span(start, end)
    yield from find_by_words(plain_digits(text))
    for start, end in find_addresses(text):
        yield PersonalDataKind.ADDRESS, start, end


def _spelled_numbers(text: str) -> Iterator[tuple[str, int, int]]:
    for start, end, read in spelled_runs(text):
        for kind, first, last in find_numbers(text, read, start, end):
            if text[first:last] != read[first:last]:
                yield kind, first, last
