"""Personal data as members type it: found, masked at the same length, and what must stay readable."""

# scope: 35
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.ids import new_id
from core.masking import Finding, PersonalDataKind, find_personal_data, mask, mask_values

Kind = PersonalDataKind
ANY_SPEED = settings(deadline=None)  # the first example loads the dictionaries

PHONES = [
    ("打我电话13800138000吧", "打我电话138****8000吧"),
    ("１３８００１３８０００", "１３８****８０００"),
    ("138-0013-8000", "138-****-8000"),
    ("138 0013 8000 我的号", "138 **** 8000 我的号"),
    ("138.0013.8000", "138.****.8000"),
    ("+86 13800138000", "+86 138****8000"),
    ("0086-138-0013-8000", "0086-138-****-8000"),
    ("8613800138000", "86138****8000"),
    ("(+86)138 0013 8000", "(+86)138 **** 8000"),
    ("1 3 8 0 0 1 3 8 0 0 0", "1 3 8 * * * * 8 0 0 0"),
    ("手机138 001 38000", "手机138 *** *8000"),
    ("**13800138000**", "**138****8000**"),
    ("tel13800138000", "tel138****8000"),
    ("一三八零零一三八零零零", "一三八****八零零零"),
    ("幺三八洞洞幺三八洞洞洞", "幺三八****八洞洞洞"),
    ("138oo138ooo加我", "138****8ooo加我"),
    ("138\u200b0013\u200b8000", "138\u200b****\u200b8000"),
    ("微信同号13800138000", "微信同号138****8000"),
    ("俺屋头电话13800138000噻，有事摆起", "俺屋头电话138****8000噻，有事摆起"),
    ("請打電話１３８-００１３-８０００😀", "請打電話１３８-****-８０００😀"),
    ("call me 13800138000 pls", "call me 138****8000 pls"),
    ("tel一三八零零一三八零零零", "tel一三八****八零零零"),
    ("lily13800138000", "lily138****8000"),
    ("138,0013,8000 短信", "138,****,8000 短信"),
    ("138💰0013💰8000", "138💰****💰8000"),
    ("(138)0013-8000", "(138)****-8000"),
    ("l38OOl38OOO", "l38****8OOO"),
    ("138一0013一8000", "138一0****8000"),
    ("幺三八，零零幺三，八零零零", "幺三八，****，八零零零"),
    ("138，后面是00138000", "138，后面是****8000"),
    ("㈠㈢㈧㈠㈢㈧㈠㈢㈧㈠㈢", "㈠㈢㈧****㈢㈧㈠㈢"),
    ("+852 9123 4567", "+852 **** 4567"),
]

OTHERS = [
    (Kind.ID_CARD, "身份证110101199003077715", "身份证110*************15"),
    (Kind.ID_CARD, "51010719920510004x", "510*************4x"),
    (Kind.ID_CARD, "110101 19900307 7715", "110*** ******** **15"),
    (Kind.ID_CARD, "旧证130503670401001", "旧证130**********01"),
    (Kind.ID_CARD, "身份证号：110101199003077716（打错一位）", "身份证号：110*************16（打错一位）"),
    (Kind.BANK_CARD, "卡号6222021234567890128", "卡号***************0128"),
    (Kind.BANK_CARD, "6217 0012 3456 7893 建行", "**** **** **** 7893 建行"),
    (Kind.BANK_CARD, "４１１１-１１１１-１１１１-１１１１", "****-****-****-１１１１"),
    (Kind.EMAIL, "邮箱Zhang.San@qq.com 谢谢", "邮箱Z********@qq.com 谢谢"),
    (Kind.EMAIL, "13800138000＠163.com", "1**********＠163.com"),
    (Kind.EMAIL, "a@b.cn", "*@b.cn"),
    (Kind.WECHAT_ID, "加我微信 zhangsan_88", "加我微信 ********_88"),
    (Kind.WECHAT_ID, "ＶＸ：abc12345", "ＶＸ：******45"),
    (Kind.WECHAT_ID, "V信:lisi2020", "V信:******20"),
    (Kind.WECHAT_ID, "我微信号zhangsan", "我微信号******an"),
    (Kind.WECHAT_ID, "加我：wang5566", "加我：******66"),
    (Kind.WECHAT_ID, "微信12345678", "微信******78"),
    (Kind.QQ, "QQ：12345678", "QQ：******78"),
    (Kind.QQ, "扣扣号 1122334455", "扣扣号 ********55"),
    (Kind.QQ, "加我987654321", "加我*******21"),
    (Kind.PASSPORT, "护照号码是E12345678", "护照号码是*******78"),
    (Kind.PLATE, "京A12345 挡路了", "京A***45 挡路了"),
    (Kind.PLATE, "滬AD12345", "滬A****45"),
    (Kind.PLATE, "粤B·1234挂", "粤B·***4挂"),
    (Kind.ORDER_NO, "订单号20261121123456789", "订单号*************6789"),
    (Kind.ORDER_NO, "订单编号：JD-2026112100001", "订单编号：**-*********0001"),
    (Kind.ORDER_NO, "單號 1234 5678 9012", "單號 **** **** 9012"),
    (Kind.TRACKING_NO, "快递单号SF1234567890123", "快递单号***********0123"),
    (Kind.TRACKING_NO, "YT1234567890123到哪了", "***********0123到哪了"),
    (Kind.LANDLINE, "010-62345678", "010-******78"),
    (Kind.LANDLINE, "(0755)81234567", "(0755)******67"),
    (Kind.LANDLINE, "02162345678", "021******78"),
    (Kind.ID_CARD, "51010719920510004 X", "510*************4 X"),
    (Kind.ID_CARD, "sfz一一零一零一一九九零零三零七七七一五", "sfz一一零*************一五"),
    (Kind.BANK_CARD, "6222 O2l2 3456 789O l28", "**** **** **** ***O l28"),
    (Kind.EMAIL, "zhang.san艾特qq点com", "z********艾特qq点com"),
    (Kind.EMAIL, "lisi at 163 dot com 发简历", "l*** at 163 dot com 发简历"),
    (Kind.EMAIL, "zhao6@hemiao点cn", "z****@hemiao点cn"),
    (Kind.WECHAT_ID, "➕薇 mama_2026", "➕薇 ****_**26"),
    (Kind.WECHAT_ID, "wx: a b c 1 2 3", "wx: * * * * 2 3"),
    (Kind.WECHAT_ID, "薇❤号：zhao.li.88", "薇❤号：****.**.88"),
    (Kind.QQ, "扣扣 一二三四五六七八", "扣扣 ******七八"),
    (Kind.QQ, "Q：8 7 6 5 4 3 2 1", "Q：* * * * * * 2 1"),
    (Kind.QQ, "我的Q12345678", "我的Q******78"),
    (Kind.PASSPORT, "台胞证 EA 123 4567", "台胞证 ** *** **67"),
    (Kind.PLATE, "京.A.1.2.3.4.5", "京.A.*.*.*.4.5"),
    (Kind.PLATE, "粤B•D12345", "粤B•****45"),
    (Kind.ORDER_NO, "订单 2026-1121-1234-56789", "订单 ****-****-****-*6789"),
    (Kind.ORDER_NO, "订单JD2026112100001", "订单***********0001"),
    (Kind.TRACKING_NO, "顺丰 SF 1234 5678 90123", "顺丰 ** **** **** *0123"),
    (Kind.TRACKING_NO, "中通784120963501", "中通********3501"),
    (Kind.TRACKING_NO, "EA123456789CN 到了", "*********89CN 到了"),
    (Kind.LANDLINE, "+86 10 6234 5678", "+86 10 **** **78"),
    (Kind.LANDLINE, "座机62345678", "座机******78"),
    (Kind.LANDLINE, "零一零 六二三四 五六七八", "零一零 **** **七八"),
    (Kind.ADDRESS, "人民路一百二十八号三栋二单元五零一", "*" * 17),
    (Kind.ADDRESS, "深圳市人民路18号幸福里3-2-501", "深圳市" + "*" * 9 + "*-*-***"),
    (Kind.ADDRESS, "金色家园 12 栋 3 单元 6 0 2", "**** ** * * ** * * *"),
    (Kind.ADDRESS, "住上海市浦东新区张江路88号2栋501室", "住上海市浦东新区************"),
    (Kind.ADDRESS, "寄到广东省深圳市南山区科技园南路15号阳光花园3栋2单元1203", "寄到广东省深圳市南山区" + "*" * 21),
    (Kind.ADDRESS, "臺北市中山區南京東路二段15號", "臺北市中山區*********"),
    (Kind.ADDRESS, "8栋1203的业主又漏水", "******的业主又漏水"),
    (Kind.ADDRESS, "阳光小区3-2-501", "*****-*-***"),
    (Kind.ADDRESS, "我家在李家村3组12号", "我家在********"),
    (Kind.ADDRESS, "人民路12号楼3单元501", "*" * 13),
    (Kind.ADDRESS, "北京市 朝阳区 建国路93号万达广场A座1203", "北京市 朝阳区 " + "*" * 16),
]

NOT_PERSONAL = [
    "",
    "打10086 或者 95588、12315、110",
    "400-820-8820",
    "官方客服热线 010-62345678",
    "￥13800138.00",
    "¥13800138000",
    "流水13800138000元",
    "13800138000.00",
    "播放量13800138000次",
    "V1.0.138.20261121",
    "1 3 5 7 9 11 13 15 17 19 21",
    "QQ 55810xxxx",
    "企鹅 15000 只",
    "订单 20261121 1359 下的",
    "取件码 8-3-1205",
    "三栋一二三单元停水",
    "申通 20261121 1359 派送中",
    "装 vue@3.5.13",
    "#qq.com 登录不上",
    "20261121",
    "2026-11-21 13:59:59",
    "2026年11月21日",
    "满3000减500，138 199 299",
    "1.5 2 3.8 13 15 100",
    "QQ群：123456789",
    "qq群号 123456789",
    "群QQ 123456789",
    "QQ 123456789（群）",
    "扫码加群 888888",
    "qq 10000元",
    "微信支付123456",
    "微信小程序123456",
    "微信 iphone15pro 能装吗",
    "加微信号：xxxxxx",
    "加vip123456",
    "ABC13800138000DEF",
    "1234567890123456",
    "6222021234567890123",
    "12345678901234567890123",
    "110101199003077716",
    "990101199003077715",
    "手机尾号8000",
    "138****8000",
    "身份证号发我一下",
    "订单 2026-11-21 下的",
    "订单12345",
    "新a版本",
    "上海市",
    "广东省深圳市南山区",
    "我们5号发货",
    "我不知道5号发货吗",
    "地铁2号线",
    "杨柳村6号楼集合",
    "南京路店8号开业",
    "这个路由器3号到货",
    "第三单元100分",
    "三栋08户型怎么样",
    "一二三四五六七八九十",
    "@张三 看一下",
    "😀👨‍👩‍👧",
    "msg_01M8M0WGWXQ5BPWPM7EAHV7TK9",
    "草稿drf_01M8M0WGVX9RSTUV7EAHV7TKAB，加我看看",
    "01M8M0WGWXQ5BPWPM7EAHV7TK9",
]

# Anything, and much of what sets the patterns off, in any order.
TRIGGERS = (
    "13800138000|138|0013|8000|一三八|零|o|+86|010|62345678|110101199003077715|6222021234567890128|x| |-|.|"
    "\u200b|\u20e3|微信|加我|qq|群|:|订单号|快递单号|sf|a@b|.com|zhang_3|京a|12345|护照|e12345678|上海市|浦东新区|张江|路|88号|3栋|"
    "2单元|501室|小区|元|¥|*|**|，|。|一|二三|4个0|八千|后面是|艾特|at|点com|薇|q|顺丰|sf1|京.a.1|车牌|💰|㈠|\n|繁體|１２３|❶|㎏|\ud800"
)
ANY_TEXT = st.one_of(st.text(max_size=100), st.lists(st.sampled_from(TRIGGERS.split("|")), max_size=30).map("".join))


@pytest.mark.parametrize(("typed", "masked"), PHONES)
def test_phone(typed: str, masked: str) -> None:
    assert mask(typed).text == masked
    assert [finding.kind for finding in find_personal_data(typed)] == [Kind.PHONE]


def test_phone_in_keycap_emoji() -> None:
    masked = mask("".join(f"{digit}\ufe0f\u20e3" for digit in "13800138000"))
    assert [finding.kind for finding in masked.findings] == [Kind.PHONE]
    assert masked.text.count("*") == 12
    assert masked.text.startswith("1\ufe0f\u20e33")


@pytest.mark.parametrize(("kind", "typed", "masked"), OTHERS)
def test_other_kinds(kind: PersonalDataKind, typed: str, masked: str) -> None:
    assert mask(typed).text == masked
    assert [finding.kind for finding in find_personal_data(typed)] == [kind]


@pytest.mark.parametrize("typed", NOT_PERSONAL)
def test_not_personal(typed: str) -> None:
    assert find_personal_data(typed) == []
    assert mask(typed) == (typed, ())


@pytest.mark.parametrize("parcel", ["SF1380013800012", "快递SF13800138000x", "運單號13800138000123", "JDV138001380001"])
def test_tracking_number_is_no_phone(parcel: str) -> None:
    assert Kind.PHONE not in {finding.kind for finding in find_personal_data(parcel)}


@pytest.mark.parametrize("prefix", ["msg", "drf", "rsk", "mem"])
def test_our_own_ids_stay_readable(prefix: str) -> None:
    """Logs are searched by them; wx or vx stands in one of some hundred by chance."""
    ids = [new_id(prefix) for _ in range(300)]
    assert [mask(one).text for one in ids] == ids


def test_who_writes_like_one_of_our_ids_is_masked_still() -> None:
    assert mask("msg_13800138000").text == "msg_138****8000"
    assert mask("wxid_0123456789abcd").text == "****_************cd"
    assert mask("msg_01M8M0WGWXQ5BPWPM7EAHV7TK9@qq.com").text.endswith("*@qq.com")


def test_finding_is_a_span_of_the_text_as_received() -> None:
    typed = "\u200b  我：１３８\u200b００１３　８０００\u200b 打我"
    (finding,) = find_personal_data(typed)
    assert finding == Finding(Kind.PHONE, 5, 18)
    assert typed[finding.start : finding.end] == "１３８\u200b００１３　８０００"


def test_several_in_one_message_in_order() -> None:
    masked = mask("收货：北京市朝阳区建国路93号A座1203，李四 13800138000，订单号20261121123456789，z3@qq.com")
    assert [finding.kind for finding in masked.findings] == [Kind.ADDRESS, Kind.PHONE, Kind.ORDER_NO, Kind.EMAIL]
    assert masked.text == "收货：北京市朝阳区************，李四 138****8000，订单号*************6789，z*@qq.com"


def test_longer_finding_wins() -> None:
    assert [f.kind for f in find_personal_data("13800138000@163.com")] == [Kind.EMAIL]


@pytest.mark.parametrize(
    "unit",
    [
        "a@",
        "a.",
        "1",
        "1 ",
        "138 ",
        "1-",
        "路1号",
        "某路1号 ",
        "1栋",
        "一",
        "村3组",
        "微信 :",
        "加我",
        "订单",
        "单号1234 ",
        "62 ",
        "+86 ",
        "一二三四 ",
        "3个0 ",
        "1-1-101 ",
        "订 单 ",
        "a艾特",
        "微信 a b ",
        "京 a 1 ",
        "🍎1",
        "京a",
        "o",
        "-",
    ],
)
def test_longest_message_of_one_pattern(unit: str) -> None:
    text = (unit * 8000)[:8000]
    masked = mask(text)
    assert len(masked.text) == 8000
    assert mask(masked.text).text == masked.text


def test_every_phone_of_the_longest_message() -> None:
    assert mask("13800138000，" * 660).text == "138****8000，" * 660


@ANY_SPEED
@given(ANY_TEXT)
def test_mask_keeps_the_length_and_what_is_outside_findings(text: str) -> None:
    masked = mask(text)
    assert len(masked.text) == len(text)
    changed = {i for i, (old, new) in enumerate(zip(text, masked.text, strict=True)) if old != new}
    assert all(masked.text[i] == "*" for i in changed)


@ANY_SPEED
@given(ANY_TEXT)
def test_masking_twice_changes_nothing(text: str) -> None:
    once = mask(text).text
    assert mask(once).text == once


@ANY_SPEED
@given(ANY_TEXT)
def test_findings_are_sorted_in_range_and_apart(text: str) -> None:
    for findings in (find_personal_data(text), list(mask(text).findings)):
        edges = [edge for finding in findings for edge in (finding.start, finding.end)]
        assert edges == sorted(edges)
        assert all(0 <= finding.start < finding.end <= len(text) for finding in findings)


@ANY_SPEED
@given(
    st.text("我在，。吗好的 \n", max_size=20),
    st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True),
    st.text("的，😀 ", max_size=9),
)
def test_no_phone_survives_in_any_sentence(before: str, phone: str, after: str) -> None:
    assert phone not in mask(before + phone + after).text


def test_values_of_a_log_line() -> None:
    line = {
        "text": "电话13800138000",
        "to": ["z3@qq.com", ("QQ：12345678", 5)],
        "phone": 13800138000,
        "at_ms": 1795219200000,
        "n": 3,
        "ok": True,
        "score": 0.5,
        "none": None,
    }
    assert mask_values(line) == {
        "text": "电话138****8000",
        "to": ["z*@qq.com", ("QQ：******78", 5)],
        "phone": "138****8000",
        "at_ms": 1795219200000,
        "n": 3,
        "ok": True,
        "score": 0.5,
        "none": None,
    }
    assert line["phone"] == 13800138000


def test_values_that_are_huge_or_deep() -> None:
    deep: object = "13800138000"
    for _ in range(5000):
        deep = [deep]
    assert "13800138000" not in str(mask_values(deep))
    assert mask_values(10**5000) == 10**5000
