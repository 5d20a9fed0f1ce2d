"""What the console colours and the API tells of two versions of an entry."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from knowledge.difference import Piece, difference

BEFORE: dict[str, Any] = {
    "id": "a",
    "title": "怎么退款",
    "phrasings": ["退钱", "想退款"],
    "answer": "三天内退款。\n联系客服。",
    "tags": [],
    "owner": None,
}


def test_equal_entries_differ_in_nothing() -> None:
    assert difference(BEFORE, dict(BEFORE)) == []


def test_a_text_is_told_by_lines_and_by_characters() -> None:
    [changed] = difference(BEFORE, BEFORE | {"answer": "七天内退款。\n联系客服。"})
    assert changed.field == "answer"
    assert changed.unified == "@@ -1,2 +1,2 @@\n-三天内退款。\n+七天内退款。\n 联系客服。"
    assert changed.pieces == [Piece("-", "三"), Piece("+", "七"), Piece(" ", "天内退款。\n联系客服。")]


def test_a_list_is_told_by_elements() -> None:
    [changed] = difference(BEFORE, BEFORE | {"phrasings": ["想退款", "钱怎么退"]})
    assert changed.pieces == [Piece(" ", "想退款"), Piece("+", "钱怎么退"), Piece("-", "退钱")]
    assert changed.unified is None


def test_other_fields_are_told_whole() -> None:
    changed = difference(BEFORE, BEFORE | {"owner": "客服组", "tags": None})
    assert [(one.field, one.before, one.after, one.pieces) for one in changed] == [
        ("owner", None, "客服组", [Piece("+", "客服组")])
    ]


def test_a_field_that_an_older_version_does_not_know_is_empty_there() -> None:
    assert [one.field for one in difference(BEFORE, BEFORE | {"source": "手册.md", "group_types": []})] == ["source"]


@given(st.text(), st.text())
def test_the_pieces_of_a_text_make_both_versions(old: str, new: str) -> None:
    for changed in difference({"answer": old}, {"answer": new}):
        assert "".join(piece.text for piece in changed.pieces if piece.sign != "+") == old
        assert "".join(piece.text for piece in changed.pieces if piece.sign != "-") == new
