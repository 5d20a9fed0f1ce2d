"""Which questions ask the same, in which words, and which answer to suggest."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import yaml

from agent.steps.candidates import (
    ALIKE,
    Answered,
    Group,
    Heard,
    askings,
    best_answer,
    place,
    rewritten,
    typical,
    wording,
)
from knowledge.embeddings import Embedder, Vector

QUESTIONS = yaml.safe_load(Path(__file__).with_name("candidate_questions.yaml").read_text("utf-8"))
AT = datetime(2026, 11, 21, tzinfo=UTC)


def unit(*numbers: float) -> Vector:
    vector = np.array(numbers, dtype=np.float32)
    return vector / np.linalg.norm(vector)


def pairs(subjects: Sequence[Sequence[str]], alone: Sequence[str], encoder: Embedder, seed: int) -> tuple[float, float]:
    """Precision and recall of the pairs that one order of the questions puts together."""
    subject = {text: number for number, group in enumerate(subjects) for text in group}
    texts = [*subject, *alone]
    random.Random(seed).shuffle(texts)
    vectors = dict(zip(texts, encoder.embed(texts), strict=True))
    together = [pair for group in place([], vectors) for pair in combinations(group.joined, 2)]
    right = sum(subject.get(a, a) == subject.get(b, b) for a, b in together)
    return right / len(together), right / sum(len(group) * (len(group) - 1) // 2 for group in subjects)


@pytest.mark.parametrize(
    ("part", "precision", "recall"),
    [("fitting", 0.72, 0.80), ("held_out", 0.95, 0.75)],
)
def test_colloquial_questions_find_each_other(encoder: Embedder, part: str, precision: float, recall: float) -> None:
    alone = QUESTIONS["alone"] if part == "fitting" else []
    found = np.mean([pairs(QUESTIONS[part], alone, encoder, seed) for seed in range(12)], axis=0)
    assert found[0] >= precision and found[1] >= recall


def test_a_question_goes_to_the_group_that_it_is_most_like() -> None:
    near, far = Group("near", 2, unit(1, 0.2) * 2), Group("far", 1, unit(0.1, 1))
    groups = place([far, near], {"m": unit(1, 0)})
    assert [(group.key, group.size, group.joined) for group in groups] == [("far", 1, []), ("near", 3, ["m"])]


def test_below_the_limit_it_stands_alone() -> None:
    angle = np.arccos(ALIKE - 0.01)
    groups = place([Group("a", 1, unit(1, 0))], {"m": unit(np.cos(angle), np.sin(angle))})
    assert [(group.key, group.joined) for group in groups] == [("a", []), (None, ["m"])]


def test_what_a_new_question_connects_becomes_one_and_the_larger_stays() -> None:
    left, right = unit(1, 0), unit(0.3, 1)
    groups = [Group("one", 1, left), Group("two", 2, right * 2)]
    assert groups[0].likeness(groups[1]) < ALIKE
    [merged] = place(groups, {"m": unit(0.8, 1), "n": unit(1, 0.8)})
    assert (merged.key, merged.absorbed, merged.joined, merged.size) == ("two", ["one"], ["m", "n"], 5)


def test_the_typical_wording_is_the_middle_one() -> None:
    assert typical([unit(1, 0), unit(1, 1), unit(0, 1)]) == 1


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (["在吗", "我想办会员卡", "丢了能补吗？"], {2: "我想办会员卡 丢了能补吗？"}),
        (["大家好。会员卡丢了怎么补办？谢谢大家"], {0: "会员卡丢了怎么补办？"}),
        (["会员卡丢了怎么补办？", "停车收费吗？"], {0: "会员卡丢了怎么补办？", 1: "停车收费吗？"}),
        (["会员卡丢了怎么补办？", "会员卡丢了怎么补办！", "有人吗"], {0: "会员卡丢了怎么补办？"}),
        (["", "  "], {}),
    ],
)
def test_what_a_burst_asks(said: list[str], found: dict[int, str]) -> None:
    assert askings([Heard(str(number), text) for number, text in enumerate(said)]) == {
        str(number): text for number, text in found.items()
    }


def test_a_wording_is_one_line_without_control_characters() -> None:
    assert wording("会员卡\x07丢了\n怎么补办？👨‍👩‍👧") == "会员卡 丢了 怎么补办？👨‍👩‍👧"
    assert len(wording("怎么办" * 400)) == 500


@pytest.mark.parametrize(
    ("suggested", "final", "other"),
    [
        ("付款后48小时内发货，节假日顺延一天。", "48小时内发货哈", False),
        ("付款后48小时内发货，节假日顺延一天。", "付款后48小时内发货，最近有活动可能晚一天，请见谅。", False),
        ("付款后48小时内发货，节假日顺延一天。", "这款是预售，要到下个月初才统一发出。", True),
        ("退年卡扣10%手续费，三天内到账。", "会员卡丢了本人来前台补，免费。", True),
    ],
)
def test_another_answer_is_told_from_an_edit(suggested: str, final: str, other: bool) -> None:
    assert rewritten(suggested, final) is other


def answer(text: str, hours: int) -> Answered:
    return Answered("draft", f"d{hours}", "m", text, AT + timedelta(hours=hours))


def test_the_answer_given_most_often_is_suggested_word_for_word() -> None:
    given = [answer("到前台补，十元。", 1), answer("在小程序里补。", 5), answer("到前台补，十元！", 3)]
    assert best_answer(given) == given[2]
    assert best_answer(given[:2]) == given[1]
    assert best_answer([]) is None
