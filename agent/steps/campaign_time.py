"""When a brief wants its message to go out: 下周五晚上, 明天上午10点, 11月28日 15:30. Times of the event itself
(开播, 截止) are left alone."""

import re
from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple

_PARTS: Final = {
    "凌晨": 2,
    "半夜": 0,
    "深夜": 23,
    "午夜": 0,
    "清晨": 6,
    "早上": 9,
    "早晨": 9,
    "上午": 10,
    "中午": 12,
    "下午": 15,
    "傍晚": 18,
    "晚上": 20,
    "夜里": 23,
    "晚": 20,
    "早": 9,
}
_PART: Final = "|".join(_PARTS)
_CLOCK: Final = r"(\d{1,2}|[一二两三四五六七八九十]{1,3})(?:点钟?|时|:)(半|一刻|三刻|\d{1,2})?分?"
_DAY: Final = (
    r"大前天|前天|昨天|昨(?=晚)|上个?(?:周|星期|礼拜)[一二三四五六日天1-7]|今天|今(?=晚|早)|明天|明(?=晚|早)|后天|大后天|(?:下下|下|这|本)?个?(?:周|星期|礼拜)(?:[一二三四五六日天1-7])|(?:下|这|本)?周末|月底|下月初"
    r"|(?:\d{4}年)?\d{1,2}月\d{1,2}[日号]?|(?<![\d月])\d{1,2}[号日](?!线|楼)"
)
_TIME: Final = re.compile(rf"({_DAY})?([的 ])?({_PART})?({_CLOCK})?")
_SEND: Final = re.compile(r"发|推|通知|提醒|触达|送达|群发|安排")
_EVENT: Final = re.compile(
    r"开抢|开播|开始|开团|截止|到期|结束|举办|举行|有效|过期|直播(?!预告)|开讲|开门|下单立|之前付|前付款"
)
_DIGITS: Final = {char: number for number, char in enumerate("零一二三四五六七八九十")} | {"两": 2}
_WEEK: Final = "一二三四五六日"
_DAYS: Final = {
    "大前天": -3,
    "前天": -2,
    "昨天": -1,
    "昨": -1,
    "今天": 0,
    "今": 0,
    "明天": 1,
    "明": 1,
    "后天": 2,
    "大后天": 3,
}
_FIRST_YEAR: Final = 1990
_YEARS_AHEAD: Final = 50


class Wanted(NamedTuple):
    """`at` None: only the day was said, so the hour is chosen by when the segment is about. `past`: it is over."""

    day: date
    at: time | None
    words: str
    past: bool


def read(text: str, now: datetime) -> Wanted | None:
    """The moment of sending in a normalised brief; `now` in the reporting time zone. None where none is said."""
    found = [match for match in _TIME.finditer(text) if match[1] or (match[3] and match[3] not in "早晚") or match[4]]
    ranked = sorted((rank, n) for n, match in enumerate(found) if (rank := _rank(text, match)) is not None)
    return _wanted(found[ranked[0][1]], now) if ranked else None


def _rank(text: str, match: re.Match[str]) -> int | None:
    """0 where the clause says that something is sent, 1 where a day and time stand alone, 2 where a time does in a text
    that sends something, None for an event's."""
    start = max((text.rfind(mark, 0, match.start()) for mark in ",。;!?"), default=-1) + 1
    ends = [at for mark in ",。;!?" if (at := text.find(mark, match.end())) >= 0]
    clause = text[start : min(ends, default=len(text))]
    after = text[match.end() : match.end() + 4]
    if _EVENT.search(after) or (_EVENT.search(clause) and not _SEND.search(clause)):
        return None
    if _SEND.search(clause):
        return 0
    if match[1] and (match[3] or match[4]):
        return 1
    return 2 if match[3] and match[4] and _SEND.search(text) else None


def _wanted(match: re.Match[str], now: datetime) -> Wanted:
    day = _day(match[1], now.date()) if match[1] else now.date()
    at = _at(match[3], match[5], match[6]) if match[3] or match[4] else None
    # Without a day, a time that is over today means tomorrow's.
    if not match[1] and at is not None and datetime.combine(day, at, now.tzinfo) <= now:
        day += timedelta(days=1)
    past = day < now.date() or (at is not None and datetime.combine(day, at, now.tzinfo) <= now)
    return Wanted(day, at, match[0].strip(), past)


def _at(part: str | None, hour: str | None, minute: str | None) -> time:
    if hour is None:
        return time(_PARTS[part or "上午"])
    number = _number(hour)
    if part in ("下午", "傍晚", "晚上", "晚", "夜里", "深夜") and 1 <= number < 12:
        number += 12
    if part in ("晚上", "晚", "夜里", "半夜", "深夜", "凌晨", "午夜") and number == 12:
        number = 0
    if part == "中午" and number in (1, 2):
        number += 12
    minutes = (
        {"半": 30, "一刻": 15, "三刻": 45}.get(minute or "", 0) if not (minute or "").isdecimal() else int(minute or 0)
    )
    return time(number % 24, minutes % 60)


def _day(words: str, today: date) -> date:
    if words in _DAYS:
        return today + timedelta(days=_DAYS[words])
    if words == "月底":
        return _next_month(today) - timedelta(days=1)
    if words == "下月初":
        return _next_month(today)
    if "周末" in words or re.search(r"周|星期|礼拜", words):
        return _weekday(words, today)
    return _by_date(words, today)


def _weekday(words: str, today: date) -> date:
    monday = today - timedelta(days=today.weekday())
    last = words[-1]
    number = 5 if last == "末" else (int(last) - 1 if last.isdecimal() else _WEEK.index("日" if last == "天" else last))
    day = monday + timedelta(days=number)
    if words.startswith("上"):
        return day - timedelta(weeks=1)
    if words.startswith("下"):
        return day + timedelta(weeks=len(words) - len(words.lstrip("下")))
    # 周三 said on a Friday is the next one.
    return day if day >= today else day + timedelta(weeks=1)


def _by_date(words: str, today: date) -> date:
    numbers = [int(part) for part in re.findall(r"\d+", words)]
    year = numbers.pop(0) if len(numbers) == 3 else today.year
    month, day = numbers if len(numbers) == 2 else (today.month, numbers[0])
    try:
        if not _FIRST_YEAR <= year <= today.year + _YEARS_AHEAD:
            return today
        found = date(year, month, day)
    except ValueError:
        return today
    if found >= today or "年" in words:
        return found
    # A date of the year that lies far back is next year's; 5号 said on the 20th is next month's.
    if len(numbers) == 2:
        return found.replace(year=year + 1) if (today - found).days > 180 else found
    following = _next_month(today)
    return following + timedelta(days=min(day, 28) - 1)


def _next_month(today: date) -> date:
    return (today.replace(day=1) + timedelta(days=32)).replace(day=1)


def _number(written: str) -> int:
    if written.isdecimal():
        return int(written)
    tens, ten, ones = written.rpartition("十")
    if not ten:
        return _DIGITS.get(written, 0)
    return 10 * (_DIGITS.get(tens, 1) if tens else 1) + _DIGITS.get(ones, 0)
