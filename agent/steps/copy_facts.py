"""Facts of our own text that no source has: prices, dates, times, shares, discounts, links, numbers to call, and
quantities of which a source says otherwise. What follows from a source by arithmetic (99元3件, so 33元 each) stands."""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import combinations
from typing import Final

from agent.steps import grounding
from agent.steps.facts import UNITS, Fact, Located, located

_ALWAYS: Final = frozenset({"link", "phone", "date", "time", "discount"})
_PRICED: Final = re.compile(
    r"(只要|只需|仅需|仅|补|卖|售价?|价格?|价是|原价|现价|到手价?|券后价?|立减|满|减|降到|降价|才|收|付|涨到|定金|押金|运费|会费|票价|费|单价|起价|标价|报价"
    r"|优惠|省|¥|\$|花)(是|为|了|:|只|才|你|您)* ?$"
)
_TOLD: Final = re.compile(
    r"(质保|保修|保质期|有效期|有效|净含量|容量|续航|容积|限重|年龄|已有|已售|已卖|卖出|卖了|累计|突破|超过|服务了?|销量|售出|报名了?"
    r"|下单|好评|复购|粉丝|会员)(已经|已|超|达到?|近|约|是|为|了|:|过|出|共|数|破|上)* ?$"
)
_CODED: Final = re.compile(r"(码|口令|密码|暗号|账号|微信号?|群号|id)(是|为|:)? ?$")
_WORKED_OUT: Final = re.compile(
    r"折合|算下来|平均|每|合计|总共|一共|总计|共|加起来|到手|折后|券后|实付|单[件个价]|省|相当于|只要|便宜|一(件|盒|罐|提|箱|袋|瓶|包|斤|个|份|支)"
)
_COUNTED: Final = frozenset(
    {
        "天",
        "小时",
        "分钟",
        "年",
        "月",
        "周",
        "工作日",
        "积分",
        "人",
        "克",
        "千克",
        "斤",
        "毫升",
        "升",
        "厘米",
        "岁",
        "期",
        "场",
        "节",
        "课",
        "门",
    }
)
_LARGE: Final = re.compile(r"\d(?:\.\d+)?[万wk]")
_NO_SHARE: Final = frozenset({"一半", "半数", "百分百", "100%", "百分之百"})
_ARTICLE: Final = "一"
_MOST_PRICES, _MOST_COUNTED = 6, 1000
_CLAUSE: Final = re.compile(r"[,。;!?]")


@lru_cache(maxsize=512)
def _facts(source: str) -> tuple[Fact, ...]:
    """Sources come again and again: entries, values of slots."""
    return tuple(grounding.facts(source))


def find(plain: str, sources: Sequence[str]) -> Iterator[Located]:
    """Facts of a normalised text that the sources do not bear out, with their places."""
    here = located(plain)
    if not here:
        return
    known = [fact for source in sources for fact in _facts(source)]
    bare = grounding.bare_values(sources)
    worked = _worked_out(sources, here)
    for one in here:
        if one.fact.value in bare or not _counts(one, plain, known):
            continue
        if one.fact.kind == "day" and _in_known_days(one.fact, sources):
            continue
        if not _borne_out(one, known) and not _follows(one, plain, worked):
            yield one


def _counts(one: Located, plain: str, known: Sequence[Fact]) -> bool:
    """Whether it is a fact that somebody may rely on; 一包 and 今天 are ways of speaking."""
    fact, before = one.fact, plain[max(0, one.start - 8) : one.start]
    if fact.kind in _ALWAYS:
        return True
    if fact.kind == "share":
        return fact.text not in _NO_SHARE
    if fact.kind == "day":
        return fact.value[:1] == "周" and fact.value != "周末"
    if fact.kind == "code":
        return any(char.isdigit() for char in fact.text) and bool(_CODED.search(before))
    if fact.unit in ("元", "角"):
        return True
    if fact.unit in _COUNTED:
        return _is_told(one, before) or fact.unit == "积分" or _said_otherwise(fact, known)
    return _is_told(one, before) or (
        fact.unit not in UNITS and bool(_PRICED.search(before) or _LARGE.search(fact.text))
    )


def _in_known_days(fact: Fact, sources: Sequence[str]) -> bool:
    """周一到周五 are the 工作日 of a source, 周六 and 周日 its 周末."""
    name = "周末" if fact.value in ("周六", "周日") else "工作日"
    return any(name in source for source in sources)


def _is_told(one: Located, before: str) -> bool:
    return bool(_TOLD.search(before)) and not one.fact.text.startswith(_ARTICLE)


def _said_otherwise(fact: Fact, known: Sequence[Fact]) -> bool:
    same = [other for other in known if other.kind == "amount" and other.unit == fact.unit]
    return bool(same) and not fact.text.startswith(_ARTICLE)


def _borne_out(one: Located, known: Sequence[Fact]) -> bool:
    fact = one.fact
    if grounding.stands(fact, known):
        return True
    amounts = [other for other in known if other.kind == "amount"]
    if fact.kind == "amount" and fact.unit in ("元", ""):
        return any(other.value == fact.value and other.unit in ("", "元") for other in amounts)
    return fact.kind == "amount" and any(other.value == fact.value for other in amounts)


def _follows(one: Located, plain: str, worked: frozenset[str]) -> bool:
    if one.fact.kind != "amount" or one.fact.unit not in ("元", "") or not worked:
        return False
    first = max((match.end() for match in _CLAUSE.finditer(plain, 0, one.start)), default=0)
    said = plain[first : one.end + 4]
    return one.fact.value in worked and bool(_WORKED_OUT.search(said))


def _worked_out(sources: Sequence[str], here: Sequence[Located]) -> frozenset[str]:
    """What the prices of a source come to with counts and discounts that stand beside them, or are bought in `here`."""
    bought = [number for number in _counts_of([one.fact for one in here]) if number == int(number)]
    found: set[Decimal] = set()
    for source in sources:
        seen = _facts(source)
        prices = [Decimal(one.value) for one in seen if one.unit == "元" and one.value][:_MOST_PRICES]
        counts = _counts_of(seen)[:_MOST_PRICES]
        cuts = [Decimal(one.value) / 10 for one in seen if one.kind == "discount" and one.value]
        for price in prices:
            found |= {price / count for count in counts}
            found |= {price * count for count in (*counts, *bought)}
            found |= {price * cut for cut in cuts} | {price * (1 - cut) for cut in cuts}
        for one, other in combinations(prices, 2):
            found |= {one + other, abs(one - other)}
        if len(prices) > 2:
            found.add(sum(prices, Decimal(0)))
    return frozenset(spelled for number in found if number > 0 for spelled in _rounded(number))


def _counts_of(facts: Sequence[Fact]) -> list[Decimal]:
    counted = [one for one in facts if one.kind == "amount" and one.unit not in ("元", "角") and one.value]
    return [number for one in counted if 1 < (number := Decimal(one.value)) < _MOST_COUNTED]


def _rounded(number: Decimal) -> Iterator[str]:
    for places in ("1", "0.1", "0.01"):
        rounded = number.quantize(Decimal(places))
        if places != "1" or abs(rounded - number) < Decimal("0.005"):
            yield format(rounded.normalize(), "f")


def same_numbers(words: str, sources: Sequence[str]) -> bool:
    """Whether every number, day and time of `words` is also in a source, whatever it counts there."""
    known = [fact for source in sources for fact in _facts(source)]
    values = {fact.value for fact in known}
    return all(
        fact.value in values or grounding.stands(fact, known)
        for fact in grounding.facts(words)
        if not (fact.kind == "amount" and fact.text.startswith(_ARTICLE))
    )


def has_fact(words: str) -> bool:
    """Whether there is anything in it that could be right or wrong."""
    return any(not (one.kind == "amount" and one.text.startswith(_ARTICLE)) for one in grounding.facts(words))
