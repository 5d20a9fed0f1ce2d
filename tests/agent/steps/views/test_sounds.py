"""Syllables, and which of them count as the same."""

import pytest

from agent.steps.views import sounds


@pytest.mark.parametrize(("char", "syllable"), [("绿", "lv"), ("黑", "hei"), ("5", "wu"), ("长", "zhang"), ("a", None)])
def test_syllable(char: str, syllable: str | None) -> None:
    assert sounds.syllable(char) == syllable


@pytest.mark.parametrize(("left", "right"), [("是", "四"), ("你", "李"), ("兵", "宾"), ("湖", "福"), ("张", "赞")])
def test_near_sounds_share_a_key(left: str, right: str) -> None:
    assert sounds.key(left) == sounds.key(right)


def test_other_sounds_differ() -> None:
    assert sounds.key("马") != sounds.key("牛")


def test_letters_are_read_as_pinyin() -> None:
    assert [(start, end) for _, start, end in sounds.spelled("koujiao")] == [(0, 3), (3, 7)]


@pytest.mark.parametrize("letters", ["hello", "xyz", ""])
def test_letters_that_spell_nothing(letters: str) -> None:
    assert sounds.spelled(letters) == ()


def test_word_without_a_sound_has_no_keys() -> None:
    assert sounds.keys("v信") is None
