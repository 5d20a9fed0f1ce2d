"""Phone, ID card and bank card numbers among the digits of a normalised text, by length, grouping and check digit.

Digits may be grouped by separators. Where a group begins, every form is tried once, so the work grows with the length
of the text only.
"""

import re
from collections.abc import Callable, Iterator
from datetime import date
from itertools import pairwise
from typing import NamedTuple

_TIGHT = r"[.·•_‐-―−-]{1,3}"
_ANY_SIGN = r"[^\w\s¥$€%℃+=:<>@#&?!。;()]{1,2}"
_SEPARATOR = rf"(?: ?(?:{_TIGHT}|{_ANY_SIGN}) ?|\) ?\(?-?| ?\(| )"
_RUN = re.compile(rf"[0-9]++(?:{_SEPARATOR}[0-9]++)*+")
_GROUP = re.compile("[0-9]+")
_TIGHT_ONLY = re.compile(rf" ?(?:{_TIGHT})? ?|\)? ?\(?")
_LAST_X = re.compile("[ .-]?[x×](?![a-z0-9])")
_COUNTED = re.compile(" ?[年月日号点份个人箱位件:]")
_MIN_DIGITS = 11  # the shortest number looked for is a phone

# How a mobile number is grouped when nothing beside it says that it is one; 138 1999 might be two prices.
_MOBILE_GROUPS = frozenset(
    {(11,), (3, 4, 4), (3, 8), (7, 4), (4, 4, 3), (4, 3, 4), (3, 4, 2, 2), (3, 2, 2, 2, 2), (5, 6), (6, 5)}
)
_PHONE_CUE = re.compile("电话|手机|号码|联系|致电|拨打|打给|加我|微信|v信|vx|wx|tel|phone|mobile|call")
_PUBLIC_LINE_CUE = re.compile("热线|客服|总机|前台|服务电话|官方电话")
_WORD_BEFORE = re.compile("(?:^|[^a-z])([a-z]+)$")
_PHONE_WORDS = frozenset(
    ("tel", "phone", "mobile", "call", "dial", "vx", "wx", "v", "p", "t", "m", "qq", "hao", "dianhua", "shouji")
)
_ID_WORDS = frozenset(("sfz", "id", "card", "no"))
# A Latin name before a phone is nothing; these letters belong to a code.
_CODE_WORD = re.compile("sf|yt|jt|jd|sto|zto|dpk|ems|imei|isbn|code|uid|vip|abc")
_MONEY_BEFORE = re.compile("[¥$€] ?$")
_AMOUNT_AFTER = re.compile(r" ?(?:元|块|万|亿|rmb|人?次(?!次))|\.[0-9]{2}(?![0-9号])")
_CARD_CUE = re.compile("卡号|银行卡|储蓄卡|信用卡|借记卡|账号|账户|打款|转账|汇款|[工农中建交招]行|[一-鿿]银行")
_ID_CUE = re.compile("身份证|证件号|sfz")
_PARCEL_CUE = re.compile("单号|运单|快递|订单|imei")
_CUE_WINDOW = 12

_MOBILE = re.compile("(?P<country>(?:0{0,2}86)?)1[3-9][0-9]{9}")
_LANDLINE = re.compile("0(?:10|2[0-9])[2-9][0-9]{7}|0[3-9][0-9]{2}[2-9][0-9]{6}")
_LONG_LANDLINE = re.compile("0[3-9][0-9]{2}[2-9][0-9]{7}")
_FROM_ABROAD = re.compile("0{0,2}86(?:(?:10|2[0-9])[2-9][0-9]{7}|[3-9][0-9]{2}[2-9][0-9]{6})")
_LONG_FROM_ABROAD = re.compile("0{0,2}86[3-9][0-9]{2}[2-9][0-9]{7}")
_DAY = "(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
# GB/T 2260: first two digits of an ID card, by province; 81 to 83 are residence permits.
_PROVINCE = "(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3])"
_ID_CARD = re.compile(f"{_PROVINCE}[0-9]{{4}}(?:19|20)[0-9]{{2}}{_DAY}[0-9]{{3}}[0-9x]")
_OLD_ID_CARD = re.compile(f"{_PROVINCE}[0-9]{{6}}{_DAY}[0-9]{{3}}")
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # GB 11643-1999, ISO 7064 MOD 11-2
_ID_CHECK = "10x98765432"
# Issuer ranges seen on cards used in China: UnionPay 62, older 60 and 9558; with 16 digits Visa, Mastercard, JCB.
_ISSUED_CARD = re.compile("(?:62|60|9558)[0-9]{12,}|(?:4|5[1-5]|35)[0-9]{14,}")
_CARD_ISSUER = re.compile("62|60|9558|(?=[0-9]{16}$)(?:4|5[1-5]|35)")
_CARD_BEGINS = frozenset((1, 4, 6, 16, 17, 18, 19))
_CARD_LENGTHS = (16, 17, 18, 19)  # ISO/IEC 7812


class Window(NamedTuple):
    """Digits of neighbouring groups, the sizes of these, and where they stand in the text (half-open).

    `tight`: only spaces, dashes, dots and brackets between them. `even`: the same between all of them. `alone`: no
    further digits beside it in the same manner (1.0.138.20261121 is a version).
    """

    digits: str
    groups: tuple[int, ...]
    start: int
    end: int
    tight: bool
    even: bool
    alone: bool

    @property
    def one_by_one(self) -> bool:
        """1 3 8 0 0 …, and 1.3.8.00. where a digit had a dot of its own."""
        return self.alone and self.groups.count(1) >= 8 and max(self.groups) <= 2


class _Run(NamedTuple):
    """Digits in groups: `heads[i]` and `tails[i]` are offsets in `digits` where group i begins and ends."""

    text: str
    digits: str
    groups: list[re.Match[str]]
    heads: list[int]
    tails: dict[int, int]


Test = Callable[[str, Window], bool]


def find_numbers(text: str, read: str, start: int = 0, end: int | None = None) -> Iterator[tuple[str, int, int]]:
    """(kind, start, end) of every number in `read[start:end]`; `text` is what was read so, character by character."""
    for match in _RUN.finditer(read, start, len(read) if end is None else end):
        if match.end() - match.start() < _MIN_DIGITS:
            continue
        run = _run(read, match)
        for first, head in enumerate(run.heads):
            if len(run.digits) - head < _MIN_DIGITS:
                break
            if first and len(run.groups[first][0]) == len(run.groups[first - 1][0]) == 1:
                continue  # a number told digit by digit begins with its first
            for kind, window in _numbers_from(text, run, first, head):
                yield kind, window.start, window.end


def _run(read: str, match: re.Match[str]) -> _Run:
    groups = list(_GROUP.finditer(read, match.start(), match.end()))
    heads, tails, at = [], {}, 0
    for number, group in enumerate(groups):
        heads.append(at)
        at += len(group[0])
        tails[at] = number
    digits = "".join(group[0] for group in groups)
    if len(digits) >= 17 and _LAST_X.match(read, match.end()):
        digits += "x"
    return _Run(read, digits, groups, heads, tails)


def _numbers_from(text: str, run: _Run, first: int, head: int) -> Iterator[tuple[str, Window]]:
    start = run.groups[first].start()
    abroad = run.digits.startswith("00", head) or run.text[max(0, start - 1) : start] == "+"
    for kind, form, is_kind in _FORMS_FROM_ABROAD if abroad else _FORMS:
        if match := form.match(run.digits, head):
            window = _window(run, first, head, match.end())
            if window and is_kind(text, window):
                yield kind, window
    # A card in groups begins with four or six digits, or is told one by one.
    size = len(run.groups[first][0])
    if size in _CARD_BEGINS and (_ISSUED_CARD.match(run.digits, head) or (first == 0 and len(run.digits) >= 16)):
        for length in _CARD_LENGTHS:
            if (window := _window(run, first, head, head + length)) and is_bank_card(text, window):
                yield "bank_card", window


def _window(run: _Run, first: int, head: int, tail: int) -> Window | None:
    """The digits `head` to `tail` of a run as a window; None unless they end with a group."""
    with_x = run.digits[tail - 1 : tail] == "x"
    last = run.tails.get(tail - with_x)
    if last is None or tail > len(run.digits):
        return None
    groups = run.groups[first : last + 1]
    between = [run.text[one.end() : two.start()] for one, two in pairwise(groups)]
    kinds = {gap.strip() for gap in between}
    end = groups[-1].end()
    if with_x and (sign := _LAST_X.match(run.text, end)):
        end = sign.end()
    return Window(
        digits=run.digits[head:tail],
        groups=tuple(len(group[0]) for group in groups),
        start=groups[0].start(),
        end=end,
        tight=all(_TIGHT_ONLY.fullmatch(gap) for gap in between),
        even=len(kinds) <= 1,
        alone=not _goes_on(run, first, last, between),
    )


def _goes_on(run: _Run, first: int, last: int, between: list[str]) -> bool:
    """Do digits follow or precede that are set apart just as those inside are, by dots or one by one?"""
    dots = "." in between
    gaps = []
    if first:
        gaps.append((run.groups[first - 1], run.text[run.groups[first - 1].end() : run.groups[first].start()]))
    if last + 1 < len(run.groups) and not _COUNTED.match(run.text, run.groups[last + 1].end()):
        gaps.append((run.groups[last + 1], run.text[run.groups[last].end() : run.groups[last + 1].start()]))
    spread = len(between) >= 8
    return any((dots and gap == ".") or (spread and gap in between and len(other[0]) == 1) for other, gap in gaps)


def is_mobile(text: str, window: Window) -> bool:
    """A mainland mobile number, with or without +86, 0086 or 86; not an amount, not part of a code."""
    if not _stands_alone(text, window, _PHONE_WORDS, names=True) or _is_amount(text, window):
        return False
    if "." in text[window.start : window.end] and not window.alone:
        return False
    national = _without_country(window.groups, len(window.digits) - 11)
    if national in _MOBILE_GROUPS or window.one_by_one:
        return window.tight or window.even
    return window.tight and _cued(_PHONE_CUE, text, window.start)


def is_landline(text: str, window: Window) -> bool:
    """A number with its area code. One announced as a public line (热线, 客服, 总机) is nobody's personal data."""
    return _is_line(text, window, window.groups, 3 if window.digits[1] in "12" else 4)


def is_landline_from_abroad(text: str, window: Window) -> bool:
    """As `is_landline`, as +86 10 or 0086 755; without these signs it may be any number."""
    country = window.digits.index("86") + 2
    if country == 2 and text[max(0, window.start - 1) : window.start] != "+":
        return False
    return _is_line(text, window, _without_country(window.groups, country), 2 if window.digits[country] in "12" else 3)


def _is_line(text: str, window: Window, groups: tuple[int, ...], area: int) -> bool:
    shaped = (groups[0] in {area, sum(groups)} and len(groups) <= 3) or window.one_by_one
    return (
        shaped
        and (window.tight or window.even)
        and _stands_alone(text, window, _PHONE_WORDS)
        and not _cued(_PUBLIC_LINE_CUE, text, window.start)
    )


def is_id_card(text: str, window: Window) -> bool:
    """Eighteen digits by GB 11643 with a true check digit (any, beside the words 身份证)."""
    if not _is_date(window.digits[6:14]) or not _stands_alone(text, window, _ID_WORDS):
        return False
    if not (window.tight or window.even):
        return False
    return window.digits[17] == _id_check_digit(window.digits) or _cued(_ID_CUE, text, window.start)


def is_old_id_card(text: str, window: Window) -> bool:
    """The fifteen digits of before 1999."""
    return (
        window.tight
        and (len(window.groups) <= 3 or window.one_by_one)
        and _is_date("19" + window.digits[6:12])
        and _stands_alone(text, window, _ID_WORDS)
        and not _cued(_PARCEL_CUE, text, window.start)
    )


def is_bank_card(text: str, window: Window) -> bool:
    """Sixteen to nineteen digits that satisfy Luhn, from a known issuer or beside a word for a card or a transfer."""
    digits, groups = window.digits, window.groups
    grouped = len(groups) == 1 or groups[0] == 6 or set(groups[:-1]) == {4} or window.one_by_one
    if not (digits.isdigit() and grouped and len(set(digits)) > 1 and (window.tight or window.even)):
        return False
    issued = _CARD_ISSUER.match(digits) or _cued(_CARD_CUE, text, window.start)
    return bool(issued) and _luhn(digits) and _stands_alone(text, window, _ID_WORDS)


_FORMS: tuple[tuple[str, re.Pattern[str], Test], ...] = (
    ("id_card", _ID_CARD, is_id_card),
    ("id_card", _OLD_ID_CARD, is_old_id_card),
    ("phone", _MOBILE, is_mobile),
    ("landline", _LANDLINE, is_landline),
    ("landline", _LONG_LANDLINE, is_landline),
)
_FORMS_FROM_ABROAD = (
    *_FORMS,
    ("landline", _FROM_ABROAD, is_landline_from_abroad),
    ("landline", _LONG_FROM_ABROAD, is_landline_from_abroad),
)


def _without_country(groups: tuple[int, ...], country: int) -> tuple[int, ...]:
    """Sizes of the groups after the first `country` digits, wherever these stand."""
    left: list[int] = []
    for size in groups:
        taken = min(size, country)
        country -= taken
        if size > taken:
            left.append(size - taken)
    return tuple(left)


def _stands_alone(text: str, window: Window, words: frozenset[str], *, names: bool = False) -> bool:
    """Not part of a longer code: sf13800138000 is a parcel, tel13800138000 a phone, and lily13800138000 lily's."""
    after = text[window.end : window.end + 1]
    if after.isascii() and after.isalnum():
        return False
    word = _WORD_BEFORE.search(text, max(0, window.start - 12), window.start)
    if word is None:
        before = text[window.start - 1 : window.start]
        return not (before.isascii() and before.isalpha())
    return word[1] in words or (names and len(word[1]) >= 3 and not _CODE_WORD.match(word[1]))


def _is_amount(text: str, window: Window) -> bool:
    before = text[max(0, window.start - 2) : window.start]
    return _MONEY_BEFORE.search(before) is not None or _AMOUNT_AFTER.match(text, window.end) is not None


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
