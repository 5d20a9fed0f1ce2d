"""Sentences with made-up personal data, and sentences whose numbers only look like some; always the same ones."""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from core.personal_data import Finding, PersonalDataKind
from core.yaml_text import load_yaml
from evals.personal_values import OTHER_VALUES, VALUES, check_digit, landline, luhn_digit, phone_digits

SEED = 20261121
_FILE = Path(__file__).parent / "cases" / "personal_sentences.yaml"
_SLOT = re.compile(r"\{(\w+)(?::(\w+))?\}")
_OPENERS = ("", "", "", "", "哈喽，", "在吗？", "[玫瑰]", "亲，", "求助！", "😂😂", "@团长 ", "hi ", "早～")
_CLOSERS = (
    "",
    "",
    "",
    "",
    "，谢谢",
    "。",
    "！！",
    "🙏",
    " 收到回{small}",
    "，{price}元",
    "～",
    " 下午{small}点",
    "\n辛苦了",
)
_WITH_ANOTHER = 0.12
_NAMES = ("小陈", "王姐", "张先生", "丽丽妈妈", "老周", "Amy", "林女士", "阿强", "團長", "李老师")
_ROADS = ("人民路", "南京西路", "建设大街", "滨江大道", "中山路", "解放北路", "学院街")
_HOTLINES = ("10086", "95588", "12315", "12345", "400-820-1234", "4008123456", "800-810-5119", "950618", "12306")


class Case(NamedTuple):
    """`right` are the values in `text`; none for a decoy. `kind` is the one that the sentence was made for."""

    id: str
    text: str
    kind: PersonalDataKind
    right: tuple[Finding, ...]


def positives(kind: PersonalDataKind, count: int) -> list[Case]:
    """`count` sentences with a value of `kind`; some have a second value beside it, most have other numbers."""
    draw = random.Random(f"{SEED} {kind} say")
    return _different(lambda number: _positive(draw, kind, f"{kind.value}-{number:04}"), count)


def decoys(kind: PersonalDataKind, count: int) -> list[Case]:
    """`count` sentences in which nothing is personal, with numbers near to `kind`."""
    draw = random.Random(f"{SEED} {kind} decoys")
    return _different(lambda number: _decoy(draw, kind, f"{kind.value}-decoy-{number:04}"), count)


def _different(make: Callable[[int], Case], count: int) -> list[Case]:
    """`count` cases, none with the text of another."""
    cases: dict[str, Case] = {}
    while len(cases) < count:
        case = make(len(cases) + 1)
        cases.setdefault(case.text, case)
    return list(cases.values())


def _positive(draw: random.Random, kind: PersonalDataKind, id: str) -> Case:
    text, right = _filled(draw, draw.choice(_sentences()[kind.value]["say"]), kind)
    if draw.random() < _WITH_ANOTHER:
        other = draw.choice([one for one in PersonalDataKind if one is not kind])
        more, found = _filled(draw, draw.choice(_sentences()[other.value]["say"]), other)
        shift = len(text) + 1
        text = f"{text}\n{more}"
        right += [Finding(one.kind, one.start + shift, one.end + shift) for one in found]
    opener, closer = draw.choice(_OPENERS), _filled(draw, draw.choice(_CLOSERS), kind)[0]
    moved = tuple(Finding(one.kind, one.start + len(opener), one.end + len(opener)) for one in right)
    return Case(id, opener + text + closer, kind, moved)


def _decoy(draw: random.Random, kind: PersonalDataKind, id: str) -> Case:
    text, _ = _filled(draw, draw.choice(_sentences()[kind.value]["decoys"]), kind)
    closer, _ = _filled(draw, draw.choice(_CLOSERS), kind)
    return Case(id, draw.choice(_OPENERS) + text + closer, kind, ())


def _filled(draw: random.Random, template: str, kind: PersonalDataKind) -> tuple[str, list[Finding]]:
    text, at, right = "", 0, []
    for slot in _SLOT.finditer(template):
        text += template[at : slot.start()]
        name, form = slot.groups()
        drawn = (OTHER_VALUES[form] if form else VALUES[kind])(draw) if name == "v" else NUMBERS[name](draw)
        if name == "v":
            right.append(Finding(kind, len(text), len(text) + len(drawn)))
        text, at = text + drawn, slot.end()
    return text + template[at:], right


@cache
def _sentences() -> Mapping[str, Mapping[str, Sequence[str]]]:
    loaded: Mapping[str, Mapping[str, Sequence[str]]] = load_yaml(_FILE.read_text("utf-8"))
    return loaded


def _number(low: int, high: int) -> Callable[[random.Random], str]:
    return lambda draw: str(draw.randint(low, high))


def _digits(count: int) -> Callable[[random.Random], str]:
    return lambda draw: "".join(draw.choices("0123456789", k=count))


def _price(draw: random.Random) -> str:
    return draw.choice((str(draw.randint(9, 2999)), f"{draw.randint(1, 999)}.{draw.randint(0, 99):02}"))


def _date(draw: random.Random) -> str:
    year, month, day = draw.randint(2024, 2027), draw.randint(1, 12), draw.randint(1, 28)
    return draw.choice(
        (f"{year}-{month:02}-{day:02}", f"{month}月{day}日", f"{year}年{month}月{day}日", f"{month}.{day}")
    )


def _date8(draw: random.Random) -> str:
    return f"20{draw.randint(20, 29)}{draw.randint(1, 12):02}{draw.randint(1, 28):02}"


def _bad_id(draw: random.Random) -> str:
    first = "110101" + f"19{draw.randint(50, 99)}{draw.randint(1, 12):02}{draw.randint(1, 28):02}" + _digits(3)(draw)
    return first + draw.choice([digit for digit in "0123456789" if digit != check_digit(first)])


def _bad_card(length: int) -> Callable[[random.Random], str]:
    def drawn(draw: random.Random) -> str:
        first = "62" + _digits(length - 3)(draw)
        return first + draw.choice([digit for digit in "0123456789" if digit != luhn_digit(first)])

    return drawn


def _masked(kept: int, stars: int, end: int) -> Callable[[random.Random], str]:
    return lambda draw: f"{draw.choice(('138', '6217', '110'))[:kept]}{'*' * stars}{_digits(end)(draw)}"


NUMBERS: Mapping[str, Callable[[random.Random], str]] = {
    "price": _price,
    "small": _number(1, 31),
    "count": _number(11, 480),
    "three": _number(101, 999),
    "four": _digits(4),
    "five": _number(10_000, 99_999),
    "six": _number(100_000, 899_999),
    "eight": _digits(8),
    "nine": _number(100_000_000, 999_999_999),
    "big": lambda draw: f"{draw.randint(1_000, 99_999_999):,}",
    "eleven_mobile": phone_digits,
    "eleven_other": lambda draw: draw.choice("23456789") + _digits(10)(draw),
    "thirteen": lambda draw: "6" + _digits(12)(draw),
    "stamp13": _number(1_700_000_000_000, 1_799_999_999_999),
    "fourteen": lambda draw: "78" + _digits(12)(draw),
    "sixteen": _digits(16),
    "sixteen_bad": _bad_card(16),
    "nineteen_bad": _bad_card(19),
    "eighteen_bad": _bad_id,
    "barcode": lambda draw: "69" + _digits(11)(draw),
    "date": _date,
    "date8": _date8,
    "time": lambda draw: f"{draw.randint(0, 23)}:{draw.randint(0, 59):02}",
    "time6": lambda draw: f"{draw.randint(0, 23):02}{draw.randint(0, 59):02}{draw.randint(0, 59):02}",
    "ip": lambda draw: f"192.168.{draw.randint(0, 255)}.{draw.randint(1, 254)}",
    "version": lambda draw: f"{draw.randint(1, 19)}.{draw.randint(0, 20)}.{draw.randint(0, 60)}",
    "masked_phone": _masked(3, 4, 4),
    "masked_id": _masked(3, 13, 2),
    "masked_card": _masked(4, 8, 4),
    "hotline": lambda draw: draw.choice(_HOTLINES),
    "landline": landline,
    "name": lambda draw: draw.choice(_NAMES),
    "road": lambda draw: draw.choice(_ROADS),
}
"""What sentences may name beside values: numbers of nobody's, names and roads."""
