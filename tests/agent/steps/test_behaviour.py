"""What people do around a message: who floods and spreads is seen, who is only chatty is not."""

import pytest

from agent.steps.behaviour import Facts, Limits, content, drops, signs
from agent.steps.signs import Sign
from core.text import normalize
from core.vocabulary import RiskLabel

LIMITS = Limits()
LINK_AD = "好物返利，点这里 https://deal.example/abc 进来领"
LONG = "招人啦招人啦，在家就能做的手工活，材料包邮，做好寄回来就结算，适合宝妈学生党，想做的抓紧时间报名哦"


def found(text: str, facts: Facts, limits: Limits = LIMITS) -> dict[tuple[RiskLabel, str], Sign]:
    return {(sign.label, sign.key): sign for sign in signs(normalize(text), facts, limits)}


def labels(text: str, facts: Facts) -> set[RiskLabel]:
    """Labels that hold by behaviour alone."""
    return {sign.label for sign in signs(normalize(text), facts, LIMITS) if sign.weight >= 0.5}


@pytest.mark.parametrize(
    "text",
    [
        "哈哈哈",
        "哈哈哈哈哈哈哈哈",
        "收到",
        "收到收到",
        "好的好的",
        "666666",
        "👍👍👍",
        "嗯嗯嗯嗯嗯",
        "+1",
        "谢谢谢谢",
        "OKOK",
    ],
)
def test_what_says_too_little_is_never_the_same_text(text: str) -> None:
    assert content(normalize(text)) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("好物返利，加我领券 9.9", "好物返利 加我领券！！19.9🔥"),
        ("好物返利加我领券", "好 物 返 利 加 我 領 券"),
        ("GOOD deal ok", "ＧＯＯＤ　ｄｅａｌ　ok"),
    ],
)
def test_numbers_marks_and_spelling_hide_no_repetition(one: str, other: str) -> None:
    assert content(normalize(one)) == content(normalize(other)) is not None


def test_the_third_time_the_same_is_flooding_and_more_is_more() -> None:
    # scope: 29
    assert labels("欢迎来我直播间看看", Facts(same_by_sender=1)) == set()
    assert labels("欢迎来我直播间看看", Facts(same_by_sender=2)) == {RiskLabel.FLOODING}
    third, sixth = (
        found("欢迎来我直播间看看", Facts(same_by_sender=n))[RiskLabel.FLOODING, "same text"].weight for n in (2, 5)
    )
    assert third < sixth


def test_a_question_may_be_asked_again_while_nobody_answers() -> None:
    asks = "请问今天几点发货呀？"
    assert labels(asks, Facts(same_by_sender=3)) == set()
    assert labels(asks, Facts(same_by_sender=4)) == {RiskLabel.FLOODING}


@pytest.mark.parametrize(
    "text", ["#接龙 周六团购 1. 小满妈妈 2份 2. 阿紫 1份", "【通知】明天上午十点停水，请大家提前储水"]
)
def test_lists_that_go_round_and_notices_are_no_flooding(text: str) -> None:
    assert labels(text, Facts(same_by_sender=5, same_by_others=20)) == set()


def test_many_short_messages_at_once_are_flooding() -> None:
    assert labels("嗯", Facts(volume=13)) == set()
    assert labels("嗯", Facts(volume=14)) == {RiskLabel.FLOODING}


@pytest.mark.parametrize(
    "text", ["好的收到老师", "祝大家中秋节快乐呀", "我已阅读并遵守群规，已改好群昵称", "恭喜恭喜，喜提新房"]
)
def test_twenty_members_who_say_the_same_polite_thing_are_fine(text: str) -> None:
    assert found(text, Facts(same_by_others=19)) == {}


def test_the_same_link_from_several_accounts_is_an_advertisement() -> None:
    assert found(LINK_AD, Facts(same_by_others=2)) == {}
    made = found(LINK_AD, Facts(same_by_others=3))
    assert {label for label, _ in made} == {RiskLabel.AD_SPAM, RiskLabel.FLOODING}
    sign = made[RiskLabel.AD_SPAM, "same text by many"]
    assert LINK_AD[sign.start : sign.end].startswith("https://deal")


def test_what_the_staff_said_first_may_be_passed_on() -> None:
    assert found(LINK_AD, Facts(same_by_others=10, staff_said_it=True)) == {}


def test_a_long_text_by_many_without_a_link_is_only_a_faint_sign() -> None:
    made = found(LONG, Facts(same_by_others=5))
    assert [sign.weight < 0.35 for sign in made.values()] == [True]


def test_a_newcomer_with_a_link_is_a_sign_and_without_one_is_none() -> None:
    today = found(LINK_AD, Facts(days_here=0.2))[RiskLabel.AD_SPAM, "newcomer"].weight
    later = found(LINK_AD, Facts(days_here=13))[RiskLabel.AD_SPAM, "newcomer"].weight
    assert today > later
    assert found(LINK_AD, Facts(days_here=15)) == found(LINK_AD, Facts(days_here=None)) == {}
    assert found("大家好，我是新来的，请多关照", Facts(days_here=0)) == {}


def test_a_link_that_an_edit_put_in_is_a_sign() -> None:
    assert found(LINK_AD, Facts(before_edit=normalize("大家早上好"))).keys() == {(RiskLabel.AD_SPAM, "edited in")}
    assert found(LINK_AD, Facts(before_edit=normalize("看 https://deal.example/abc"))) == {}
    # The text before is only kept masked.
    assert found("加微信 abc12345 聊", Facts(before_edit=normalize("有事加微信 ******45 聊"))) == {}


def test_former_offences_weigh_a_little_on_the_same_label() -> None:
    made = found("今天天气不错", Facts(offences={RiskLabel.ABUSE: 1, RiskLabel.AD_SPAM: 9, RiskLabel.SELF_HARM: 1}))
    assert set(made) == {(RiskLabel.ABUSE, "former offences"), (RiskLabel.AD_SPAM, "former offences")}
    assert all(sign.weight < 0.35 for sign in made.values())


def test_nothing_seen_says_nothing() -> None:
    assert found(LINK_AD, Facts()) == {}


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("看这个 https://a.example/x", True),
        ("电话 138 1234 5678", True),
        ("加V信：abc_123", True),
        ("shop.xyz 有货", True),
        ("我用微信支付的", False),
        ("今天气温12-18度", False),
        ("vip.会员日", False),
    ],
)
def test_links_and_contacts_are_seen(text: str, there: bool) -> None:
    assert (drops(normalize(text)) is not None) is there
