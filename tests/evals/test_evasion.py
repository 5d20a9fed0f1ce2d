"""Disguises: they disguise, the same way every time, and a reader can still make out what was meant."""

import json
import random
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from pypinyin import lazy_pinyin

from evals.cli import main
from evals.evasion import TRANSFORMS, marks, shapes, sounds, transform
from evals.evasion.tables import common_han, contact, homoglyphs, look_alikes, pictures
from evals.evasion.words import is_content

TEXT = "加微信VX12345领红包，兼职刷单日结300，扫码进群，我们可以一起赚钱"
ABUSE = "你这个骗子长得丑，没有文化，还出来骗老人的钱"


def many(text: str, name: str, share: float = 0.4) -> list[str]:
    return [transform(text, name, random.Random(seed), share=share) for seed in range(40)]


@pytest.mark.parametrize("name", TRANSFORMS)
def test_every_disguise_changes_the_text(name: str) -> None:
    assert all(found != TEXT for found in many(TEXT, name))


@pytest.mark.parametrize("name", TRANSFORMS)
def test_same_seed_same_text(name: str) -> None:
    assert many(TEXT, name) == many(TEXT, name)
    assert many(ABUSE, name) == many(ABUSE, name)


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("text", ["", " \n", "，。！", "的了吗", "👍"])
def test_nothing_to_disguise(name: str, text: str) -> None:
    assert transform(text, name, random.Random(1)) == text


@given(st.text(max_size=40), st.sampled_from(sorted(TRANSFORMS)))
def test_any_text_goes_through(text: str, name: str) -> None:
    found = transform(text, name, random.Random(1), share=1.0)
    assert transform(text, name, random.Random(1), share=1.0) == found
    if name == "zero_width":
        assert [char for char in found if char not in marks.ZERO_WIDTH] == [
            char for char in text if char not in marks.ZERO_WIDTH
        ]


def test_no_such_disguise() -> None:
    with pytest.raises(KeyError):
        transform(TEXT, "invisible_ink", random.Random(1))


@pytest.mark.parametrize("name", sorted(set(TRANSFORMS) - {"contact_words", "digits"}))
def test_function_words_stay(name: str) -> None:
    assert all("我们可以一起" in found for found in many(TEXT, name, share=1.0))


@pytest.mark.parametrize(
    ("word", "is_one"), [("红包", True), ("群", True), ("VX", True), ("我们", False), ("的", False)]
)
def test_what_is_worth_disguising(word: str, is_one: bool) -> None:
    assert is_content(word) is is_one


def test_share_says_how_much() -> None:
    """At least one word is always disguised."""
    few, all_ = many(ABUSE, "zero_width", share=0.0), many(ABUSE, "zero_width", share=1.0)
    assert all(0 < len(found) - len(ABUSE) <= 2 for found in few)
    assert min(map(len, all_)) > max(map(len, few))


def test_zero_width_leaves_what_is_seen() -> None:
    for found in many(TEXT, "zero_width"):
        assert "".join(char for char in found if unicodedata.category(char) != "Cf") == TEXT


def test_full_width_folds_back() -> None:
    latin = "VX abc123 群"
    assert all(unicodedata.normalize("NFKC", found) == latin for found in many(latin, "full_width"))


def test_spaces_and_signs_only_stand_between() -> None:
    assert all("".join(found.split()) == ABUSE for found in many(ABUSE, "spaced"))
    for found in many(ABUSE, "punctuated"):
        assert [char for char in found if char.isalpha()] == [char for char in ABUSE if char.isalpha()]


def test_shuffled_words_have_the_same_characters() -> None:
    assert all(sorted(found) == sorted(TEXT) for found in many(TEXT, "shuffle"))
    assert marks.shuffle("哈哈", random.Random(1)) is None


def test_digits_only_touch_numbers() -> None:
    assert all(found.startswith("加微信VX") and found.endswith("一起赚钱") for found in many(TEXT, "digits"))
    assert {marks.digits("7", random.Random(seed)) for seed in range(99)} >= {"七", "⑦", "7️⃣", "柒"}


def test_homophones_sound_alike() -> None:
    for word in ("微信", "刷单", "骗子"):
        found = [sounds.homophone(word, random.Random(seed)) for seed in range(60)]
        same = [lazy_pinyin(one) == lazy_pinyin(word) for one in found if one]
        assert len(same) == 60 and sum(same) > 30


def test_pinyin() -> None:
    rng = random.Random(1)
    assert {(sounds.pinyin_full("微信", rng) or "").lower().replace(" ", "") for _ in range(20)} == {"weixin"}
    assert {(sounds.pinyin_initials("微信", rng) or "").lower() for _ in range(20)} == {"wx"}
    assert {sounds.pinyin_mixed("微信", rng) for _ in range(60)} == {"wei信", "w信", "微xin", "微x"}


def test_parts() -> None:
    assert {shapes.split("群", random.Random(seed)) for seed in range(9)} == {"君羊"}
    assert {shapes.split("信", random.Random(seed)) for seed in range(30)} == {"亻讠", "人言"}


def test_traditional() -> None:
    assert shapes.traditional("领红包", random.Random(1)) == "領紅包"
    assert transform("早上好", "traditional", random.Random(1)) == "早上好"


def test_alike_characters_share_a_part_or_stand_in_the_table() -> None:
    for word in ("钱", "狗", "职"):
        for seed in range(40):
            other = shapes.visual(word, random.Random(seed)) or ""
            kin = {*shapes.parts(word), word} & {*shapes.parts(other), other}
            assert kin or other in look_alikes()[word]


def test_pictures_are_read_as_the_word_or_sound_like_it() -> None:
    assert {sounds.emoji("红包", random.Random(seed)) for seed in range(9)} == {"🧧"}
    assert "✉️" in (sounds.emoji("信", random.Random(1)) or "")
    by_sound = {sounds.emoji("机", random.Random(seed)) for seed in range(20)}
    assert by_sound == {"🐔"}


def test_whole_texts() -> None:
    """Nothing of a word that there is a homophone for stays as it was."""
    for name in ("whole", "emoji_whole"):
        assert all(len(set(found) & set(ABUSE)) < len(set(ABUSE)) - 4 for found in many(ABUSE, name))


def test_contact_words_hide_the_longest() -> None:
    found = set(many("加微信", "contact_words"))
    assert found <= set(contact()["加微信"]) and len(found) > 5


def test_tables() -> None:
    assert len({picture for some in pictures().values() for picture in some}) >= 150
    assert len(common_han()) == 3755
    assert all(sign not in doubles for table in (homoglyphs(), look_alikes()) for sign, doubles in table.items())
    assert all(word not in spellings for word, spellings in contact().items())
    assert all(unicodedata.name(double[0]) for doubles in homoglyphs().values() for double in doubles)


def made(tmp_path: Path, *args: str, rows: list[dict[str, Any]]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    data, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    got = CliRunner().invoke(main, ["evasion", "--data", str(data), "--out", str(out), *args])
    assert got.exit_code == 0, got.output
    return json.loads(got.stdout), [json.loads(line) for line in out.read_text("utf-8").splitlines()]


ROWS: list[dict[str, Any]] = [
    {"id": "a", "text": TEXT, "labels": ["ad_spam"], "kind": "spam", "spans": [[0, 3]]},
    {"id": 2, "text": "早上好", "labels": []},
]


def test_rows_keep_what_they_had(tmp_path: Path) -> None:
    shown, rows = made(tmp_path, "--transforms", "spaced,digits", "--seed", "3", rows=ROWS)
    assert [row["id"] for row in rows] == ["a:none", "a:spaced", "a:digits", "2:none", "2:spaced"]
    assert rows[0]["text"] == rows[1]["base_text"] == TEXT and rows[1]["text"] != TEXT
    assert rows[1]["labels"] == ["ad_spam"] and rows[1]["kind"] == "spam" and "spans" not in rows[1]
    assert shown["written"] == 5 and shown["per_perturbation"]["digits"]["changed"]["value"] == 0.5


def test_rows_do_not_depend_on_one_another(tmp_path: Path) -> None:
    _, alone = made(tmp_path, "--transforms", "homophone", rows=ROWS[:1])
    _, together = made(tmp_path, "--transforms", "spaced,homophone", rows=ROWS[::-1])
    assert alone[1] in together
    assert made(tmp_path, "--seed", "2", rows=ROWS) != made(tmp_path, "--seed", "3", rows=ROWS)


def test_unknown_disguise_on_the_command_line(tmp_path: Path) -> None:
    got = CliRunner().invoke(
        main, ["evasion", "--data", "x", "--out", str(tmp_path / "o"), "--transforms", "spaced,ink"]
    )
    assert got.exit_code == 2 and "'ink' is none of" in got.stderr


def test_risk_measures_what_was_written(tmp_path: Path) -> None:
    made(tmp_path, "--transforms", "zero_width,whole", rows=ROWS)
    got = CliRunner().invoke(main, ["risk", "--data", str(tmp_path / "out.jsonl")])
    shown = json.loads(got.stdout)
    assert set(shown["per_perturbation"]) == {"none", "zero_width", "whole"}
    assert shown["pooled_false_alarm_rate"]["n"] == 2 and shown["pooled_relative"]["n"] == 2
