"""Columns by whatever name."""

import pytest

from knowledge.cells import joined, split
from knowledge.columns import field_of, signature
from knowledge.importing import Parsed, parse


def table(header: str, *rows: str, **more: object) -> Parsed:
    return parse("\n".join([header, *rows]).encode(), "csv", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("问题", "title"),
        ("标准问", "title"),
        ("Q", "title"),
        ("Question", "title"),
        ("相似问2", "phrasings"),
        ("问法（一行一个）", "phrasings"),
        ("答案（必填）", "answer"),
        ("標準答案", "answer"),
        ("A", "answer"),
        ("Answer text", "answer"),
        ("anwser", "answer"),
        ("一级分类", "tags"),
        ("有效期至", "valid_until"),
        ("负责人", "owner"),
        ("使用场景", "scene"),
        ("答案更新时间", None),
        ("备注", None),
        ("点击量", None),
    ],
)
def test_names_that_people_give(name: str, field: str | None) -> None:
    assert field_of(name)[0] == field


def test_columns_are_told_with_their_values_and_those_left_out() -> None:
    parsed = table("问题,答案,备注", "甲,一,内部", "乙,二,")
    assert parsed.table is not None
    assert [tuple(one) for one in parsed.table.columns] == [
        ("问题", "title", "name", ["甲", "乙"]),
        ("答案", "answer", "name", ["一", "二"]),
        ("备注", None, "none", ["内部"]),
    ]


def test_what_is_given_wins_over_what_is_remembered_and_over_names() -> None:
    asked: list[str] = []

    def remembered(header: str) -> dict[str, str | None]:
        asked.append(header)
        return {"甲": "title", "乙": "answer", "丙": "tags"}

    parsed = table("甲,乙,丙", "问,答,词", remembered=remembered, given={"丙": None})
    assert parsed.table is not None and asked == [parsed.table.signature]
    assert [(one.field, one.how) for one in parsed.table.columns] == [
        ("title", "remembered"),
        ("answer", "remembered"),
        (None, "given"),
    ]


def test_the_signature_knows_a_header_in_another_order_and_spelling() -> None:
    assert signature(["问题", "答案"]) == signature(["答案 ", "問題"]) != signature(["问题", "回复"])


@pytest.mark.parametrize(
    ("header", "given", "code"),
    [
        ("备注,说明", {}, "column_needed"),
        ("问题,备注", {}, "column_needed"),
        ("问题,答案", {"没有": "tags"}, "column_unknown"),
        ("问题,答案,备注", {"备注": "answer"}, "column_twice"),
    ],
)
def test_columns_that_cannot_be(header: str, given: dict[str, str], code: str) -> None:
    (found,) = table(header, "1,2,3"[: len(header)], given=given).errors
    assert found.code == code and "{" not in found.message


def test_a_table_without_answers_still_tells_its_columns() -> None:
    parsed = table("问题,丙列", "甲,一")
    assert [one.code for one in parsed.errors] == ["column_needed"]
    assert parsed.table is not None and [one.name for one in parsed.table.columns] == ["问题", "丙列"]


def test_a_second_question_column_is_another_wording() -> None:
    row = table("标准问,问题,答案", "怎么退款,退钱,申请").rows[0]
    assert (row.title, row.phrasings) == ("怎么退款", ["退钱"])


def test_a_type_that_is_a_category_becomes_a_tag() -> None:
    assert table("问题,答案,类型", "甲,一,售后").rows[0].tags == ["售后"]


def test_numbers_of_rows_are_no_ids() -> None:
    rows = table("编号,问题,答案", "1,甲,一", "2,乙,二").rows
    assert all(row.id.startswith("faq-") for row in rows)


def test_a_question_keeps_its_id_whatever_its_answer() -> None:
    before, after = (table("问题,答案", f"怎么退款,{answer}", "甲,乙").rows[0] for answer in ("一", "二"))
    assert before.id == after.id and before.answer != after.answer


def test_the_same_question_twice_gets_two_ids() -> None:
    parsed = table("问题,答案", "怎么退款,一", "怎么退款,二")
    assert parsed.errors == []
    assert parsed.rows[1].id == f"{parsed.rows[0].id}-2"


def test_groups_of_the_same_question_get_ids_of_their_own() -> None:
    one, other = (table("问题,答案", "怎么退款,一", defaults={"community": name}).rows[0] for name in ("mama", "papa"))
    assert (one.community, other.community) == ("mama", "papa") and one.id != other.id


def test_scripts_by_their_scene() -> None:
    row = table("标题,话术内容,场景", "新人欢迎,欢迎 {member_name},欢迎语").rows[0]
    assert (row.kind, row.scene, row.variables) == ("script", "welcome", ["member_name"])


def test_a_choice_that_is_none() -> None:
    (found,) = table("问题,答案,适用对象", "甲,一,新人", "乙,二,火星人").errors
    assert (found.code, found.cell) == ("not_a_choice", "C3") and "all、new、old" in found.message


@pytest.mark.parametrize("items", [["a|b", "c；d", "e;f", "g\\n", "h\ni", "\\", "\\\\|"], [], ["一"]])
def test_lists_come_back_from_a_cell(items: list[str]) -> None:
    assert split(joined(items)) == items


def test_how_people_separate() -> None:
    assert split("一\n二| 三 ；四;五") == ["一", "二", "三", "四", "五"]
    assert split("退款、售后，物流", words=True) == ["退款", "售后", "物流"]
