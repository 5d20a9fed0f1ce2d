"""The knowledge base in the browser: entries, versions, candidates; wide and narrow."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from agent.flows import access, gathering, settings
from agent.services import Services
from core import tunables
from tests.browser.conftest import Bot

pytestmark = pytest.mark.usefixtures("url")
CARD = ("会员卡丢了怎么补办？", "卡弄丢了还能再补一张不？", "想补一张会员卡要什么手续？")


def _go(page: Page, path: str) -> None:
    page.goto("/".join(page.url.split("/")[:3]) + path)


def _shot(page: Page, name: str) -> None:
    """A picture for whoever changes the look: set QUNZHU_SHOTS to a folder."""
    if folder := os.environ.get("QUNZHU_SHOTS"):
        width = page.evaluate("window.innerWidth")
        page.screenshot(path=Path(folder) / f"{name}-{width}.png", full_page=True)


def _nothing_answers(house: Services) -> None:
    """Whatever the shipped gate makes of a text: a person is to answer."""
    settings.change(house, access.caller_of_login(house, None), tunables.GATE_THRESHOLD.key, 1.0)


def _fits(page: Page) -> None:
    """Nothing makes the page itself scroll sideways."""
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_entry_is_written_changed_and_compared(entered: Page) -> None:
    page = entered
    _go(page, "/console/knowledge")
    page.get_by_role("link", name="新建条目").click()
    page.get_by_label("编号").fill("faq-parking")
    page.get_by_label("标题").fill("停车收费吗")
    page.get_by_label("大家怎么问").fill("门店有地方停车不\n开车过去停哪儿")
    page.get_by_label("答案").fill("负一楼停车两小时免费。")
    _shot(page, "new")
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_text("条目已保存")).to_be_visible()

    page.get_by_label("答案").fill("负一楼停车三小时免费。")
    page.get_by_label("大家怎么问").fill("门店有地方停车不\n你们那停车免费吗")
    page.get_by_label("负责人").fill("前台")
    page.get_by_role("button", name="保存").click()
    expect(page.locator(".versions > li")).to_have_count(2)
    expect(page.locator("p.diff del").first).to_have_text("两")
    expect(page.locator("p.diff ins").first).to_have_text("三")
    expect(page.locator("ul.diff ins")).to_contain_text(["你们那停车免费吗"])
    _shot(page, "entry")
    _fits(page)

    _go(page, "/console/knowledge")
    page.get_by_role("searchbox").fill("停车")
    page.keyboard.press("Enter")
    expect(page.locator("table.entries tbody tr")).to_have_count(1)
    _shot(page, "list")
    _fits(page)


def test_unanswered_questions_become_an_entry(entered: Page, bot: Bot, house: Services) -> None:
    page = entered
    _nothing_answers(house)
    for number, text in enumerate(CARD):
        bot.say(text, name=f"成员{number}")
    drafts = bot.call("GET", "/v1/drafts")["drafts"]
    answer = "带身份证到前台补卡，工本费十元。"
    bot.call("POST", f"/v1/drafts/{drafts[0]['id']}/decision", {"decision": "modify", "version": 1, "text": answer})
    gathering.gather(house)

    _go(page, "/console/knowledge/candidates")
    _shot(page, "candidates")
    _fits(page)
    line = page.locator("a.candidate")
    expect(line.locator("strong")).to_have_text("3")
    line.click()
    expect(page.locator(".asked-list .bubble")).to_have_count(4)
    expect(page.get_by_label("答案")).to_have_value(answer)
    _shot(page, "candidate")
    _fits(page)
    page.get_by_label("编号", exact=True).fill("faq-card-lost")
    page.get_by_role("button", name="采纳为新条目").click()
    expect(page.get_by_text("知识库已更新")).to_be_visible()
    assert bot.call("GET", "/v1/knowledge/entries/faq-card-lost")["answer"] == answer


def test_picked_entry_is_proposed_as_a_phrasing(entered: Page, bot: Bot, house: Services) -> None:
    page = entered
    _nothing_answers(house)
    bot.say("拍错东西了，钱还能回来不？", name="安安")
    line = page.locator("#list [data-id]", has_text="安安")
    expect(line).to_be_visible(timeout=15_000)
    if page.locator("#inbox.chosen article").count() == 0:
        line.click()
    page.get_by_role("button", name="用这条作答: 怎么退款").click()
    page.get_by_role("button", name="修改后发送").click()
    expect(page.locator(".toast", has_text="已按修改后的内容发送")).to_be_visible()

    _go(page, "/console/knowledge/candidates")
    page.locator("a.candidate", has_text="拍错东西了").click()
    _shot(page, "phrasing")
    page.get_by_role("button", name="加为问法").click()
    expect(page.get_by_text("知识库已更新")).to_be_visible()
    assert "拍错东西了，钱还能回来不？" in bot.call("GET", "/v1/knowledge/entries/faq-refund")["phrasings"]
