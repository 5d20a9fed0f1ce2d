import json
from pathlib import Path
from typing import Any

import pytest

from knowledge import importing, structured
from knowledge.importing import MAX_BYTES, Parsed, RowError, parse

GOOD = """\
- id: refund
  kind: faq
  title: 怎么退款
  phrasings:
    - 怎么退款
    - 我要退钱
  answer: 在订单页申请。
  valid_until: 2026-12-31

- id: welcome
  kind: script
  title: 欢迎
  scene: welcome
  answer: 欢迎 {member_name}
"""


def yaml_file(text: str) -> Parsed:
    return parse(text.encode(), "yaml")


def faq(**fields: Any) -> dict[str, Any]:
    return {"id": "e1", "kind": "faq", "title": "题", "phrasings": ["问"], "answer": "答", **fields}


def jsonl(*rows: Any) -> Parsed:
    return parse("\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode(), "jsonl")


def only(parsed: Parsed) -> RowError:
    assert len(parsed.errors) == 1, parsed.errors
    return parsed.errors[0]


def test_yaml_list() -> None:
    parsed = yaml_file(GOOD)
    assert parsed.errors == []
    assert [row.id for row in parsed.rows] == ["refund", "welcome"]
    assert parsed.rows[0].phrasings == ["怎么退款", "我要退钱"]
    assert str(parsed.rows[0].valid_until) == "2026-12-31"


def test_yaml_under_entries() -> None:
    assert len(yaml_file("entries:\n" + GOOD).rows) == 2


def test_jsonl() -> None:
    parsed = jsonl(faq(), faq(id="e2", title="另一题"))
    assert (len(parsed.rows), parsed.errors) == (2, [])


def test_jsonl_with_blank_lines_windows_line_ends_and_mark() -> None:
    data = b"\xef\xbb\xbf\r\n" + json.dumps(faq()).encode() + b"\r\n\r\n" + json.dumps(faq(id="e2")).encode() + b"\r\n"
    assert len(parse(data, "jsonl").rows) == 2


def test_line_separator_inside_a_json_string_is_no_line_end() -> None:
    assert jsonl(faq(answer="一\u2028二")).rows[0].answer == "一\u2028二"


def test_both_formats_say_the_same() -> None:
    row = faq(valid_from="2026-01-01", tags=["售后"], audience="new", owner="小林")
    as_yaml = yaml_file("- " + json.dumps(row, ensure_ascii=False))
    assert as_yaml.rows == jsonl(row).rows


@pytest.mark.parametrize("text", ["", "\n\n", "[]", "entries: []", "# 只有注释"])
def test_empty_yaml(text: str) -> None:
    assert only(yaml_file(text)).code == "empty_file"


def test_empty_jsonl() -> None:
    assert only(parse(b" \n\n", "jsonl")).code == "empty_file"


def test_error_has_row_line_field_and_advice() -> None:
    parsed = yaml_file(GOOD.replace("scene: welcome", "scene: welcom"))
    assert [row.id for row in parsed.rows] == ["refund"]
    found = only(parsed)
    assert (found.row, found.line, found.field, found.code) == (2, 13, "scene", "not_in_list")
    assert "welcome、greeting" in found.message


def test_every_error_of_an_entry_is_found() -> None:
    parsed = jsonl(faq(title="", answer=5, tone="wild", extra=1))
    assert {(error.field, error.code) for error in parsed.errors} == {
        ("title", "empty_text"),
        ("answer", "not_text"),
        ("tone", "not_in_list"),
        ("extra", "unknown_field"),
    }


def test_misspelt_field_is_guessed() -> None:
    parsed = jsonl({**faq(), "anwser": "答"})
    assert "是不是「answer」" in only(parsed).message


def test_item_of_a_list_is_named() -> None:
    assert "第 2 项" in only(jsonl(faq(phrasings=["问", ""]))).message
    assert "第 2 项：「tags」里有不可见" in only(jsonl(faq(tags=["a", "b\x00c"]))).message


def test_field_is_named_where_a_validator_does_not_know_it() -> None:
    assert "「valid_until」要写成日期" in only(jsonl(faq(valid_until="明天"))).message


def test_missing_field_points_at_the_entry() -> None:
    found = only(yaml_file(GOOD.replace("  title: 欢迎\n", "")))
    assert (found.row, found.line, found.field, found.code) == (2, 10, "title", "missing")


def test_every_validator_has_its_message() -> None:
    rows = [
        faq(id="a1", phrasings=[]),
        faq(id="a2", scene="rules"),
        faq(id="a3", kind="script"),
        faq(id="a4", kind="script", scene="rules", answer="{{name}}"),
        faq(id="a5", variables=["name"]),
        faq(id="a6", valid_from="2026-02-01", valid_until="2026-01-01"),
        faq(id="A7"),
        faq(id="a8", answer="长" * 4_001),
        faq(id="a9", tags=[str(number) for number in range(21)]),
        faq(id="a10", tags="售后"),
        faq(id="a11", title="坏\ud800"),
    ]
    data = "\n".join(json.dumps(row) for row in rows).encode()
    errors = parse(data, "jsonl").errors
    assert [error.row for error in errors] == list(range(1, 12))
    assert [error.code for error in errors] == [
        "phrasings_needed",
        "scene_not_for_faq",
        "scene_needed",
        "bad_slot",
        "variables_differ",
        "dates_reversed",
        "bad_id",
        "too_long",
        "too_many",
        "not_a_list_of_text",
        "bad_characters",
    ]
    assert all(error.message and "{field}" not in error.message for error in errors)
    assert "{member_name}" in errors[3].message
    assert "4000" in errors[7].message


def test_id_used_twice() -> None:
    parsed = jsonl(faq(), faq(id="e2"), faq(title="又一个"))
    assert [row.id for row in parsed.rows] == ["e1", "e2"]
    found = only(parsed)
    assert (found.row, found.line, found.field, found.code) == (3, 3, "id", "duplicate_id")
    assert "第 1 条" in found.message


def test_id_used_twice_where_the_first_is_wrong() -> None:
    parsed = jsonl(faq(title=""), faq())
    assert parsed.rows == []
    assert [(error.row, error.code) for error in parsed.errors] == [(1, "empty_text"), (2, "duplicate_id")]


@pytest.mark.parametrize("format_", ["yaml", "jsonl"])
def test_field_written_twice(format_: Any) -> None:
    source = json.dumps(faq())[:-1] + ', "title": "二"}'
    found = only(parse(("- " + source if format_ == "yaml" else source).encode(), format_))
    assert (found.row, found.field, found.code) == (1, "title", "duplicate_field")


@pytest.mark.parametrize("format_", ["yaml", "jsonl"])
def test_not_utf8(format_: Any) -> None:
    found = only(parse("第一行\n".encode() + "退款".encode("gbk"), format_))
    assert (found.row, found.line, found.code) == (0, 2, "not_utf8")


def test_file_too_large() -> None:
    assert only(parse(b" " * (MAX_BYTES + 1), "jsonl")).code == "too_large"


def test_too_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "MAX_ROWS", 3)
    found = only(jsonl(*[faq(id=f"e{number}") for number in range(4)]))
    assert found.code == "too_many_rows"
    assert "4" in found.message
    assert len(jsonl(*[faq(id=f"e{number}") for number in range(3)]).rows) == 3


def test_too_many_errors_end_with_their_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "MAX_ERRORS", 3)
    parsed = jsonl(*[faq(id=f"e{number}", title="") for number in range(10)])
    assert [error.code for error in parsed.errors] == ["empty_text"] * 3 + ["more_errors"]
    assert "7" in parsed.errors[-1].message


@pytest.mark.parametrize(
    ("text", "line", "code"),
    [
        ("- id: a1\n  kind: [faq\n", 3, "bad_yaml"),
        ("- id: a1\n\tkind: faq\n", 2, "bad_yaml"),
        ("- a\n---\n- b\n", 2, "bad_yaml"),
        ("- id: a1\n  title: 坏\x07字\n", 2, "control_character"),
        ("- &a {id: a1}\n- *a\n", 1, "yaml_alias"),
        ("- id: a1\n- *nobody\n", 2, "yaml_alias"),
        ("- id: a1\n  title: !!python/name:os.system\n", 2, "yaml_tag"),
        ("- id: a1\n  title: !!binary aGk=\n", 2, "yaml_tag"),
        ("- " + "[" * 100_000, 1, "too_deep"),
        ("id: a1\nkind: faq\n", 1, "not_a_list"),
        ("只有一句话", 1, "not_a_list"),
        ("entries: 5", 1, "not_a_list"),
    ],
)
def test_file_that_is_not_taken(text: str, line: int, code: str) -> None:
    found = only(yaml_file(text))
    assert (found.row, found.line, found.code) == (0, line, code)
    assert "请" in found.message or "只能" in found.message


def test_alias_bomb_is_refused_before_it_grows() -> None:
    levels = [f"a{n}: &a{n} [" + ", ".join([f"*a{n - 1}"] * 9) + "]" for n in range(1, 12)]
    assert only(yaml_file("a0: &a0 lol\n" + "\n".join(levels))).code == "yaml_alias"


def test_file_of_millions_of_bits_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structured, "_MAX_EVENTS", 1_000)
    assert only(yaml_file("[" + "[]," * 1_000 + "]")).code == "too_complex"


@pytest.mark.parametrize("entry", ["文字", "[a, b]", "~", "5"])
def test_yaml_item_that_is_no_entry(entry: str) -> None:
    found = only(yaml_file(GOOD + f"- {entry}\n"))
    assert (found.row, found.line, found.code) == (3, 15, "not_an_entry")


def test_impossible_date_in_yaml_names_its_field() -> None:
    found = only(yaml_file(GOOD.replace("2026-12-31", "2026-02-30")))
    assert (found.row, found.line, found.field, found.code) == (1, 8, "valid_until", "bad_value")


def test_yes_and_numbers_of_yaml_are_no_text() -> None:
    parsed = yaml_file("- {id: e1, kind: faq, title: yes, phrasings: [12:30], answer: 5}")
    assert [(error.field, error.code) for error in parsed.errors] == [
        ("title", "not_text"),
        ("phrasings", "not_text"),
        ("answer", "not_text"),
    ]


def test_merge_key_is_no_field() -> None:
    assert {error.field for error in yaml_file("- {<<: {id: a1}}").errors} >= {"<<", "id"}


@pytest.mark.parametrize(
    "line", ['{"id":', "[1, 2]", "5", "null", "id: a1", "[" * 100_000, '{"id": ' + "9" * 5_000 + "}"]
)
def test_line_that_is_no_json_object(line: str) -> None:
    data = json.dumps(faq()).encode() + b"\n" + line.encode() + b"\n" + json.dumps(faq(id="e3")).encode()
    parsed = parse(data, "jsonl")
    assert [row.id for row in parsed.rows] == ["e1", "e3"]
    found = only(parsed)
    assert (found.row, found.line) == (2, 2)
    assert found.code in ("bad_json", "not_an_entry")


def test_file_read_from_disk(tmp_path: Path) -> None:
    path = tmp_path / "faq.yaml"
    path.write_text(GOOD, encoding="utf-8")
    assert len(parse(path.read_bytes(), "yaml").rows) == 2
