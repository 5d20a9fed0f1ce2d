"""Flagged messages in the browser, wide and narrow, by mouse and keyboard; trying rules before they are saved."""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Bot
from tests.browser.test_accessible import FAINT, FLAWS

pytestmark = pytest.mark.usefixtures("url")
AD = "诚招宝妈兼职，日入300元，加V信 abc12345 了解"
DESPAIR = "我真的不想活了，活着没意思"


@pytest.fixture
def risks(entered: Page, url: str) -> Page:
    """The page of flagged messages, with one advertisement waiting."""
    entered.goto(f"{url}/console/risks")
    return entered


def _open(page: Page, name: str) -> None:
    """Wait for the item to appear by itself, and choose it where the page has not."""
    line = page.locator("#list [data-id]", has_text=name)
    expect(line).to_be_visible(timeout=15_000)
    if page.locator("article h2", has_text=name).count() == 0:
        line.click()
    expect(page.locator("article h2")).to_have_text(name)


def test_confirm_by_keyboard_undo_other_action_sent(risks: Page, bot: Bot) -> None:
    page = risks
    expect(page.get_by_text("没有待处理的风险")).to_be_visible()
    bot.say(AD)
    _open(page, "小满妈妈")
    expect(page.locator('[data-count="risks"]')).to_contain_text("1")
    expect(page.locator(".said.asked mark").first).to_be_visible()
    expect(page.locator(".ladder [aria-current]")).to_contain_text("第 1 次")
    expect(page.get_by_label("私聊内容")).to_have_value(re.compile("小满妈妈您好"))

    page.keyboard.press("c")
    toast = page.locator(".toast", has_text="已确认属实")
    expect(toast).to_be_visible()
    expect(page.locator("#list [data-id]")).to_have_count(0)
    toast.get_by_role("button", name="撤回").click()
    expect(page.locator("article h2")).to_have_text("小满妈妈")
    assert bot.pull() == []

    page.get_by_label("属实的话，怎么处理").select_option("mute")
    page.get_by_label("禁言多少分钟").fill("45")
    page.get_by_label("私聊发给这位成员").check()
    page.get_by_label("禁言多少分钟").press("Tab")
    expect(page.get_by_label("私聊内容")).to_have_value(re.compile("休息45分钟"))
    expect(page.locator("[data-sends]")).to_have_text("将会：私聊、禁言")
    page.get_by_label("私聊内容").fill("小满妈妈，先休息一会儿。")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".toast", has_text="已确认属实")).to_be_visible()
    for _ in range(100):
        waiting = bot.pull()
        if waiting:
            break
        page.wait_for_timeout(100)
    assert {(one["kind"], one["minutes"]) for one in waiting} == {("private", None), ("moderation", 45)}
    assert "小满妈妈，先休息一会儿。" in {one["text"] for one in waiting}


def test_dismiss_and_go_on_in_the_order_of_urgency(risks: Page, bot: Bot) -> None:
    page = risks
    bot.say(AD, name="果果妈")
    bot.say(DESPAIR, name="安安")
    expect(page.locator("#list [data-id]")).to_have_count(2, timeout=15_000)
    expect(page.locator("#list [data-id]").first).to_contain_text("安安")
    _open(page, "安安")
    expect(page.get_by_role("note")).to_contain_text("永远不作处罚")
    offered = page.locator("select[name=action] option").evaluate_all("nodes => nodes.map((node) => node.value)")
    assert not {"warn_private", "mute", "remove"} & set(offered)
    page.keyboard.press("j")
    expect(page.locator("article h2")).to_have_text("果果妈")
    page.keyboard.press("d")
    expect(page.locator(".toast", has_text="已标为误报")).to_be_visible()
    expect(page.locator("article h2")).to_have_text("安安")
    page.keyboard.press("z")
    expect(page.locator("article h2")).to_have_text("果果妈")


def test_typed_words_survive_a_change_and_a_lost_race_is_told(risks: Page, bot: Bot) -> None:
    page = risks
    bot.say(AD)
    _open(page, "小满妈妈")
    page.get_by_label("私聊内容").fill("正在写的话")
    item = bot.call("GET", "/v1/risks")["risks"][0]
    bot.call("POST", f"/v1/risks/{item['id']}/decision", {"decision": "dismiss", "version": 1})
    expect(page.locator("[data-notice]")).to_contain_text("已有变化")
    expect(page.get_by_label("私聊内容")).to_have_value("正在写的话")
    with page.expect_response("**/decision") as answer:
        page.get_by_role("button", name="属实").click()
    assert answer.value.status == 409
    expect(page.locator(".toast.bad")).to_contain_text("已由群主处理：误报")
    expect(page.locator(".closed")).to_contain_text("误报")


def test_rules_are_tried_before_they_are_saved(entered: Page, bot: Bot, url: str) -> None:
    page = entered
    bot.say("小蓝鲸今天几点开门呀", name="果果妈")
    page.goto(f"{url}/console/risks/rules?place=mama")
    page.get_by_label("词", exact=True).first.fill("小蓝鲸")
    page.get_by_label("类别").first.select_option("gambling")
    page.get_by_role("button", name="试算").click()
    expect(page.locator("#report")).to_contain_text("1 条会判得不一样", timeout=30_000)
    expect(page.locator(".examples")).to_contain_text("小蓝鲸今天几点开门呀")
    page.get_by_role("button", name="保存规则").click()
    expect(page.get_by_text("规则已保存")).to_be_visible()
    expect(page.get_by_label("词", exact=True).first).to_have_value("小蓝鲸")
    page.goto(f"{url}/console/risks/test?text=小蓝鲸今天几点开门呀")
    page.get_by_label("按哪个社群的规则").select_option("mama")
    page.get_by_role("button", name="测一下").click()
    expect(page.locator(".scores .holds")).to_contain_text("赌博")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible(entered: Page, bot: Bot, url: str, scheme: Any) -> None:
    page = entered
    page.emulate_media(color_scheme=scheme)
    bot.say(AD + "，你们都是骗子")
    bot.say(DESPAIR, name="安安")
    bot.say("我是官方客服，您的账户异常，请先转账到安全账户", name="客服小李")
    done = bot.call("GET", "/v1/risks?level=medium")["risks"][0]
    bot.call("POST", f"/v1/risks/{done['id']}/decision", {"decision": "confirm", "version": 1})
    flaws: list[Any] = []

    def look(at: str) -> None:
        flaws.extend((at, flaw) for flaw in (*page.evaluate(FLAWS), *page.evaluate(FAINT)))

    for name in ("安安", "客服小李"):
        page.goto(f"{url}/console/risks")
        look("list")
        page.locator("#list [data-id]", has_text=name).click()
        expect(page.locator("article h2")).to_have_text(name)
        look(name)
    page.keyboard.press("?")
    look("help")
    for path in (f"risks/{done['id']}", "risks/figures", "risks/rules?place=mama", "risks/test"):
        page.goto(f"{url}/console/{path}", wait_until="load")
        look(path)
    page.get_by_label("文字").fill("加薇❤ abc123，日赚300，你这个脑残")
    page.get_by_role("button", name="测一下").click()
    expect(page.locator(".scores")).to_be_visible()
    look("tested")
    assert not flaws


def test_risks_in_english(browser: Browser, bot: Bot, url: str) -> None:
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    page.goto(bot.link())
    page.get_by_role("button", name="Enter the console").click()
    page.goto(f"{url}/console/risks")
    expect(page.get_by_text("No flagged message waits")).to_be_visible()
    context.close()
