from datetime import date, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from core.vocabulary import Audience, EntryKind, EntryStatus, Scene
from knowledge.entry_in import EntryIn

FAQ: dict[str, Any] = {
    "id": "refund",
    "kind": "faq",
    "title": "怎么退款",
    "phrasings": ["怎么退款"],
    "answer": "在订单页申请。",
}
SCRIPT: dict[str, Any] = {
    "id": "welcome-1",
    "kind": "script",
    "title": "欢迎",
    "scene": "welcome",
    "answer": "欢迎 {member_name} 来到 {community_name}",
}


def code(fields: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        EntryIn.model_validate(fields)
    return str(caught.value.errors()[0]["type"])


def test_faq_gets_its_defaults() -> None:
    entry = EntryIn.model_validate(FAQ)
    assert (entry.kind, entry.status, entry.audience) == (EntryKind.FAQ, EntryStatus.APPROVED, Audience.ALL)
    assert (entry.scene, entry.tone, entry.variables, entry.tags, entry.valid_until) == (None, None, [], [], None)


def test_variables_of_a_script_are_derived() -> None:
    entry = EntryIn.model_validate(SCRIPT)
    assert (entry.scene, entry.variables) == (Scene.WELCOME, ["member_name", "community_name"])


def test_variables_that_agree_take_the_answers_order() -> None:
    entry = EntryIn.model_validate(SCRIPT | {"variables": ["community_name", "member_name"]})
    assert entry.variables == ["member_name", "community_name"]


@pytest.mark.parametrize("variables", [[], ["member_name"], ["member_name", "community_name", "phone"]])
def test_variables_that_differ(variables: list[str]) -> None:
    assert code(SCRIPT | {"variables": variables}) == "variables_differ"


def test_text_is_trimmed_and_line_ends_are_plain() -> None:
    entry = EntryIn.model_validate(FAQ | {"title": "  怎么退款 \n", "answer": "第一\r\n第二\r第三"})
    assert (entry.title, entry.answer) == ("怎么退款", "第一\n第二\n第三")


def test_repeated_phrasings_and_tags_count_once() -> None:
    entry = EntryIn.model_validate(FAQ | {"phrasings": ["退款", "退钱", "退款 "], "tags": ["a", "a"]})
    assert (entry.phrasings, entry.tags) == (["退款", "退钱"], ["a"])


def test_dates_are_read() -> None:
    entry = EntryIn.model_validate(FAQ | {"valid_from": "2026-01-31", "valid_until": date(2026, 1, 31)})
    assert entry.valid_from == entry.valid_until == date(2026, 1, 31)


@pytest.mark.parametrize("day", ["2026-1-5", "2026-02-30", "明天", 20260131, 1.5, True, datetime(2026, 1, 1)])  # noqa: DTZ001
def test_bad_date(day: object) -> None:
    assert code(FAQ | {"valid_until": day}) == "bad_date"


def test_until_before_from() -> None:
    assert code(FAQ | {"valid_from": "2026-02-01", "valid_until": "2026-01-31"}) == "dates_reversed"


@pytest.mark.parametrize("id_", ["a", "A1", "-a", "_a", "a b", "退款", "a" * 81, "ab\n", ""])
def test_bad_id(id_: str) -> None:
    assert code(FAQ | {"id": id_}) == "string_pattern_mismatch"


def test_longest_id() -> None:
    assert EntryIn.model_validate(FAQ | {"id": "a" * 80}).id == "a" * 80


def test_faq_without_phrasings() -> None:
    assert code(FAQ | {"phrasings": []}) == "phrasings_needed"


def test_faq_with_scene() -> None:
    assert code(FAQ | {"scene": "welcome"}) == "scene_not_for_faq"


def test_script_without_scene() -> None:
    assert code({name: value for name, value in SCRIPT.items() if name != "scene"}) == "scene_needed"


def test_script_with_a_slot_written_otherwise() -> None:
    assert code(SCRIPT | {"answer": "欢迎 {{member_name}}"}) == "bad_slot"


def test_faq_may_quote_braces() -> None:
    assert EntryIn.model_validate(FAQ | {"answer": '返回 {"Code": 0}'}).variables == []


@pytest.mark.parametrize(
    ("field", "value", "type_"),
    [
        ("title", "", "string_too_short"),
        ("title", "  ", "string_too_short"),
        ("title", "好" * 201, "string_too_long"),
        ("answer", "好" * 4_001, "string_too_long"),
        ("phrasings", ["好" * 501], "string_too_long"),
        ("phrasings", [""], "string_too_short"),
        ("phrasings", [str(number) for number in range(31)], "too_long"),
        ("phrasings", "怎么退款", "list_type"),
        ("tags", [str(number) for number in range(21)], "too_long"),
        ("title", 5, "string_type"),
        ("title", True, "string_type"),
        ("title", "坏\x00字", "bad_characters"),
        ("title", "坏\ud800字", "string_unicode"),
        ("kind", "FAQ", "enum"),
        ("status", "live", "enum"),
        ("colour", "red", "extra_forbidden"),
    ],
)
def test_refused(field: str, value: object, type_: str) -> None:
    assert code(FAQ | {field: value}) == type_
