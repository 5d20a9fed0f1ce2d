"""Markdown of others: questions with answers, and long texts that become passages."""

import time

import pytest

from core.vocabulary import EntryKind
from knowledge.importing import Parsed, parse
from knowledge.markdown import MARK

FAQ = """---
负责人: 客服组
有效期至: 2026-12-31
---
# 常见问题

## 售后

### 怎么退款
标签：退款
相似问：
- 我想退钱
- 退货怎么弄

打开订单点申请。
有效期：7 天

### 买错了能退吗？
七天内可以。

相似问：拍错了 | 买错了

## 多久发货
48 小时内。
"""

LONG = """# 社群手册

写给新来的人。

## 第一章 群规

{first}

## 第二章 活动

### 报名

周五前报名。
"""


def markdown(text: str, name: str = "手册.md", **more: object) -> Parsed:
    return parse(text.encode(), "markdown", name=name, **more)  # type: ignore[arg-type]


def test_questions_with_their_answers() -> None:
    parsed = markdown(FAQ)
    assert parsed.errors == []
    first, second, third = parsed.rows
    assert (first.title, first.phrasings) == ("怎么退款", ["我想退钱", "退货怎么弄"])
    assert first.answer == "打开订单点申请。\n有效期：7 天"
    assert (first.tags, first.owner, str(first.valid_until)) == (["退款", "售后"], "客服组", "2026-12-31")
    assert (second.answer, second.phrasings) == ("七天内可以。", ["拍错了", "买错了"])
    assert third.phrasings == ["多久发货"]
    assert [place.line for place in parsed.places] == [9, 18, 23]


def test_questions_and_answers_by_their_first_letter() -> None:
    parsed = markdown("问：几点开门\n答：九点\n\nQ2: 周末开吗\nA: 开的\n第二行\n")
    assert [(row.title, row.answer) for row in parsed.rows] == [("几点开门", "九点"), ("周末开吗", "开的\n第二行")]


def test_a_question_without_an_answer() -> None:
    (found,) = markdown("## 怎么退款\n\n## 怎么发货\n两天。\n").errors[:1]
    assert (found.code, found.line) == ("answer_needed", 1)


def test_a_long_text_becomes_passages_under_their_headings() -> None:
    parsed = markdown(LONG.format(first="\n\n".join(["不要发广告。" * 20] * 5)), "社群手册.md")
    assert parsed.errors == []
    assert {row.kind for row in parsed.rows} == {EntryKind.DOCUMENT}
    rules = [row for row in parsed.rows if "群规" in row.title]
    assert len(rules) > 1 and all(len(row.answer) <= 400 for row in rules)
    last = parsed.rows[-1]
    assert last.title == "社群手册 › 社群手册 › 第二章 活动 › 报名"
    assert last.source == "社群手册.md > 社群手册 > 第二章 活动 > 报名"


def test_an_edit_changes_only_its_passages() -> None:
    before, after = (
        {row.id: row.answer for row in markdown(LONG.format(first=text)).rows} for text in ("不发广告。", "不骂人。")
    )
    assert before.keys() == after.keys()
    assert [before[one] != after[one] for one in before] == [False, True, False]


def test_a_text_without_headings_is_named_after_its_file() -> None:
    (row,) = markdown("只有一段话。", "公告.md").rows
    assert (row.title, row.source) == ("公告", "公告.md")


def test_a_tag_is_not_cut_in_two() -> None:
    text = "## 说明\n" + "字" * 396 + "<b>粗</b>" + "字" * 50
    parsed = markdown(text)
    assert "<" not in "".join(row.answer for row in parsed.rows)
    assert [(one.row, one.kind) for one in parsed.cleanings] == [(1, "html")]


def test_the_head_of_the_file_says_what_it_is() -> None:
    (row,) = markdown("---\n类型: 案例\n来源: 行业报告\n---\n## 某店怎么做拼团\n三人成团。\n").rows
    assert (row.kind, row.source) == ("case", "行业报告")


def test_only_the_label_at_the_head_of_an_answer_is_taken_away() -> None:
    assert markdown("## 选哪个？\n答案：看情况。\n方案A: 便宜\n").rows[0].answer == "看情况。\n方案A: 便宜"


@pytest.mark.parametrize(
    "line", ["A" + " " * 1_000_000 + "x", "# " + "可以 " * 300_000, "a:" + ("x" + " " * 900) * 1_000]
)
def test_lines_without_end_take_no_time(line: str) -> None:
    started = time.process_time()
    markdown(f"## 怎么退款\n{line}\n")
    assert time.process_time() - started < 5


def test_other_encodings() -> None:
    assert parse("## 怎么退款\n打开订单，点申请售后。\n".encode("gb18030"), "markdown").rows[0].title == "怎么退款"


def test_nothing_in_it() -> None:
    assert [one.code for one in markdown("# 标题\n\n## 又一个\n").errors] == ["empty_file"]


def test_our_own_form_edited_by_hand() -> None:
    parsed = markdown(
        f"{MARK}\n\n## 怎么退款\n\n```yaml\nid: refund\nphrasings: [退钱, 退货]\nowner: 小林\n```\n\n"
        "\\## 像标题\n答案\n"
        "\n## 新的一条？\n\n直接写答案。\n"
    )
    assert parsed.errors == []
    first, second = parsed.rows
    assert (first.id, first.phrasings, first.owner, first.answer) == (
        "refund",
        ["退钱", "退货"],
        "小林",
        "## 像标题\n答案",
    )
    assert (second.kind, second.phrasings, second.answer) == ("faq", ["新的一条？"], "直接写答案。")


def test_errors_of_our_own_form_have_their_line() -> None:
    parsed = markdown(
        f"{MARK}\n\n## 题\n\n```yaml\nid: e1\nowner: 甲\nowner: 乙\nwhat: 1\n```\n答\n\n## 二\n\n```yaml\nid: e2\n"
    )
    assert [(one.code, one.line) for one in parsed.errors if one.row == 1] == [("duplicate_field", 8)]
    assert [one.code for one in parsed.errors if one.row == 2] == ["bad_block"]
