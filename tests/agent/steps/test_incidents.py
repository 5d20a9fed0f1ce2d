"""What makes complaints one incident."""

from datetime import UTC, datetime, timedelta

import pytest

from agent.steps import incident_words, incidents
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


ONE_TROUBLE = (
    ("这批辣条吃着一股煤油味", "我家的也一股煤油味！扔了", "+1 煤油味冲鼻子"),
    ("保温杯盖子拧不紧，包里全湿了", "同款保温杯，洒了我一电脑", "杯盖拧不紧+1，气死"),
    ("跳绳的手柄一甩就飞出去", "我家也是！差点打到娃", "一样，飞出去砸了电视"),
    ("雨衣淋一会儿里头就透水", "雨衣透水，娃到学校衣服湿一半", "花錢買的雨衣根本不防水，一樣透"),
    ("你们把我电话给了谁？一上午八个贷款的", "我也是，贷款电话打爆了", "同上，刚又来一个卖保险的"),
    ("蛏子打开全是死的，臭了一冰箱", "我家的也臭，蛏子一个活的都没有", "蛏子+1，没一个能吃"),
)
SEVERAL_TROUBLES = (
    ("围兜掉色", "奶瓶漏水", "推车轮子掉了"),
    ("水杯漏水，昨天才收到的", "花盆底下漏水", "雨鞋漏水，穿一次就漏"),
    ("今天收到的台灯不亮", "今天收到的毛巾掉毛，质量太差", "收到的拼图缺了三块，你们怎么品控的"),
    ("雨衣跟纸一样薄，一扯就破", "书架的板子歪的", "风铃少一根管"),
    ("孩子用这水彩笔满手洗不掉", "孩子的水壶盖子盖不上", "宝宝的爬行护膝勒腿"),
)


def said(
    case: str, minute: float = 0, member: str | None = None, topic: str | None = "refund:退款", text: str = ""
) -> Said:
    category, at = (topic or "refund").partition(":")[0], AT + timedelta(minutes=minute)
    return Said(case, member or case, category, topic, at, incident_words.read(text))


def spoken(texts: tuple[str, ...], topic: str = "product_quality") -> list[Said]:
    """Of a member each, five minutes apart."""
    return [said(f"c{n}", 5 * n, topic=topic, text=text) for n, text in enumerate(texts)]


def crowd_of(found: list[Said], encoder: Embedder | None = None, texts: tuple[str, ...] = ()) -> list[Said]:
    """What the last of them makes an incident with."""
    vectors = dict(zip([one.case_id for one in found], encoder.embed(list(texts)), strict=True)) if encoder else {}
    linked = incidents.links(found, (lambda one, other: float(vectors[one] @ vectors[other])) if vectors else None)
    return incidents.crowd(found[-1], found, linked, window=WINDOW, least=3)


@pytest.mark.parametrize("pair", SAME)
def test_the_same_trouble_in_other_words_is_alike(pair: tuple[str, str], encoder: Embedder) -> None:
    first, second = encoder.embed(list(pair))
    assert float(first @ second) >= LIKE


@pytest.mark.parametrize("pair", DIFFERENT)
def test_two_troubles_are_not_alike(pair: tuple[str, str], encoder: Embedder) -> None:
    first, second = encoder.embed(list(pair))
    assert float(first @ second) < LIKE


@pytest.mark.parametrize("texts", ONE_TROUBLE)
def test_what_members_say_of_one_trouble_hangs_together(texts: tuple[str, ...], encoder: Embedder) -> None:
    # scope: 27
    assert len(crowd_of(spoken(texts), encoder, texts)) == 3


@pytest.mark.parametrize("texts", SEVERAL_TROUBLES)
def test_three_broken_things_are_no_incident(texts: tuple[str, ...], encoder: Embedder) -> None:
    # scope: 27
    found = spoken(texts)
    assert crowd_of(found, encoder, texts) == []
    assert [one for linked in incidents.links(found).values() for one in linked] == []


def test_an_echo_is_of_the_complaint_right_before_it() -> None:
    before, between, echo = spoken(("跳绳的手柄一甩就飞出去", "书架的板子歪的", "我家也是！差点打到娃"))
    assert incidents.links([before, between, echo]) == {"c0": set(), "c1": {"c2"}, "c2": {"c1"}}
    assert incidents.links([before, echo]) == {"c0": {"c2"}, "c2": {"c0"}}
    slow = said("c1", 5, topic="logistics:快递", text="快递六天没动")
    assert not any(incidents.links([before, slow, echo]).values())
    assert not incidents.alike(echo, before._replace(at=echo.at + WINDOW), next_to=True), "what comes later echoes"


def test_an_echo_that_names_the_fault_may_come_later() -> None:
    before, between, echo = spoken(("水杯漏水，昨天才收到的", "书架的板子歪的", "我家的也漏水，桌子都泡了"))
    assert incidents.alike(before, echo)
    assert not incidents.alike(between, echo)


def test_what_went_wrong_tells_enough_where_no_product_is_meant() -> None:
    first, second = spoken(("年卡次数清零了没人吱声", "攒的花花全清零"), topic="points_account")
    assert incidents.alike(first, second)


@pytest.mark.parametrize("text", ["雨衣跟纸一样薄", "颜色和图片不一样", "我也不知道找谁", "买了10+10", "加一层也没用"])
def test_this_is_no_echo(text: str) -> None:
    assert not incident_words.read(text).echoes


@pytest.mark.parametrize(
    "text",
    ["+1", "＋１ 服了", "我家也是", "我的也坏了", "我買的那批也這樣", "同上", "跟楼上一样", "一模一样"],
)
def test_this_is_an_echo(text: str) -> None:
    assert incident_words.read(text).echoes


def test_telling_words_are_what_it_is_about() -> None:
    words = incident_words.read("今天到的麻薯胀包了，客服也不理，气死，投诉！退我三十块")
    assert {"麻薯", "胀包"} <= words.telling
    assert not words.telling & {"今天", "客服", "不理", "气死", "投诉", "三十"}
    assert incident_words.read("杯子漏水").faults == {"漏水"}


def test_two_things_are_two_matters_whatever_the_words() -> None:
    one, other = said("a", topic="refund:奶粉"), said("b", topic="refund:纸尿裤")
    assert not incidents.alike(one, other, lambda *_: 1.0)
    assert incidents.alike(one, said("c", topic="refund"), lambda *_: 1.0)
    words = "奶粉和纸尿裤都少发"
    first, last = said("a", topic="refund:奶粉", text=words), said("b", topic="refund:纸尿裤", text=words)
    assert not incidents.alike(first, last, next_to=True)


def test_a_vague_one_in_between_does_not_tie_two_things() -> None:
    milk, vague, nappies = (
        said("a", 0, topic="refund:奶粉"),
        said("b", 4, topic="refund"),
        said("c", 5, topic="refund:纸尿裤"),
    )
    linked = incidents.links([milk, vague, nappies], lambda *_: 1.0)
    assert incidents.chain(milk, [vague, nappies], linked) == [milk, vague]
    assert incidents.chain(vague, [milk, nappies], linked) == [vague, nappies]


@pytest.mark.parametrize("topic", ["other", "product_quality", None])
def test_a_bare_category_needs_words(topic: str | None) -> None:
    one, other = said("a", topic=topic), said("b", topic=topic)
    assert not incidents.alike(one, other)
    assert incidents.alike(one, other, lambda *_: LIKE)


def test_a_crowd_hangs_together_by_any_of_its_complaints() -> None:
    first, last, *rest = said("a", 0), said("d", 9), said("b", 3), said("c", 6)
    linked = {"a": {"b"}, "b": {"a", "c"}, "c": {"b", "d"}, "d": {"c"}}
    assert [one.case_id for one in incidents.crowd(last, [first, *rest], linked, window=WINDOW, least=4)] == list(
        "abcd"
    )


def test_what_lies_outside_the_window_ties_nothing_together() -> None:
    first, middle, case, other = said("a", 0), said("m", 2), said("c", 31), said("d", 25)
    linked = {"a": {"c", "d"}, "m": set[str](), "c": {"a"}, "d": {"a"}}
    assert incidents.crowd(case, [first, middle, other], linked, window=WINDOW, least=2) == []


def crowd(case: Said, near: list[Said], least: int) -> list[Said]:
    return incidents.crowd(case, near, incidents.links([case, *near]), window=WINDOW, least=least)


def test_a_crowd_fits_in_one_window_with_the_case_in_it() -> None:
    case = said("c", 40)
    near = [said("a", 0), said("b", 10), said("d", 35)]
    assert crowd(case, near, 3) == [near[1], near[2], case]
    assert crowd(case, near[:1], 2) == []


def test_the_same_member_counts_once_and_nobody_counts_not_at_all() -> None:
    case = said("c", 2)
    assert crowd(case, [said("a", 0, "c"), said("b", 1, "b")], 3) == []
    erased = Said("e", None, "refund", "refund:退款", AT)
    assert crowd(case, [erased, said("b", 1)], 3) == []


@pytest.mark.parametrize("category", ComplaintCategory)
@pytest.mark.parametrize("locale", catalogue.LOCALES)
def test_every_category_has_a_plan_in_words(category: ComplaintCategory, locale: str) -> None:
    # scope: 43
    steps = incidents.plan(category)
    assert len(set(steps)) == len(steps) >= 10
    assert all(f"incident_step.{key}" in catalogue.load(locale) for key in steps)
