"""What a file says twice."""

import random
import time
from datetime import date
from typing import Any

import pytest

from core.text import jaccard_bigrams
from knowledge import duplicates
from knowledge.duplicates import Known, compare


def known(id_: str, title: str, answer: str = "答", *, row: int = 1, **more: Any) -> Known:
    plain = {
        "kind": "faq",
        "phrasings": [title],
        "community": None,
        "audience": "all",
        "status": "approved",
        "valid_from": None,
        "valid_until": None,
    }
    return Known(id=id_, row=row, title=title, answer=answer, **(plain | more))


def found(new: list[Known], *base: Known) -> list[tuple[str, str, str]]:
    return [(one.likeness, one.id, one.other_id) for one in compare(new, base)]


def test_same_question_and_answer_is_a_duplicate() -> None:
    assert found([known("a", "怎么退款？"), known("b", "怎麼退款", "答。", row=2)]) == [("duplicate", "b", "a")]


def test_same_question_with_another_answer_is_a_conflict() -> None:
    assert found([known("a", "怎么退款", "三天")], known("old", "别的", "七天", row=0, phrasings=["怎么退款"])) == [
        ("conflict", "a", "old")
    ]


def test_both_ids_and_places_are_told() -> None:
    (match,) = compare([known("a", "怎么退款", "一", row=7)], [known("old", "怎么退款", "二", row=0)])
    assert (match.row, match.other_row, match.question, match.other_question) == (7, 0, "怎么退款", "怎么退款")


def test_nearly_the_same_title() -> None:
    one, other = "会员积分每年什么时候清零有提醒吗", "会员积分每年什么时候清零有提醒没"
    (match,) = compare([known("a", one)], [known("old", other, row=0)])
    assert (match.likeness, match.score) == ("near", round(jaccard_bigrams(one, other), 3))


@pytest.mark.parametrize(
    "more",
    [
        {"community": "papa"},
        {"audience": "old"},
        {"status": "retired"},
        {"kind": "case"},
        {"valid_until": date(2025, 12, 31)},
    ],
)
def test_entries_that_never_meet(more: dict[str, Any]) -> None:
    day = date(2026, 1, 1)
    new = known("a", "怎么退款", "一", community="mama", audience="new", valid_from=day)
    assert found([new], known("old", "怎么退款", "二", row=0, **more)) == []


def test_an_entry_that_the_file_replaces_is_no_duplicate_of_itself() -> None:
    assert found([known("a", "怎么退款", "新")], known("a", "怎么退款", "旧", row=0)) == []


def test_scripts_and_passages_share_titles() -> None:
    one, other, same = (
        known(id_, "欢迎", answer, row=row, kind="script", phrasings=[])
        for row, (id_, answer) in enumerate([("a", "你好"), ("b", "欢迎"), ("c", "你好！")], 1)
    )
    assert found([one, other, same]) == [("duplicate", "c", "a")]


def test_near_titles_are_exactly_those_that_counting_pairs_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "MOST_TOLD", 10_000)
    rng = random.Random(7)
    words = ["怎么", "申请", "退款", "售后", "多久", "到账", "发货", "地址", "修改", "优惠券", "积分", "呢"]
    titles = list(dict.fromkeys("".join(rng.choices(words, k=rng.randint(1, 6))) for _ in range(260)))
    new = [known(f"n{at}", title, row=at + 1) for at, title in enumerate(titles[:130])]
    base = [known(f"b{at}", title, row=0) for at, title in enumerate(titles[130:])]
    expected = {
        (one.id, other.id)
        for at, one in enumerate(new)
        for other in (*base, *new[:at])
        if jaccard_bigrams(one.title, other.title) >= duplicates.NEAR
    }
    assert {(one.id, one.other_id) for one in compare(new, base)} == expected
    assert expected


def test_twenty_thousand_against_twenty_thousand() -> None:
    rng = random.Random(1)
    han = [chr(code) for code in range(0x4E00, 0x4E00 + 2_000)]
    titles = ["".join(rng.choices(han, k=12)) for _ in range(40_000)]
    new = [known(f"n{at}", title, row=at + 1) for at, title in enumerate(titles[:20_000])]
    base = [known(f"b{at}", title, row=0) for at, title in enumerate(titles[20_000:])]
    started = time.process_time()
    assert compare(new, base) == []
    assert time.process_time() - started < 30
