"""Phone, ID card and bank card numbers among the digits of a normalised text, by length, grouping and check digit.

Digits may be grouped by single separators. Every window of whole groups is looked at once, so the work grows with
the length of the text only.
"""

import re
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

_SEPARATOR = r"(?: ?[.·_‐-―−-] ?|\) ?| )"
_RUN = re.compile(rf"[0-9]++(?:{_SEPARATOR}[0-9]++)*+")
_GROUP = re.compile("[0-9]+")
_MIN_DIGITS, _MAX_DIGITS = 11, 19  # the shortest number looked for is a phone, the longest a card (ISO/IEC 7812)

# Spellings of digits that survive normalisation; used for mobile phones only, where eleven in a row are no chance.
_SPELLED = str.maketrans("零〇○洞一壹幺二贰两三叁四肆五伍六陆七柒拐八捌九玖o", "00001112223344556677788990")
_SPELLED_RUN = re.compile("[0-9零〇○洞一壹幺二贰两三叁四肆五伍六陆七柒拐八捌九玖o .·-]{11,}")

# How a mobile number is grouped when nothing beside it says that it is one; 138 1999 might be two prices.
_MOBILE_GROUPS = frozenset(
    {(11,), (3, 4, 4), (3, 8), (7, 4), (4, 4, 3), (4, 3, 4), (3, 4, 2, 2), (3, 2, 2, 2, 2), (5, 6), (6, 5)}
)
_MOBILE = re.compile(r"(?:0{0,2}86)?(1[3-9][0-9]{9})")
_LANDLINE = re.compile(r"0(?:10|2[0-9])[2-9][0-9]{7}|0[3-9][0-9]{2}[2-9][0-9]{6,7}")
_PHONE_CUE = re.compile("电话|手机|号码|联系|致电|拨打|打给|加我|微信|v信|vx|wx|tel|phone|mobile|call")
_PUBLIC_LINE_CUE = re.compile("热线|客服|总机|前台|服务电话|官方电话")
_LETTERS_BEFORE_PHONE = re.compile(r"(?:^|[^a-z])(?:tel|phone|mobile|call|dial|vx|wx|v|p|t|qq)$")
_MONEY_BEFORE = re.compile("[¥$€] ?$")
_MONEY_AFTER = re.compile(r" ?(?:元|块|万|亿|rmb)|\.[0-9]{2}(?![0-9号])")
_CARD_CUE = re.compile("卡号|银行卡|储蓄卡|信用卡|借记卡|账号|账户|打款|转账|汇款|[工农中建交招]行|[一-鿿]银行")
_ID_CUE = re.compile("身份证|证件号|sfz")
_PARCEL_CUE = re.compile("单号|运单|快递|订单|imei")
_CUE_WINDOW = 12

# GB/T 2260: first two digits of an ID card, by province; 81 to 83 are residence permits.
_PROVINCES = re.compile("1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]")
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # GB 11643-1999, ISO 7064 MOD 11-2
_ID_CHECK = "10x98765432"
# Issuer ranges seen on cards used in China: UnionPay 62, older 60 and 9558; with 16 digits Visa, Mastercard, JCB.
_CARD_ISSUER = re.compile("62|60|9558|(?=[0-9]{16}$)(?:4|5[1-5]|35)")


class Window(NamedTuple):
    """Digits of neighbouring groups, and where they stand in the text (half-open)."""

    digits: str
    groups: tuple[int, ...]
    start: int
    end: int


def windows(text: str, start: int = 0, end: int | None = None) -> Iterator[Window]:
    """Every run of whole digit groups in `text[start:end]` with 11 to 19 digits (or 17 and a final x)."""
    for run in _RUN.finditer(text, start, len(text) if end is None else end):
        groups = list(_GROUP.finditer(text, run.start(), run.end()))
        for first in range(len(groups)):
            yield from _windows_from(text, groups, first)


def is_mobile(text: str, window: Window) -> bool:
    """A mainland mobile number, with or without +86, 0086 or 86; not an amount of money, not part of a code."""
    match = _MOBILE.fullmatch(window.digits)
    if match is None or _is_money(text, window) or not _stands_alone(text, window):
        return False
    national = _without_country(window.groups, len(window.digits) - 11)
    spaced_out = national == (1,) * 11
    return national in _MOBILE_GROUPS or spaced_out or _cued(_PHONE_CUE, text, window.start)


def is_landline(text: str, window: Window) -> bool:
    """A number with its area code. One announced as a public line (热线, 客服, 总机) is nobody's personal data."""
    area = 3 if window.digits[1:2] in {"1", "2"} else 4
    grouped = window.groups[0] in {area, len(window.digits)} and len(window.groups) <= 3
    return (
        grouped
        and _LANDLINE.fullmatch(window.digits) is not None
        and _stands_alone(text, window)
        and not _cued(_PUBLIC_LINE_CUE, text, window.start)
    )


def is_id_card(text: str, window: Window) -> bool:
    """Eighteen digits by GB 11643 with a true check digit (any, beside the words 身份证), or the old fifteen."""
    digits = window.digits
    if not _PROVINCES.match(digits) or not _stands_alone(text, window):
        return False
    if len(digits) == 15:
        return _is_date("19" + digits[6:12]) and not _cued(_PARCEL_CUE, text, window.start)
    if len(digits) != 18 or not _is_date(digits[6:14]):
        return False
    return _id_check_digit(digits) == digits[17] or _cued(_ID_CUE, text, window.start)


def is_bank_card(text: str, window: Window) -> bool:
    """Sixteen to nineteen digits that satisfy Luhn, from a known issuer or beside a word for a card or a transfer."""
    digits = window.digits
    grouped = len(window.groups) == 1 or window.groups[0] == 6 or set(window.groups[:-1]) == {4}
    if not (16 <= len(digits) <= 19 and digits.isdigit() and grouped and len(set(digits)) > 1):
        return False
    issuer = _CARD_ISSUER.match(digits) or _cued(_CARD_CUE, text, window.start)
    return bool(issuer) and _luhn(digits) and _stands_alone(text, window)


def spelled_mobiles(text: str) -> Iterator[tuple[int, int]]:
    """Spans of mobile numbers written with words or look-alikes: 幺三八零零…, 138oo138ooo."""
    digits = text.translate(_SPELLED)
    for run in _SPELLED_RUN.finditer(text):
        if run[0] == digits[run.start() : run.end()]:
            continue
        for window in windows(digits, *run.span()):
            if is_mobile(text, window) and text[window.start : window.end] != digits[window.start : window.end]:
                yield window.start, window.end


def _windows_from(text: str, groups: list[re.Match[str]], first: int) -> Iterator[Window]:
    digits, sizes = "", []
    for group in groups[first:]:
        digits += group[0]
        sizes.append(len(group[0]))
        if len(digits) > _MAX_DIGITS:
            return
        if len(digits) >= _MIN_DIGITS:
            yield Window(digits, tuple(sizes), groups[first].start(), group.end())
        if len(digits) == 17 and text[group.end() : group.end() + 1] == "x":
            yield Window(digits + "x", tuple(sizes), groups[first].start(), group.end() + 1)


def _without_country(groups: tuple[int, ...], country: int) -> tuple[int, ...]:
    """Sizes of the groups after the first `country` digits, wherever these stand."""
    left: list[int] = []
    for size in groups:
        taken = min(size, country)
        country -= taken
        if size > taken:
            left.append(size - taken)
    return tuple(left)


def _stands_alone(text: str, window: Window) -> bool:
    """Not part of a longer code: sf13800138000 is a parcel, tel13800138000 a phone."""
    before, after = text[max(0, window.start - 8) : window.start], text[window.end : window.end + 1]
    if after.isascii() and after.isalnum():
        return False
    letter_before = before[-1:].isascii() and before[-1:].isalpha()
    return not letter_before or _LETTERS_BEFORE_PHONE.search(before) is not None


def _is_money(text: str, window: Window) -> bool:
    before = text[max(0, window.start - 2) : window.start]
    return _MONEY_BEFORE.search(before) is not None or _MONEY_AFTER.match(text, window.end) is not None


def _cued(cue: re.Pattern[str], text: str, start: int) -> bool:
    return cue.search(text, max(0, start - _CUE_WINDOW), start) is not None


def _is_date(digits: str) -> bool:
    try:
        born = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return 1900 <= born.year < 2100


def _id_check_digit(digits: str) -> str:
    return _ID_CHECK[sum(int(digit) * weight for digit, weight in zip(digits, _ID_WEIGHTS, strict=False)) % 11]


def _luhn(digits: str) -> bool:
    doubled = [int(digit) * (1 + i % 2) for i, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0
