"""Our own text is checked in context: what misleads is found with its place, plain words pass."""

import pytest

from agent.steps.copy_check import check
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
