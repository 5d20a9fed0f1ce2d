from pathlib import Path

import pytest

from core.text import normalize
from knowledge import synonyms
from knowledge.synonyms import Said, meanings, shipped


def spoken(text: str) -> set[str]:
    return {said.meaning for said in meanings(text)}


def every_way() -> list[str]:
    return [words for ways in shipped().values() for words in ways]


def test_there_are_enough_meanings_and_ways() -> None:
    assert len(shipped()) >= 260
    assert len(every_way()) >= 3_000


def test_each_way_stands_once() -> None:
    assert len(set(every_way())) == len(every_way())


def test_no_way_is_one_character() -> None:
    assert [words for words in every_way() if len(words) < 2] == []


def test_ways_are_written_as_normalised_text() -> None:
    assert [words for words in every_way() if normalize(words).text != words] == []


def test_each_way_says_its_own_meaning() -> None:
    wrong = [words for name, ways in shipped().items() for words in ways if meanings(words) != [Said(name, words)]]
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("钱退了没啊，石沉大海了", {"refund_money", "no_progress"}),
        ("申请了退款，到现在没动静", {"refund_money", "no_progress"}),
        ("手滑拍了两单咋整", {"by_mistake", "duplicate", "ask_how"}),
        ("积分会不会打水漂", {"points", "lost_value"}),
        ("寄到婆婆家行不行", {"address", "address_elsewhere", "ask_may"}),
        ("呢个几多钱，边度买", {"price", "ask_where"}),
        ("tuikuan 啷个弄", {"refund_money", "ask_how"}),
        ("优会券用不了", {"coupon", "coupon_unusable"}),
        ("邮菲谁出", {"freight"}),
        ("奶平怎么肖毒", {"bottle", "ask_how", "sterilise"}),
        ("登陆不上，yzm 也没来", {"login", "code"}),
        ("毛孩子能带进店里吗", {"pet", "store"}),
        ("小程序白屏了", {"mini_program", "cannot_open"}),
        ("孩子用我手机乱买的", {"minor"}),
        ("爸妈看不清字，字太小", {"another_person", "elderly"}),
        ("签售的门票能退票吗", {"fan_event", "ticket", "ticket_refund"}),
        ("装软件一直报错", {"error_message"}),
        ("额度用完了", {"quota"}),
        ("课件在哪下载", {"courseware", "ask_where", "download"}),
        ("请假了能补课吗", {"absence", "makeup_class"}),
        ("想当团长赚佣金", {"partner"}),
        ("东西碎成渣了", {"damaged"}),
        ("顯示簽收但冇收到", {"signed_not_received", "not_received"}),
        ("没赶上直播，有回放吗", {"replay"}),
        ("开车来停哪里", {"parking"}),
        ("被踢了还能进吗", {"removed", "rejoin"}),
        ("发票抬头开错，税号也不对", {"invoice_title"}),
    ],
)
def test_a_member_says(text: str, expected: set[str]) -> None:
    assert expected <= spoken(text)


@pytest.mark.parametrize(
    ("text", "absent"),
    [
        ("活动裤有几种码", "event"),
        ("退货怎么弄", "refund_money"),
        ("怎么退款", "return"),
        ("怎么换货", "return"),
        ("取消报名", "cancel"),
        ("活动取消了吗", "withdraw"),
        ("积分什么时候到账", "arrive"),
        ("还没到期吧", "arrive"),
        ("东西什么时候到", "credited"),
        ("有没有发票", "ship"),
        ("过了一段时间", "formula"),
        ("买了三包湿巾", "warranty"),
        ("没影响吧", "no_progress"),
        ("有没有过敏的", "deadline"),
        ("衣服了", "unhappy"),
        ("能修改吗", "repair"),
        ("不满足条件", "unhappy"),
        ("网上分享的", "game_rank"),
        ("去吃 kfc", "staff"),
        ("上传 xyzm 文件", "code"),
        ("早上十点整", "ask_how"),
        ("积分怎么兑换", "earn"),
        ("多少分钟", "points"),
    ],
)
def test_a_member_does_not_say(text: str, absent: str) -> None:
    assert absent not in spoken(text)


def test_the_longer_words_win() -> None:
    assert meanings("退货运费") == [Said("return_freight", "退货运费")]
    assert meanings("退款到账") == [Said("refund_arrival", "退款到账")]


def test_words_come_in_the_order_of_the_text() -> None:
    assert meanings("发票和运费") == [Said("invoice", "发票"), Said("freight", "运费")]


def test_a_text_without_known_words_says_nothing() -> None:
    assert meanings("嗯嗯，哈哈") == []
    assert meanings("") == []


@pytest.mark.parametrize("second", ["other: [甲乙]", "first: [丙丁]"])
def test_a_meaning_or_a_way_that_stands_twice_is_refused(
    second: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "synonyms_a.yaml").write_text("first: [甲乙]", "utf-8")
    (tmp_path / "synonyms_b.yaml").write_text(second, "utf-8")
    monkeypatch.setattr(synonyms, "files", lambda _: tmp_path)
    with pytest.raises(ValueError, match="stands twice"):
        shipped.__wrapped__()
