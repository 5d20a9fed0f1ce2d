"""Tables of strangers: whatever encoding, separator and columns they have; and what is refused."""

import io
import zipfile
from datetime import date
from typing import Any

import openpyxl
import pytest

from knowledge import raw_entries, tables
from knowledge.importing import Parsed, parse
from knowledge.raw_entries import Refused
from knowledge.tables import TableFormat, csv_lines, read_table

CSV = "问题,相似问,答案,分类\n怎么退款,我要退钱|退货,在订单页申请。,售后\n多久发货,几天能到,48小时内,物流\n"


def csv_file(text: str, **more: Any) -> Parsed:
    return parse(text.encode(), "csv", **more)


def sheet(*rows: list[Any], other: list[Any] | None = None) -> bytes:
    book = openpyxl.Workbook()
    first: Any = book.active
    for row in rows:
        first.append(row)
    if other:
        book.create_sheet("另一张").append(other)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def refused(data: bytes, format_: TableFormat = "csv") -> str:
    with pytest.raises(Refused) as caught:
        read_table(data, format_)
    return caught.value.why.code


def test_a_plain_table_becomes_entries() -> None:
    parsed = csv_file(CSV)
    assert parsed.errors == []
    first = parsed.rows[0]
    assert (first.title, first.phrasings, first.answer, first.tags) == (
        "怎么退款",
        ["我要退钱", "退货"],
        "在订单页申请。",
        ["售后"],
    )
    assert [place.line for place in parsed.places] == [2, 3]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16"])
def test_encodings(encoding: str) -> None:
    parsed = parse(CSV.encode(encoding), "csv")
    assert [row.title for row in parsed.rows] == ["怎么退款", "多久发货"]


def test_big5_of_traditional_writers() -> None:
    text = "問題,答案\n怎麼申請退款,請在訂單頁面點選申請售後服務\n什麼時候發貨,付款後兩天之內發貨\n"
    parsed = parse(text.encode("big5"), "csv")
    assert (parsed.rows[0].title, parsed.table and parsed.table.encoding) == ("怎麼申請退款", "big5")


def test_bytes_that_are_no_text() -> None:
    assert refused(bytes(range(128, 256)) * 20) == "not_utf8"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiters(delimiter: str) -> None:
    text = f'问题{delimiter}答案\n怎么退款{delimiter}"一{delimiter}二\n三"\n'
    assert csv_file(text).rows[0].answer == f"一{delimiter}二\n三"


def test_caption_above_the_header_and_empty_rows() -> None:
    parsed = csv_file("禾苗生活客服手册,\n,\n问题,答案\n,\n怎么退款,申请\n")
    assert [row.title for row in parsed.rows] == ["怎么退款"]
    assert parsed.places[0].cell == "A5"


def test_quote_that_is_never_closed_swallows_nothing() -> None:
    assert refused('问题,答案\n甲,"没有关\n乙,二\n'.encode()) == "bad_csv"


def test_more_cells_than_columns() -> None:
    found = csv_file("问题,答案\n甲,一,二\n").errors[0]
    assert (found.code, found.row, found.cell) == ("cells_beyond", 1, "A2")


def test_row_errors_name_the_cell() -> None:
    found = csv_file("问题,答案,有效期至\n甲,一,明天\n").errors[0]
    assert (found.code, found.field, found.line, found.cell) == ("bad_date", "valid_until", 2, "C2")


def test_too_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_ROWS", 1)
    assert refused(CSV.encode()) == "too_many_rows"


def test_too_many_columns() -> None:
    assert refused((",".join(f"列{n}" for n in range(101)) + "\n").encode()) == "too_many_columns"
    assert refused(sheet([f"列{n}" for n in range(150)]), "xlsx") == "too_many_columns"


def test_too_large() -> None:
    assert refused(b"a" * (raw_entries.MAX_BYTES + 1)) == "too_large"


@pytest.mark.parametrize("format_", ["csv", "xlsx"])
def test_nothing_in_it(format_: TableFormat) -> None:
    assert refused(b"\n,\n" if format_ == "csv" else sheet([]), format_) == "empty_file"


def test_what_a_spreadsheet_would_run_goes_out_as_text_and_comes_back() -> None:
    cells = ["=1+1", "+86", "-5", "@all", "'=x", "''", "＝全角", "普通"]
    line = "".join(csv_lines([cells]))
    assert line.startswith("'=1+1,'+86,'-5,'@all,''=x,'',")
    back = read_table(("a,b,c,d,e,f,g,h\r\n" + line).encode(), "csv")
    assert back.rows[0].cells == cells


def test_a_formula_is_an_error_and_never_a_value() -> None:
    parsed = parse(sheet(["问题", "答案"], ["甲", '=CONCAT("一","二")'], ["乙", "二"]), "xlsx")
    assert [(one.code, one.row, one.cell) for one in parsed.errors] == [("formula", 1, "B2")]
    assert [row.title for row in parsed.rows] == ["乙"]


def test_an_error_of_the_spreadsheet_is_named() -> None:
    found = parse(sheet(["问题", "答案"], ["甲", "#N/A"]), "xlsx").errors[0]
    assert found.code == "cell_error" and "#N/A" in found.message


def test_dates_numbers_and_choices_of_a_sheet() -> None:
    head = ["问题", "答案", "生效日期", "有效期至", "类型", "适用对象", "状态"]
    row = ["几折", 0.85, date(2026, 1, 2), "2026年3月4日", "问答", "新人", "启用"]
    parsed = parse(sheet(head, row), "xlsx")
    assert parsed.errors == []
    entry = parsed.rows[0]
    assert (entry.answer, str(entry.valid_from), str(entry.valid_until)) == ("0.85", "2026-01-02", "2026-03-04")
    assert (entry.kind, entry.audience, entry.status) == ("faq", "new", "approved")


def test_other_sheets_are_named() -> None:
    parsed = parse(sheet(["问题", "答案"], ["甲", "一"], other=["x", "y"]), "xlsx")
    assert parsed.table is not None and parsed.table.ignored == ("另一张",)


def test_a_far_away_cell_costs_nothing() -> None:
    book = openpyxl.Workbook()
    first: Any = book.active
    for at, text in (("A1", "问题"), ("B1", "答案"), ("A2", "甲"), ("B2", "一"), ("XFD1048576", "远")):
        first[at] = text
    file = io.BytesIO()
    book.save(file)
    assert len(parse(file.getvalue(), "xlsx").rows) == 1


def test_a_bomb_is_not_unpacked() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("xl/worksheets/sheet1.xml", b" " * (65 * 1024 * 1024))
    assert len(file.getvalue()) < 100_000
    assert refused(file.getvalue(), "xlsx") == "xlsx_too_large"


def test_entities_are_refused() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as package:
        package.writestr("xl/workbook.xml", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')
    assert refused(file.getvalue(), "xlsx") == "bad_xlsx"


@pytest.mark.parametrize(
    ("data", "code"), [(b"not a zip", "bad_xlsx"), (b"PK\x03\x04", "bad_xlsx"), (b"\xd0\xcf\x11\xe0", "old_xls")]
)
def test_files_that_are_no_sheet(data: bytes, code: str) -> None:
    assert refused(data, "xlsx") == code
