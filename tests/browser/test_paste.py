"""Pasting a message for a group without a bot."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Bot

pytestmark = pytest.mark.usefixtures("url")
ANSWER = "在「我的订单」里点「申请退款」，三天内原路退回。"


def test_paste_draft_copy_mark_as_sent(entered: Page, bot: Bot) -> None:
    page = entered
    page.get_by_role("link", name="粘贴消息").first.click()
    page.get_by_label("社群").last.select_option("mama")
    page.get_by_label("成员昵称").fill("豆豆妈")
    page.get_by_label("消息内容").fill("请问买错了怎么退款呀？")
    page.get_by_role("button", name="生成草稿").click()
    expect(page.locator("[data-text]")).to_have_value(
        "在「我的订单」里点「申请退款」，三天内原路退回。", timeout=20_000
    )
    page.locator("[data-text]").fill("豆豆妈，点申请退款就行。")
    page.get_by_role("button", name="修改后发送").click()
    page.get_by_role("button", name="复制").click()
    expect(page.locator(".toast", has_text="已复制")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "豆豆妈，点申请退款就行。"
    page.get_by_role("button", name="标记为已发送").click()
    expect(page.locator("#result")).to_contain_text("已标记为已发送")
    expect(page.locator("#today .badge")).to_have_text("已发送")
    assert [one for one in bot.pull() if one["channel"] == "manual"] == []
    page.reload()
    expect(page.locator("#result")).to_contain_text("已标记为已发送")
    expect(page.get_by_label("社群").last).to_have_value("mama")


def test_clipboard_is_refused_and_the_old_way_copies(entered: Page) -> None:
    page = entered
    page.goto("/".join(page.url.split("/")[:3]) + "/console/paste")
    page.get_by_label("消息内容").fill("请问买错了怎么退款呀？")
    page.get_by_role("button", name="生成草稿").click()
    page.get_by_role("button", name="批准").click()
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); }")
    page.get_by_role("button", name="复制").click()
    expect(page.locator(".toast", has_text="已复制")).to_be_visible()
    assert "申请退款" in page.evaluate("navigator.clipboard.readText()")
