import subprocess
import sys
from pathlib import Path

import pytest

from knowledge.lexical import LexicalIndex, terms
from knowledge.passages import Passage

TEXTS = (
    "怎么申请退款",
    "积分怎么兑换礼品",
    "直播回放在哪里看",
    "iPhone 15 支持吗",
    "订单号 20260131 查不到",
    "退款多久到账",
)


def built(*texts: str) -> LexicalIndex:
    return LexicalIndex([Passage.of(f"e{number}", 0, "question", text) for number, text in enumerate(texts)])


@pytest.fixture(scope="module")
def index() -> LexicalIndex:
    return built(*TEXTS)


@pytest.mark.parametrize(
    ("asked", "entry"),
    [
        ("退款怎么申请", "e0"),
        ("礼品兑换", "e1"),
        ("回放", "e2"),
        ("IPHONE", "e3"),
        ("20260131", "e4"),
        ("２０２６０１３１", "e4"),
        ("退欵多久到帳", "e5"),
    ],
)
def test_best_passage_comes_first(index: LexicalIndex, asked: str, entry: str) -> None:
    found = index.search(asked, 3)
    assert found[0].entry_id == entry
    assert found[0].passage_id == f"{entry}#0"
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


def test_two_character_word_is_found(index: LexicalIndex) -> None:
    assert {found.entry_id for found in index.search("退款", 10)} == {"e0", "e5"}


@pytest.mark.parametrize("asked", ["", "   ", "？！……", "😀", "zzz", "蘑菇"])
def test_nothing_found(index: LexicalIndex, asked: str) -> None:
    assert index.search(asked, 5) == []


def test_at_most_k(index: LexicalIndex) -> None:
    assert len(index.search("怎么退款", 1)) == 1
    assert index.search("怎么退款", 0) == []
    assert len(index.search("怎么", 100)) == 2


def test_empty_index_finds_nothing() -> None:
    assert built().search("退款", 5) == []
    assert len(built()) == 0


def test_passages_without_a_word_are_passed_over() -> None:
    assert built("？？？", "", "😀").search("退款", 5) == []
    index = built("", "怎么退款", "！！")
    assert [found.entry_id for found in index.search("退款", 5)] == ["e1"]
    assert len(index) == 1


def test_same_text_scores_one(index: LexicalIndex) -> None:
    for number, text in enumerate(TEXTS):
        found = index.search(text, 1)[0]
        assert found.entry_id == f"e{number}"
        assert found.score == pytest.approx(1, abs=1e-4)


def test_unknown_words_lower_the_score(index: LexicalIndex) -> None:
    known = index.search("怎么申请退款", 1)[0].score
    partly = index.search("怎么申请退款蘑菇房租", 1)[0].score
    barely = index.search("蘑菇房租怎么报销呀", 1)[0].score
    assert 1.05 > known > partly > barely > 0


def test_scores_do_not_grow_with_the_length_of_the_question(index: LexicalIndex) -> None:
    assert index.search("怎么申请退款，怎么申请退款，怎么申请退款", 1)[0].score <= 1.2


def test_equal_scores_keep_the_order_of_the_index() -> None:
    index = built(*["怎么退款"] * 20)
    assert [found.entry_id for found in index.search("退款", 5)] == [f"e{number}" for number in range(5)]


def test_latin_words_and_numbers_stay_whole() -> None:
    assert {"=vip", "=2026"} <= set(terms("VIP会员2026"))
    assert "=v" not in terms("VIP会员2026")
    assert "=会" in terms("VIP会员2026")


def test_building_says_nothing_and_loads_no_compiler() -> None:
    code = (
        "import sys\n"
        "from knowledge.lexical import LexicalIndex\n"
        "from knowledge.passages import Passage\n"
        "index = LexicalIndex([Passage.of('a1', 0, 'question', '怎么退款')])\n"
        "assert index.search('退款', 1)\n"
        "assert not {'numba', 'jax'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")
