"""What makes complaints one incident."""

from datetime import UTC, datetime, timedelta

import pytest

from agent.steps import incidents
from agent.steps.incidents import LIKE, Said
from core import catalogue
from core.vocabulary import ComplaintCategory
from knowledge.embeddings import Embedder

AT = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=30)
SAME = (
    ("快递五天了一动不动，到底发没发货", "我的包裹也卡了好几天没更新物流"),
    ("买的米粉打开就发霉了", "我家那袋米粉也长毛了"),
    ("说好的满减怎么不给减", "满减优惠结算的时候没有减"),
    ("退款申请一周了还没到账", "我的退款也等了好几天没退"),
    ("客服态度太差了，骂人", "你们客服说话好凶，什么态度"),
)
DIFFERENT = (
    ("快递五天了一动不动，到底发没发货", "快递员把箱子扔在雨里全湿了"),
    ("积分一直没到账", "客服电话打不通"),
    ("说好的满减怎么不给减", "赠品少发了一个"),
    ("退款申请一周了还没到账", "换货给我换了个小一码的"),
    ("群里广告太多了", "管理员乱踢人"),
)


def said(case: str, minute: float = 0, member: str | None = None, topic: str | None = "refund") -> Said:
    return Said(case, member or case, (topic or "refund").partition(":")[0], topic, AT + timedelta(minutes=minute))


@pytest.mark.parametrize("pair", SAME)
def test_the_same_trouble_in_other_words_is_alike(pair: tuple[str, str], encoder: Embedder) -> None:
    first, second = encoder.embed(list(pair))
    assert float(first @ second) >= LIKE


@pytest.mark.parametrize("pair", DIFFERENT)
def test_two_troubles_are_not_alike(pair: tuple[str, str], encoder: Embedder) -> None:
    first, second = encoder.embed(list(pair))
    assert float(first @ second) < LIKE


def test_two_things_are_two_matters_whatever_the_words() -> None:
    one, other = said("a", topic="refund:奶粉"), said("b", topic="refund:纸尿裤")
    assert not incidents.alike(one, other, lambda *_: 1.0)
    assert incidents.alike(one, said("c", topic="refund"), lambda *_: 1.0)


def test_a_complaint_about_anything_needs_like_words() -> None:
    one, other = said("a", topic="other"), said("b", topic="other")
    assert not incidents.alike(one, other)
    assert incidents.alike(one, other, lambda *_: LIKE)


def test_a_crowd_fits_in_one_window_with_the_case_in_it() -> None:
    case = said("c", 40)
    near = [said("a", 0), said("b", 10), said("d", 35)]
    assert incidents.crowd(case, near, window=WINDOW, least=3) == [near[1], near[2], case]
    assert incidents.crowd(case, near[:1], window=WINDOW, least=2) == []


def test_the_same_member_counts_once_and_nobody_counts_not_at_all() -> None:
    case = said("c", 2)
    assert incidents.crowd(case, [said("a", 0, "c"), said("b", 1, "b")], window=WINDOW, least=3) == []
    erased = Said("e", None, "refund", "refund", AT)
    assert incidents.crowd(case, [erased, said("b", 1)], window=WINDOW, least=3) == []


@pytest.mark.parametrize("category", ComplaintCategory)
@pytest.mark.parametrize("locale", catalogue.LOCALES)
def test_every_category_has_a_plan_in_words(category: ComplaintCategory, locale: str) -> None:
    # scope: 43
    steps = incidents.plan(category)
    assert len(set(steps)) == len(steps) >= 10
    assert all(f"incident_step.{key}" in catalogue.load(locale) for key in steps)
