"""No amount, date, link or number to call may pass that the sources lack; the same fact in another spelling may."""

import pytest

from agent.steps.facts import facts
from agent.steps.grounding import unsupported


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("三天内退", "3天内退"),
        ("3天内退", "三天内退"),
        ("３天内退", "3 天内退"),
        ("5月1日截止", "2026年5月1日截止"),
        ("2026年5月1日截止", "5月1号截止"),
        ("五月一日截止", "2026-05-01截止"),
        ("1.5万元", "15000元"),
        ("15,000元", "一万五千元"),
        ("两百块钱", "￥200"),
        ("30元", "三十块"),
        ("百分之三十", "30%"),
        ("三成", "30%"),
        ("八五折", "85折"),
        ("8.5折", "85折"),
        ("晚上8点", "20:00"),
        ("上午九点半开门", "9：30开门"),
        ("打4008001234", "客服 400-800-1234"),
        ("7至15天", "7-15天"),
        ("十分钟", "10分钟"),
        ("星期天休息", "周日休息"),
        ("看 HTTPS://shop.example.com/a", "https://shop.example.com/a。"),
        ("5月1日至7日", "5月1日至7日"),
        ("两个工作日", "2个工作日"),
        ("叁拾元", "30元"),
        ("3—5天", "3-5天"),
        ("5 %", "百分之五"),
        ("十分抱歉，给您一个答复，千万别急，统一处理，万一有问题一起看", "好的"),
        ("1. 好的\n2. 行\n3、可以", "好的"),
    ],
)
def test_the_same_fact_in_another_spelling_stands(text: str, source: str) -> None:
    assert unsupported(text, [source]) == []


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("7天内退款", "7元运费"),
        ("退您30元", "退30%"),
        ("5天内到", "3天内到"),
        ("五天内到", "3天内到"),
        ("2025年5月1日", "2026年5月1日"),
        ("5月2日", "5月1日"),
        ("2026年5月1日", "2026年有活动"),
        ("20%", "5折"),
        ("9折", "8折"),
        ("晚上8点", "早上8点"),
        ("一周内", "请稍等"),
        ("明天发货", "48小时内发货"),
        ("周六休息", "周日休息"),
        ("加微信 xiaoman_07", "请联系客服"),
        ("用券 SAVE20", "有优惠券"),
        ("看 https://evil.example.com", "看 https://shop.example.com"),
        ("看 evil.example.com/x", "看 shop.example.com/x"),
        ("打13800138000", "打400-800-1234"),
        ("打95588", "打客服电话"),
        ("手机138****5678", "打客服电话"),
        ("3个工作日", "3天"),
        ("满100包邮", "满99包邮"),
        ("1.5万", "1.5元"),
        ("三包", "5包"),
        ("半小时", "1小时"),
        ("help@evil.example", "help@shop.example"),
        ("赔您伍佰元", "赔您五十元"),
        ("打幺三八零零一三八零零零", "打客服电话"),
        ("便宜 5 %", "便宜5元"),
        ("加evil点com", "看官网"),
    ],
)
def test_a_fact_that_the_source_lacks_does_not(text: str, source: str) -> None:
    assert unsupported(text, [source])


def test_a_bare_value_of_a_slot_takes_the_unit_around_it() -> None:
    assert unsupported("7天内退，21点下班", ["{days}天内退，{hour}点下班", "7", "21"]) == []


def test_ranges_are_two_facts_with_one_unit() -> None:
    assert [(fact.value, fact.unit) for fact in facts("7-15天")] == [("7", "天"), ("15", "天")]


@pytest.mark.parametrize(
    "text", ["", "。。。", "百" * 500, "1" * 5000, "万亿" * 300, "年月日", "¥", "9" * 40 + "万亿" * 9]
)
def test_odd_texts_do_no_harm(text: str) -> None:
    assert isinstance(facts(text), list)
