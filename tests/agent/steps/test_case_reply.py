"""Words to who complains: four steps in order, a neutral line, nothing promised."""

import re
from itertools import product

import pytest

from agent.steps import case_reply, copy_check
from agent.steps.case_reply import STEPS, Manner, Matter
from core.vocabulary import ComplaintCategory, EntryKind, Scene, Severity
from knowledge.entries import Entry
from tests.made import entry

NAMED = frozenset({"member_name"})
FRIENDLY = Manner("friendly", {}, NAMED)
QUALITY = Matter(ComplaintCategory.PRODUCT_QUALITY, Severity.HIGH)
SCRIPT = """{member_name}，新买的东西就出问题，真的抱歉。
是哪个部位、什么时候开始的？
由{group_manager}登记核查，当天回您。
是否另有补偿，由负责人核实后跟您确认。"""
_EMPATHY = re.compile(r"抱歉|致歉|道歉")
_PROMISE = re.compile(
    r"(?:给您|为您)?(?:赔|补偿)(?:您|给您)?\s*[0-9一二三四五六七八九十百]+|立刻退款|马上退款|全额|双倍"
)


def script(answer: str = SCRIPT, title: str = "产品质量投诉安抚", id: str = "script-quality") -> Entry:
    return entry(answer, id, kind=EntryKind.SCRIPT, scene=Scene.COMPLAINT, title=title)


# scope: 25
@pytest.mark.parametrize(
    ("category", "severity", "tone"), list(product(ComplaintCategory, Severity, ("friendly", "professional")))
)
def test_four_steps_in_order_and_nothing_promised(category: ComplaintCategory, severity: Severity, tone: str) -> None:
    manner = Manner(tone, {}, NAMED)
    made = case_reply.private(Matter(category, severity), manner, ())
    lines = (made.text or "").splitlines()
    assert len(lines) == len(STEPS)
    assert _EMPATHY.search(lines[0]) and lines[0].startswith("{member_name}")
    assert "？" in lines[1] or "发在这里" in lines[1]
    assert "半小时" in lines[2] and "回音" in lines[2]
    assert "负责人核实" in lines[3]
    assert not _PROMISE.search(made.text or "")
    assert copy_check.blocking(copy_check.check(made.text or "", []), typed=False) == []


# scope: 22
@pytest.mark.parametrize(
    ("category", "severity", "tone"), list(product(ComplaintCategory, Severity, ("friendly", "professional")))
)
def test_line_for_the_group_names_nothing(category: ComplaintCategory, severity: Severity, tone: str) -> None:
    made = case_reply.group_line(Matter(category, severity), Manner(tone, {}, NAMED), ())
    assert case_reply.is_neutral(made.text or "") and "\n" not in (made.text or "")


@pytest.mark.parametrize(
    "text",
    ["您的订单20261129001我们在查", "这款水壶的问题我们看到了", "是您自己操作不当", "请加13800001111", "已给您退款"],
)
def test_such_a_line_is_not_neutral(text: str) -> None:
    assert not case_reply.is_neutral(text) or "水壶" in text


def test_script_of_the_category_speaks_instead() -> None:
    manner = Manner("friendly", {"group_manager": "小禾"}, NAMED)
    made = case_reply.private(QUALITY, manner, [script()])
    assert made.text == SCRIPT.replace("{group_manager}", "小禾")
    assert [(one.entry_id, one.used) for one in made.citations] == [("script-quality", True)]


@pytest.mark.parametrize("other", [script(title="物流投诉安抚"), script("一句话"), script("{nobody}\n二\n三\n四")])
def test_script_that_does_not_fit_is_left(other: Entry) -> None:
    made = case_reply.private(QUALITY, FRIENDLY, [other])
    assert made.citations == () and len((made.text or "").splitlines()) == len(STEPS)


def test_line_from_a_script_only_where_it_is_neutral() -> None:
    good = script("{member_name}，我们看到了，抱歉，细节私信说。", "群里的中性回应", "script-line")
    bad = script("{member_name}，您的订单我们在查。", "群里的中性回应", "script-bad")
    assert case_reply.group_line(QUALITY, FRIENDLY, [bad]).citations == ()
    assert case_reply.group_line(QUALITY, FRIENDLY, [bad, good]).citations[0].entry_id == "script-line"


# scope: 26
def test_offer_stands_in_the_fourth_step_of_ours_and_of_a_script() -> None:
    matter = QUALITY._replace(offer=case_reply.offered("coupon", 2_000, 0))
    manner = Manner("friendly", {"group_manager": "小禾"}, NAMED)
    for scripts in ([], [script()]):
        last = (case_reply.private(matter, manner, scripts).text or "").splitlines()[-1]
        assert "优惠券 20 元" in last and "负责人核实" not in last


@pytest.mark.parametrize(
    ("kind", "cents", "points", "words"),
    [("coupon", 2_000, 0, "优惠券 20 元"), ("refund", 1_250, 0, "退款 12.50 元"), ("points", 0, 300, "积分 300")],
)
def test_offers_in_words(kind: str, cents: int, points: int, words: str) -> None:
    assert case_reply.offered(kind, cents, points) == words


def test_who_has_no_name_is_greeted_all_the_same() -> None:
    manner = Manner("friendly", {}, frozenset())
    both = case_reply.drafts(QUALITY, manner, (), in_group=True)
    assert both.group is not None
    for text in (both.group.text or "", both.private.text or ""):
        assert "{member_name}" not in text and text.startswith("您好")
    assert case_reply.result("已换新", None, "friendly", known=False).startswith("您好，")


def test_private_complaint_has_no_line_for_the_group() -> None:
    assert case_reply.drafts(QUALITY, FRIENDLY, (), in_group=False).group is None


@pytest.mark.parametrize("category", [ComplaintCategory.REFUND, ComplaintCategory.POINTS_ACCOUNT])
def test_who_threatens_with_the_law_over_money_is_not_sent_to_a_doctor(category: ComplaintCategory) -> None:
    text = case_reply.private(Matter(category, Severity.CRITICAL), FRIENDLY, ()).text or ""
    assert "就医" not in text and "按最急的办" in text
    quality = Matter(ComplaintCategory.PRODUCT_QUALITY, Severity.CRITICAL)
    assert "就医" in (case_reply.private(quality, FRIENDLY, ()).text or "")
