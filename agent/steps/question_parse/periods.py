"""Days that a question names: 上周, 近7天, 10月, 11月1号到15号, 这周比上周. Weeks start on Monday; what isn't over yet
ends today; a month or day without a year is the latest one that has begun."""

import re
from calendar import monthrange
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

from agent.steps.question_parse.interpretation import Days, Period

_DIGITS: Final = "零一二三四五六七八九"
_NUM: Final = r"(\d{1,4}|[一二两三四五六七八九十半]{1,3})"
_WEEKDAYS: Final = "一二三四五六日"
_LONGEST: Final = 3_650
"""Days of a rolling period; one that reaches further back is left unread and refused."""


class Mention(NamedTuple):
    """A period in the text, with where it stands and its unit (day, week, month, quarter, year, span)."""

    start: int
    end: int
    kind: str
    days: Days
    unit: str
    n: int | None = None


def number(word: str) -> int | None:
    """An integer in digits or Chinese up to 99; None for 半 or nothing."""
    if word.isdigit():
        return int(word)
    word = word.replace("两", "二")
    if "十" in word:
        tens, _, ones = word.partition("十")
        return (_DIGITS.find(tens) if tens else 1) * 10 + (_DIGITS.find(ones) if ones else 0)
    return _DIGITS.index(word) if word in _DIGITS and word else None


Make = Callable[[re.Match[str], date], tuple[str, Days, str, int | None] | None]
_RULES: list[tuple[re.Pattern[str], Make]] = []


def _rule(pattern: str) -> Callable[[Make], Make]:
    def add(make: Make) -> Make:
        _RULES.append((re.compile(pattern), make))
        return make

    return add


@lru_cache(maxsize=256)
def mentions(text: str, today: date) -> tuple[Mention, ...]:
    """Every period named, in the order of the text; a longer reading wins over a shorter one at the same place."""
    found: list[Mention] = []
    for pattern, make in _RULES:
        for match in pattern.finditer(text):
            if any(match.start() < one.end and one.start < match.end() for one in found):
                continue
            made = make(match, today)
            if made is not None:
                kind, days, unit, n = made
                found.append(Mention(match.start(), match.end(), kind, days, unit, n))
    return tuple(sorted(found))


def _upto(start: date, end: date, today: date) -> Days:
    """Cut at today where it has begun."""
    return Days(start=start, end=min(end, today) if start <= today else end)


def month(year: int, number: int) -> Days:
    return Days(start=date(year, number, 1), end=date(year, number, monthrange(year, number)[1]))


def _shift_month(day: date, by: int) -> Days:
    index = day.year * 12 + day.month - 1 + by
    return month(index // 12, index % 12 + 1)


def _week(today: date, by: int) -> Days:
    monday = today - timedelta(days=today.weekday() - 7 * by)
    return Days(start=monday, end=monday + timedelta(days=6))


def _quarter(year: int, number: int) -> Days:
    year, number = year + (number - 1) // 4, (number - 1) % 4 + 1
    return Days(start=month(year, number * 3 - 2).start, end=month(year, number * 3).end)


def _day(year: int | None, of_month: int, day: int, today: date) -> date | None:
    try:
        found = date(year or today.year, of_month, day)
    except ValueError:
        return None
    return found if year or found <= today else found.replace(year=found.year - 1)


def _year_of(word: str | None, today: date) -> int | None:
    if not word:
        return None
    if word.startswith("去"):
        return today.year - 1
    if word.startswith("今"):
        return today.year
    digits = int(word.rstrip("年"))
    return digits if digits > 99 else 2000 + digits


_YEAR = r"(?:(\d{4}年|\d{2}年|今年|去年)的?)?"
_TO = r"\s*(?:到|至|~|-|—|–)+\s*"
_D = r"(\d{1,2}|[一二三四五六七八九十]{1,3})"


@_rule(rf"{_YEAR}{_D}月{_D}[日号]?{_TO}(?:{_YEAR}{_D}月)?{_D}(?![\d年月])[日号]?")
def _span(match: re.Match[str], today: date) -> tuple[str, Days, str, int | None] | None:
    year, m1, d1, last_year, m2, d2 = match.groups()
    if last_year is None:
        return _between(_year_of(year, today), (m1, d1), (m2 or m1, d2), today)
    start = _day(_year_of(year, today), number(m1) or 0, number(d1) or 0, today)
    end = _day(_year_of(last_year, today), number(m2) or 0, number(d2) or 0, today)
    return None if start is None or end is None or end < start else ("range", Days(start=start, end=end), "span", None)


@_rule(rf"(?<![\d.])()(\d{{1,2}})[./](\d{{1,2}}){_TO}(\d{{1,2}})[./](\d{{1,2}})(?![\d.%])")
def _short_span(match: re.Match[str], today: date) -> tuple[str, Days, str, int | None] | None:
    _, m1, d1, m2, d2 = match.groups()
    return _between(None, (m1, d1), (m2, d2), today)


@_rule(rf"(\d{{4}})[-/.](\d{{1,2}})[-/.](\d{{1,2}}){_TO}(\d{{4}})[-/.](\d{{1,2}})[-/.](\d{{1,2}})")
def _iso_span(match: re.Match[str], _today: date) -> tuple[str, Days, str, int | None] | None:
    parts = [int(part) for part in match.groups()]
    try:
        return "range", Days(start=date(*parts[:3]), end=date(*parts[3:])), "span", None
    except ValueError:
        return None


def _between(
    year: int | None, first: tuple[str, str], last: tuple[str, str], today: date
) -> tuple[str, Days, str, int | None] | None:
    numbers = [number(part) for part in (*first, *last)]
    if None in numbers:
        return None
    m1, d1, m2, d2 = (one or 0 for one in numbers)
    start = _day(year, m1, d1, today)
    if start is None:
        return None
    end = _day(start.year, m2, d2, today)
    if end is not None and end < start:
        end = _day(start.year + 1, m2, d2, today)
    return None if end is None else ("range", Days(start=start, end=end), "span", None)


@_rule(rf"{_YEAR}{_D}月(?:份)?{_TO}{_D}月(?:份)?(?!\d)")
def _months(match: re.Match[str], today: date) -> tuple[str, Days, str, int | None] | None:
    year, first, last = _year_of(match[1], today), number(match[2]), number(match[3])
    if not first or not last or first > 12 or last > 12:
        return None
    known = year or (today.year if first <= today.month else today.year - 1)
    end = month(known if last >= first else known + 1, last).end
    return "range", _upto(month(known, first).start, end, today), "span", None


@_rule(rf"{_YEAR}{_D}月{_D}[日号]{_TO}(现在|今天|目前|昨天|今日)")
def _until_now(match: re.Match[str], today: date) -> tuple[str, Days, str, int | None] | None:
    start = _day(_year_of(match[1], today), number(match[2]) or 0, number(match[3]) or 0, today)
    end = today - timedelta(days=1) if match[4] == "昨天" else today
    return None if start is None or end < start else ("range", Days(start=start, end=end), "span", None)


@_rule(rf"{_YEAR}{_D}月{_D}[日号]|(?<=\D)()(\d{{1,2}})\.(\d{{1,2}})(?=[日号])")
def _single(match: re.Match[str], today: date) -> tuple[str, Days, str, int | None] | None:
    of_month, day = number(match[2] or match[5]), number(match[3] or match[6])
    found = _day(_year_of(match[1], today), of_month or 0, day or 0, today)
    return None if found is None else ("day", Days(start=found, end=found), "day", None)


@_rule(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")
def _iso(match: re.Match[str], _today: date) -> tuple[str, Days, str, int | None] | None:
    try:
        found = date(*(int(part) for part in match.groups()))
    except ValueError:
        return None
    return "day", Days(start=found, end=found), "day", None


@_rule(rf"(?:(?:最?近|过去|前|这|往前)的?)(?:这)?{_NUM}\s*(?:个)?(天|日|周|星期|礼拜|月|季度|年)(?:以?[内来])?")
def _rolling(match: re.Match[str], today: date) -> tuple[str, Days, str, int | None] | None:
    if match[0].startswith("前") and match[2] in "天日" and match[1] == "一":
        return None
    unit = {"天": 1, "日": 1, "周": 7, "星期": 7, "礼拜": 7, "月": 30, "季度": 90, "年": 365}[match[2]]
    count = number(match[1])
    length = unit // 2 if match[1] == "半" else unit * (count or 0)
    if match[1].startswith("半") and match[2] == "年":
        length = 183
    if not 0 < length <= _LONGEST:
        return None
    kind = "last_n_days"
    return kind, Days(start=today - timedelta(days=length - 1), end=today), "span", length


@_rule(rf"(?<!\d){_NUM}(天|周)(?:以?内|以来)")
def _within(match: re.Match[str], today: date) -> tuple[str, Days, str, int | None] | None:
    count = (number(match[1]) or 0) * (7 if match[2] == "周" else 1)
    if not 0 < count <= _LONGEST:
        return None
    return "last_n_days", Days(start=today - timedelta(days=count - 1), end=today), "span", count


@_rule(r"(上上|上|这|本)?个?(周|星期|礼拜)(末(?!(?:和|跟|与|还是)工作日)|[一二三四五六日天1-6])(?!起|开|活)")
def _weekday(match: re.Match[str], today: date) -> tuple[str, Days, str, int | None] | None:
    by = {"上上": -2, "上": -1}.get(match[1] or "", 0)
    monday = _week(today, by).start
    if match[3] == "末":
        start = monday + timedelta(days=5)
        if match[1] is None and start > today:
            start -= timedelta(days=7)
        return "weekend", _upto(start, start + timedelta(days=1), today), "span", None
    index = int(match[3]) - 1 if match[3].isdigit() else _WEEKDAYS.index("日" if match[3] == "天" else match[3])
    day = monday + timedelta(days=index)
    if match[1] is None and day > today:
        day -= timedelta(days=7)
    return "day", Days(start=day, end=day), "day", None


@_rule(r"(上上|上一|上|这一|这|本|当)(?:个|一)?(周|星期|礼拜)(?![一二三四五六天末]|日(?!活))")
def _weeks(match: re.Match[str], today: date) -> tuple[str, Days, str, int | None] | None:
    by = {"上上": -2, "上": -1, "上一": -1}.get(match[1], 0)
    days = _week(today, by)
    kind = {0: "this_week", -1: "last_week"}.get(by, "week")
    return kind, _upto(days.start, days.end, today), "week", None


@_rule(r"(上上|上|这|本)个?月(\d{1,2})[日号](?!\s*(?:到|至|~|-))")
def _day_of_that_month(match: re.Match[str], today: date) -> tuple[str, Days, str, int | None] | None:
    days = _shift_month(today, {"上上": -2, "上": -1}.get(match[1], 0))
    day = int(match[2])
    if not 1 <= day <= days.end.day:
        return None
    found = days.start.replace(day=day)
    return "day", Days(start=found, end=found), "day", None


@_rule(r"(上上|上一|上|这|本|当)个?月(?:份)?(底|初|上旬|中旬|下旬|上半月)?")
def _this_month(match: re.Match[str], today: date) -> tuple[str, Days, str, int | None] | None:
    by = {"上上": -2, "上": -1, "上一": -1}.get(match[1], 0)
    days = _shift_month(today, by)
    part = {"初": (1, 10), "上旬": (1, 10), "中旬": (11, 20), "下旬": (21, 31), "底": (21, 31), "上半月": (1, 15)}
    if match[2]:
        first, last = part[match[2]]
        start, end = days.start.replace(day=first), days.start.replace(day=min(last, days.end.day))
        return "span", _upto(start, end, today), "span", None
    kind = {0: "this_month", -1: "last_month"}.get(by, "month")
    return kind, _upto(days.start, days.end, today), "month", None


@_rule(r"(上|这|本)个?季度?|(?:(\d{4}年|今年|去年)的?)?(?:第?([一二三四1-4])季度|q([1-4]))")
def _quarters(match: re.Match[str], today: date) -> tuple[str, Days, str, int | None] | None:
    current = (today.month - 1) // 3 + 1
    if match[1]:
        if not match[0].endswith("季度") and not match[0].endswith("季"):
            return None
        days = _quarter(today.year, current - (1 if match[1] == "上" else 0))
    else:
        wanted = number(match[3] or match[4]) or 1
        year = _year_of(match[2], today) or (today.year if wanted <= current else today.year - 1)
        days = _quarter(year, wanted)
    return "quarter", _upto(days.start, days.end, today), "quarter", None


@_rule(r"(\d{4}年|今年|去年)?(上|下)半年")
def _half(match: re.Match[str], today: date) -> tuple[str, Days, str, int | None] | None:
    year = _year_of(match[1], today)
    second = match[2] == "下"
    if year is None:
        year = today.year if not second or today.month > 6 else today.year - 1
    start, end = month(year, 7 if second else 1).start, month(year, 12 if second else 6).end
    return "half_year", _upto(start, end, today), "span", None


_FEASTS: Final = {
    "双十一|双11": (11, 11, 11, 11),
    "双十二|双12": (12, 12, 12, 12),
    "国庆(?:节|假期|长假|期间)?|十一(?:假期|长假|期间)": (10, 1, 10, 7),
    "五一(?:假期|长假|期间|节)?|劳动节": (5, 1, 5, 5),
    "元旦": (1, 1, 1, 1),
    "六一(?:儿童节)?|儿童节": (6, 1, 6, 1),
    "三八(?:妇女)?节|妇女节|三八": (3, 8, 3, 8),
    "618": (6, 18, 6, 18),
}


def _feast(bounds: tuple[int, int, int, int]) -> Make:
    def make(match: re.Match[str], today: date) -> tuple[str, Days, str, int | None] | None:
        year = _year_of(match[1], today)
        start = _day(year, bounds[0], bounds[1], today)
        if start is None:
            return None
        last = start.replace(month=bounds[2], day=bounds[3])
        if match[2]:
            return "day", Days(start=start, end=start), "day", None
        return "feast", _upto(start, last, today), "span", None

    return make


for _words, _bounds in _FEASTS.items():
    _rule(rf"(今年|去年|\d{{4}}年)?的?(?:{_words})(当天|那天)?")(_feast(_bounds))


@_rule(rf"{_YEAR}{_D}月份?(?!\d|[日号])(?:整?个月)?(上半月|下半月|上旬|中旬|下旬|初|底)?")
def _named_month(match: re.Match[str], today: date) -> tuple[str, Days, str, int | None] | None:
    wanted = number(match[2])
    if not wanted or wanted > 12:
        return None
    year = _year_of(match[1], today) or (today.year if wanted <= today.month else today.year - 1)
    days = month(year, wanted)
    parts = {"上半月": (1, 15), "下半月": (16, 31), "上旬": (1, 10), "初": (1, 10), "中旬": (11, 20)}
    if match[3]:
        first, last = parts.get(match[3], (21, 31))
        days = Days(start=days.start.replace(day=first), end=days.start.replace(day=min(last, days.end.day)))
    return "month", _upto(days.start, days.end, today), "month", None


@_rule(r"大前天|前天|昨[天日晚]|昨儿|今[天日晚]|今儿|当天|此刻|现在|目前|当前|截至?到?目前")
def _near(match: re.Match[str], today: date) -> tuple[str, Days, str, int | None] | None:
    word = match[0]
    back = 3 if word.startswith("大前") else 2 if word.startswith("前") else 1 if word.startswith("昨") else 0
    day = today - timedelta(days=back)
    now = word in ("此刻", "现在", "目前", "当前") or word.startswith("截")
    kind = "now" if now else {0: "today", 1: "yesterday"}.get(back, "day")
    return kind, Days(start=day, end=day), "now" if now else "day", None


@_rule(r"今年(?:以来|至今|到现在)?|去年(?:全年)?|(?:20\d{2})年(?:全年)?")
def _years(match: re.Match[str], today: date) -> tuple[str, Days, str, int | None] | None:
    year = _year_of(match[0][:2] if match[0][0] in "今去" else match[0][:4], today) or today.year
    kind = {0: "this_year", -1: "last_year"}.get(year - today.year, "year")
    return kind, _upto(date(year, 1, 1), date(year, 12, 31), today), "year", None


@_rule(rf"(?<![\d月.])(\d{{1,2}})[日号]{_TO}(\d{{1,2}})[日号]")
def _days_of_month(match: re.Match[str], today: date) -> tuple[str, Days, str, int | None] | None:
    return _between(None, (str(today.month), match[1]), (str(today.month), match[2]), today)


@_rule(r"(?<![\d月.])(\d{1,2})[日号](?!群|店|链|留存|活|内)")
def _day_of_month(match: re.Match[str], today: date) -> tuple[str, Days, str, int | None] | None:
    day = int(match[1])
    base = today if day <= today.day else _shift_month(today, -1).start
    try:
        found = base.replace(day=day)
    except ValueError:
        return None
    return "day", Days(start=found, end=found), "day", None


SAME_TIME: Final = re.compile("去年(?:的)?同期")
_COMPARES: Final = re.compile(r"比|对比|相比|较之|vs|环比|同比|pk|差多少|和.{0,12}(?:差|变)")
_MOVED: Final = re.compile(
    r"(?:涨|跌|升|降|掉|提高|下滑|提升|下降|上升|增长|变化|变好|变差|好转|回升|减少)(?:了|没|多少|吗|还是|幅度|率|情况)"
)


def period(text: str, today: date) -> Period | None:
    """The period of a question, with its base where two are laid side by side; None where it names none."""
    found = [one for one in mentions(text, today) if not (one.unit == "now" and len(mentions(text, today)) > 1)]
    if not found:
        return None
    if SAME_TIME.search(text) and len(found) == 2:
        now = next(one for one in found if not SAME_TIME.match(text, one.start))
        return _with_base(now, _year_before(now.days), "yoy")
    if "同比" in text:
        return _with_base(found[0], _year_before(found[0].days), "yoy")
    if len(found) > 1 and _beside(text, found):
        now, base = _sides(text, found[0], found[1])
        return _with_base(now, base.days, "pop")
    only = found[0]
    before = text[: only.start]
    if re.search(r"(?:比|较|相比|对比|跟|和|与)(?:起|于)?\s*$", before) and re.search(r"比|较|多|少|涨|降|掉|变", text):
        now_days = _current(only, today)
        if now_days is not None:
            return Period(kind="compare", start=now_days.start, end=now_days.end, base=only.days, basis="pop")
    if "环比" in text or (_MOVED.search(text) and only.unit in ("week", "month", "day", "quarter")):
        return _with_base(only, _period_before(only, today), "mom" if only.unit == "month" else "pop")
    return Period(kind=only.kind, start=only.days.start, end=only.days.end, n=only.n)


def _beside(text: str, found: Sequence[Mention]) -> bool:
    between = text[found[0].end : found[1].start].strip()
    said = _COMPARES.search(text) or _MOVED.search(text) or re.search("分别|各", text)
    return bool(said) or between in ("和", "跟", "与", "、")


def clash(text: str, today: date, *, members: bool) -> str | None:
    """A period that `period` leaves out: a third one, a second beside which the first is not laid, one that hasn't
    begun, an evening, or an earlier year's same time with nothing to be the same as. With `members` 现在 is one too."""
    found = mentions(text, today)
    # 这个月到今天为止 says where a period ends, as it does anyway.
    until = [one for one in found if one.days.start == today and re.search("[到至止]$", text[: one.start])]
    spans = [one for one in found if one.unit != "now" and one not in until]
    read = period(text, today)
    for one in spans:
        evening = text[one.start : one.end].endswith("晚") and not re.match(
            r"[\d一二三四五六七八九十]+点", text[one.end :]
        )
        if one.days.start > today or evening:
            return text[one.start : one.end]
    if (same := re.search("(?:去年|上个?月|上周)?同期", text)) and (read is None or read.basis != "yoy"):
        return same[0]
    if members and spans and len(found) > len(spans) and (read is None or read.base is None):
        return next(text[one.start : one.end] for one in found if one.unit == "now")
    if len(spans) > (1 if read is None or read.base is None else 2):
        return text[spans[-1].start : spans[-1].end]
    if read is not None and read.base is not None and len(spans) == 2 and read.basis == "yoy" and "同期" not in text:
        # 10月同比去年 names the base; any other second period does not.
        return None if spans[1].kind == "last_year" else text[spans[1].start : spans[1].end]
    return None


def _with_base(now: Mention, base: Days, basis: str) -> Period:
    return Period.model_validate({"kind": "compare", **now.days.model_dump(), "n": now.n, "base": base, "basis": basis})


def _sides(text: str, first: Mention, second: Mention) -> tuple[Mention, Mention]:
    """这周比上周: the first is asked about; 上周和这周比: the later one is."""
    said = re.search(r"比|较", text[first.end : second.start])
    if said or first.days.start >= second.days.start:
        return first, second
    return second, first


def _current(base: Mention, today: date) -> Days | None:
    """What is meant beside 比上周: the same unit, one later."""
    if base.unit == "week":
        return _upto(*_ends(_week(base.days.start, 1)), today)
    if base.unit == "month":
        return _upto(*_ends(_shift_month(base.days.start, 1)), today)
    if base.unit == "day":
        return Days(start=base.days.end + timedelta(days=1), end=base.days.end + timedelta(days=1))
    return None


def _ends(days: Days) -> tuple[date, date]:
    return days.start, days.end


def _period_before(now: Mention, today: date) -> Days:
    start = now.days.start
    if now.unit == "week":
        return _week(start, -1)
    if now.unit == "month":
        return _shift_month(start, -1)
    if now.unit == "quarter":
        return _quarter(start.year, (start.month - 1) // 3)
    del today
    length = (now.days.end - start).days + 1
    return Days(start=start - timedelta(days=length), end=start - timedelta(days=1))


def _year_before(days: Days) -> Days:
    def back(day: date) -> date:
        return (
            day.replace(year=day.year - 1, day=28)
            if (day.month, day.day) == (2, 29)
            else day.replace(year=day.year - 1)
        )

    return Days(start=back(days.start), end=back(days.end))
