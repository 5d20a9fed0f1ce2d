"""Wordings that the model thinks of, and which of them a person gets to see."""

from typing import Any

import pytest

from agent.scripted import ScriptedModel
from agent.steps.asking import Failure, ModelUnavailable
from agent.steps.phrasings import MOST, PROMPT, LeftOut, Why, sift, think_of
from core.vocabulary import Audience, EntryKind
from knowledge.entries import Entry


def entry(key: str = "refund", **values: Any) -> Entry:
    plain: dict[str, Any] = {
        "id": key,
        "version": 1,
        "kind": EntryKind.FAQ,
        "title": "买错了怎么退款",
        "phrasings": ("拍错了想退钱", "买错东西能退吗"),
        "answer": "七天内在「我的订单」里点退款。",
        "scene": None,
        "variables": (),
        "audience": Audience.ALL,
        "tone": None,
        "community_id": None,
        "valid_from": None,
        "valid_until": None,
    }
    return Entry(**(plain | values))


REFUND, SHIPPING = entry(), entry("shipping")


def nearest(text: str) -> Entry:
    return SHIPPING if "寄" in text else REFUND


def test_model_sees_the_entry_and_nothing_else() -> None:
    model = ScriptedModel({PROMPT: [{"phrasings": ["手滑下单了咋整"]}]})
    assert think_of(model, REFUND, "prp_1") == ["手滑下单了咋整"]
    [call] = model.calls
    assert call.object_id == "prp_1"
    assert call.values == {
        "title": REFUND.title,
        "phrasings": list(REFUND.phrasings),
        "answer": REFUND.answer,
        "most": MOST,
    }
    assert all(text in call.text for text in (REFUND.title, *REFUND.phrasings, REFUND.answer))


def test_lists_are_cleaned_and_cut() -> None:
    given = ["1. 手滑下单了咋整", "- “钱能回来不”", "钱能回来不", " \n", *(f"第{n}种问法怎么说" for n in range(20))]
    found = think_of(ScriptedModel({PROMPT: [{"phrasings": given}]}), REFUND, "prp_1")
    assert found[:2] == ["手滑下单了咋整", "钱能回来不"]
    assert len(found) == len(set(found)) == MOST


def test_number_at_the_beginning_that_is_meant_stays() -> None:
    given = ["7天内能退吗", "3.5折的能退吗"]
    assert think_of(ScriptedModel({PROMPT: [{"phrasings": given}]}), REFUND, "prp_1") == given


def test_model_that_is_down() -> None:
    with pytest.raises(ModelUnavailable, match="timeout"):
        think_of(ScriptedModel({PROMPT: [ModelUnavailable(Failure.TIMEOUT)]}), REFUND, "prp_1")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("拍错了想退钱！", Why.KNOWN),
        ("買錯東西能退嗎", Why.KNOWN),
        ("买错了怎么退款", Why.KNOWN),
        ("上次问过的那种说法", Why.KNOWN),
        ("退", Why.UNFIT),
        ("退" * 61, Why.UNFIT),
        ("{member_name}想退钱", Why.UNFIT),
        ("打13912345678能退吗", Why.UNFIT),
    ],
)
def test_what_is_no_use_is_left_out(text: str, why: Why) -> None:
    done = sift(REFUND, [text], ["上次问过的那种说法"], nearest)
    assert (done.kept, done.left_out) == ([], [LeftOut(text, why)])


def test_what_would_draw_another_entrys_questions_away_is_left_out() -> None:
    done = sift(REFUND, ["寄错了能退吗", "手滑下单了咋整"], [], nearest)
    assert done.kept == ["手滑下单了咋整"]
    assert done.left_out == [LeftOut("寄错了能退吗", Why.NEARER_TO_ANOTHER, "shipping")]


def test_two_that_are_nearly_the_same_are_one() -> None:
    done = sift(REFUND, ["手滑下单了这可咋整", "手滑下单了这可咋整呀"], [], nearest)
    assert done.kept == ["手滑下单了这可咋整"]
