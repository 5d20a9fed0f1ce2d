"""Reviewing drafts in the browser, wide and narrow, by mouse and keyboard."""

import pytest
from playwright.sync_api import Page, expect

from agent.flows import access, knowledge
from agent.services import Services
from core.vocabulary import EntryKind, Scene
from knowledge.entry_in import EntryIn
from tests.browser.conftest import Bot

pytestmark = pytest.mark.usefixtures("url")
ANSWER = "在「我的订单」里点「申请退款」，三天内原路退回。"


def _open(page: Page, name: str, drafts: int = 1) -> None:
    """Wait for the drafts to appear by themselves, and choose the first where the page has not."""
    lines = page.locator("#list [data-id]", has_text=name)
    expect(lines).to_have_count(drafts, timeout=15_000)
    if page.locator("#inbox.chosen article").count() == 0:
        lines.first.click()
    expect(page.locator("article h2")).to_have_text(name)


def test_approve_by_keyboard_undo_modify_sent(entered: Page, bot: Bot) -> None:
    page = entered
    expect(page.get_by_text("没有待处理的草稿")).to_be_visible()
    bot.say()
    _open(page, "小满妈妈")
    expect(page.locator("[data-text]")).to_have_value(ANSWER)
    expect(page.get_by_role("button", name="修改后发送")).to_be_disabled()

    page.keyboard.press("a")
    toast = page.locator(".toast", has_text="已批准")
    expect(toast).to_be_visible()
    expect(page.locator("#list [data-id]")).to_have_count(0)
    toast.get_by_role("button", name="撤回").click()
    expect(page.locator("article h2")).to_have_text("小满妈妈")
    assert bot.pull() == []

    page.locator("[data-text]").fill("小满妈妈，点申请退款，三天内到账。")
    expect(page.get_by_role("button", name="修改后发送")).to_be_enabled()
    page.keyboard.press("Control+Enter")
    expect(page.locator(".toast", has_text="已按修改后的内容发送")).to_be_visible()
    page.goto("/".join(page.url.split("/")[:3]) + "/console/deliveries")
    expect(page.locator(".delivery", has_text="等待发出")).to_have_count(1)
    for _ in range(100):
        waiting = bot.pull()
        if waiting:
            break
        page.wait_for_timeout(100)
    assert [one["text"] for one in waiting] == ["小满妈妈，点申请退款，三天内到账。"]
    bot.call("POST", f"/v1/deliveries/{waiting[0]['id']}/ack")
    expect(page.locator(".delivery", has_text="已送达")).to_have_count(1)


def test_next_draft_is_chosen_and_typed_text_is_kept(entered: Page, bot: Bot) -> None:
    page = entered
    bot.say(name="果果妈")
    bot.say(name="豆豆爸")
    _open(page, "果果妈")
    page.locator("[data-text]").fill("正在写的话")
    bot.say(name="第三位")
    expect(page.locator("#list li")).to_have_count(3)
    expect(page.locator("[data-text]")).to_have_value("正在写的话")
    notice = page.locator("[data-notice]")
    expect(notice).to_contain_text("条新消息")
    notice.get_by_role("button").click()
    expect(notice).to_be_hidden()
    expect(page.locator("[data-text]")).to_have_value("正在写的话")
    page.locator("[data-text]").press("Escape")
    page.keyboard.press("j")
    expect(page.locator("article h2")).to_have_text("豆豆爸")
    page.keyboard.press("k")
    expect(page.locator("[data-text]")).to_have_value("正在写的话")
    page.keyboard.press("j")
    expect(page.locator("article h2")).to_have_text("豆豆爸")
    page.keyboard.press("a")
    expect(page.locator("article h2")).to_have_text("第三位")


def test_lost_race_says_who_won_and_shows_it(entered: Page, bot: Bot) -> None:
    page = entered
    draft = bot.say()
    _open(page, "小满妈妈")
    # Something typed holds the page back from reloading by itself, so that the race is lost at the button.
    page.locator("[data-text]").fill("我来改一改")
    bot.call("POST", f"/v1/drafts/{draft}/decision", {"decision": "reject", "version": 1})
    with page.expect_response("**/decision") as answer:
        page.get_by_role("button", name="修改后发送").click()
    assert answer.value.status == 409
    expect(page.locator(".toast.bad")).to_contain_text("这条已由群主处理：已拒绝")
    expect(page.locator(".closed")).to_contain_text("已拒绝")


def test_reject_with_reason_escalate_and_snooze(entered: Page, bot: Bot) -> None:
    page = entered
    for name in ("甲甲", "乙乙", "丙丙"):
        bot.say(name=name)
    _open(page, "甲甲")
    page.keyboard.press("r")
    page.get_by_label("理由（").fill("问的不是这个")
    page.keyboard.press("Enter")
    expect(page.locator(".toast", has_text="已拒绝")).to_be_visible()
    expect(page.locator("article h2")).to_have_text("乙乙")
    page.keyboard.press("e")
    expect(page.locator(".toast", has_text="已升级")).to_be_visible()
    expect(page.locator("article h2")).to_have_text("丙丙")
    page.keyboard.press("s")
    page.get_by_role("button", name="30 分钟后").click()
    expect(page.locator("#list [data-id]", has_text="丙丙")).to_have_count(0)
    page.keyboard.press("z")


def test_nothing_drafted_take_the_nearest_entry(entered: Page, bot: Bot) -> None:
    page = entered
    bot.say("我的退款到哪儿了，帮我查一下订单", name="安安")
    _open(page, "安安")
    expect(page.get_by_role("button", name="批准")).to_be_disabled()
    page.get_by_role("button", name="用这条作答").first.click()
    expect(page.locator("[data-text]")).to_have_value(ANSWER)
    expect(page.get_by_role("button", name="修改后发送")).to_be_enabled()


# scope: 5
def test_script_is_taken_into_the_reply_by_one_click(house: Services, entered: Page, bot: Bot) -> None:
    script = EntryIn(
        id="script-sorry",
        kind=EntryKind.SCRIPT,
        scene=Scene.COMPLAINT,
        title="退款投诉安抚",
        phrasings=["退款一直没人管"],
        answer="{member_name}，抱歉让您久等，{case_owner}马上核对。",
    )
    knowledge.save(house, access.caller_of_login(house, None), script, version=None)
    page = entered
    bot.say("退款一直没人管，到底怎么退款？", name="安安")
    # A complaint has two drafts: one for the group, one in private.
    _open(page, "安安", drafts=2)
    page.get_by_role("button", name="用这条话术: 退款投诉安抚").click()
    expect(page.locator("[data-text]")).to_have_value("安安，抱歉让您久等，「待填：负责人」马上核对。")
    expect(page.locator("[data-missing]")).to_contain_text("负责人")
    expect(page.get_by_role("button", name="修改后发送")).to_be_enabled()


def test_help_by_keyboard(entered: Page) -> None:
    entered.keyboard.press("?")
    expect(entered.get_by_role("dialog")).to_be_visible()
    entered.keyboard.press("Escape")
    expect(entered.get_by_role("dialog")).to_be_hidden()


def test_markup_of_a_member_stays_text(entered: Page, bot: Bot) -> None:
    evil = '<img src=x onerror="document.title=1">'
    bot.say(f"怎么退款？{evil}", name=evil[:30])
    _open(entered, evil[:30])
    assert entered.locator("main img").count() == 0
    expect(entered.locator(".said.asked .bubble")).to_contain_text(evil)
