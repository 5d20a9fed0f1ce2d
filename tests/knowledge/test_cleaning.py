"""Texts copied from elsewhere: what is repaired, what is taken away, and what stays."""

import pytest

from core.text import normalize
from knowledge.cleaning import clean
from knowledge.encodings import repaired
from knowledge.importing import parse

TEXTS = (
    "怎么申请退款？打开「我的-订单」，点开那一单选「申请售后」。",
    "付款后48小时内发货，节假日顺延一天",
    "發貨時間是什麼時候，請問",
    "😀 好的",
    "联通",
)


def _as(text: str, wrong: str) -> str:
    return text.encode("gb18030" if wrong == "gbk as latin" else "utf-8").decode(
        {"gbk as latin": "latin-1", "utf-8 as latin": "latin-1", "utf-8 as gbk": "gb18030"}[wrong]
    )


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        *((text, "utf-8 as latin") for text in TEXTS),
        *((text, "utf-8 as gbk") for text in (TEXTS[2], TEXTS[3], "积分在哪里查？找不到")),
        *((text, "gbk as latin") for text in (TEXTS[0], TEXTS[1], "怎么退款")),
    ],
)
def test_wrong_encodings_are_put_right(text: str, wrong: str) -> None:
    broken = _as(text, wrong)
    assert repaired(broken) == text
    assert clean(broken)[1][0].kind == "encoding"


@pytest.mark.parametrize(
    "text", [*TEXTS, "Café résumé naïve", "Ünïcödé ääää", "5 € – “ok”", "喵喵嗷呜龘靐齉", "漯河、鄢陵、亳州", "ÄÖÜß"]
)
def test_what_is_right_stays(text: str) -> None:
    assert repaired(text) == text


@pytest.mark.parametrize(
    ("text", "after", "kind"),
    [
        ("<p>打开&nbsp;<b>我的</b></p>", "打开 我的", "html"),
        ("第一步<br/>第二步", "第一步\n第二步", "html"),
        ("看<a href='https://a.cn/x'>说明</a>", "看说明（https://a.cn/x）", "html"),
        ("正文<script>alert(1)</script><!-- 注 -->", "正文", "html"),
        ("首页 > 帮助中心\n七天内可退。\n版权所有 © 禾苗 沪ICP备12345678号", "七天内可退。", "page_frame"),
        ("长按识别二维码关注我们\n正文\n阅读原文", "正文", "page_frame"),
        ("责任编辑：小王\n正文\n上一页 下一页", "正文", "page_frame"),
        ("怎\u200b么\ufeff退款", "怎么退款", "invisible"),
        ("第一\x00步", "第一步", "invisible"),
        ("拨打４００再按Ａ", "拨打400再按A", "full_width"),
        ("一\n\n\n\n二", "一\n\n二", "blank_lines"),
    ],
)
def test_what_is_cleaned(text: str, after: str, kind: str) -> None:
    cleaned, changes = clean(text)
    assert cleaned.strip() == after
    assert kind in {change.kind for change in changes}


@pytest.mark.parametrize(
    "text",
    [
        "扫码关注公众号后，在菜单点「售后」",
        "扫码关注公众号",
        "步骤：\n登录\n点击我的\n分享",
        "1<2 且 a<b，{member_name} 说 <3",
        "👨‍👩‍👧 一家人 ❤️",
        "我要退貨，訂單在哪裡",
        "AT&T 和 R&D",
        "价格：￥１，０００".replace("１，０００", "1,000"),
        "正文，全角标点！不动",
    ],
)
def test_what_belongs_to_the_text_stays(text: str) -> None:
    assert clean(text) == (text, [])


def test_openings_that_nothing_closes_take_no_time() -> None:
    text = "<!--" * 200_000
    assert clean(f"--> {text}")[0]


def test_every_cleaning_of_a_table_is_told_with_its_place() -> None:
    parsed = parse("问题,答案\n<b>甲</b>,一\n乙,二\u200b二\n".encode(), "csv")
    assert [(one.row, one.field, one.kind, one.applied) for one in parsed.cleanings] == [
        (1, "title", "html", True),
        (2, "answer", "invisible", True),
    ]
    assert (parsed.rows[0].title, parsed.rows[1].answer) == ("甲", "二二")


def test_our_own_form_is_taken_word_for_word_and_told() -> None:
    data = '{"id": "e1", "kind": "faq", "title": "<b>甲</b>", "phrasings": ["甲"], "answer": "一"}'.encode()
    parsed = parse(data, "jsonl")
    assert parsed.rows[0].title == "<b>甲</b>"
    assert [one.applied for one in parsed.cleanings] == [False]
    assert parse(data, "jsonl", clean=True).rows[0].title == "甲"


def test_a_table_may_be_taken_word_for_word() -> None:
    assert parse("问题,答案\n<b>甲</b>,一\n".encode(), "csv", clean=False).rows[0].title == "<b>甲</b>"


def test_what_is_lost_is_an_error() -> None:
    (found,) = parse("问题,答案\n怎么退款,锟斤拷锟斤拷\n".encode(), "csv").errors
    assert (found.code, found.field, found.cell) == ("lost_text", "answer", "B2")


def test_traditional_characters_stay_and_are_found_as_simplified() -> None:
    row = parse("問題,答案\n怎麼退貨,請在訂單頁申請\n".encode(), "csv").rows[0]
    assert row.title == "怎麼退貨"
    assert normalize(row.title).text == "怎么退货"
