"""What a question asks for, and whether an answer holds it."""

import pytest

from knowledge.asked_for import Asks, asked_for, fit, held_by


@pytest.mark.parametrize(
    ("question", "asks"),
    [
        ("寄到新疆多少钱", Asks.AMOUNT),
        ("退款要多久", Asks.HOW_LONG),
        ("啥时候开播呀", Asks.WHEN),
        ("發票在哪裡開", Asks.WHERE),
        ("咋弄退货", Asks.HOW),
        ("能用两张券吗", Asks.MAY_I),
        ("这事该找谁", Asks.WHO),
        ("凭啥扣我豆子", Asks.WHY),
        ("发哪家快递", Asks.WHICH),
        ("一天能打卡几次", Asks.COUNT),
    ],
)
def test_what_a_question_asks_for(question: str, asks: Asks) -> None:
    assert asks in asked_for(question)


@pytest.mark.parametrize("text", ["怎么样，这款好看吧", "谢谢群主", "嗯"])
def test_chatter_asks_for_no_way(text: str) -> None:
    assert Asks.HOW not in asked_for(text)


def test_an_answer_is_held_to_what_is_asked() -> None:
    answer = "满99元包邮，不满收8元运费，3天内送到。"
    assert {Asks.AMOUNT, Asks.HOW_LONG} <= held_by(answer)
    assert fit(asked_for("运费多少钱"), held_by(answer)) == 1.0
    assert fit(asked_for("运费为什么涨了"), held_by(answer)) == 0.0
    assert fit(frozenset(), held_by(answer)) == 0.5
