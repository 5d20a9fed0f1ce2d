"""What later messages do to open questions. Likeness is handed in, so that each rule is tried by itself."""

from datetime import timedelta

import pytest

from agent.steps import follow_up, reference
from agent.steps.follow_up import Open, Part, Said
from core.vocabulary import ExpiredReason, SenderRole
from tests.conftest import NOW

STAFF, MEMBER = SenderRole.STAFF, SenderRole.MEMBER


def _likeness(left: str, right: str) -> float:
    """Texts that share two characters in a row are alike."""
    pairs = [{text[n : n + 2] for n in range(len(text) - 1)} for text in (left, right)]
    return 0.9 if pairs[0] & pairs[1] else 0.0


def _open(*questions: str, key: str = "d1", member: str = "m1", minutes: float = 0) -> Open:
    parts = tuple(Part(question) for question in questions)
    called = frozenset({f"hash-{member}", f"@{member}"})
    return Open(key, member, NOW + timedelta(minutes=minutes), frozenset({f"ext-{key}"}), parts, called)


def _said(text: str, role: SenderRole = STAFF, *, minutes: float = 1, **values: object) -> Said:
    given: dict[str, object] = {"member_id": "s1" if role == STAFF else "m1"} | values
    return Said(role, at=NOW + timedelta(minutes=minutes), text=text, **given)  # type: ignore[arg-type]


def _outcome(opens: list[Open], *later: Said) -> dict[str, ExpiredReason]:
    return follow_up.outcomes(opens, later, _likeness)


def test_staff_answer_about_the_question_ends_it() -> None:
    assert _outcome([_open("怎么退款")], _said("在订单里点退款就行")) == {"d1": ExpiredReason.HUMAN_ANSWERED}


@pytest.mark.parametrize(
    "text",
    [
        "稍等，我问下仓库退款的事",
        "亲，退款我帮您查一下哈",
        "收到，退款问题已反馈",
        "马上帮你看退款",
        "在的，请说",
        "退款的订单号发我一下",
    ],
)
def test_holding_reply_or_question_back_ends_nothing(text: str) -> None:
    assert _outcome([_open("怎么退款")], _said(text)) == {}


def test_short_reply_right_after_is_for_the_newest_question() -> None:
    opens = [_open("怎么退款", key="old"), _open("几天能到", key="new", member="m2", minutes=2)]
    assert _outcome(opens, _said("两天内哈", minutes=3)) == {"new": ExpiredReason.HUMAN_ANSWERED}


def test_short_reply_much_later_is_for_nobody() -> None:
    assert _outcome([_open("几天能到")], _said("可以的", minutes=30)) == {}


@pytest.mark.parametrize("text", ["@所有人 今晚8点直播", "【通知】明天盘点不发货", "大家早上好呀，记得签到"])
def test_announcement_answers_nobody(text: str) -> None:
    assert _outcome([_open("怎么退款")], _said(text)) == {}


def test_quoting_decides_whom_it_is_for() -> None:
    opens = [_open("怎么退款", key="a"), _open("怎么退货", key="b", member="m2")]
    said = _said("在订单里点退款", reply_to="ext-b")
    assert _outcome(opens, said) == {"b": ExpiredReason.HUMAN_ANSWERED}
    assert _outcome(opens, _said("在订单里点退款", reply_to="something-else")) == {}


@pytest.mark.parametrize("values", [{"mentions": ("hash-m2",), "text": "可以的"}, {"text": "@m2 可以的"}])
def test_mention_decides_whom_it_is_for(values: dict[str, str]) -> None:
    opens = [_open("怎么退款", key="a"), _open("能换吗", key="b", member="m2")]
    assert _outcome(opens, _said(**values)) == {"b": ExpiredReason.HUMAN_ANSWERED}  # type: ignore[arg-type]


def test_mention_of_somebody_else_is_not_for_the_asker() -> None:
    assert _outcome([_open("怎么退款")], _said("退款好了", mentions=("hash-m9",))) == {}


def test_answer_to_one_of_two_parts_leaves_the_question_open() -> None:
    question = _open("优惠券能叠加吗", "运费谁出")
    assert _outcome([question], _said("优惠券不能一起用")) == {}
    both = (_said("优惠券不能一起用"), _said("运费我们出", minutes=2))
    assert _outcome([question], *both) == {"d1": ExpiredReason.HUMAN_ANSWERED}
    assert _outcome([question], _said("优惠券和运费都可以的")) == {"d1": ExpiredReason.HUMAN_ANSWERED}


def test_another_members_guess_ends_nothing() -> None:
    guess = _said("我记得退款在订单里点", MEMBER, member_id="m7")
    assert _outcome([_open("怎么退款")], guess) == {}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("找到了，在公告里", ExpiredReason.ASKER_FOUND_ANSWER),
        ("原来在小程序里点", ExpiredReason.ASKER_FOUND_ANSWER),
        ("解决了，谢谢", ExpiredReason.ASKER_RESOLVED),
        ("不用了", ExpiredReason.ASKER_RESOLVED),
        ("不对，我问的是换货", ExpiredReason.CONVERSATION_MOVED_ON),
    ],
)
def test_asker_ends_their_question(text: str, reason: ExpiredReason) -> None:
    assert _outcome([_open("怎么退款")], _said(text, MEMBER)) == {"d1": reason}


@pytest.mark.parametrize("text", ["没找到啊", "还没解决", "有人吗？", "顶一下", "谢谢", "收到了吗", "急急急"])
def test_asker_who_still_waits_keeps_it_open(text: str) -> None:
    assert _outcome([_open("怎么退款")], _said(text, MEMBER)) == {}


def test_thanks_after_somebody_helped_end_it() -> None:
    guess = _said("点订单里的退款", MEMBER, member_id="m7", reply_to="ext-d1")
    thanks = _said("谢谢", MEMBER, minutes=2)
    assert _outcome([_open("怎么退款")], guess, thanks) == {"d1": ExpiredReason.ASKER_RESOLVED}


def test_what_was_said_before_the_question_is_no_answer() -> None:
    assert _outcome([_open("怎么退款", minutes=5)], _said("退款在订单里点", minutes=1)) == {}


@pytest.mark.parametrize(
    "text", ["那个还能用吗", "这个包邮吗", "那第二种呢", "那邮费谁出", "运费呢", "楼上说的那个在哪领", "它能洗吗"]
)
def test_question_that_points_back(text: str) -> None:
    assert follow_up.points_back(text)


@pytest.mark.parametrize(
    "text", ["怎么退款", "新人券怎么领", "我买的那个奶粉能退吗", "这个月有活动吗", "群里能发广告吗", "纸尿裤怎么选码"]
)
def test_question_that_stands_alone(text: str) -> None:
    assert not follow_up.points_back(text)


def test_correction_says_what_is_asked_instead() -> None:
    assert follow_up.correction("不对，我问的是换货") == "换货"
    assert follow_up.correction("打错了，是想问怎么开发票") == "怎么开发票"
    assert follow_up.correction("怎么换货") is None


def test_anchor_is_what_is_quoted_then_ones_own_then_the_newest() -> None:
    said = [
        _said("新人券怎么领？", MEMBER, minutes=1),
        _said("今晚直播有福袋哦", minutes=2),
        _said("稍等我看下", minutes=3),
    ]
    assert reference.anchor(said, "m1", "满减券规则是啥") == "满减券规则是啥"
    assert reference.anchor(said, "m1", None) == "新人券怎么领？"
    assert reference.anchor(said, "m9", None) == "今晚直播有福袋哦"
    assert reference.anchor([], "m1", None) is None
