"""The normaliser keeps the way back to what was typed; tokens, sentences and likeness work on its result."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.text import Normalized, _same_length, jaccard_bigrams, normalize, sentences, tokens

ANY_SPEED = settings(deadline=None)  # the first example loads the dictionaries
# Everything a hostile client can put into a Python string, with more of what the normaliser has rules for.
ANY_TEXT = st.text(
    st.one_of(
        st.characters(),
        st.characters(categories=["Cs", "Mn", "Cf", "Zs"]),
        st.sampled_from(
            "我要退貨臺灣乾隆後１３８ＡＢｃ㎏ﷺ①❶ｶﾞ가각ᄀ\u1161\u11a8\u200b\u200d\ufe0f\u20e3\u0301\ud83d👨👧 \n\u3000"
        ),
    ),
    max_size=200,
)


def around(normalized: Normalized, part: str) -> str:
    """What was typed where `part` stands in the normalised text."""
    start = normalized.text.index(part)
    first, last = normalized.span(start, start + len(part))
    return normalized.original[first:last]


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("１３８００１３８０００", "13800138000"),
        ("ＶＸ：ＡＢＣ", "vx:abc"),
        ("❶③⑧٣", "1383"),
        ("1️⃣3️⃣8️⃣", "138"),
        ("加̶微̶信̶", "加微信"),
        ("加\u200b微\u2060信\ufeff", "加微信"),
        ("\u202e我\u202c要退\u00ad款", "我要退款"),
        ("e\u200d\u0301te\u0301", "été"),
        ("ｶﾞｷﾞ", "ガギ"),
        ("\u1112\u1161\u11ab국", "한국"),
        ("㎏", "kg"),
        ("臺灣後面的頭髮乾淨嗎", "台湾后面的头发干净吗"),
        ("乾隆年間", "乾隆年间"),
        ("\ufa5d草", "艹草"),
        ("Straße", "strasse"),
        ("  我要\t\n\u3000退款 \u2800 ", "我要 退款"),
        ("a\ud800b", "a\ufffdb"),
        ("a\x00\x07b", "ab"),
        ("", ""),
        ("\u200b\n ", ""),
    ],
)
def test_one_spelling(typed: str, plain: str) -> None:
    assert normalize(typed).text == plain


def test_case_kept_when_asked() -> None:
    assert normalize("ＯＫ吗 iPhone", fold_case=False).text == "OK吗 iPhone"


def test_family_emoji_falls_into_its_people() -> None:
    normalized = normalize("👨\u200d👩\u200d👧来了")
    assert normalized.text == "👨👩👧来了"
    assert around(normalized, "👨👩👧") == "👨\u200d👩\u200d👧"


def test_span_covers_what_was_removed_inside_and_nothing_outside() -> None:
    assert around(normalize("\u200b加\u200b微\u200b信\u200b号"), "加微信") == "加\u200b微\u200b信"


def test_span_covers_the_combining_mark_of_its_last_letter() -> None:
    assert around(normalize("cafe\u0301\u200b!"), "café") == "cafe\u0301"


def test_span_of_part_of_an_expansion_is_the_whole_character() -> None:
    assert around(normalize("重5㎏!"), "k") == "㎏"


def test_span_of_a_collapsed_space_is_the_whole_run() -> None:
    assert around(normalize("好 \n\t的"), " ") == " \n\t"


def test_empty_span_stays_empty() -> None:
    assert normalize("  好的").span(1, 1) == (3, 3)
    assert normalize("").span(0, 0) == (0, 0)


@pytest.mark.parametrize("span", [(-1, 1), (2, 1), (0, 3)])
def test_span_outside_the_text(span: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="no span"):
        normalize("好的").span(*span)


def test_phrase_that_changes_length_is_converted_by_character() -> None:
    words = {"後面": "后", "後": "后", "面": "面面"}
    assert _same_length("後面", lambda text: words.get(text, text)) == "后面"


@pytest.mark.parametrize("unit", ["繁", "a\u0301", "👨\u200d", "\ud800", "\u0301", "ﷺ", " ", "ｶﾞ"])
def test_longest_message_of_one_kind(unit: str) -> None:
    text = (unit * 8000)[:8000]
    normalized = normalize(text)
    assert normalized.offsets[-1] == 8000
    assert len(normalized.text) == len(normalized.ends)


def test_dictionaries_are_not_loaded_by_import() -> None:
    code = "import sys, core.masking, core.text; sys.exit(bool({'opencc', 'rjieba'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_many_threads_at_the_first_conversion() -> None:
    with ThreadPoolExecutor(8) as pool:
        plain = pool.map(lambda i: normalize(f"第{i}條繁體訊息").text, range(200))
    assert list(plain) == [f"第{i}条繁体讯息" for i in range(200)]


@ANY_SPEED
@given(ANY_TEXT, st.booleans())
def test_offsets_rise_and_stay_in_range(text: str, fold_case: bool) -> None:
    normalized = normalize(text, fold_case=fold_case)
    offsets, ends = normalized.offsets, normalized.ends
    assert len(offsets) == len(normalized.text) + 1 == len(ends) + 1
    assert list(offsets) == sorted(offsets)
    assert list(ends) == sorted(ends)
    assert offsets[-1] == len(text)
    assert all(0 <= start < end <= len(text) for start, end in zip(offsets, ends, strict=False))


@ANY_SPEED
@given(ANY_TEXT)
def test_result_can_be_stored_and_is_in_one_line(text: str) -> None:
    plain = normalize(text).text
    plain.encode("utf-8")
    assert plain == " ".join(plain.split())


@ANY_SPEED
@given(ANY_TEXT)
def test_normalised_text_stays_as_it_is(text: str) -> None:
    plain = normalize(text).text
    assert normalize(plain).text == plain


@ANY_SPEED
@given(ANY_TEXT)
def test_span_of_whole_is_all_between_the_first_and_last_visible_character(text: str) -> None:
    normalized = normalize(text)
    first, last = normalized.span(0, len(normalized.text))
    assert normalize(text[first:last]).text == normalized.text
    assert normalize(text[:first]).text == "" or not normalized.text


@ANY_SPEED
@given(st.text(st.sampled_from("我要退貨ＡＢＣ１２３，。abc"), min_size=1))
def test_span_of_whole_is_whole_where_nothing_is_stripped(text: str) -> None:
    normalized = normalize(text)
    assert normalized.span(0, len(normalized.text)) == (0, len(text))


def test_tokens_keep_two_character_words_latin_and_numbers() -> None:
    found = tokens("我要退款！iPhone 15Pro，￥138.5 😀")
    assert {"退款", "iphone", "138.5"} <= set(found)
    assert not {"！", "!", "，", " ", "😀", "¥"} & set(found)


def test_tokens_of_a_long_word_include_the_words_inside() -> None:
    assert {"中华", "共和国", "中华人民共和国"} <= set(tokens("中华人民共和国"))


def test_tokens_are_the_same_in_traditional_and_full_width() -> None:
    assert tokens("我要退貨ＯＫ") == tokens("我要退货ok")


@ANY_SPEED
@given(ANY_TEXT)
def test_tokens_of_anything(text: str) -> None:
    assert all(any(map(str.isalnum, word)) for word in tokens(text))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("在吗？？发货了！！！好的;嗯", ["在吗？？", "发货了！！！", "好的;", "嗯"]),
        ("第一行\r\n\n第二行", ["第一行", "第二行"]),
        ("他说“不行。”然后走了", ["他说“不行。”", "然后走了"]),
        ("看 https://a.example/?id=1&b=2 吧。行?", ["看 https://a.example/?id=1&b=2 吧。", "行?"]),
        ("。。。", ["。。。"]),
        (" \n ", []),
        ("", []),
    ],
)
def test_sentences(text: str, parts: list[str]) -> None:
    assert sentences(text) == parts


@ANY_SPEED
@given(ANY_TEXT)
def test_sentences_lose_only_spaces(text: str) -> None:
    parts = sentences(text)
    assert all(part == part.strip() != "" for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


def test_jaccard_sees_through_spelling() -> None:
    assert jaccard_bigrams("我要退貨！！", "我 要 退货") == 1.0


@pytest.mark.parametrize(
    ("a", "b", "likeness"),
    [
        ("", "", 0.0),
        ("！？", "我要退款", 0.0),
        ("好", "好", 1.0),
        ("好", "好的", 0.0),
        ("abc", "abd", 1 / 3),
        ("😀😀", "😀😀", 1.0),
    ],
)
def test_jaccard_of_little(a: str, b: str, likeness: float) -> None:
    assert jaccard_bigrams(a, b) == pytest.approx(likeness)


@ANY_SPEED
@given(ANY_TEXT, ANY_TEXT)
def test_jaccard_is_symmetric_and_bounded(a: str, b: str) -> None:
    assert 0.0 <= jaccard_bigrams(a, b) == jaccard_bigrams(b, a) <= 1.0
