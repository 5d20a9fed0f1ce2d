import pytest

from knowledge.slots import fill, odd_slots, slots


def test_names_once_in_order() -> None:
    assert slots("{b_2} 和 {a}，再来 {b_2}") == ["b_2", "a"]


@pytest.mark.parametrize(
    "text", ["", "没有", "{}", "{ a }", "{A}", "{成员}", "{1a}", "{a-b}", "{a", "a}", "{" + "a" * 41 + "}"]
)
def test_no_slot(text: str) -> None:
    assert slots(text) == []
    assert fill(text, {"a": "x", "A": "x", "成员": "x"}).text == text


def test_filled() -> None:
    # scope: 3
    filled = fill(
        "欢迎 {member_name} 加入 {community_name}！{member_name}，你好",
        {"member_name": "小林", "community_name": "妈妈群"},
    )
    assert filled.text == "欢迎 小林 加入 妈妈群！小林，你好"
    assert filled.missing == ()


def test_missing_value_is_named_and_left() -> None:
    assert fill("{a} {b} {b}", {"a": "甲"}) == ("甲 {b} {b}", ("b",))


def test_value_is_not_read_for_slots_again() -> None:
    filled = fill("{name} {phone}", {"name": "{phone}", "phone": r"\1 {name} \g<0>"})
    assert filled.text == r"{phone} \1 {name} \g<0>"


def test_empty_value_fills() -> None:
    assert fill("[{a}]", {"a": ""}) == ("[]", ())


@pytest.mark.parametrize("piece", ["{{name}}", "{成员}", "{ name }", "{Name}", "｛name｝", "{}", "${Name}"])
def test_what_was_meant_as_a_slot(piece: str) -> None:
    assert odd_slots(f"你好 {piece} 再见 {{name}}") == [piece]


def test_nothing_odd() -> None:
    assert odd_slots("你好 {name}，{community_name}，没有别的") == []
