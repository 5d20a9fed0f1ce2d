"""A brief is read for who, what for, with what and when; what can't be done is named."""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from agent.steps.campaign_brief import Brief, Community, Known, Offer, read
from core import segments as tree
from core.vocabulary import Scene

NOW = datetime(2026, 11, 18, 10, 0, tzinfo=ZoneInfo("Asia/Shanghai"))  # a Wednesday
KNOWN = Known(
    [Community("mama", "禾苗妈妈群"), Community("baba", "奶爸群")], ["wecom", "dingtalk"], ["小红书"], ["猫奴"]
)


def _read(brief: str) -> Brief:
    return read(brief, NOW, KNOWN)


def test_the_brief_of_the_scope() -> None:
    found = _read("唤醒沉睡3个月的高价值老客，送一张满99减15券，下周五晚上发")
    assert tree.dump(found.segment) == {"op": "activity", "in": ["dormant"]}
    assert (found.goal, found.scene) == ("purchase_conversion", Scene.WAKE_UP)
    assert found.offer == Offer("满99减15券", 15.0, 99.0, None)
    assert found.send is not None and (found.send.day, found.send.at) == (date(2026, 11, 27), time(20))
    assert found.wanted_value == ("vip", "high") and ("value", "") in found.gaps


@pytest.mark.parametrize(
    ("brief", "segment"),
    [
        (
            "60天没来的成员发8折券",
            [{"op": "activity", "in": ["dormant", "lapsed"]}, {"op": "last_active", "days_ago_least": 60}],
        ),
        ("一个多月没动静的客户", [{"op": "activity", "in": ["dormant", "lapsed"]}]),
        ("90天没下单的发券", [{"op": "not_performed", "what": "order", "within_days": 90}]),
        ("没买过的新人发首单券", [{"op": "activity", "in": ["new"]}, {"op": "not_performed", "what": "order"}]),
        ("买过2次以上的会员", [{"op": "performed", "what": "order", "times": 2}]),
        ("近7天点击过活动的", [{"op": "performed", "what": "click", "times": 1, "within_days": 7}]),
        ("奶爸群的活跃成员", [{"op": "activity", "in": ["active"]}, {"op": "community", "in": ["baba"]}]),
        ("小红书来的新人", [{"op": "activity", "in": ["new"]}, {"op": "source", "in": ["小红书"]}]),
        ("钉钉上潜水的", [{"op": "activity", "in": ["silent"]}, {"op": "channel", "in": ["dingtalk"]}]),
        ("入群30天内的成员", [{"op": "joined", "days_ago_most": 30}]),
        ("老会员专享", [{"op": "joined", "days_ago_least": 15}]),
        ("給90天沒來的老會員發券", [{"op": "activity", "in": ["dormant"]}]),
    ],
)
def test_whom_a_brief_means(brief: str, segment: list[dict[str, object]]) -> None:
    got = tree.dump(_read(brief).segment)
    assert (got["of"] if got["op"] == "and" else [got]) == segment


@pytest.mark.parametrize(
    ("brief", "day", "at"),
    [
        ("明天下午三点推", date(2026, 11, 19), time(15)),
        ("周六上午10点半发", date(2026, 11, 21), time(10, 30)),
        ("下周二发一条问候", date(2026, 11, 24), None),
        ("11月28日 15:30 群发", date(2026, 11, 28), time(15, 30)),
        ("今晚8点通知大家", date(2026, 11, 18), time(20)),
        ("上午9点发", date(2026, 11, 19), time(9)),
        ("周三晚上7点开播，中午12点发预告", date(2026, 11, 18), time(12)),
        ("月底发", date(2026, 11, 30), None),
    ],
)
def test_when_it_goes_out(brief: str, day: date, at: time | None) -> None:
    found = _read(brief).send
    assert found is not None and (found.day, found.at, found.past) == (day, at, False)


@pytest.mark.parametrize("brief", ["唤醒老客", "周三晚上8点开播", "截止到11月30日"])
def test_the_time_of_an_event_is_not_the_time_of_sending(brief: str) -> None:
    assert _read(brief).send is None


def test_a_time_that_is_over_is_told() -> None:
    found = _read("今天上午9点发")
    assert found.send is not None and found.send.past and ("send_past", "今天上午9点") in found.gaps


def test_numbers_for_the_return_are_read() -> None:
    found = _read("给老客发满99减15券，预算1.5万，预计转化率8%，毛利率30%，对照组20%")
    assert (found.budget, found.conversion, found.margin, found.control_share) == (15_000, 0.08, 0.3, 0.2)


def test_what_no_data_can_tell_is_a_gap() -> None:
    assert _read("给打了猫奴标签的成员发券").wanted_tags == ("猫奴",)
    assert ("audience", "") in _read("做个促销").gaps


def test_whom_and_when_a_refused_part_names_is_still_meant() -> None:
    found = read("送5元券", NOW, KNOWN, whole="沉睡老客凌晨三点推一条，送5元券")
    assert tree.dump(found.segment) == {"op": "activity", "in": ["dormant"]}
    assert found.send is not None and found.send.at == time(3)


GROUPS = Known(
    [Community("mothers", "禾苗妈妈交流群"), Community("members", "禾苗会员福利群")],
    ["wecom", "dingtalk"],
    ["小红书"],
    (),
    Community("root", "禾苗生活"),
)


@pytest.mark.parametrize(
    ("brief", "unclear"),
    [
        ("搞个活动", ()),
        ("asdf", ()),
        ("给宝妈发早安", ()),
        ("给张三一个人发优惠", ("张三",)),
        ("给12月1号生日的人发祝福", ("12月1号生日",)),
        ("18号晚上8点只发小程序来的", ("小程序来",)),
        ("给上海的沉睡会员发券", ("上海",)),
        ("给打了猫奴标签的沉睡会员发券", ("猫奴",)),
        ("给除了新人以外的成员发", ("除了新人以外",)),
        ("高价值客户发券", ("高价值",)),
        ("上周新进母婴群的发个欢迎", ("母婴群",)),
    ],
)
def test_an_audience_that_is_not_understood_is_never_everybody_in_silence(brief: str, unclear: tuple[str, ...]) -> None:
    found = read(brief, NOW, GROUPS)
    assert (not found.said or found.unclear) and found.unclear == unclear
    assert "audience" in {gap for gap, _ in found.gaps}


@pytest.mark.parametrize("brief", ["给全体成员发券", "@所有人 双12", "给大家发早安", "通知所有宝妈", "全員發券"])
def test_everybody_is_meant_where_the_brief_says_so(brief: str) -> None:
    found = read(brief, NOW, GROUPS)
    assert tree.dump(found.segment) == {"op": "everyone"} and found.said and found.unclear == ()


@pytest.mark.parametrize(
    ("brief", "segment"),
    [
        (
            "11月1号之后进群但还没下单的，明天上午10点送10元券",
            [{"op": "not_performed", "what": "order"}, {"op": "joined", "from": "2026-11-01"}],
        ),
        ("11月5日之前入群的发券", [{"op": "joined", "to": "2026-11-04"}]),
        ("11月1日到10日进群的发券", [{"op": "joined", "from": "2026-11-01", "to": "2026-11-10"}]),
        (
            "给上周新进福利群的宝妈发个欢迎",
            [{"op": "joined", "in": ["members"], "from": "2026-11-09", "to": "2026-11-15"}],
        ),
        (
            "给福利群买过东西的成员发券",
            [{"op": "performed", "what": "order", "times": 1}, {"op": "community", "in": ["members"]}],
        ),
        (
            "福利群里最近30天没说话的",
            [{"op": "activity", "in": ["silent"]}, {"op": "community", "in": ["members"]}],
        ),
        ("最近30天下过单的发券", [{"op": "performed", "what": "order", "times": 1, "within_days": 30}]),
        ("妈妈群的活跃成员", [{"op": "activity", "in": ["active"]}, {"op": "community", "in": ["mothers"]}]),
        ("沉睡的宝妈和妈妈们", [{"op": "activity", "in": ["dormant"]}]),
    ],
)
def test_conditions_that_stand_together_are_all_read(brief: str, segment: list[dict[str, object]]) -> None:
    found = read(brief, NOW, GROUPS)
    got = tree.dump(found.segment)
    assert (got["of"] if got["op"] == "and" else [got]) == segment
    assert found.said and found.unclear == ()


def test_when_members_joined_is_not_when_it_goes_out() -> None:
    found = read("11月1号之后进群的，明天上午10点发", NOW, GROUPS).send
    assert found is not None and (found.day, found.at) == (date(2026, 11, 19), time(10))


def test_a_day_that_is_over_is_told() -> None:
    found = read("给大家发，昨天晚上8点发", NOW, GROUPS)
    assert found.send is not None and found.send.past and ("send_past", "昨天晚上8点") in found.gaps


def test_a_time_before_an_event_is_not_understood_and_said() -> None:
    assert ("send_unread", "提前三天") in read("提前三天通知大家来听讲座", NOW, GROUPS).gaps


def test_the_last_day_of_the_calendar_is_no_crash() -> None:
    assert read("9999年12月31日发给大家", NOW, GROUPS).send is not None


@pytest.mark.parametrize(
    ("brief", "offer"),
    [("欢迎 送小样 明天上午10点", "小样"), ("给新人送2片试用装", "2片试用装"), ("请大家来领明天上午的礼包", None)],
)
def test_a_gift_is_a_gift_or_left_out(brief: str, offer: str | None) -> None:
    found = read(brief, NOW, GROUPS)
    assert (found.offer.text if found.offer else None) == offer
    assert offer is not None or "offer" in {gap for gap, _ in found.gaps}
