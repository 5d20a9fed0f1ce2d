"""What anybody needs to use the pages: names, contrast, focus that can be seen, nothing cut off; in both colours."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Bot

pytestmark = pytest.mark.usefixtures("url")

# Every control has a name, every image a text, every id is one, and there is one first heading.
FLAWS = """() => {
  const seen = (node) => node.checkVisibility({ visibilityProperty: true });
  const named = (node) => (node.getAttribute("aria-label") || node.title || node.innerText
    || [...(node.labels ?? [])].map((label) => label.innerText).join("") || "").trim();
  const flaws = [];
  for (const node of document.querySelectorAll("a, button, summary, input:not([type=hidden]), select, textarea")) {
    if (seen(node) && !named(node)) flaws.push("no name: " + node.outerHTML.slice(0, 120));
  }
  for (const node of document.images) if (!node.hasAttribute("alt")) flaws.push("no alt: " + node.src);
  const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) flaws.push("twice: " + id);
  if (document.querySelectorAll("h1").length !== 1) flaws.push("h1: " + document.querySelectorAll("h1").length);
  if (!document.documentElement.lang) flaws.push("no language");
  if (document.documentElement.scrollWidth > innerWidth) flaws.push("wider than the screen");
  return flaws;
}"""

# WCAG 2.2 AA: 4.5 to 1 for text. Disabled controls are exempt.
FAINT = """() => {
  const parse = (value) => (value.match(/[\\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0.5) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode.parentElement;
    const idle = node.closest(":disabled, kbd, script, noscript, template, .skip, .unseen");
    if (!texts.currentNode.data.trim() || idle || !node.checkVisibility()) continue;
    const [a, b] = [light(parse(getComputedStyle(node).color)), light(ground(node))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) faint.push(`${ratio.toFixed(2)} ${node.className}: ${texts.currentNode.data.trim().slice(0, 30)}`);
  }
  return faint;
}"""


@pytest.fixture(params=["light", "dark"])
def coloured(request: pytest.FixtureRequest, page: Page) -> Page:
    page.emulate_media(color_scheme=request.param)
    return page


def test_every_page(coloured: Page, bot: Bot, url: str) -> None:
    page = coloured
    bot.say()
    bot.say("我的订单到哪儿了，帮我查一下", name="安安")
    bot.call("PUT", "/v1/settings/reply.gate_threshold", {"value": 1.0})
    bot.say("会员卡丢了怎么补办？", name="果果妈")
    bot.call("POST", "/v1/knowledge/candidates:gather")
    flaws: list[Any] = []

    def look(at: str) -> None:
        flaws.extend((at, flaw) for flaw in (*page.evaluate(FLAWS), *page.evaluate(FAINT)))

    page.goto(f"{url}/console/login")
    look("login")
    page.goto(bot.link())
    look("link")
    page.get_by_role("button", name="进入控制台").click()
    for line in (0, 1):
        page.goto(f"{url}/console/drafts")
        look("list")
        page.locator("#list [data-id]").nth(line).click()
        expect(page.locator("article")).to_be_visible()
        look("draft")
    page.keyboard.press("r")
    look("reject")
    candidate = bot.call("GET", "/v1/knowledge/candidates?least=1")["candidates"][0]["id"]
    knowledge = ("knowledge", "knowledge/new", "knowledge/entries/faq-refund", f"knowledge/candidates/{candidate}")
    member = bot.call("GET", "/v1/members")["members"][0]["id"]
    bot.call("POST", f"/v1/members/{member}/reveal", {"fields": ["name"], "reason": "回访"})
    privacy = ("members", f"members/{member}")
    for path in ("paste", "deliveries", "account", *knowledge, *privacy, "knowledge/candidates?least=1"):
        page.goto(f"{url}/console/{path}", wait_until="load")
        look(path)
    assert not flaws


def test_tab_goes_through_the_page_and_focus_is_seen(entered: Page, bot: Bot) -> None:
    page = entered
    bot.say()
    expect(page.locator("#list [data-id]")).to_have_count(1)
    page.reload()
    expect(page.locator("#list [data-id]")).to_have_count(1)
    page.evaluate("document.activeElement.blur()")
    visited = []
    places = page.locator("nav.places a").count()
    for _ in range(places + 8):
        page.keyboard.press("Tab")
        focused = "({tag: document.activeElement.tagName, line: getComputedStyle(document.activeElement).outlineStyle})"
        visited.append(page.evaluate(focused))
    assert {one["line"] for one in visited if one["tag"] != "BODY"} <= {"solid", "auto"}
    assert len({one["tag"] for one in visited}) >= 3


def test_english(browser: Browser, bot: Bot) -> None:
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    page.goto(bot.link())
    page.get_by_role("button", name="Enter the console").click()
    expect(page.get_by_text("Nothing waits for you")).to_be_visible()
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_text("没有待处理的草稿")).to_be_visible()
    context.close()
