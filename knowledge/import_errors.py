"""What may be wrong with a knowledge file, said in words that tell its author what to do."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

FILE_ROW: Final = 0

TEXTS: Final[Mapping[str, str]] = {
    "too_large": "文件超过 {most} MB，请拆成几个文件分别导入",
    "too_many_rows": "文件有 {count} 条，一次最多 {most} 条，请拆成几个文件分别导入",
    "not_utf8": "文件不是 UTF-8 编码（第 {byte} 个字节起读不懂），请另存为 UTF-8 后再导入",
    "empty_file": "文件里没有条目，请至少写一条",
    "not_a_list": "请把文件写成条目的列表，或写成 entries: 加列表",
    "bad_yaml": "YAML 读到第 {column} 个字符读不下去，请检查这一行和上一行的缩进、引号和冒号",
    "yaml_alias": "不支持 YAML 的锚点和别名（& 和 *），请把内容完整写出；文本以 & 或 * 开头时请加引号",
    "yaml_tag": "不支持 YAML 的类型标记（!），请删掉；文本以 ! 开头时请加引号",
    "control_character": "文件里有不可见的控制字符，请删掉后重新输入",
    "too_complex": "文件内容太碎，超出一次能导入的量，请拆成几个文件分别导入",
    "too_deep": "嵌套太深，条目里只能有文本、日期和文本列表",
    "bad_json": "这一行不是完整的 JSON 对象：{problem}。请每行写一个条目",
    "not_an_entry": "这一条不是「字段: 值」的形式，请写成条目",
    "duplicate_field": "字段「{field}」写了两次，请只留一个",
    "duplicate_id": "id「{id}」与第 {first} 条相同，请改成不同的 id",
    "bad_value": "「{field}」的值读不懂，请检查；文本请加引号",
    "missing": "缺少字段「{field}」，请补上",
    "unknown_field": "没有「{field}」这个字段，请删掉或改名",
    "unknown_field_like": "没有「{field}」这个字段，是不是「{like}」？请改名或删掉",
    "not_text": "「{field}」要写成文本；数字、日期和 yes/no 请加引号",
    "not_a_list_of_text": "「{field}」要写成列表，每项一条文本",
    "empty_text": "「{field}」不能是空的，请填写或删掉",
    "too_long": "「{field}」太长，最多 {most} 个字，请缩短",
    "too_many": "「{field}」太多，最多 {most} 项，请删减",
    "bad_characters": "「{field}」里有不可见的控制字符，请删掉后重新输入",
    "not_in_list": "「{field}」只能是：{allowed}。请改成其中之一",
    "bad_id": "id 只能用小写字母、数字、- 和 _，以字母或数字开头，2 到 80 个字符",
    "bad_date": "「{field}」要写成日期，例如 2026-01-31，不限期就不写",
    "dates_reversed": "「valid_until」早于「valid_from」，请改正日期",
    "phrasings_needed": "FAQ 至少要有一条「phrasings」（用户会怎么问），请补上",
    "scene_needed": "话术要写「scene」（使用场景），请补上",
    "scene_not_for_faq": "只有话术有「scene」；要按场景使用，请把 kind 改成 script",
    "source_needed": "案例要写「source」（哪里看来的、谁说的），请补上",
    "bad_slot": "「{slot}」不是有效的变量，请写成 {{member_name}} 这样：一对英文花括号，小写英文、数字和下划线",
    "variables_differ": "「variables」与答案里用到的变量不一致，答案里有：{used}。请改成一致，或删掉「variables」",
    "bad_csv": "CSV 读到这一行读不下去，多半是引号没有配对，请检查这一行和上一行的引号",
    "bad_xlsx": "这不是能读懂的 .xlsx 文件，请用表格软件打开后另存为 .xlsx",
    "old_xls": "这是旧的 .xls 或加了密码的文件，请去掉密码、另存为 .xlsx 后再导入",
    "xlsx_too_large": "表格解开后太大，请删掉图片和空白区域，或拆成几个文件分别导入",
    "too_many_columns": "表头超过 {most} 列，请删掉用不到的列",
    "header_needed": "没有找到表头，请在第一行写上列名，例如：问题、相似问、答案",
    "column_needed": "没有哪一列像是「{field}」，请指定一列。文件里的列：{names}",
    "column_unknown": "文件里没有「{column}」这一列，请检查列名。文件里的列：{names}",
    "column_twice": "「{column}」和「{other}」都对应「{field}」，请只留一列，或改对应关系",
    "cells_beyond": "这一行的格子比表头多，请检查是不是少了引号或多了分隔符",
    "formula": "「{field}」这一格是公式，请复制后「粘贴为值」再导入",
    "cell_error": "「{field}」这一格是表格软件的出错值 {value}，请改正",
    "not_a_choice": "「{field}」里的「{value}」不认识，可以写：{allowed}",
    "bad_block": "条目的说明块没有写完，请在末尾补上一行 ```",
    "answer_needed": "「{title}」下面没有答案，请补上",
    "lost_text": "「{field}」里有乱码，原文已经丢失，无法还原，请对照原文重新填写",
    "community_unknown": "没有「{community}」这个社群，请先建群或改正",
    "duplicate_question": "「{question}」与条目「{other}」重复",
    "conflicting_answer": "「{question}」在条目「{other}」里有不同的答案",
    "invalid": "「{field}」写得不对，请检查",
    "more_errors": "还有 {count} 处问题没有列出，请先改正上面的",
}

_CODES: Final[Mapping[str, str]] = {
    "missing": "missing",
    "extra_forbidden": "unknown_field",
    "string_type": "not_text",
    "list_type": "not_a_list_of_text",
    "string_too_short": "empty_text",
    "string_too_long": "too_long",
    "too_long": "too_many",
    "enum": "not_in_list",
    "string_pattern_mismatch": "bad_id",
    "string_unicode": "bad_characters",
}


class RowError(NamedTuple):
    """One problem. `row` counts entries from 1 (0: the file as a whole), `line` counts lines of the file from 1, `cell`
    is that of a table (`C5`)."""

    row: int
    line: int | None
    field: str
    code: str
    message: str
    cell: str | None = None


def error(code: str, *, row: int = FILE_ROW, line: int | None = None, field: str = "", **params: object) -> RowError:
    """A `RowError` with its text from `TEXTS`."""
    return RowError(row, line, field, code, text(code, field, params))


def text(code: str, field: str, params: Mapping[str, object]) -> str:
    """The text of a code, its parameters filled in."""
    return TEXTS[code].format_map({"field": field, **params})


def problem(code: str, field: str, **params: object) -> PydanticCustomError:
    """The same for a validator of a model to raise; a validator of one field leaves `field` empty."""
    # The text goes in as a parameter: as a template its own braces would be read.
    return PydanticCustomError(code, "{text}", {"text": text(code, field, params), "field": field, "params": params})


def row_errors(failure: ValidationError, row: int, lines: Mapping[str, int], names: Sequence[str]) -> list[RowError]:
    """A model's complaints as row errors. `lines` says where each field stands, `""` where the entry begins."""
    return [_row_error(detail, row, lines, names) for detail in failure.errors(include_url=False, include_input=False)]


def _row_error(detail: ErrorDetails, row: int, lines: Mapping[str, int], names: Sequence[str]) -> RowError:
    context: dict[str, Any] = detail.get("ctx", {})
    where = [*detail["loc"], context.get("field", "")]
    field = str(where[0])
    line = lines.get(field, lines.get(""))
    if "text" in context:
        message = text(detail["type"], field, context["params"])
        return RowError(row, line, field, detail["type"], _item(where) + message)
    code = _CODES.get(detail["type"], "invalid")
    params = {"most": context.get("max_length"), "allowed": _allowed(context)}
    if code == "unknown_field" and (like := get_close_matches(field, names, n=1)):
        known = error("unknown_field_like", field=field, like=like[0])
        return known._replace(row=row, line=line, code=code)
    found = error(code, row=row, line=line, field=field, **params)
    return found._replace(message=_item(where) + found.message)


def _item(where: Sequence[int | str]) -> str:
    """Which item of a list field is meant."""
    return f"第 {where[1] + 1} 项：" if len(where) > 1 and isinstance(where[1], int) else ""


def _allowed(context: Mapping[str, Any]) -> str:
    """Pydantic's "'a', 'b' or 'c'" as a Chinese enumeration."""
    return str(context.get("expected", "")).replace("'", "").replace(" or ", "、").replace(", ", "、")
