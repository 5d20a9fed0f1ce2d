"""Personal data in a text as received: which kinds we know, and where they stand.

Contacts, orders, parcels and travel documents need a word that says what they are; numbers prove themselves by
length, grouping and check digit (`core/personal_numbers.py`). Not personal: amounts, dates, short numbers, service
hotlines (10086, 95588, 12315, 400 and 800 numbers) and the number of a QQ group.
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from core.addresses import find_addresses
from core.personal_numbers import is_bank_card, is_id_card, is_landline, is_mobile, spelled_mobiles, windows
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
# The lengths only save work: each test decides by itself.
_NUMBER_KINDS = (
    (PersonalDataKind.ID_CARD, is_id_card, {15, 18}),
    (PersonalDataKind.PHONE, is_mobile, {11, 13, 14, 15}),
    (PersonalDataKind.BANK_CARD, is_bank_card, {16, 17, 18, 19}),
    (PersonalDataKind.LANDLINE, is_landline, {11, 12}),
)
_LINK = "[ :：;,.=#>()\"'“”是为就→-]{0,4}"
_NO_COUNT = "(?![0-9]| ?(?:元|块|个|人|万|币|位|次|分|积分|年|月|%|\\(?群))"
_WECHAT = "(?:微信|威信|薇信|维信|徽信|v信|(?<![a-z])(?:vx|wx|wechat|weixin|v(?=[ :]))|加[我个]?v(?![a-z]))"
_WECHAT_ID = "(?P<value>[a-z][a-z0-9_-]{5,19}(?![a-z0-9_@-]|\\.[a-z]))"
_CODE = "(?:[a-z0-9]{10,24}|[0-9]{4}(?:[ -][0-9]{3,4}){2,5}|[a-z0-9]{2,20}(?:-[a-z0-9]{2,20}){1,3})(?![a-z0-9])"
# Every pattern matches the normalised text (lower case, half-width) and names its secret `value`. Quantifiers are
# bounded or possessive, so that the work stays linear in the text.
_PATTERNS = (
    (
        PersonalDataKind.EMAIL,
        r"(?<![a-z0-9._%+-])(?P<value>[a-z0-9._%+-]++@(?:[a-z0-9-]{1,63}\.){1,4}[a-z]{2,24})(?![a-z0-9])",
    ),
    (
        PersonalDataKind.PLATE,
        "(?P<value>[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼]"
        "[a-hj-np-z][ .·-]?(?=(?:[a-z]{0,2}[0-9]){3})"
        "(?:[a-hj-np-z0-9]{4}[a-hj-np-z0-9挂学警港澳领使]|[a-hj-np-z][a-hj-np-z0-9][0-9]{4}|[0-9]{5}[a-hj-np-z]))"
        "(?![a-z0-9])",
    ),
    (
        PersonalDataKind.PASSPORT,
        "(?:护照|passport|通行证)[^。!?\n0-9]{0,8}?(?P<value>[a-z]{1,2}[0-9]{7,8})(?![a-z0-9])",
    ),
    (
        PersonalDataKind.QQ,
        f"(?<!群)(?:(?<![a-z])qq|扣扣|抠抠|企鹅|q(?=号))号?码?{_LINK}(?P<value>[1-9][0-9]{{4,10}}){_NO_COUNT}",
    ),
    (PersonalDataKind.QQ, f"加我(?:好友|吧|呀|哦)?{_LINK}(?P<value>[1-9][0-9]{{5,10}}){_NO_COUNT}"),
    (PersonalDataKind.WECHAT_ID, f"{_WECHAT}(?:号码?|id)?{_LINK}(?P<value>[1-9][0-9]{{5,10}}){_NO_COUNT}"),
    (PersonalDataKind.WECHAT_ID, f"{_WECHAT}(?:(?:号码?|id){_LINK}| ?[:=是为]{_LINK}){_WECHAT_ID}"),
    (
        PersonalDataKind.WECHAT_ID,
        f"(?:{_WECHAT}{_LINK}|加我(?:好友|吧|呀|哦)?{_LINK})(?=[a-z_-]{{1,19}}[0-9]){_WECHAT_ID}",
    ),
    (PersonalDataKind.WECHAT_ID, "(?<![a-z0-9_])(?P<value>wxid_[a-z0-9]{10,20})(?![a-z0-9])"),
    (
        PersonalDataKind.TRACKING_NO,
        f"(?:快递|运单|物流|包裹|邮件)(?:编号|单号|号码|单|号){_LINK}(?P<value>{_CODE})",
    ),
    (
        PersonalDataKind.TRACKING_NO,
        "(?<![a-z0-9])(?P<value>(?:sf|yt|jt|jd|sto|zto|dpk)[a-z]{0,3}[0-9]{11,15})(?![a-z0-9])",
    ),
    (
        PersonalDataKind.ORDER_NO,
        f"(?:订单(?:编号|号码|号)?|单号|(?<![a-z])order(?: ?(?:no|id|number))?){_LINK}(?P<value>{_CODE})",
    ),
)
_COMPILED = tuple((kind, re.compile(pattern)) for kind, pattern in _PATTERNS)
_NO_WECHAT_ID = re.compile(
    "https?|www|iphone|ipad|android|windows|macbook|huawei|xiaomi|wechat|official|program|please"
)
_CODE_KINDS = {PersonalDataKind.ORDER_NO, PersonalDataKind.TRACKING_NO}


def find_personal_data(text: str) -> list[Finding]:
    """Personal data in `text`, in order, not overlapping: of two that overlap the longer stays."""
    plain = normalize(text)
    return [Finding(kind, *plain.span(start, end)) for kind, start, end in find_in_normalized(plain)]


def find_in_normalized(plain: Normalized) -> list[Finding]:
    """As `find_personal_data`, with spans of `plain.text`; for who also needs to know which characters count."""
    taken = [False] * len(plain.text)
    chosen = []
    for finding in sorted(_candidates(plain.text), key=lambda it: (it.start - it.end, _RANK[it.kind], it.start)):
        if not any(taken[finding.start : finding.end]):
            taken[finding.start : finding.end] = [True] * (finding.end - finding.start)
            chosen.append(finding)
    return sorted(chosen, key=lambda it: it.start)


def _candidates(text: str) -> Iterator[Finding]:
    for window in windows(text):
        for kind, is_kind, lengths in _NUMBER_KINDS:
            if len(window.digits) in lengths and is_kind(text, window):
                yield Finding(kind, window.start, window.end)
    for start, end in spelled_mobiles(text):
        yield Finding(PersonalDataKind.PHONE, start, end)
    for kind, pattern in _COMPILED:
        for match in pattern.finditer(text):
            if _is_meant(kind, match["value"]):
                yield Finding(kind, *match.span("value"))
    for start, end in find_addresses(text):
        yield Finding(PersonalDataKind.ADDRESS, start, end)


def _is_meant(kind: PersonalDataKind, value: str) -> bool:
    if kind is PersonalDataKind.WECHAT_ID:
        return _NO_WECHAT_ID.match(value) is None and len(set(value)) > 1  # xxxxxx is somebody else's mask
    if kind in _CODE_KINDS:
        return sum(map(str.isdigit, value)) >= 6 and 10 <= sum(map(str.isalnum, value)) <= 24
    return True
