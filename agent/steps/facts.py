"""The facts of a text that can be right or wrong: amounts, dates, times, shares, links, numbers to call, codes.

Spelling is taken away, meaning is kept: 三天, 3天 and ３天 are one fact, 1.5万 and 15000 are one value, 7天 and 7元 are
two facts. Whatever runs of digits no rule understands still count, as they stand.
"""

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Final, Literal, NamedTuple

from core.text import normalize

Kind = Literal["link", "code", "phone", "date", "day", "time", "share", "discount", "amount"]


class Fact(NamedTuple):
    """`value` in one spelling, `unit` only for amounts (empty where none is named), `text` as found."""

    kind: Kind
    value: str
    unit: str
    text: str


_UNITS: Final = {
    "元": ("元钱", "块钱", "人民币", "元", "块", "rmb", "cny"),
    "角": ("角", "毛钱"),
    "工作日": ("个工作日", "工作日"),
    "小时": ("个小时", "小时", "个钟头", "钟头", "hours", "hour", "h"),
    "分钟": ("分钟", "mins", "min"),
    "秒": ("秒钟", "秒"),
    "天": ("天", "日", "days", "day"),
    "周": ("个星期", "个礼拜", "星期", "礼拜", "周"),
    "月": ("个月", "月"),
    "季": ("个季度", "季度"),
    "年": ("周年", "年"),
    "岁": ("周岁", "岁"),
    "积分": ("个积分", "积分"),
    "分": ("分",),
    "人": ("个人", "人", "位", "名"),
    "次": ("次", "回", "遍"),
    "倍": ("倍",),
    "千克": ("公斤", "千克", "kg"),
    "克": ("克", "g"),
    "斤": ("斤",),
    "毫升": ("毫升", "ml"),
    "升": ("升",),
    "厘米": ("厘米", "cm"),
    "毫米": ("毫米", "mm"),
    "米": ("米", "m"),
    "度": ("摄氏度", "度", "℃", "°c"),
    "张": ("张",),
    "件": ("件",),
    "单": ("单",),
    "份": ("份",),
    "个": ("个",),
    "条": ("条",),
    "款": ("款",),
    "级": ("级",),
    "楼": ("楼", "层"),
    "号": ("号",),
    "件套": ("件套",),
    **{word: (word,) for word in "包袋盒瓶罐片支双套台只箱本门节课期轮场颗粒桶束对卷盘杯碗间户家趟集页首"},
}
_UNIT_OF: Final = {word: unit for unit, words in _UNITS.items() for word in words}
UNITS: Final = frozenset(_UNITS)
_UNIT: Final = "|".join(sorted(map(re.escape, _UNIT_OF), key=len, reverse=True))
_DIGITS: Final = {char: number for number, char in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_FORMAL: Final = str.maketrans("壹贰叁肆伍陆柒捌玖拾佰仟幺", "一二三四五六七八九十百千一")
_TENS: Final = {"十": 10, "百": 100, "千": 1000}
_MYRIADS: Final = {"万": 10_000, "w": 10_000, "亿": 100_000_000, "k": 1_000}

_PLAIN: Final = r"\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?"
_WRITTEN: Final = "[零〇一二两三四五六七八九十百千万亿]+"
_NUMBER: Final = rf"(?:(?:{_PLAIN})(?:[百千万亿]+(?:\d+(?:\.\d+)?千?)?|[kw](?![a-z]))?|半|{_WRITTEN})"
_HOUR: Final = r"(?:\d{1,2}|[一二两三四五六七八九十]{1,3})"
_YEAR: Final = r"(?:\d{4}|[零〇一二三四五六七八九]{4})"
_HALVES: Final = "凌晨|清晨|早上|早晨|上午|中午|下午|傍晚|晚上|晚间|夜里|今晚|明早|早|晚"
_PARTS_OF_HOUR: Final = {"半": 30, "一刻": 15, "三刻": 45}
_A_NUMBER: Final = 4
"""Numerals in a row from which they are a number to call or a code, spelled out: 一三八零零…"""
_AFTER: Final = "[的了和或以内外后前起到至与及就可送减赠享满再是为在都也左多余有不要能会才即还]"
"""Characters that go on after a number without being its unit."""
_ARTICLES: Final = frozenset({"个", "份", "款", "张", "件", "条", "人", "级", "号", "楼", "单", "件套"})
"""With 一 these only introduce a thing (给您一个答复)."""

# Tried in this order at every place; what one has taken, no later one sees.
_RULES: Final = re.compile(
    "|".join(
        (
            r"(?P<link>(?:https?://|www\.)[a-z0-9_./?=&%#~:+@!-]+"
            r"|(?<![a-z0-9.@_-])(?:[a-z0-9][a-z0-9-]*\.)+[a-z]{2,}(?![a-z0-9@])(?:/[a-z0-9_./?=&%#~:+-]*)?)",
            r"(?P<mail>[a-z0-9_.+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)+)",
            r"(?P<masked>[a-z0-9@._-]*\*{2,}[a-z0-9*@._-]*)",
            r"(?P<phone>(?<![\d.])(?:\+?86[- ]?)?(?:1[3-9]\d[- ]?\d{4}[- ]?\d{4}|[48]00[- ]?\d{3,4}[- ]?\d{3,4}"
            r"|\(?0\d{2,3}[-) ]{0,2}\d{4}[- ]?\d{3,4}|09\d\d[- ]?\d{3}[- ]?\d{3}|0\d[- ]\d{4}[- ]\d{4})(?!\d))",
            r"(?P<dialled>[零〇一二三四五六七八九]{7,12})",
            r"(?P<code>[a-z_][a-z0-9_-]*\d[a-z0-9_-]*|[a-z][a-z0-9]*_[a-z0-9_]+|[a-z]{4,})",
            rf"(?P<days>{_HOUR}月{_HOUR}[日号]?[-–—~至到]{_HOUR}[日号])",
            r"(?P<date>\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?!\d)"
            rf"|(?:{_YEAR}年)?{_HOUR}月{_HOUR}[日号]?|{_YEAR}年(?:{_HOUR}月)?"
            r"|(?<![\d/.])(?:0?[1-9]|1[0-2])/(?:0?[1-9]|[12]\d|3[01])(?![\d/.%]))",
            rf"(?P<time>(?:{_HALVES})?\d{{1,2}}:\d{{2}}(?::\d{{2}})?|(?:{_HALVES})?{_HOUR}(?:点钟|点半|点[一三]刻|点\d{{1,2}}分?|点))",
            rf"(?P<off>(?:省|减|降|优惠|便宜)(?:了|掉|下|近|约)?(?:{_PLAIN}) ?%"
            rf"|(?:{_PLAIN}) ?% ?(?:的?(?:优惠|折扣)|off(?![a-z])))",
            rf"(?P<share>(?:{_PLAIN}) ?%|百分之(?:{_NUMBER})|百分百"
            rf"|(?:{_PLAIN}|[一二三四五六七八九])成(?![为了本员交长功新色熟品])|一半|半数)",
            r"(?P<discount>(?:\d+(?:\.\d+)?|[一二三四五六七八九]+)折|半价)",
            r"(?P<day>(?:周|星期|礼拜)[一二三四五六日天末]|今天|今日|今晚|明天|明日|明早|后天|昨天|当天|当日|次日|隔日|隔天|"
            r"本周|这周|下周|上周|本月|这个月|下个?月|上个?月|月底|月初|年底|今年|明年|去年|"
            r"马上|立刻|立即)",
            # 一块二, 9块9: the piece after it is tenths, unless it counts something.
            rf"(?P<coins>(?:{_PLAIN}|{_WRITTEN})块(?:\d|[一二三四五六七八九])(?:毛|角)?(?:(?=包邮)|(?!\d|[十百千万.]|折|{_UNIT})))",
            rf"(?P<amount>(?:(?P<sign>[¥$]) ?)?(?P<number>{_NUMBER})"
            rf"(?:(?P<to>[-–—~至到])(?P<upper>{_NUMBER}))?(?: ?(?P<unit>{_UNIT}))?"
            rf"(?P<other>(?(unit)(?!)|(?!{_AFTER})[\u4e00-\u9fff]))?)",
        )
    )
)
_RELATIVE: Final = {"今日": "今天", "明日": "明天", "当日": "当天", "隔日": "次日", "隔天": "次日", "这周": "本周"}
_RELATIVE_MONTHS: Final = {"这个月": "本月", "下个月": "下月", "上个月": "上月", "立刻": "马上", "立即": "马上"}


class Located(NamedTuple):
    """A fact and where it stands in the normalised text."""

    fact: Fact
    start: int
    end: int


def facts(text: str) -> list[Fact]:
    """All facts in their order, a range of two amounts as two."""
    return [one.fact for one in located(normalize(text).text)]


def located(plain: str) -> list[Located]:
    """All facts of a normalised text, with their places."""
    matches = _RULES.finditer(plain.translate(_FORMAL))
    return [Located(fact, *match.span()) for match in matches for fact in _read(match)]


def _read(match: re.Match[str]) -> Iterator[Fact]:
    kind, text = str(match.lastgroup), match[0]
    if kind in ("link", "mail"):
        yield Fact("link", re.sub(r"^(?:https?://)?(?:www\.)?", "", text).rstrip("./?&#:!"), "", text)
    elif kind in ("masked", "code"):
        yield Fact("code", text, "", text)
    elif kind == "phone":
        digits = re.sub(r"\D", "", text)
        yield Fact("phone", digits.removeprefix("86") if len(digits) == 13 else digits, "", text)
    elif kind == "dialled":
        yield Fact("phone", "".join(str(_DIGITS[char]) for char in text), "", text)
    elif kind == "coins":
        yield Fact("amount", _coins(text), "元", text)
    elif kind == "off":
        yield Fact("discount", _spelled(10 - Decimal(re.sub(r"[^\d.]", "", text)) / 10), "", text)
    elif kind == "days":
        month, first, last = re.findall(rf"({_HOUR})[月日号至到~–—-]?", text)[:3]
        yield Fact("date", f"-{_whole(month)}-{_whole(first)}", "", text)
        yield Fact("date", f"-{_whole(month)}-{_whole(last)}", "", text)
    elif kind == "date":
        yield Fact("date", _date(text), "", text)
    elif kind == "time":
        yield from _time(text)
    elif kind == "share":
        yield Fact("share", _share(text), "", text)
    elif kind == "discount":
        yield Fact("discount", _discount(text), "", text)
    elif kind == "day":
        yield Fact("day", _day(text), "", text)
    else:
        yield from _amounts(match)


def _date(text: str) -> str:
    """`year-month-day`, a part that is not named left empty."""
    if "月" not in text and "年" not in text:
        *year, month, day = (int(part) for part in re.split(r"[-/.]", text))
        return f"{year[0] if year else ''}-{month}-{day}"
    parts = re.fullmatch(r"(?:(.+?)年)?(?:(.+?)月)?(?:(.+?)[日号]?)?", text)
    assert parts is not None
    return "-".join("" if part is None else _whole(part) for part in parts.groups())


def _whole(text: str) -> str:
    """Digits of any kind; years are read digit by digit (二〇二六)."""
    if len(text) == 4 and all(char in _DIGITS for char in text):
        return "".join(str(_DIGITS[char]) for char in text)
    return str(value(text) or text)


def _time(text: str) -> Iterator[Fact]:
    parts = re.fullmatch(rf"({_HALVES})?({_HOUR})(?::(\d{{2}})(?::\d{{2}})?|点(钟|半|[一三]刻|(\d{{1,2}})分?)?)", text)
    assert parts is not None
    half, hour, minutes, tail, after = parts.groups()
    if text == "一点":
        return
    number = int(_whole(hour))
    if half in ("下午", "傍晚", "晚上", "晚间", "夜里", "今晚", "晚") and number < 12:
        number += 12
    elif number == 12 and half in ("晚上", "晚间", "夜里", "今晚", "晚"):
        number = 24
    told = minutes or after or _PARTS_OF_HOUR.get(tail or "", 0)
    yield Fact("time", f"{number}:{int(told):02}", "", text)


def _coins(text: str) -> str:
    whole, tenths = re.sub("[毛角]", "", text).split("块")
    return _spelled((value(whole) or Decimal(0)) + (value(tenths) or Decimal(0)) / 10)


def _share(text: str) -> str:
    if text in ("一半", "半数"):
        return "50"
    if text == "百分百":
        return "100"
    if text.endswith("成"):
        return _spelled((value(text[:-1]) or Decimal(0)) * 10)
    return _spelled(value(text.removesuffix("%").removeprefix("百分之").strip()))


def _discount(text: str) -> str:
    if text == "半价":
        return "5"
    written = text[:-1]
    if all(char in _DIGITS for char in written):
        written = "".join(str(_DIGITS[char]) for char in written)
    number = value(written) or Decimal(0)
    return _spelled(number / 10 if number >= 10 else number)


def _day(text: str) -> str:
    if text[:-1] in ("周", "星期", "礼拜"):
        return "周" + ("日" if text[-1] == "天" else text[-1])
    return _RELATIVE.get(text) or _RELATIVE_MONTHS.get(text, text)


def _amounts(match: re.Match[str]) -> Iterator[Fact]:
    unit = "元" if match["sign"] else _UNIT_OF.get(match["unit"] or "", "")
    if not unit and match["number"][0].isdigit():
        unit = match["other"] or ""
    for written in (match["number"], match["upper"]):
        if written is not None and not _only_a_word(written, unit, match):
            number = value(written)
            yield Fact("amount", _spelled(number) if number is not None else written, unit, match[0].strip())


def _only_a_word(written: str, unit: str, match: re.Match[str]) -> bool:
    """Whether numerals are part of a word or an article: 统一, 万一, 千万别, 十分抱歉, 给您一个答复."""
    if written[0].isdigit():
        return False
    if not unit and len(written) >= _A_NUMBER and set(written) <= _DIGITS.keys():
        return False
    if not unit:
        counts = bool(set(written) & set("十百千万亿")) and bool(set(written) & _DIGITS.keys())
        return written == "万一" or not counts
    if written == "一":
        before = match.string[max(0, match.start() - 1) : match.start()]
        return unit in _ARTICLES or before in tuple("统唯万单第之专同") or match.string[match.end() :].startswith("性")
    return (unit == "分" and written in ("十", "万")) or set(written) <= set("千万")


def value(written: str) -> Decimal | None:
    """The number that digits, Chinese numerals or both spell (1.5万, 三千五, 两百); None where they spell none."""
    text = written.replace(",", "")
    if text == "半":
        return Decimal("0.5")
    try:
        return Decimal(text)
    except InvalidOperation:
        return _chinese(text)


def _chinese(text: str) -> Decimal | None:
    total, section, current = Decimal(0), Decimal(0), Decimal(0)
    last = 0
    for piece in re.findall(r"\d+(?:\.\d+)?|\D", text):
        if piece in _TENS:
            section += (current or Decimal(1)) * _TENS[piece]
            current, last = Decimal(0), _TENS[piece]
        elif piece in _MYRIADS:
            total = (total + section + current or Decimal(1)) * _MYRIADS[piece]
            section, current, last = Decimal(0), Decimal(0), _MYRIADS[piece]
        elif piece[0].isdigit():
            current = Decimal(piece)
        elif piece in _DIGITS:
            current, last = current * 10 + _DIGITS[piece], 0 if piece in "零〇" else last
        else:
            return None
    # 三千五 is 3500: the last digit counts in the next lower unit.
    tail = current * last / 10 if last > 10 and 0 < current < 10 else current
    return total + section + tail


def _spelled(number: Decimal | None) -> str:
    if number is None:
        return ""
    return format(number.normalize(), "f")
