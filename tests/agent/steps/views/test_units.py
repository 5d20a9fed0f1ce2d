"""What is read as one character."""

from agent.steps.views import shapes
from agent.steps.views.units import How, Unit, units
from core.text import normalize


def read(text: str, joins: dict[str, str] | None = None) -> str:
    return "".join(unit.char for unit in units(normalize(text).text, joins or {}))


def test_separators_are_left_out() -> None:
    assert read("加 微.信！") == "加微信"


def test_pictures_are_read() -> None:
    assert read("🐔你太🍺") == "鸡你太酒"


def test_places_are_those_of_the_normalised_text() -> None:
    assert units("a 🐔", {}) == [Unit("a", 0, 1, How.TYPED), Unit("鸡", 2, 3, How.PICTURE)]


def test_parts_are_joined() -> None:
    assert read("女票", shapes.joined("嫖")) == "嫖"


def test_a_word_is_no_pair_of_parts() -> None:
    assert read("女子", shapes.joined("好")) == "女子"
