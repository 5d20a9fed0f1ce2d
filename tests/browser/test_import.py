"""A table of somebody's, looked at, set right and imported."""

import io
from typing import Any

import openpyxl
import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.browser.conftest import Bot

pytestmark = pytest.mark.usefixtures("url")


def _sheet() -> FilePayload:
    book = openpyxl.Workbook()
    sheet: Any = book.active
    for row in (["标准问", "丙列", "备注"], ["几点开门", "<b>九点</b>", "内部"], ["怎么退款", "不能退", ""]):
        sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return {"name": "客服问答.xlsx", "mimeType": kind, "buffer": file.getvalue()}


def test_look_set_a_column_right_import(entered: Page, bot: Bot) -> None:
    page = entered
    page.goto("/".join(page.url.split("/")[:3]) + "/console/knowledge/import")
    page.get_by_label("文件").set_input_files(_sheet())
    page.get_by_role("button", name="先看一看").click()
    report = page.locator("#report")
    expect(report).to_contain_text("没有哪一列像是「answer」")
    assert len(bot.call("GET", "/v1/knowledge/entries")["entries"]) == 1
    page.get_by_label("「丙列」对应的字段").select_option("answer")
    expect(report.locator("[data-added]")).to_have_text("2")
    expect(report).to_contain_text("同问不同答")
    expect(report).to_contain_text("去掉 HTML")
    report.get_by_role("button", name="导入").click()
    expect(report).to_contain_text("已导入")
    found = bot.call("GET", "/v1/knowledge/entries")["entries"]
    assert {one["answer"] for one in found} >= {"九点", "不能退"}
    page.get_by_role("button", name="先看一看").click()
    expect(report.locator("[data-added]")).to_have_text("0")
    expect(report).to_contain_text("上次的")
