"""Our own text is checked in context: what misleads is found with its place, plain words pass."""

import pytest

from agent.steps.copy_check import blocking, check, check_entry
from core.vocabulary import CopyLabel

SCRIPT = "满99元减15元，会员日18号，客服电话400-820-8820。"
WRONG = {
    CopyLabel.ABSOLUTE_CLAIM: "全网最低价，快来看看",
    CopyLabel.FALSE_PROMISE: "用了保证瘦，没有套路",
    CopyLabel.MEDICAL_CLAIM: "吃它能根治便秘",
    CopyLabel.FALSE_SCARCITY: "手慢无，马上抢光",
    CopyLabel.PYRAMID_COMMISSION: "发展下线还有二级返佣",
    CopyLabel.REWARD_FOR_PRAISE: "好评返现，截图找客服",
    CopyLabel.PRIVACY: "有事打王姐的手机13812345678",
    CopyLabel.UNSUPPORTED_FACT: "今天下单打3折",
}


@pytest.mark.parametrize(("label", "text"), WRONG.items())
def test_what_misleads_is_found_in_its_place(label: CopyLabel, text: str) -> None:
    hits = check(text, [SCRIPT])
    assert label in {hit.label for hit in hits}
    assert all(0 <= hit.span[0] < hit.span[1] <= len(text) and hit.advice for hit in hits)


@pytest.mark.parametrize(
    "text",
    [
        "首次下单也能用",
        "看到最后一页有惊喜",
        "满99减15，18号会员日见",
        "有事打客服电话400-820-8820",
        "我们不承诺疗效，也不搞刷单",
        "最近上新了不少，最后祝您开心",
        "{member_name}，好久不见",
        "第一次来的朋友可以先看群规",
        "最好提前预约",
    ],
)
def test_plain_words_pass(text: str) -> None:
    assert check(text, [SCRIPT]) == []


def test_true_scarcity_may_be_told() -> None:
    assert check("只剩最后30份", ["这批还剩30份"]) == []
    assert {hit.label for hit in check("只剩最后20份", ["这批还剩30份"])} >= {CopyLabel.FALSE_SCARCITY}


def test_spans_count_the_characters_as_they_stand() -> None:
    text = "👋好久不见，全網最低價等您"
    (hit,) = check(text, [])
    assert text[hit.span[0] : hit.span[1]].startswith("全網最低")


@pytest.mark.parametrize(
    "text", ["全网最低价", "全 网 最 低 价", "全網最低價", "全网蕞低", "全网zui低", "业界TOP1", "销量ＮＯ．１"]
)
def test_the_lowest_price_is_blocked_in_any_spelling(text: str) -> None:
    # scope: 38
    (hit,) = check(f"姐妹们，{text}，快来", [])
    assert hit.label is CopyLabel.ABSOLUTE_CLAIM


def test_a_lowest_price_is_answered_with_what_to_write_instead() -> None:
    # scope: 38
    (hit,) = check("全网最低价的纸巾", [])
    assert hit.rule == "price" and hit.advice.startswith("写具体价格和比较依据")


@pytest.mark.parametrize(
    "text", ["保证一个月瘦 20 斤", "稳赚不赔，躺着收钱", "签约必过", "我们一定尽快处理", "稍后给您回复"]
)
def test_promises_are_flagged(text: str) -> None:
    # scope: 39
    assert CopyLabel.FALSE_PROMISE in {hit.label for hit in check(text, [])}


def test_a_promise_of_service_stands_where_a_rule_does() -> None:
    # scope: 39
    rule = "服务标准：群内提问48小时内回复"
    assert check("群内提问，我们保证48小时内回复", [rule]) == []
    assert check("群内提问，我们保证24小时内回复", [rule]) != []


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("标价1.5万", "标价15000元"),
        ("标价一万五", "标价15000元"),
        ("按原价的80%结算", "全场打8折"),
        ("打8折", "优惠20%"),
        ("三月五号开放", "开放日3月5日"),
        ("开放日是3/5", "开放日3月5日"),
        ("晚上八点开始", "20:00开始"),
        ("99元3件，平均每件33元", "99元/3件"),
        ("两件一共66元", "每件33元"),
        ("到手79元", "原价99元，立减20元"),
        ("一块二一斤", "1.2元一斤"),
        ("热线四零零八二零一一九零", "热线400-820-1190"),
        ("２９.９元", "29.9元"),
    ],
)
def test_a_fact_in_another_spelling_has_its_source(text: str, source: str) -> None:
    assert check(text, [source]) == []


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("标价1.5万", "标价12000元"),
        ("按85%结算", "全场打九折"),
        ("开放日是3/6", "开放日3月5日"),
        ("晚上九点开始", "20:00开始"),
        ("每提30元", "99元/3提"),
        ("看 https://files.example.net/v3", "看 https://files.example.net/v2"),
        ("改到周日", "周六开讲"),
        ("保修三年", "保修两年"),
    ],
)
def test_a_fact_that_differs_is_told(text: str, source: str) -> None:
    assert [hit.label for hit in check(text, [source])] == [CopyLabel.UNSUPPORTED_FACT]


def test_the_house_may_tell_its_own_number_and_nobody_elses() -> None:
    source = "客服电话400-820-8820，会员阿芸 17360284419"
    assert check("有事打客服电话400-820-8820", [source]) == []
    assert [hit.label for hit in check("会员阿芸 17360284419 已登记", [source])] == [CopyLabel.PRIVACY]


@pytest.mark.parametrize(
    "text",
    [
        "第一步，打开小程序",
        "唯一入口在群公告",
        "国家法定节假日客服休息",
        "最近天气转凉",
        "万能青年旅店的新专辑",
        "如实评价都欢迎，好的坏的都行",
        "任何人说包过，请直接举报",
        "老带新一人一次，不累计层级",
        "本品不能代替药物",
    ],
)
def test_what_only_looks_like_a_claim_passes(text: str) -> None:
    assert check(text, []) == []


def test_a_typed_fact_or_promise_warns_and_a_claim_stops() -> None:
    hits = check("我明天上午给您回电，送您5元，全网最低价", [])
    assert {hit.label for hit in blocking(hits, typed=True)} == {CopyLabel.ABSOLUTE_CLAIM}
    assert len(blocking(hits)) == len(hits) > 1


def test_an_entry_is_the_source_of_its_own_facts_but_not_of_what_runs_out() -> None:
    assert check_entry("每人限领1张，领完为止，满99元减15元。") == []
    assert [hit.label for hit in check_entry("只剩最后3份，手慢无")][:1] == [CopyLabel.FALSE_SCARCITY]


def test_a_text_of_usual_length_takes_milliseconds() -> None:
    import time

    text = "这周末我们和社区书店一起办亲子共读活动，周六下午三点在二楼活动室集合，请提前十分钟到场签到。" * 4
    check(text, [text])
    begun = time.perf_counter()
    for _ in range(10):
        check(text, [text])
    assert (time.perf_counter() - begun) / 10 < 0.03
