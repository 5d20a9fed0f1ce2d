"""Words found however they are disguised, and ordinary text left alone."""

import pytest

from agent.steps.views.disguises import DisguiseFinder, View
from core.text import normalize

FINDER = DisguiseFinder(
    [
        "加微信",
        "代开发票",
        "银行卡",
        "傻逼",
        "嫖娼",
        "臭鲍鱼",
        "犯罪率",
        "没有存在感",
        "同性恋",
        "河南人",
        "操你",
        "幼女",
        "环太湖",
    ]
)


def found(text: str) -> list[tuple[str, str, View]]:
    plain = normalize(text)
    return [(one.word, plain.text[one.start : one.end], one.view) for one in FINDER.finds(plain.text)]


@pytest.mark.parametrize(
    ("text", "word", "stretch", "view"),
    [
        ("女票女昌的都抓了", "嫖娼", "女票女昌", View.READ),
        ("自犬鱼包鱼打什么码", "臭鲍鱼", "自犬鱼包鱼", View.READ),
        ("同⭐恋怎么了", "同性恋", "同⭐恋", View.READ),
        ("shabi东西", "傻逼", "shabi", View.SOUND),
        ("dai开fa票", "代开发票", "dai开fa票", View.SOUND),
        ("加薇❤ 看图", "加微信", "加薇❤", View.SOUND),
        ("饭最绿远高于别处", "犯罪率", "饭最绿", View.SOUND),
        ("银 行 咔", "银行卡", "银 行 咔", View.SOUND),
        ("环太醐一圈", "环太湖", "环太醐", View.SHAPE),
        ("票发代开", "代开发票", "票发代开", View.ORDER),
        ("陕西myczg", "没有存在感", "myczg", View.INITIALS),
    ],
)
def test_disguised_word(text: str, word: str, stretch: str, view: View) -> None:
    assert (word, stretch, view) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "我刚才边上怎么那么吵，你在干啥",  # 吵你 sounds nearly like 操你
        "有女生吗",
        "卫星发射成功了",
        "代开发票",  # as it is written: that is not this finder's
        "app vip usb gps",
        "12345678",
        "",
        "🎂🎂🎂",
        "fcgzl is an acronym",
    ],
)
def test_nothing_disguised(text: str) -> None:
    assert found(text) == []


def test_several_disguises_in_one_word() -> None:
    assert ("代开发票", "dài开發piao", View.SOUND) in [
        (word, "dài开發piao", view) for word, _, view in found("dai开發piao")
    ]


def test_no_words() -> None:
    assert DisguiseFinder([]).finds("加薇❤") == []


@pytest.mark.parametrize("size", [8_000])
def test_long_text_ends(size: int) -> None:
    assert len(FINDER.finds("加薇心" * (size // 3))) > 0
