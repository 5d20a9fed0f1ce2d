from pathlib import Path

import pytest

from agent.steps.lexicon import LexiconError, LexiconSet, hits
from agent.steps.lexicon_files import load_lexicons
from core.text import normalize
from core.vocabulary import RiskLabel


def write(folder: Path, body: str, name: str = "abuse.yaml") -> Path:
    (folder / name).write_text(body, encoding="utf-8")
    return folder


def words_found(folder: Path, text: str) -> list[str]:
    return [text[hit.start : hit.end] for hit in LexiconSet(load_lexicons(folder)).hits(normalize(text))]


def test_every_shipped_label_loads() -> None:
    shipped = {lexicon.label: lexicon for lexicon in load_lexicons()}
    assert set(RiskLabel) - set(shipped) == {RiskLabel.PRIVACY, RiskLabel.FLOODING}
    assert all(len(lexicon.rules) >= 15 for lexicon in shipped.values())


def test_no_shipped_word_is_one_character() -> None:
    rules = [rule for lexicon in load_lexicons() for rule in lexicon.rules if len(rule.groups) == 1]
    assert [rule.key for rule in rules if len(rule.groups[0][0]) < 2] == []


def test_traditional_and_full_width_words_are_found_where_they_were_typed() -> None:
    text = "長期高價收，代開發票，點位低"
    assert "代開發票" in [text[hit.start : hit.end] for hit in hits(normalize(text))]


def test_spelled_out_word_is_found_with_its_separators(tmp_path: Path) -> None:
    write(tmp_path, "label: abuse\nwords:\n  - {word: 坏词语, weight: 0.6}\n")
    assert words_found(tmp_path, "他说坏 词*语。") == ["坏 词*语"]
    assert words_found(tmp_path, "坏，词，语") == ["坏，词，语"]


def test_a_pause_inside_two_words_is_no_spelling(tmp_path: Path) -> None:
    write(tmp_path, "label: abuse\nwords:\n  - {word: 坏词语, weight: 0.6}\n")
    assert words_found(tmp_path, "东西坏。词语接龙") == []
    assert words_found(tmp_path, "东西坏\n词语接龙") == []


def test_latin_word_needs_its_edges(tmp_path: Path) -> None:
    write(tmp_path, "label: abuse\nwords:\n  - {word: sb, weight: 0.6}\n")
    assert words_found(tmp_path, "你是SB吗") == ["SB"]
    assert words_found(tmp_path, "usb接口 sbs") == []


def test_covering_context_excuses_only_its_own_place(tmp_path: Path) -> None:
    write(tmp_path, "label: abuse\nwords:\n  - {word: 去死, weight: 0.6, allow: [去死皮]}\n")
    assert words_found(tmp_path, "这个去死皮好用") == []
    assert words_found(tmp_path, "去死皮好用，你去死") == ["去死"]


def test_context_beside_excuses_its_sentence_only(tmp_path: Path) -> None:
    write(tmp_path, "label: abuse\nwords:\n  - {word: 混蛋, weight: 0.6, allow: [开玩笑]}\n")
    assert words_found(tmp_path, "混蛋，开玩笑的") == []
    assert words_found(tmp_path, "开玩笑的。你这个混蛋") == ["混蛋"]


def test_near_context_reaches_the_next_sentence_but_not_further(tmp_path: Path) -> None:
    write(tmp_path, "label: abuse\nallow_near: [小心]\nwords:\n  - {word: 坏词语, weight: 0.6}\n")
    assert words_found(tmp_path, "大家小心！坏词语") == []
    assert words_found(tmp_path, "大家小心！今天降温。坏词语") == ["坏词语"]


def test_negated_context_excuses_nothing(tmp_path: Path) -> None:
    write(tmp_path, "label: abuse\nallow_near: [是骗子]\nwords:\n  - {word: 坏词语, weight: 0.6}\n")
    assert words_found(tmp_path, "他是骗子，坏词语") == []
    assert words_found(tmp_path, "我不是骗子，坏词语") == ["坏词语"]


def test_combination_holds_in_any_order_within_its_distance(tmp_path: Path) -> None:
    write(tmp_path, "label: abuse\ncombine:\n  - {all: [[银行卡], [收购, 出售]], within: 3, weight: 0.7}\n")
    assert words_found(tmp_path, "收购好的银行卡啊") == ["收购好的银行卡"]
    assert words_found(tmp_path, "银行卡出售") == ["银行卡出售"]
    assert words_found(tmp_path, "银行卡丢了去补，看见有人出售玩具") == []


@pytest.mark.parametrize(
    ("body", "row"),
    [
        ("words: [", "line"),
        ("- 1", "file"),
        ("label: nothing", "label"),
        ("label: scam", "label"),
        ("label: abuse\nwords:\n  - {word: 坏, weight: 2}", "words[0] 坏"),
        ("label: abuse\nwords:\n  - {word: '', weight: 0.5}", "words[0]"),
        ("label: abuse\nwords:\n  - {word: 坏词, wieght: 0.5}", "words[0]"),
        ("label: abuse\nwords:\n  - {word: 坏词, weight: 0.5, allow: ['@nowhere']}", "words[0] 坏词"),
        ("label: abuse\ncombine:\n  - {all: [[甲]], within: -1, weight: 0.5}", "combine[0]"),
        ("label: abuse\ncombine:\n  - {all: 甲, within: 1, weight: 0.5}", "combine[0]"),
        ("label: abuse\nextra: 1", "file"),
    ],
)
def test_broken_file_is_named_with_its_row(tmp_path: Path, body: str, row: str) -> None:
    write(tmp_path, body)
    with pytest.raises(LexiconError) as caught:
        load_lexicons(tmp_path)
    assert caught.value.file == "abuse.yaml"
    assert caught.value.row.startswith(row)
    assert "abuse.yaml" in str(caught.value)


def test_folder_without_lexicons_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LexiconError):
        load_lexicons(tmp_path)
