"""What a question asks *for* (an amount, a time, a place, a way, a leave, a person …), and whether an answer holds it.

A near miss shares its subject with an entry and asks for something else: 运费多少 where the answer says only how to
pay. Patterns, no statistics; a question that shows none of them asks for anything.
"""

import re
from enum import StrEnum
from typing import Final

from core.text import normalize


class Asks(StrEnum):
    AMOUNT = "amount"
    WHEN = "when"
    HOW_LONG = "how_long"
    WHERE = "where"
    HOW = "how"
    MAY_I = "may_i"
    WHO = "who"
    WHY = "why"
    WHICH = "which"
    COUNT = "count"


_ASKED: Final = {
    Asks.AMOUNT: (
        r"多少钱|几块|几元|多少元|啥价|什么价|价格|贵不贵|收费|要钱|花钱|费用|多少米|块钱不|"
        r"便宜多少|省多少"
    ),
    Asks.HOW_LONG: (
        r"多久|多长时间|几天|几个?小时|多少天|几周|几个月|几年|多少个?工作日|要等|保多久|"
        r"啥时候能?好"
    ),
    Asks.WHEN: r"什么时候|啥时候|啥时|几点|几号|哪天|周几|星期几|哪个?时间|何时|几时|什么时间|多咱|截止",
    Asks.WHERE: r"哪里|哪儿|在哪|去哪|上哪|到哪|哪个地方|什么地方|入口|从哪|搁哪|地址|位置|怎么找到?",
    Asks.HOW: (
        r"怎么(?!样|不|没|这么|那么|回事)|咋(?!样|不|没|这么|回事)|如何|步骤|流程|方法|"
        r"教[教下我]|操作|咋整|怎样|怎麼"
    ),
    Asks.MAY_I: (
        r"可以.{0,12}[吗么不嘛？?]|能.{0,12}[吗么不嘛？?]|能不能|可不可以|行不行|"
        r"行吗|让不让|允许|支持.{0,8}[吗么不嘛]|给不给|可否|能否|会不会|成不"
    ),
    Asks.WHO: r"谁|哪位|找哪个|联系人|负责人",
    Asks.WHY: (
        r"为什么|为啥|怎么不|怎么没|咋不|咋没|凭什么|凭啥|怎么回事|咋回事|啥原因|什么原因|"
        r"怎么这么|怎么那么"
    ),
    Asks.WHICH: r"哪个|哪家|哪种|哪款|哪些|什么牌|啥牌|什么快递|选哪|哪一",
    Asks.COUNT: r"几次|几个|几件|多少个|多少次|几张|几回|多少分|多少积分|多少豆|几分|上限|最多|最少",
}
_HELD: Final = {
    Asks.AMOUNT: (
        r"\d+(?:\.\d+)?\s*(?:元|块|%|折)|免费|包邮|免运费|不收费|\d+减\d+|"
        r"运费"
    ),
    Asks.HOW_LONG: (
        r"\d+\s*(?:个)?\s*(?:天|小时|分钟|周|个月|月|年|工作日|日)|当天|次日|"
        r"[一二三两半]\s*(?:天|年|个月|周)|长期有效"
    ),
    Asks.WHEN: (
        r"\d+\s*[:点月日号]|每[周月天日]|周[一二三四五六日]|工作日|当天|次日|"
        r"\{[a-z_]*(?:time|day|hours)\}|节假日|年底|前"
    ),
    Asks.WHERE: r"「|在.{1,12}(?:里|处|页|上)|门店|小程序|公告|路|地址|首页|我的",
    Asks.HOW: r"打开|点[「开击选]|选|填|提交|联系|发给|申请|扫|登录|输入|先|用|按|找|「",
    Asks.MAY_I: (
        r"可以|不可以|能|不能|支持|不支持|不行|暂不|需要|请勿|不允许|禁止|只限|仅限|没有|"
        r"不接受|都有|不参与"
    ),
    Asks.WHO: r"客服|管理员|群主|专家|老师|师傅|\{group_manager\}|专员|人工|负责",
    Asks.WHY: r"因为|由于|原因|为了|可能是|通常是|一般是|多半|常见|没有?.{0,6}(?:就|会)",
    Asks.WHICH: r"顺丰|中通|圆通|京东|快递|微信|支付宝|分为|有.{1,10}种|包括|、",
    Asks.COUNT: (
        r"\d+\s*(?:次|个|件|张|人|分|枚|颗|单|包|禾豆|积分)|[一二三两]\s*(?:次|"
        r"个|件|张)|最多|上限|不限"
    ),
}
_ASKED_PATTERNS: Final = {asks: re.compile(pattern) for asks, pattern in _ASKED.items()}
_HELD_PATTERNS: Final = {asks: re.compile(pattern) for asks, pattern in _HELD.items()}


def asked_for(question: str) -> frozenset[Asks]:
    """What the question asks for; empty where no pattern shows it."""
    plain = normalize(question).text
    return frozenset(asks for asks, pattern in _ASKED_PATTERNS.items() if pattern.search(plain))


def held_by(answer: str) -> frozenset[Asks]:
    """What an answer could be an answer to."""
    plain = normalize(answer).text
    return frozenset(asks for asks, pattern in _HELD_PATTERNS.items() if pattern.search(plain))


def fit(asked: frozenset[Asks], held: frozenset[Asks]) -> float:
    """How far an answer holds what is asked for, 0 to 1; a half where nothing in particular is asked for."""
    return len(asked & held) / len(asked) if asked else 0.5
