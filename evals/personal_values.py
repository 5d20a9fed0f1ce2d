"""Made-up personal data of every kind, in the spellings that members use. Everything is drawn, nothing is anybody's."""

import random
import string
from collections.abc import Callable, Sequence
from datetime import date, timedelta

from core.personal_data import PersonalDataKind as Kind

Draw = random.Random
_CIRCLED = str.maketrans("0123456789", "⓪①②③④⑤⑥⑦⑧⑨")
_WIDE = {char: char + 0xFEE0 for char in range(0x21, 0x7F)}
_HAN = str.maketrans("0123456789", "零一二三四五六七八九")
_RADIO = str.maketrans("0127", "洞幺两拐")
_FORMAL = str.maketrans("0123456789", "零壹贰叁肆伍陆柒捌玖")
_PREFIXES = (
    "130 131 132 133 135 136 137 138 139 147 150 151 152 155 157 158 159 166 170 173 176 177 178 180 183 186 "
    "187 188 189 191 193 195 198 199"
)
_REGIONS = (
    "110101 120103 130102 210203 310115 320106 330106 340104 350203 370102 410105 420106 430104 440305 500112 "
    "510107 610113 710000 810000"
)
_PROVIDERS = (
    "qq.com 163.com 126.com gmail.com outlook.com hotmail.com foxmail.com sina.com sina.cn 139.com 189.cn "
    "icloud.com yeah.net aliyun.com"
)
_HOSTS = "hemiao-club.cn shuyuan.edu.cn mail.tuanzi.com.cn north-lake.org kid-star.net bbs.yard.com.hk"
_NAMES = (
    "lily momo tutu xiaolin wangwu lisi zhaoliu chenchen amy kiki dudu mama niuniu lele yaya jiajia sunny leo "
    "anna doudou"
)
_AREAS_3, _AREAS_4 = (
    "010 020 021 022 023 024 025 027 028 029",
    "0311 0512 0571 0574 0755 0769 0592 0531 0371 0731 0898 0991",
)
_PROVINCES = "京沪津渝粤苏浙鲁豫川鄂湘皖闽赣冀晋辽吉黑陕甘桂云贵琼青宁新蒙藏"
_PLATE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_CITIES = (
    "北京市朝阳区 上海市浦东新区 广东省深圳市南山区 浙江省杭州市西湖区 成都市武侯区 江苏省苏州市工业园区 "
    "武汉洪山区 西安市雁塔区 长沙岳麓区 福建厦门思明区 南京 青岛市南区"
)
_ROADS = (
    "建国路 张江路 科技园南路 文三路 天府大道 星湖街 珞喻路 人民东路 解放路 中山北路 学院胡同 和平里大街 "
    "南京东路二段 滨海大道 青年巷 新华路"
)
_ESTATES = (
    "阳光花园 翠苑小区 万达公寓 金色家园 幸福里小区 保利香槟 绿城桂花园 龙湖天街 锦绣华庭 东方新村 万科城 云山诗意"
)
_VILLAGES = "李家村 大王庄村 石桥村 上杨村 柳河村"


def _digits(draw: Draw, count: int) -> str:
    return "".join(draw.choices(string.digits, k=count))


def _pick(draw: Draw, words: str) -> str:
    return draw.choice(words.split())


def _grouped(digits: str, sizes: Sequence[int], by: str) -> str:
    parts, at = [], 0
    for size in sizes:
        parts.append(digits[at : at + size])
        at += size
    return by.join(part for part in [*parts, digits[at:]] if part)


def _disguised(draw: Draw, number: str) -> str:
    """Any number in another script, or with something between its digits."""
    return draw.choice(
        (
            number.translate(_WIDE),
            number.translate(_CIRCLED),
            number.translate(_HAN),
            number.translate(_FORMAL),
            number.translate(_HAN).translate(str.maketrans("一零七", "幺洞拐")),
            number.translate(_RADIO),
            " ".join(number),
            ".".join(number),
            "\u200b".join(number),
            "".join(f"{digit}\ufe0f\u20e3" for digit in number),
            number.replace("0", draw.choice("oO〇")),
            "".join(draw.choice((one, one.translate(_WIDE), one.translate(_HAN))) for one in number),
        )
    )


def phone(draw: Draw) -> str:
    number = _pick(draw, _PREFIXES) + _digits(draw, 8)
    if draw.random() < 0.35:
        return number
    if draw.random() < 0.3:
        return _disguised(draw, number)
    spaced = _grouped(number, draw.choice(((3, 4), (3, 4), (3,), (4, 4), (7,), (4, 3))), draw.choice(" -.· _"))
    if draw.random() < 0.4:
        return draw.choice(("+86", "+86 ", "+86-", "0086", "86", "(+86)", "０086 ")) + draw.choice((number, spaced))
    return draw.choice((spaced, f"({number[:3]}){number[3:7]}-{number[7:]}", _grouped(number, (3, 4), "—")))


def _born(draw: Draw) -> str:
    return (date(1950, 1, 1) + timedelta(draw.randrange(26_000))).strftime("%Y%m%d")


def check_digit(first: str) -> str:
    """The eighteenth character of an ID card by GB 11643, for its first seventeen."""
    total = sum(int(digit) * (2 ** (17 - at) % 11) for at, digit in enumerate(first))
    return "10X98765432"[total % 11]


def id_card(draw: Draw) -> str:
    first = _pick(draw, _REGIONS) + _born(draw) + _digits(draw, 3)
    number = first + check_digit(first)
    forms: tuple[Callable[[], str], ...] = (
        lambda: number,
        lambda: number,
        lambda: number.lower(),
        lambda: number.translate(_WIDE),
        lambda: _grouped(number, (6, 8), draw.choice(" -.·")),
        lambda: _grouped(number, (6, 4, 4), " "),
        lambda: _grouped(number, (4, 4, 4, 4), " "),
        lambda: "\u200b".join((number[:6], number[6:14], number[14:])),
        lambda: number[:17] + " " + number[17],
        lambda: number.translate(_CIRCLED),
    )
    return draw.choice(forms)()


def old_id_card(draw: Draw) -> str:
    return _pick(draw, _REGIONS[:70]) + _born(draw)[2:] + _digits(draw, 3)


def luhn_digit(first: str) -> str:
    """The last digit of a bank card, for all before it."""
    doubled = (int(digit) * (2 if at % 2 == 0 else 1) for at, digit in enumerate(reversed(first)))
    return str(-sum(value - 9 if value > 9 else value for value in doubled) % 10)


def bank_card(draw: Draw) -> str:
    length = draw.choice((16, 19, 19, 17, 18))
    prefix = draw.choice(
        ("62", "6217", "6222", "6228", "6225", "9558") if length != 16 else ("62", "4", "52", "35", "6258")
    )
    first = prefix + _digits(draw, length - 1 - len(prefix))
    number = first + luhn_digit(first)
    if draw.random() < 0.4:
        return number
    fours = (4,) * (length // 4)
    forms: tuple[Callable[[], str], ...] = (
        lambda: _grouped(number, fours, draw.choice((" ", " ", "-", ".", "·"))),
        lambda: _grouped(number, (6,), " "),
        lambda: number.translate(_WIDE),
        lambda: _grouped(number, fours, " ").translate(_WIDE),
        lambda: "\u200b".join(_grouped(number, fours, " ").split()),
        lambda: number.translate(_HAN),
        lambda: number.replace("0", "O"),
    )
    return draw.choice(forms)()


def _account(draw: Draw) -> str:
    """The part of an e-mail address before its @, or a nickname with something behind it."""
    name = _pick(draw, _NAMES)
    return draw.choice(
        (
            name + _digits(draw, draw.randint(2, 6)),
            f"{name}_{_digits(draw, 3)}",
            f"{name}.{_pick(draw, _NAMES)}{_digits(draw, 2)}",
            f"{name[0]}{_pick(draw, _NAMES)}-{_digits(draw, 4)}",
            name.capitalize() + _digits(draw, 4),
        )
    )


def email(draw: Draw) -> str:
    account = draw.choice((_account(draw), _account(draw), str(draw.randint(10**6, 10**10)), phone_digits(draw)))
    if draw.random() < 0.7:
        return f"{account}@{draw.choice((_pick(draw, _PROVIDERS), _pick(draw, _HOSTS)))}"
    host = _pick(draw, _PROVIDERS)
    spelled = draw.choice(
        (
            f"{account}艾特{host.replace('.', '点')}",
            f"{account} at {host.replace('.', ' dot ')}",
            f"{account}(at){host}",
            f"{account}[at]{host.replace('.', '[dot]')}",
            f"{account} @ {host}",
            f"{account}@{host.replace('.', '。')}",
            f"{account}@{host.replace('.', '点')}",
            f"{account}@{host}".translate(_WIDE),
            f"{account}#{host}",
        )
    )
    return spelled.upper() if spelled.isascii() and draw.random() < 0.15 else spelled


def phone_digits(draw: Draw) -> str:
    return _pick(draw, _PREFIXES) + _digits(draw, 8)


def wechat_id(draw: Draw) -> str:
    name, more = _pick(draw, _NAMES), _pick(draw, _NAMES)
    forms: tuple[Callable[[], str], ...] = (
        lambda: name + more[:2] + _digits(draw, draw.randint(2, 6)),
        lambda: f"{name}_{more}{_digits(draw, 2)}",
        lambda: f"{name}-{_digits(draw, 4)}",
        lambda: f"{name[0]}{more[0]}{_digits(draw, 6)}",
        lambda: f"{name}{_digits(draw, 2)}{more}",
        lambda: f"wxid_{''.join(draw.choices(string.ascii_lowercase + string.digits, k=14))}",
        lambda: (name + more).capitalize() + _digits(draw, 3),
        lambda: (name + _digits(draw, 4)).translate(_WIDE),
        lambda: "\u200b".join(f"{name}{_digits(draw, 4)}"),
        lambda: f"{name}_{_digits(draw, 3)}_{more[:2]}",
    )
    return draw.choice(forms)()


def qq(draw: Draw) -> str:
    number = str(draw.randint(1, 9)) + _digits(draw, draw.randint(5, 9))
    if draw.random() < 0.7:
        return number
    forms = (
        number.translate(_WIDE),
        number.translate(_CIRCLED),
        number.translate(_HAN),
        " ".join(number),
        _grouped(number, (3, 3), draw.choice("- ")),
        "\u200b".join(number),
    )
    return draw.choice(forms)


def _stamp(draw: Draw) -> str:
    return (date(2024, 1, 1) + timedelta(draw.randrange(1_000))).strftime("%Y%m%d")


def order_no(draw: Draw) -> str:
    stamp = _stamp(draw)
    forms: tuple[Callable[[], str], ...] = (
        lambda: stamp + _digits(draw, draw.randint(6, 12)),
        lambda: _digits(draw, 18).replace("0", "4"),
        lambda: f"{draw.randint(1, 9)}{_digits(draw, 11)}",
        lambda: f"{stamp[2:]}-{_digits(draw, 15)}",
        lambda: f"{_pick(draw, 'E P D T DD XS')}{stamp}{_digits(draw, 8)}",
        lambda: f"JD-{stamp}{_digits(draw, 5)}",
        lambda: _grouped(stamp + _digits(draw, 8), (4, 4, 4), draw.choice(" -")),
        lambda: _grouped(stamp + _digits(draw, 9), (4, 4, 4, 4), " "),
        lambda: (stamp + _digits(draw, 8)).translate(_WIDE),
    )
    return draw.choice(forms)()


def tracking_no(draw: Draw) -> str:
    """With the letters of its carrier; `bare_tracking_no` is without."""
    prefix, count = draw.choice(
        (
            ("SF", 13),
            ("SF", 12),
            ("YT", 13),
            ("JT", 13),
            ("JD", 13),
            ("JDVB", 11),
            ("DPK", 12),
            ("STO", 12),
            ("ZTO", 12),
        )
    )
    code = prefix + _digits(draw, count)
    if draw.random() < 0.15:
        return draw.choice(("EA", "RB", "LX", "CP")) + _digits(draw, 9) + "CN"
    forms = (
        code,
        code,
        code,
        code.lower(),
        code.translate(_WIDE),
        f"{prefix} {code[len(prefix) :]}",
        f"{prefix}-{code[len(prefix) :]}",
    )
    if len(prefix) == 2 and draw.random() < 0.15:
        return f"{prefix} {_grouped(code[2:], (4, 4), ' ')}"
    return draw.choice(forms)


def bare_tracking_no(draw: Draw) -> str:
    number = draw.choice(("773", "784", "758", "432", "988", "312", "465")) + _digits(
        draw, draw.choice((9, 10, 11, 12))
    )
    return draw.choice((number, number, number.translate(_WIDE), _grouped(number, (4, 4), " ")))


def passport(draw: Draw) -> str:
    number = draw.choice(("E", "G", "P", "D", "EA", "EB", "EJ", "C", "H"))
    number += _digits(draw, 7 if len(number) == 2 else 8)
    return draw.choice(
        (
            number,
            number,
            number.lower(),
            number.translate(_WIDE),
            number[:-8] + " " + number[-8:],
            number[:-4] + " " + number[-4:],
        )
    )


def landline(draw: Draw) -> str:
    if draw.random() < 0.6:
        area, local = _pick(draw, _AREAS_3), str(draw.randint(2, 8)) + _digits(draw, 7)
    else:
        area, local = _pick(draw, _AREAS_4), str(draw.randint(2, 8)) + _digits(draw, draw.choice((6, 7)))
    half = local[: len(local) - 4] + draw.choice(" -") + local[-4:]
    forms = (
        f"{area}-{local}",
        f"{area}-{local}",
        f"{area} {local}",
        f"({area}){local}",
        f"（{area}）{local}",
        f"{area}—{local}",
        f"{area}-{half}",
        area + local,
        f"{area}-{local}".translate(_WIDE),
        f"+86-{area[1:]}-{local}",
        f"+86 {area[1:]} {half}",
        f"{area}.{local[:-4]}.{local[-4:]}",
    )
    return draw.choice(forms)


def plate(draw: Draw) -> str:
    head = draw.choice(_PROVINCES) + draw.choice(_PLATE_LETTERS)
    tail = draw.choice(
        (
            _digits(draw, 5),
            _digits(draw, 4) + draw.choice(_PLATE_LETTERS),
            draw.choice(_PLATE_LETTERS) + _digits(draw, 4),
            _digits(draw, 1)
            + draw.choice(_PLATE_LETTERS)
            + _digits(draw, 1)
            + draw.choice(_PLATE_LETTERS)
            + _digits(draw, 1),
            draw.choice(_PLATE_LETTERS) + _digits(draw, 3) + draw.choice(_PLATE_LETTERS),
            draw.choice("DF") + _digits(draw, 5),
            draw.choice("DF") + draw.choice(_PLATE_LETTERS) + _digits(draw, 4),
            _digits(draw, 5) + draw.choice("DF"),
            _digits(draw, 4) + draw.choice("挂学警"),
        )
    )
    number = head + draw.choice(("", "", "", "·", " ", ".", "-", "•")) + tail
    if draw.random() < 0.15:
        return draw.choice((" ", ".")).join(head + tail)
    return draw.choice((number, number, number.lower(), number.translate(_WIDE)))


def address(draw: Draw) -> str:
    number, building, unit = draw.randint(1, 1999), draw.randint(1, 32), draw.randint(1, 4)
    room = draw.randint(1, 28) * 100 + draw.randint(1, 8)
    road, estate, city = (_pick(draw, words) for words in (_ROADS, _ESTATES, _CITIES))
    home = draw.choice(
        (
            f"{building}栋{unit}单元{room}",
            f"{building}号楼{unit}单元{room}室",
            f"{building}幢{room}",
            f"{building}-{unit}-{room}",
            f"{building}栋{room}室",
            f"{building}座{room}",
            f"{draw.choice('ABCD')}座{room}",
            f"{building}#楼{unit}单元{room}",
        )
    )
    han = str(building).translate(_HAN)
    whole = draw.choice(
        (
            f"{city}{road}{number}号{estate}{home}",
            f"{city}{road}{number}号",
            f"{road}{number}号{home}",
            f"{city}{estate}{home}",
            f"{estate}{home}",
            f"{road}{number}弄{building}号{room}室",
            f"{_pick(draw, _VILLAGES)}{draw.randint(1, 9)}组{draw.randint(1, 99)}号",
            f"{city} {road} {number}号 {estate} {home}",
            f"{estate}{han}栋{'一二三四'[unit - 1]}单元{str(room).translate(_HAN)}",
            f"{city}{road}{number}号{building}楼{room}",
        )
    )
    return draw.choice((whole, whole, whole, whole.translate(_WIDE), whole.replace("号", "號").replace("栋", "棟")))


VALUES: dict[Kind, Callable[[Draw], str]] = {
    Kind.ID_CARD: id_card,
    Kind.PHONE: phone,
    Kind.TRACKING_NO: tracking_no,
    Kind.ORDER_NO: order_no,
    Kind.BANK_CARD: bank_card,
    Kind.EMAIL: email,
    Kind.LANDLINE: landline,
    Kind.PLATE: plate,
    Kind.PASSPORT: passport,
    Kind.QQ: qq,
    Kind.WECHAT_ID: wechat_id,
    Kind.ADDRESS: address,
}
"""How a value of each kind is drawn."""

OTHER_VALUES: dict[str, Callable[[Draw], str]] = {"old_id": old_id_card, "bare": bare_tracking_no}
"""Forms that are only recognisable beside a word; sentences ask for them by name."""
